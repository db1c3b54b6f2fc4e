//! What a supervisor writes down, so that the next one knows what ran.

mod left_over;
mod manager;
mod persisted;

pub use left_over::end_left_overs;
pub use manager::{StateError, StateManager};
pub use persisted::{PersistedProcessInstance, PersistedState};
