//! The program as a process, against a real homeserver.
#![cfg(unix)]

#[cfg(test)]
#[path = "../cli/support.rs"]
#[allow(dead_code, reason = "what tests share, of which each uses its part")]
mod support;
#[cfg(test)]
#[path = "../../../client/tests/homeserver/support.rs"]
mod users;

#[cfg(test)]
mod account;
