#![doc = include_str!("../README.md")]
#![cfg(any(target_os = "linux", target_os = "macos"))]

/// The guide is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/write-an-executor.md")]
struct Guide;

mod asked;
mod cgroup;
mod child;
mod config;
mod driver;
mod executor;
pub mod guardian;
mod handle;
mod input;
mod launch;
mod left_over;
mod lineage;
mod newest;
mod notify;
mod orphan;
mod output;
mod pipe;
mod process;
mod race;
mod ring;
mod roll;
mod sighting;
mod source;
mod table;
mod tree;
mod undertaker;
pub mod usage;
mod wake;

pub use child::{
    CgroupOptions, Child, ChildControl, ChildOptions, ChildOutput, Finished, OutputChunk, OutputReceiver, OutputSink,
    OutputStream,
};
pub use config::{NativeConfig, NativeFactory};
pub use executor::NativeExecutor;
pub use launch::{Launch, LaunchOptions, Launched, environment, launch, launch_tokio};
pub use left_over::{EndedLeftOvers, LeftOver, end_left_overs};
pub use notify::{NOTIFY_SOCKET, Notification, NotifySocket};
pub use orphan::{init_duties, init_duties_for_all};
pub use ring::TailRing;
pub use sighting::{Sighting, boot_id};
pub use tree::KillScope;
