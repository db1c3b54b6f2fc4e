//! x
pub mod application;
