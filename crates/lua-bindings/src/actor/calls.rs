//! Calls whose results somebody here waits for: of functions, which have a pool each, and of processes.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use perilune_actor_core::{
    ActorError, Answer, Context, ErrorKind, ExitReason, Failure, HostId, Outcome, Pid, Spawn, Value, Waker,
};

use super::{ActorState, Key, LuaFactory};
use crate::modules::channel;
use crate::pool::{Entry, Permit, Pool};
use crate::task::{CALL_BIT, Ending, Token};

/// A call that has not ended.
pub(crate) struct Call {
    waiter: Waiter,
    /// What waits for a place in the pool.
    queued: Option<(HostId, Box<LuaFactory>)>,
    /// The callee stops when the call is forgotten.
    _leash: Option<Leash>,
}

/// Who gets the result.
pub(crate) enum Waiter {
    /// The coroutine that waits.
    Coroutine(Token),
    /// Whoever looks at the future, or receives from its channel.
    Future { outcome: Rc<RefCell<Option<Ended>>>, channel: Key },
}

/// How a call ended.
pub(crate) type Ended = Result<Option<Arc<Value>>, Arc<Failure>>;

/// What to call and how.
pub(crate) struct Called {
    pub(crate) host: HostId,
    pub(crate) factory: LuaFactory,
    /// Functions have one.
    pub(crate) pool: Option<Arc<Pool>>,
    /// Whether the callee stops when the caller does.
    pub(crate) leashed: bool,
}

/// Shared by a caller and what it called: the caller wants no result any more.
pub(crate) struct Cancellation {
    caller: Pid,
    requested: AtomicBool,
    callee: OnceLock<Waker>,
}

impl Cancellation {
    fn new(caller: Pid) -> Arc<Self> {
        Arc::new(Self { caller, requested: AtomicBool::new(false), callee: OnceLock::new() })
    }

    pub(crate) fn caller(&self) -> Pid {
        self.caller
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.requested.load(Ordering::SeqCst)
    }

    /// From here on the callee is woken when it shall stop; false when it need not begin. Either this sees the request,
    /// or the request sees the waker.
    pub(crate) fn attach(&self, callee: Waker) -> bool {
        // After an upgrade the former waker does as well: it wakes whatever is behind the pid.
        let _ = self.callee.set(callee);
        !self.is_requested()
    }
}

/// The caller's end of a [`Cancellation`].
struct Leash(Arc<Cancellation>);

impl Drop for Leash {
    fn drop(&mut self) {
        self.0.requested.store(true, Ordering::SeqCst);
        if let Some(wake) = self.0.callee.get() {
            wake();
        }
    }
}

pub(crate) fn canceled() -> Failure {
    Failure::new(ErrorKind::Canceled, "call canceled")
}

/// A place in the pool, for a call that waited for one.
struct Granted(Permit);

/// What a callee left behind.
struct Left(ExitReason);

impl ActorState {
    /// Starts a call. Its number is good for [`forget_call`](Self::forget_call).
    ///
    /// # Errors
    /// The pool is full, or the callee could not be started; nobody will get a result then.
    pub(crate) fn start_call(&self, cx: &mut dyn Context, called: Called, waiter: Waiter) -> Result<u64, Failure> {
        let Called { host, mut factory, pool, leashed } = called;
        let number = {
            let mut rare = self.rare();
            rare.call_serial += 1;
            rare.call_serial | CALL_BIT
        };
        let leash = leashed.then(|| Leash(Cancellation::new(self.pid)));
        factory.cancellation = leash.as_ref().map(|leash| Arc::clone(&leash.0));
        let permit = match pool.as_ref().map(|pool| pool.enter(|| granted(cx, number))) {
            None => None,
            Some(Entry::Entered(permit)) => Some(permit),
            Some(Entry::Full) => {
                let text = "too many calls of this function wait for their turn";
                return Err(Failure::new(ErrorKind::Unavailable, text).retryable());
            }
            Some(Entry::Waits) => {
                let call = Call { waiter, queued: Some((host, Box::new(factory))), _leash: leash };
                self.rare().calls.insert(number, call);
                return Ok(number);
            }
        };
        spawn_callee(cx, number, host, factory, permit)?;
        self.rare().calls.insert(number, Call { waiter, queued: None, _leash: leash });
        Ok(number)
    }

    /// Stops waiting for a call; the callee is told to stop. False when it had ended.
    pub(crate) fn forget_call(&self, number: u64) -> bool {
        let call = self.rare().calls.remove(&number);
        let is_known = call.is_some();
        if let Some(Call { waiter: Waiter::Future { channel, .. }, .. }) = call {
            channel::close_feed(self, channel);
            self.drop_key(channel);
        }
        is_known
    }

    /// A place in a pool has become free, or a callee has ended.
    pub(super) fn call_completed(&self, cx: &mut dyn Context, number: u64, result: Box<dyn Any + Send>) {
        let result = match result.downcast::<Left>() {
            Ok(left) => {
                return self.end_call(
                    number,
                    match left.0 {
                        ExitReason::Normal(value) => Ok(value),
                        ExitReason::Failed(failure) => Err(failure),
                    },
                );
            }
            Err(other) => other,
        };
        let Ok(granted) = result.downcast::<Granted>() else { return };
        // Dropping the place of a call that nobody waits for lets the next one in.
        let queued = self.rare().calls.get_mut(&number).and_then(|call| call.queued.take());
        let Some((host, factory)) = queued else { return };
        if let Err(failure) = spawn_callee(cx, number, host, *factory, Some(granted.0)) {
            self.end_call(number, Err(Failure::from(failure).into()));
        }
    }

    /// Another worker could not start a callee. That it could is no news.
    pub(super) fn call_answered(&self, number: u64, answer: Answer) {
        if let Answer::Spawned(Err(error)) = answer {
            self.end_call(number, Err(Failure::from(error).into()));
        }
    }

    fn end_call(&self, number: u64, ended: Ended) {
        let Some(call) = self.rare().calls.remove(&number) else { return };
        match call.waiter {
            Waiter::Coroutine(token) => {
                let finish = move |stack| crate::modules::funcs::push_result(stack, ended);
                self.finish(token, Ending::Custom(Box::new(finish)));
            }
            Waiter::Future { outcome, channel } => {
                *outcome.borrow_mut() = Some(ended.clone());
                channel::feed(self, channel, crate::modules::funcs::told(ended), 1);
                channel::close_feed(self, channel);
                self.drop_key(channel);
            }
        }
    }
}

fn granted(cx: &mut dyn Context, number: u64) -> Box<dyn FnOnce(Permit) + Send> {
    let completion = cx.completion(number);
    Box::new(move |permit| completion(Box::new(Granted(permit))))
}

fn spawn_callee(
    cx: &mut dyn Context,
    number: u64,
    host: HostId,
    factory: LuaFactory,
    permit: Option<Permit>,
) -> Result<(), ActorError> {
    let completion = cx.completion(number);
    let mut spawn = Spawn::new(host, Box::new(factory));
    spawn.on_exit = Some(Box::new(move |reason| {
        drop(permit);
        completion(Box::new(Left(reason.clone())));
    }));
    match cx.spawn(spawn, Some(number)) {
        Outcome::Done(Err(error)) => Err(error),
        Outcome::Done(Ok(_)) | Outcome::Pending => Ok(()),
    }
}
