//! `HomeserverStore` on a homeserver in memory: the suite of all stores, and everything that a
//! homeserver, a proxy or a network do differently.

#![cfg(feature = "homeserver")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

#[path = "../common/mod.rs"]
mod common;

mod account;
mod engine;
mod fake;
mod putting;
mod reading;
#[cfg(feature = "http")]
mod reqwest;
mod tokens;
mod versions;

use common::suite::Rules;
use fake::{FakeHomeserver, Ways};

store_conformance!(on_a_server_by_the_book, async { FakeHomeserver::new(Ways::SPEC).store() });
store_conformance!(
    on_a_server_like_synapse,
    async { FakeHomeserver::new(Ways::SYNAPSE).store() },
    Rules::SYNAPSE
);
