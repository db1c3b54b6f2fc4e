use std::num::NonZeroU64;
use std::ops::Range;

use perilune_actor_core::{HostId, Pid};
use proptest::collection::vec;
use proptest::prelude::*;

/// One operation on a mailbox. Topics are numbers, messages are told apart by their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailboxOp {
    /// A message of that topic comes.
    Push(u8),
    /// Somebody listens to the topic.
    Listen(u8),
    /// Nobody does any more.
    Unlisten(u8),
    /// Nobody listens to anything any more.
    UnlistenAll,
    /// A message of that topic is received.
    Take(u8),
    /// A message nobody listens to is received.
    TakeUnlistened,
    /// The end of that actor is queued.
    PushDown(u8),
    /// The failure of that linked actor is queued.
    PushLinkDown(u8),
    /// An event is received.
    TakeEvent,
    /// The queued end of that actor is taken back.
    ForgetDown(u8),
    /// The queued failure of that linked actor is taken back.
    ForgetLinkDown(u8),
}

/// One operation on the relations of an actor. Others are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationOp {
    /// It monitors that one.
    Watch(u8),
    /// It no longer does.
    Unwatch(u8),
    /// That one monitors it.
    AddWatcher(u8),
    /// That one no longer does.
    RemoveWatcher(u8),
    /// Its half of a link.
    Link(u8),
    /// The half goes.
    Unlink(u8),
    /// That one ended.
    Down(u8),
    /// That one failed, while links are trapped.
    LinkDownTrapped(u8),
    /// That one failed.
    LinkDown(u8),
}

/// Operations on a mailbox, with few topics so that they meet.
///
/// ```
/// use perilune_actor_testkit::{check_mailbox, mailbox_ops};
/// use proptest::prelude::*;
///
/// proptest! {
///     fn mailbox_agrees_with_model(ops in mailbox_ops(0..100), limit in proptest::option::of(0usize..10)) {
///         check_mailbox(&ops, limit);
///     }
/// }
/// mailbox_agrees_with_model();
/// ```
pub fn mailbox_ops(count: Range<usize>) -> impl Strategy<Value = Vec<MailboxOp>> {
    use MailboxOp::*;

    let topic = 0..4u8;
    let op = prop_oneof![
        6 => topic.clone().prop_map(Push),
        2 => topic.clone().prop_map(Listen),
        2 => topic.clone().prop_map(Unlisten),
        1 => Just(UnlistenAll),
        3 => topic.clone().prop_map(Take),
        3 => Just(TakeUnlistened),
        2 => topic.clone().prop_map(PushDown),
        2 => topic.clone().prop_map(PushLinkDown),
        2 => Just(TakeEvent),
        1 => topic.clone().prop_map(ForgetDown),
        1 => topic.prop_map(ForgetLinkDown),
    ];
    vec(op, count)
}

/// Operations on the relations of one actor, with few others so that they meet.
pub fn relation_ops(count: Range<usize>) -> impl Strategy<Value = Vec<RelationOp>> {
    use RelationOp::*;

    let other = 0..5u8;
    let op = prop_oneof![
        3 => other.clone().prop_map(Watch),
        1 => other.clone().prop_map(Unwatch),
        3 => other.clone().prop_map(AddWatcher),
        1 => other.clone().prop_map(RemoveWatcher),
        3 => other.clone().prop_map(Link),
        1 => other.clone().prop_map(Unlink),
        1 => other.clone().prop_map(Down),
        1 => other.clone().prop_map(LinkDownTrapped),
        1 => other.prop_map(LinkDown),
    ];
    vec(op, count)
}

impl MailboxOp {
    /// The operation that a byte stands for: every byte stands for one, so that a fuzzer's input is a list of them.
    pub fn from_byte(byte: u8) -> Self {
        let topic = byte >> 4 & 3;
        match byte & 15 {
            0..=4 => Self::Push(topic),
            5 => Self::Listen(topic),
            6 => Self::Unlisten(topic),
            7 => Self::UnlistenAll,
            8 => Self::Take(topic),
            9 => Self::TakeUnlistened,
            10 => Self::PushDown(topic),
            11 => Self::PushLinkDown(topic),
            12 | 13 => Self::TakeEvent,
            14 => Self::ForgetDown(topic),
            _ => Self::ForgetLinkDown(topic),
        }
    }
}

impl RelationOp {
    /// The operation that a byte stands for: every byte stands for one, so that a fuzzer's input is a list of them.
    pub fn from_byte(byte: u8) -> Self {
        let other = byte >> 4 & 7;
        match byte & 15 {
            0 | 1 => Self::Watch(other),
            2 => Self::Unwatch(other),
            3..=5 => Self::AddWatcher(other),
            6 => Self::RemoveWatcher(other),
            7..=9 => Self::Link(other),
            10 => Self::Unlink(other),
            11 | 12 => Self::Down(other),
            13 => Self::LinkDownTrapped(other),
            _ => Self::LinkDown(other),
        }
    }
}

/// The pid that a number in an operation stands for.
pub(crate) fn pid(number: u8) -> Pid {
    Pid::local(HostId::new("model"), NonZeroU64::MIN.saturating_add(u64::from(number)))
}
