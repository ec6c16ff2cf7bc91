//! The store of the example is no toy: it passes the suite that every store has to pass.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test")]

#[path = "../../crates/client/tests/common/mod.rs"]
mod common;
#[path = "../src/bin/own_store/map_store.rs"]
mod map_store;

store_conformance!(map_store_conforms, async { map_store::MapStore::default() });
