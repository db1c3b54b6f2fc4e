//! Lua values that only host objects hold, and what an actor remembers about them.

use std::any::Any;
use std::rc::Weak;

use super::*;

/// What an actor holds beside Lua values: things that shall go when it ends, not when the collector finds them.
#[derive(Default)]
pub(super) struct Holds {
    things: RefCell<Vec<Option<Box<dyn Any>>>>,
    free: RefCell<Vec<usize>>,
}

/// One of the things an actor holds. Dropping the key lets go of it; so does the end of the actor.
pub(crate) struct HoldKey {
    holds: Weak<Holds>,
    place: usize,
}

impl Drop for HoldKey {
    fn drop(&mut self) {
        let Some(holds) = self.holds.upgrade() else { return };
        let thing = holds.things.borrow_mut().get_mut(self.place).and_then(Option::take);
        holds.free.borrow_mut().push(self.place);
        // Last: dropping it may let go of others.
        drop(thing);
    }
}

impl ActorState {
    /// Keeps `thing` until its key is released or dropped, or the actor ends: it is gone before anybody learns of the end.
    pub(crate) fn hold(&self, thing: Box<dyn Any>) -> HoldKey {
        let holds = Rc::clone(self.rare().holds.get_or_insert_default());
        let place = holds.free.borrow_mut().pop();
        let mut things = holds.things.borrow_mut();
        let place = match place {
            Some(place) => {
                things[place] = Some(thing);
                place
            }
            None => {
                things.push(Some(thing));
                things.len() - 1
            }
        };
        HoldKey { holds: Rc::downgrade(&holds), place }
    }

    /// Lets go of what [`hold`](Self::hold) keeps, also from inside the collector.
    pub(crate) fn release(&self, key: HoldKey) {
        drop(key);
    }

    /// A stack for a moment's work that no script sees.
    pub(crate) fn scratch(&self) -> Stack {
        self.vm.main()
    }

