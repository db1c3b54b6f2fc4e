use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use perilune_actor_core::{ErrorKind, Failure, Waker};
use perilune_lua_bindings::{Published, Subscription};

/// How many events wait for one subscriber; later ones are lost to it.
const BACKLOG: usize = 64;

/// Events of a node, from whoever publishes to whoever has subscribed.
#[derive(Default)]
pub(crate) struct EventBus {
    subscribers: RwLock<Vec<Subscriber>>,
}

struct Subscriber {
    system: Pattern,
    kind: Option<Pattern>,
    queue: Weak<Queue>,
}

struct Queue {
    waiting: Mutex<VecDeque<Arc<Published>>>,
    missed: AtomicU64,
    waker: Waker,
}

impl EventBus {
    /// Queues the event for everybody it concerns. Those who are not there yet will not get it.
    pub(crate) fn publish(&self, event: Published) {
        let event = Arc::new(event);
        let subscribers = self.subscribers.read().unwrap_or_else(PoisonError::into_inner);
        for subscriber in &*subscribers {
            if subscriber.wants(&event)
                && let Some(queue) = subscriber.queue.upgrade()
            {
                queue.push(&event);
            }
        }
    }

    /// # Errors
    /// Text that is no pattern.
    pub(crate) fn subscribe(
        &self,
        system: &str,
        kind: Option<&str>,
        waker: Waker,
    ) -> Result<Arc<dyn Subscription>, Failure> {
        let system = Pattern::parse(system)?;
        let kind = kind.map(Pattern::parse).transpose()?;
        let queue = Arc::new(Queue { waiting: Mutex::default(), missed: AtomicU64::new(0), waker });
        let mut subscribers = self.subscribers.write().unwrap_or_else(PoisonError::into_inner);
        subscribers.retain(|subscriber| subscriber.queue.strong_count() > 0);
        subscribers.push(Subscriber { system, kind, queue: Arc::downgrade(&queue) });
        Ok(queue)
    }
}

impl Subscriber {
    fn wants(&self, event: &Published) -> bool {
        self.system.matches(&event.system) && self.kind.as_ref().is_none_or(|kind| kind.matches(&event.kind))
    }
}

impl Queue {
    fn push(&self, event: &Arc<Published>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= BACKLOG {
            self.missed.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.push_back(Arc::clone(event));
        let first = waiting.len() == 1;
        drop(waiting);
        // Whoever was woken before looks at all there is.
        if first {
            (self.waker)();
        }
    }
}

impl Subscription for Queue {
    fn take(&self) -> Option<Arc<Published>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

/// Text between dots, and what stands for any.
#[derive(Debug)]
struct Pattern(Vec<Segment>);

#[derive(Debug)]
enum Segment {
    /// One segment that reads so.
    Text(String),
    /// One segment that reads as one of these.
    OneOf(Vec<String>),
    /// Any one segment.
    Any,
    /// Any number of segments.
    Rest,
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |segment: &str| {
            let text = format!("'{text}' is no pattern: '{segment}' is neither text, *, ** nor (a|b)");
            Failure::new(ErrorKind::Invalid, text)
        };
        let segment = |segment: &str| match segment {
            "*" => Ok(Segment::Any),
            "**" => Ok(Segment::Rest),
            _ => match segment.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
                Some(choices) if !choices.contains(['(', ')', '*']) => {
                    Ok(Segment::OneOf(choices.split('|').map(str::to_owned).collect()))
                }
                None if !segment.contains(['(', ')', '*', '|']) => Ok(Segment::Text(segment.to_owned())),
                _ => Err(wrong(segment)),
            },
        };
        text.split('.').map(segment).collect::<Result<_, _>>().map(Self)
    }

    /// Takes time proportional to the product of both lengths, however many `**` there are.
    fn matches(&self, text: &str) -> bool {
        if let [Segment::Text(only)] = self.0.as_slice() {
            return only == text;
        }
        let mut words = text.split('.').peekable();
        let (mut at, mut retry) = (0, None);
        loop {
            let Some(word) = words.peek().copied() else {
                return self.0[at..].iter().all(|segment| matches!(segment, Segment::Rest));
            };
            match self.0.get(at) {
                Some(Segment::Rest) => {
                    // First as if it stood for nothing; each retry gives it one segment more.
                    at += 1;
                    retry = Some((at, words.clone()));
                }
                Some(segment) if segment.is(word) => {
                    at += 1;
                    words.next();
                }
                _ => {
                    let Some((after, rest)) = &mut retry else { return false };
                    if rest.next().is_none() {
                        return false;
                    }
                    at = *after;
                    words = rest.clone();
                }
            }
        }
    }
}

impl Segment {
    fn is(&self, word: &str) -> bool {
        match self {
            Self::Text(text) => text == word,
            Self::OneOf(choices) => choices.iter().any(|choice| choice == word),
            Self::Any => true,
            Self::Rest => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use perilune_actor_core::Value;

    use super::*;

    fn check(pattern: &str, text: &str, expected: bool) {
        assert_eq!(Pattern::parse(pattern).unwrap().matches(text), expected, "{pattern} on {text}");
    }

    #[test]
    fn patterns_match_segments() {
        check("a.b", "a.b", true);
        check("a", "a.b", false);
        check("a.b", "a", false);
        check("a.*", "a.b", true);
        check("a.*", "a", false);
        check("a.*", "a.b.c", false);
        check("a.**", "a", true);
        check("a.**", "a.b.c", true);
        check("**", "", true);
        check("**", "a.b", true);
        check("**.c", "a.b.c", true);
        check("**.c", "c", true);
        check("**.b.**.d", "a.b.c.b.d", true);
        check("**.b.**.d", "a.b.c.b", false);
        check("a.(x|y).*", "a.y.1", true);
        check("a.(x|y).*", "a.z.1", false);
        check("**.**.**.**.x", "a.b.c.d.e.f.g.h.i.j.k.l.m.n", false);
    }

    #[test]
    fn text_that_is_no_pattern_is_refused() {
        for text in ["a*", "***", "(a", "a)", "(a|(b))", "a|b", "(*|a)"] {
            let failure = Pattern::parse(text).unwrap_err();
            assert_eq!(failure.kind, ErrorKind::Invalid, "{text}");
        }
    }

    #[test]
    fn a_slow_subscriber_loses_what_is_new_and_knows_how_much() {
        let bus = EventBus::default();
        let slow = bus.subscribe("system", None, Arc::new(|| {})).unwrap();
        let event = |path: usize| Published {
            system: "system".into(),
            kind: "kind".into(),
            path: path.to_string(),
            data: Value::Nil,
        };
        (0..BACKLOG + 3).for_each(|path| bus.publish(event(path)));
        let got: Vec<_> = std::iter::from_fn(|| slow.take()).map(|event| event.path.clone()).collect();
        assert_eq!(got, (0..BACKLOG).map(|path| path.to_string()).collect::<Vec<_>>());
        assert_eq!(slow.missed(), 3);
    }
}
