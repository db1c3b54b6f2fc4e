#![doc = include_str!("../README.md")]
#![cfg(target_os = "linux")]

mod cgroup;
mod config;
mod executor;
mod input;
mod launch;
mod output;
mod process;
mod race;
mod ring;
mod table;
mod tree;
mod undertaker;

pub use config::{NativeConfig, NativeFactory};
pub use executor::NativeExecutor;
pub use launch::{Launch, LaunchOptions, Launched, environment, launch, launch_tokio};
pub use ring::TailRing;