    fn kept(&self) -> RefMut<'_, Kept> {
        RefMut::map(self.kept.borrow_mut(), |kept| {
            let empty = || Box::new(Kept { store: Ref::NONE, next: 1, views: Vec::new(), rare: None });
            &mut **kept.get_or_insert_with(empty)
        })
    }

    pub(super) fn rare(&self) -> RefMut<'_, Rare> {
        self.simple.set(false);
        RefMut::map(self.kept(), |kept| &mut **kept.rare.get_or_insert_default())
    }

    /// Looks at what hardly any actor has.
    #[inline]
    pub(super) fn with_rare<R>(&self, look: impl FnOnce(&Rare) -> R) -> Option<R> {
        if self.simple.get() {
            return None;
        }
        self.kept.borrow().as_ref()?.rare.as_deref().map(look)
    }

    /// Pops a value and keeps it until the key is dropped or the actor ends.
    pub(crate) fn keep(&self, stack: Stack) -> Key {
        let value = stack.top();
        let store = self.kept().store;
        let store = if store.is_none() {
            stack.push_table(1, 0);
            let store = stack.pop_ref();
            self.kept().store = store;
            store
        } else {
            store
        };
        let key = {
            let mut kept = self.kept();
            let free = kept.rare.as_mut().and_then(|rare| rare.free.pop());
            free.unwrap_or_else(|| {
                kept.next += 1;
                kept.next - 1
            })
        };
        stack.reserve(1);
        stack.push_ref(store);
        stack.insert(value);
        stack.raw_seti(value, key);
        stack.pop(1);
        Key(key)
    }

    pub(crate) fn push_key(&self, stack: Stack, key: Key) {
        stack.reserve(2);
        stack.push_ref(self.kept().store);
        let store = stack.top();
        stack.raw_geti(store, key.0);
        stack.remove(store);
    }

    /// Lets go of a kept value, also from inside the collector: the value itself goes when its place is used again.
    pub(crate) fn drop_key(&self, key: Key) {
        self.rare().free.push(key.0);
    }

    /// Pushes the channel of a view, the same one every time.
    pub(crate) fn push_view(&self, stack: Stack, view: &View) -> bool {
        let key = self
            .kept
            .borrow()
            .as_ref()
            .and_then(|kept| kept.views.iter().find(|shown| shown.view == *view).map(|shown| shown.key));
        key.map(|key| self.push_key(stack, key)).is_some()
    }

    /// Keeps the channel on top as the one of that view.
    pub(crate) fn add_view(&self, stack: Stack, view: View) {
        stack.copy(stack.top());
        let key = self.keep(stack);
        let mut kept = self.kept();
        if kept.views.capacity() == 0 {
            kept.views.reserve_exact(1);
        }
        kept.views.push(Shown { view, key });
    }

    pub(crate) fn remove_view(&self, view: &View) {
        let key = {
            let mut kept = self.kept();
            let position = kept.views.iter().position(|shown| shown.view == *view);
            position.map(|position| kept.views.remove(position).key)
        };
        if let Some(key) = key {
            self.drop_key(key);
        }
        let waiting: Vec<_> = {
            let waits = self.mail_waits.borrow();
            waits.iter().filter(|wait| wait.view == *view).map(|wait| (wait.token, wait.case)).collect()
        };
        for (token, case) in waiting {
            self.finish_case(token, case, Ending::Closed);
        }
    }

    pub(crate) fn push_library(&self, stack: Stack, serial: u64) -> bool {
        let value =
            |rare: &Rare| rare.libraries.iter().find(|library| library.serial == serial).map(|found| found.value);
        let key = self.with_rare(value).flatten();
        key.map(|key| self.push_key(stack, key)).is_some()
    }

    /// Keeps the value and the environment on top as those of a library.
    pub(crate) fn add_library(&self, stack: Stack, serial: u64) {
        let environment = self.keep(stack);
        let value = self.keep(stack);
        self.rare().libraries.push(Library { serial, value, environment });
    }

    /// Makes the VM look names up again in all sources of this actor.
    pub(crate) fn drop_constants(&self, stack: Stack) {
        self.lost_constants.set(true);
        stack.reserve(2);
        stack.push_globals();
        stack.set_safe_environment(stack.top(), false);
        stack.pop(1);
        let environments = |rare: &Rare| rare.libraries.iter().map(|library| library.environment).collect();
        let environments: Vec<_> = self.with_rare(environments).unwrap_or_default();
        for key in environments {
            self.push_key(stack, key);
            stack.set_safe_environment(stack.top(), false);
            stack.pop(1);
        }
    }

    /// Starts a timer that feeds a channel.
    pub(crate) fn start_alarm(
        &self,
        cx: &mut dyn Context,
        delay: Duration,
        alarmed: impl FnOnce(TimerId) -> Alarmed,
    ) -> u64 {
        let token = {
            let mut rare = self.rare();
            rare.timer_serial += 1;
            rare.timer_serial | TIMER_BIT
        };
        let timer = cx.start_timer(delay, token);
        self.rare().timers.insert(token, alarmed(timer));
        token
    }

    pub(crate) fn with_alarms<R>(&self, change: impl FnOnce(&mut FxHashMap<u64, Alarmed>) -> R) -> R {
        change(&mut self.rare().timers)
    }

    pub(crate) fn add_subscription(&self, subscribed: Subscribed) {
        self.rare().subscriptions.push(subscribed);
    }

    pub(crate) fn take_closed_subscriptions(&self) -> Vec<Subscribed> {
        self.rare().subscriptions.extract_if(.., |subscribed| subscribed.is_closed()).collect()
    }

    /// Lets go of the subscription of that channel, through which nothing comes any more.
    pub(crate) fn drop_subscription(&self, channel: Key) {
        let over: Vec<_> =
            self.rare().subscriptions.extract_if(.., |subscribed| subscribed.channel() == channel).collect();
        for subscribed in over {
            self.drop_key(subscribed.channel());
        }
    }

    /// The channels of all that follow the same.
    pub(crate) fn channels_of(&self, followed: &Followed) -> Vec<Key> {
        let channels = |rare: &Rare| {
            let same = rare.subscriptions.iter().filter(|subscribed| subscribed.follows(followed));
            same.map(Subscribed::channel).collect()
        };
        self.with_rare(channels).unwrap_or_default()
    }

    /// The programs that this actor keeps alive.
    pub(crate) fn supervision(&self) -> Result<Arc<dyn Supervision>, Failure> {
        let known = |rare: &Rare| rare.supervised.as_ref().map(|supervised| Arc::clone(&supervised.0));
        if let Some(known) = self.with_rare(known).flatten() {
            return Ok(known);
        }
        let supervision = self.vm.services.supervision(&self.origin())?;
        self.rare().supervised = Some(Supervised(Arc::clone(&supervision)));
        Ok(supervision)
    }

    /// The channels of all subscriptions, with the number of lost events where that is news.
    pub(crate) fn subscribed_channels(&self) -> Vec<(Key, Option<u64>)> {
        self.with_rare(|rare| rare.subscriptions.iter().map(Subscribed::news).collect()).unwrap_or_default()
    }

    /// Whether this actor has ever started a program.
    pub(crate) fn has_processes(&self) -> bool {
        self.with_rare(|rare| rare.processes.has_any()).unwrap_or(false)
    }

    pub(crate) fn with_processes<R>(&self, change: impl FnOnce(&mut Processes) -> R) -> R {
        change(&mut self.rare().processes)
    }

    /// Logs something that whoever runs this actor should know.
    pub(crate) fn warn(&self, name: &str, text: &str) {
        self.vm.services.log(&self.origin(), crate::services::Level::Warn, name, text, &[]);
    }

    /// The state of this actor's random numbers.
    pub(crate) fn random(&self) -> u64 {
        let seed = || {
            let mut hasher = rustc_hash::FxHasher::default();
            std::hash::Hash::hash(&(self.pid.unique(), std::process::id(), Instant::now()), &mut hasher);
            std::hash::Hasher::finish(&hasher) | 1
        };
        *self.rare().random.get_or_insert_with(seed)
    }

    pub(crate) fn set_random(&self, state: u64) {
        self.rare().random = Some(state);
    }
}
