//! Services: processes that are started with the application, kept running, and stopped in order.
//!
//! [`Fleet`] holds the rules as pure state changes: what happened and the time go in, what to do comes out. [`Driver`]
//! does it and says what happened.

mod driver;
mod fleet;
mod info;
mod notice;
mod plan;
#[cfg(test)]
mod tests;
mod unit;

pub(crate) use driver::{Driver, SLACK, Supervised};
pub use info::{ServiceInfo, ServiceState};
