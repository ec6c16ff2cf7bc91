//! Secret sharing: one test, and often several, for each of the rules G-1 to G-5.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod content;
mod devices;
#[cfg(feature = "push")]
mod push;
mod requester;
mod responder;
mod secrets;
mod state;
mod support;
