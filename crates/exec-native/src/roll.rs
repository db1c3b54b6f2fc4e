//! All trees of this program whose leaders have not been reaped.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

use crate::tree::Tree;
use crate::{guardian, orphan};

/// By the number of the leader, which is nobody else's so long.
static ROLL: LazyLock<Mutex<HashMap<u32, Weak<Tree>>>> = LazyLock::new(Mutex::default);

/// To be called when the process has been made, by the one who made it.
pub(crate) fn enter(tree: &Arc<Tree>) {
    let mut roll = roll();
    roll.insert(tree.leader(), Arc::downgrade(tree));
    guardian::enter(tree);
    orphan::enter(tree);
}

/// To be called before the leader is reaped: from then on somebody else may have its number. More than once does no harm.
pub(crate) fn leave(tree: &Tree) {
    let mut roll = roll();
    if roll.get(&tree.leader()).is_some_and(|listed| std::ptr::eq(listed.as_ptr(), tree)) {
        roll.remove(&tree.leader());
        guardian::leave(tree);
        orphan::leave(tree);
    }
}

/// Nobody comes or goes meanwhile.
pub(crate) fn each(mut then: impl FnMut(&Arc<Tree>)) {
    for tree in roll().values().filter_map(Weak::upgrade) {
        then(&tree);
    }
}

/// The tree with that leader.
pub(crate) fn find(leader: u32) -> Option<Arc<Tree>> {
    roll().get(&leader)?.upgrade()
}

fn roll() -> MutexGuard<'static, HashMap<u32, Weak<Tree>>> {
    ROLL.lock().unwrap_or_else(PoisonError::into_inner)
}
