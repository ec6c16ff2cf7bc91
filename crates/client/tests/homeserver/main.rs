//! Against a real homeserver: `cargo xtask e2e` starts one, and runs these tests.
//!
//! Each test is ignored, so that `cargo test` passes without a server, and fails, not passes,
//! where it is run and there is none. Each makes users of its own with
//! [`support::Homeserver::new_user`]: nothing that another test does can be seen.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what went wrong by failing"
)]

#[cfg(all(test, feature = "http"))]
mod account;
#[cfg(all(test, feature = "http"))]
#[path = "../common/mod.rs"]
mod common;
#[cfg(all(test, feature = "http"))]
mod conformance;
#[cfg(all(test, feature = "http"))]
mod disturbed;
#[cfg(all(test, feature = "http"))]
mod edited;
#[cfg(all(test, feature = "http"))]
mod faults;
#[cfg(all(test, feature = "http"))]
mod faults_moving;
#[cfg(all(test, feature = "http"))]
mod given_up;
#[cfg(all(test, feature = "http"))]
mod keys;
#[cfg(all(test, feature = "http"))]
mod oddities;
#[cfg(all(test, feature = "http"))]
mod oddities_read;
#[cfg(all(test, feature = "http"))]
mod proxy;
#[cfg(all(test, feature = "http"))]
mod round_trip;
#[cfg(test)]
mod server;
#[cfg(all(test, feature = "http"))]
mod store;
#[cfg(test)]
mod support;
#[cfg(all(test, feature = "http", feature = "sqlite"))]
mod whole_run;
