//! Against a real homeserver: `cargo xtask e2e` starts one, and runs these tests.
//!
//! Each test is ignored, so that `cargo test` passes without a server, and fails, not passes,
//! where it is run and there is none. Each makes users of its own with
//! [`support::Homeserver::new_user`]: nothing that another test does can be seen.

#[cfg(test)]
mod server;
#[cfg(test)]
mod support;
