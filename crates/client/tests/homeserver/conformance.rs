//! The suite that every store passes, on a real homeserver: the store alone differs, and Synapse's
//! rule of replacement, which is a property of the server.

use std::future::Future;

use crate::support::Homeserver;
use crate::{common, store_conformance};

store_conformance!(
    synapse,
    async { Homeserver::from_environment().new_user().await.store() },
    common::suite::Rules::SYNAPSE,
    block_on,
    "needs a homeserver: cargo xtask e2e"
);

/// Requests need a runtime with timers and sockets.
fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
