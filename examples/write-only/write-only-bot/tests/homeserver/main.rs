//! The write-only device on a real homeserver, with real Olm: `cargo xtask write-only`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it should be"
)]

#[path = "../../../../../crates/client/tests/homeserver/support.rs"]
mod support;

mod hostile;
mod household;
mod lying;
mod process;
mod requests;
mod restarts;
mod scenario;
mod stale;
mod traces;
