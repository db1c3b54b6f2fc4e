use std::ops::Range;

use perilune_actor_core::Relation;
use proptest::collection::vec;
use proptest::prelude::*;

/// How many actors there are at a time.
pub(super) const SEATS: u8 = 4;

/// How many names there are.
pub(super) const NAMES: u8 = 3;

/// One operation on a handful of actors. Actors are numbers, which stand for whoever has or had that place; what an
/// ended actor was to do is done from outside. Names are numbers, times count tens of milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ActorOp {
    /// An actor starts at the next free place, if there is one.
    Spawn {
        /// Where to look first.
        seat: u8,
        /// Who starts it, if alive.
        parent: u8,
        /// Related how.
        relation: Relation,
        /// Whether it traps links.
        trap: bool,
        /// Under which name.
        name: Option<u8>,
    },
    /// The first links itself to the second.
    Link(u8, u8),
    /// The first undoes it.
    Unlink(u8, u8),
    /// The first monitors the second.
    Monitor(u8, u8),
    /// The first no longer does.
    Unmonitor(u8, u8),
    /// The first gives the second that name.
    Register(u8, u8, u8),
    /// The first takes that name away.
    Unregister(u8, u8),
    /// The first sends the second a message.
    Send(u8, u8),
    /// It receives everything there is.
    Look(u8),
    /// It traps links, or no longer does.
    Trap(u8, bool),
    /// It becomes something else.
    Become(u8),
    /// It returns.
    Return(u8),
    /// It fails.
    Fail(u8),
    /// The first ends the second.
    Terminate(u8, u8),
    /// The first asks the second to end, by force after that time.
    Cancel(u8, u8, Option<u8>),
    /// Time passes.
    Advance(u8),
}

/// Operations on a handful of actors, so few that they meet.
pub fn actor_ops(count: Range<usize>) -> impl Strategy<Value = Vec<ActorOp>> {
    use ActorOp::*;

    let seat = || 0..SEATS;
    let name = || 0..NAMES;
    let relation = || (any::<bool>(), any::<bool>()).prop_map(|(monitored, linked)| Relation { monitored, linked });
    let spawn = (seat(), seat(), relation(), any::<bool>(), proptest::option::of(name()))
        .prop_map(|(seat, parent, relation, trap, name)| Spawn { seat, parent, relation, trap, name });
    let op = prop_oneof![
        10 => spawn,
        8 => (seat(), seat()).prop_map(|(a, b)| Link(a, b)),
        4 => (seat(), seat()).prop_map(|(a, b)| Unlink(a, b)),
        6 => (seat(), seat()).prop_map(|(a, b)| Monitor(a, b)),
        3 => (seat(), seat()).prop_map(|(a, b)| Unmonitor(a, b)),
        2 => (seat(), name(), seat()).prop_map(|(a, n, b)| Register(a, n, b)),
        1 => (seat(), name()).prop_map(|(a, n)| Unregister(a, n)),
        3 => (seat(), seat()).prop_map(|(a, b)| Send(a, b)),
        2 => seat().prop_map(Look),
        2 => (seat(), any::<bool>()).prop_map(|(a, trap)| Trap(a, trap)),
        2 => seat().prop_map(Become),
        2 => seat().prop_map(Return),
        3 => seat().prop_map(Fail),
        1 => (seat(), seat()).prop_map(|(a, b)| Terminate(a, b)),
        3 => (seat(), seat(), proptest::option::of(0..4u8)).prop_map(|(a, b, time)| Cancel(a, b, time)),
        2 => (0..4u8).prop_map(Advance),
    ];
    vec(op, count)
}

impl ActorOp {
    /// The operation that two bytes stand for: every two stand for one, so that a fuzzer's input is a list of them.
    pub fn from_bytes([first, second]: [u8; 2]) -> Self {
        let (a, b, c) = (first >> 4, second & 7, second >> 3 & 3);
        let bit = |n: u8| second >> n & 1 == 1;
        match first & 15 {
            0..=2 => Self::Spawn {
                seat: a,
                parent: b,
                relation: Relation { monitored: bit(3), linked: bit(4) },
                trap: bit(5),
                name: bit(6).then_some(second >> 7),
            },
            3 => Self::Link(a, b),
            4 => Self::Unlink(a, b),
            5 => Self::Monitor(a, b),
            6 => Self::Unmonitor(a, b),
            7 => Self::Register(a, c, b),
            8 if bit(5) => Self::Unregister(a, c),
            8 => Self::Send(a, b),
            9 => Self::Look(a),
            10 if bit(5) => Self::Become(a),
            10 => Self::Trap(a, bit(0)),
            11 => Self::Return(a),
            12 => Self::Fail(a),
            13 => Self::Terminate(a, b),
            14 => Self::Cancel(a, b, bit(5).then_some(c)),
            _ => Self::Advance(c),
        }
    }
}
