//! What coroutines wait for, and the coroutines themselves.

use super::*;

/// What an actor does next whose only coroutine waits for mail.
pub(super) enum Sole {
    /// It goes on.
    Ready,
    /// It waits.
    Waits,
    /// This is not such an actor.
    Other,
}

impl ActorState {
    /// Wakes as many waiting coroutines as there is mail for, those first that have waited longest.
    pub(super) fn match_mail(&self, vm: &Vm) {
        if self.mail_waits.borrow().only().is_some() {
            return self.match_only(vm);
        }
        let mut position = 0;
        // With many waits it matters not to ask again for each of them. With few it would only cost an allocation.
        let remembers = self.mail_waits.borrow().len() > 8;
        let mut given_away: Vec<View> = Vec::new();
        loop {
            // Not in a `while let`, which would keep the list borrowed while it is changed.
            let view = self.mail_waits.borrow().get(position).map(|wait| wait.view.clone());
            let Some(view) = view else { return };
            // Whoever has been woken and not run yet has a claim to what is there.
            let is_given_away = given_away.contains(&view) || {
                let waiting = self.waiting_mail(vm, &view);
                waiting == 0 || self.granted(&view) >= waiting
            };
            if is_given_away {
                if remembers && !given_away.contains(&view) {
                    given_away.push(view);
                }
                position += 1;
                continue;
            }
            let wait = self.mail_waits.borrow().get(position).map(|wait| (wait.token, wait.case));
            let Some((token, case)) = wait else { return };
            self.finish_case(token, case, Ending::Mail(view));
        }
    }

    /// The same for an actor with one coroutine, which waits for mail and nothing else, as nearly all do: there is no
    /// need to ask who comes first.
    pub(super) fn wake_sole(&self, vm: &Vm) -> Sole {
        if !self.waits_for_mail_alone() {
            return Sole::Other;
        }
        let mut waits = self.mail_waits.borrow_mut();
        let Some(wait) = waits.first() else { return Sole::Other };
        let ending = match &wait.view {
            // Nothing can happen between here and its first instruction, so the message need not be looked for again.
            View::Topic(topic) if !wait.objects => {
                match vm.ask(|_, cx| cx.mailbox().take(topic).map(|envelope| envelope.payload)) {
                    Some(Some(payload)) => Ending::Fed(payload),
                    _ => return Sole::Waits,
                }
            }
            view if self.waiting_mail(vm, view) > 0 => Ending::Mail(view.clone()),
            _ => return Sole::Waits,
        };
        waits.clear();
        drop(waits);
        self.task(0, |task| {
            task.serial = self.next_serial();
            task.end = Some(ending);
        });
        Sole::Ready
    }

    /// Whether there is one coroutine that waits for mail of one view, and nothing else that could concern it.
    #[inline]
    pub(super) fn waits_for_mail_alone(&self) -> bool {
        // A select has several waits, or none that is not a case.
        self.simple.get()
            && self.ready.borrow().is_empty()
            && self.mail_waits.borrow().first().is_some_and(|wait| wait.case.is_none())
    }

    /// The same with one wait, as nearly always.
    fn match_only(&self, vm: &Vm) {
        let has_mail = |wait: &MailWait| {
            let waiting = self.waiting_mail(vm, &wait.view);
            waiting > 0 && (self.is_sole() || self.granted(&wait.view) < waiting)
        };
        let woken = self.mail_waits.borrow_mut().take_only(has_mail);
        if let Some(MailWait { view, token, case, .. }) = woken {
            self.finish_case(token, case, Ending::Mail(view));
        }
    }

    pub(crate) fn waiting_mail(&self, vm: &Vm, view: &View) -> usize {
        let waiting = vm.ask(|_, cx| match view {
            View::Inbox => cx.mailbox().unlistened_len(),
            View::Events => cx.mailbox().events_len(),
            View::Topic(topic) => cx.mailbox().topic_len(topic),
        });
        waiting.unwrap_or(0)
    }

    /// How many coroutines have been woken for mail of that view and not taken it.
    fn granted(&self, view: &View) -> usize {
        let is_grant = |ending: &Ending| match ending {
            Ending::Mail(granted) => granted == view,
            Ending::Case { ending, .. } => matches!(&**ending, Ending::Mail(granted) if granted == view),
            _ => false,
        };
        let tasks = self.tasks.borrow();
        tasks.iter().flatten().filter(|task| task.end.as_ref().is_some_and(is_grant)).count()
    }

    /// Whether the running coroutine may take mail of that view, if there is any, without overtaking anybody.
    #[inline]
    pub(crate) fn may_take(&self, view: &View) -> bool {
        self.is_sole() || self.is_free(view)
    }

    fn is_free(&self, view: &View) -> bool {
        // What is oldest belongs to those who wait, woken or not, even when there is enough for all.
        self.granted(view) == 0 && !self.mail_waits.borrow().iter().any(|wait| wait.view == *view)
    }

    /// Whether there is one coroutine and never was another at the same time.
    fn is_sole(&self) -> bool {
        self.sole.get()
    }

    pub(crate) fn await_mail(&self, view: View, token: Token, case: Option<i32>) {
        self.mail_waits.borrow_mut().push(MailWait { view, token, case, objects: false });
    }

    /// Suspends the running coroutine until there is mail of that view for it, with `objects` in whole messages.
    pub(crate) fn wait_for_mail(&self, vm: &Vm, view: &View, objects: bool) -> Outcome {
        let index = self.current.get() as usize;
        let serial = self.task(index, |task| {
            task.waits = Waits::Mail;
            task.serial
        });
        let token = Token::new(index, serial);
        self.mail_waits.borrow_mut().push(MailWait { view: view.clone(), token, case: None, objects });
        vm.set_break(Break::Wait);
        Ok(Return::Wait)
    }

    /// Ends a wait. Nothing happens when the coroutine waits no longer, or for something else.
    pub(crate) fn finish(&self, token: Token, ending: Ending) {
        let index = token.task();
        let current = self.tasks.borrow_mut().get_mut(index).and_then(Option::as_mut).is_some_and(|task| {
            let current = task.serial == token.serial() && task.end.is_none();
            if current {
                task.serial = self.next_serial();
                task.end = Some(ending);
            }
            current
        });
        if current {
            self.mail_waits.borrow_mut().retain(|wait| wait.token != token);
            self.ready.borrow_mut().push_back(index as u32);
        }
    }

    pub(crate) fn finish_case(&self, token: Token, case: Option<i32>, ending: Ending) {
        let ending = match case {
            Some(number) => Ending::Case { number, ending: Box::new(ending) },
            None => ending,
        };
        self.finish(token, ending);
    }

    /// Whether that wait is still on.
    pub(crate) fn is_waiting(&self, token: Token) -> bool {
        let tasks = self.tasks.borrow();
        let task = tasks.get(token.task()).and_then(Option::as_ref);
        task.is_some_and(|task| task.serial == token.serial() && task.end.is_none())
    }

    /// The thread that a waiting coroutine's values are on.
    pub(crate) fn waiting_stack(&self, token: Token) -> Option<Stack> {
        let tasks = self.tasks.borrow();
        let task = tasks.get(token.task())?.as_ref()?;
        Some(task.inner.last().unwrap_or(task.thread))
    }

    /// The token of the wait that the running coroutine is about to begin.
    pub(crate) fn token(&self) -> Token {
        let index = self.current.get() as usize;
        let serial = self.tasks.borrow().get(index).and_then(Option::as_ref).map_or(0, |task| task.serial);
        Token::new(index, serial)
    }

    pub(crate) fn take_end(&self) -> Option<Ending> {
        self.tasks.borrow_mut().get_mut(self.current.get() as usize)?.as_mut()?.end.take()
    }

    pub(crate) fn set_waits(&self, waits: Waits) {
        self.task(self.current.get() as usize, |task| task.waits = waits);
    }

    pub(super) fn task<R: Default>(&self, index: usize, change: impl FnOnce(&mut Task) -> R) -> R {
        self.tasks.borrow_mut().get_mut(index).and_then(Option::as_mut).map(change).unwrap_or_default()
    }

    /// Adds a coroutine whose function and arguments are on its thread.
    pub(crate) fn add_task(&self, thread: Stack, key: Option<Key>, arguments: i32) -> usize {
        let mut tasks = self.tasks.borrow_mut();
        let free = self.free_tasks().and_then(|mut free| free.pop());
        // Never one that a coroutine at this place has had: channels remember tokens of waits that are over.
        let serial = self.next_serial();
        let task = Task {
            thread,
            key,
            inner: ThinVec::default(),
            start: Some(arguments),
            serial,
            waits: Waits::No,
            end: None,
        };
        let index = free.map_or(tasks.len(), |index| index as usize);
        if index > 0 {
            self.sole.set(false);
            self.simple.set(false);
        }
        match tasks.get_mut(index) {
            Some(place) => *place = Some(task),
            None => tasks.push(Some(task)),
        }
        drop(tasks);
        self.ready.borrow_mut().push_back(index as u32);
        index
    }

    /// Puts the two coroutines that became ready last before all others.
    pub(crate) fn run_newest_first(&self) {
        let mut ready = self.ready.borrow_mut();
        for _ in 0..2.min(ready.len()) {
            ready.last_to_front();
        }
    }

    /// Whether a coroutine waits for the output of that program.
    pub(crate) fn is_read(&self, process: u32) -> bool {
        let waits = Waits::Os { process, reads: true };
        self.tasks.borrow().iter().flatten().any(|task| task.waits == waits && task.end.is_none())
    }

    /// The program that everybody waits for, if nothing else can wake anybody.
    pub(crate) fn lonely_process(&self) -> Option<u32> {
        let nothing_else = |rare: &Rare| rare.timers.is_empty() && rare.calls.is_empty();
        if !self.with_rare(nothing_else).unwrap_or(true) {
            return None;
        }
        let mut lonely = None;
        for task in self.tasks.borrow().iter().flatten() {
            match task.waits {
                Waits::Channel => {}
                Waits::Os { process, .. } if lonely.is_none_or(|other| other == process) => lonely = Some(process),
                _ => return None,
            }
        }
        lonely
    }

    /// How many coroutines there are that have not ended.
    pub(crate) fn live_tasks(&self) -> usize {
        self.tasks.borrow().iter().flatten().count()
    }

    pub(crate) fn task_count(&self) -> usize {
        self.tasks.borrow().len()
    }

    fn free_tasks(&self) -> Option<RefMut<'_, Vec<u32>>> {
        let kept = self.kept.borrow_mut();
        RefMut::filter_map(kept, |kept| kept.as_mut()?.rare.as_mut().map(|rare| &mut rare.free_tasks)).ok()
    }

    fn next_serial(&self) -> u64 {
        self.serial.set(self.serial.get() + 1);
        self.serial.get()
    }

    pub(super) fn remove_task(&self, index: usize) {
        let task = self.tasks.borrow_mut().get_mut(index).and_then(Option::take);
        self.rare().free_tasks.push(index as u32);
        if let Some(key) = task.and_then(|task| task.key) {
            self.drop_key(key);
        }
    }
}
