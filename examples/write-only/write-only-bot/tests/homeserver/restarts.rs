//! What survives a failure, a restart and the end of a device, and what does not.

use std::sync::Arc;

use client_api::{Api, Session};
use main_device::{MainDevice, MainDeviceError, Said as MainSaid, restore};
use serde_json::{Value, json};
use write_only_bot::Said;

use crate::household::{Household, http, session};
use crate::lying::Server;
use crate::process::{Running, log_in};

/// G-1, G-3: neither the request nor its answer is lost where a request of the bot fails. The answer
/// has been decrypted by then, and would not be a second time.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn what_fails_for_a_moment_costs_nothing() {
    let mut household = Household::new().await;
    let server = Server::new();
    let mut bot = household.new_bot(Arc::new(server.clone())).await;
    bot.bot.step(core::time::Duration::ZERO, &mut bot.said).await.unwrap();
    household.main.verify(&bot.device_id, &bot.bot.fingerprint()).await.unwrap();
    server.fails_once("/sendToDevice/m.secret.request");
    let error = bot.until_it_stops().await;
    assert!(error.is_passing() && error.exit_status() == 1, "{error}");
    bot.until(|said| matches!(said, Said::Asked { .. })).await;
    assert_eq!(server.heard("/sendToDevice/m.secret.request").len(), 1);

    household.main_until(|said| matches!(said, MainSaid::Gave { .. })).await;
    server.fails_once("/keys/query");
    let error = bot.until_it_stops().await;
    assert!(error.is_passing(), "{error}");
    bot.until(|said| matches!(said, Said::MacKeyReceived { .. })).await;

    let session = household.bob_says("the server stumbles").await;
    server.fails_once("/room_keys/keys");
    bot.until_written(&session).await;
}

/// A user who makes everything anew may delete the old backup first. A bot with nothing to write waits for
/// the new one.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn a_backup_that_is_made_anew_is_waited_for() {
    let mut household = Household::new().await;
    let mut bot = household.working_bot(http()).await;
    let version = household.main.backup().version().to_string();
    household.alice.delete(&format!("/v3/room_keys/version/{version}")).await.ok();
    bot.until(|said| matches!(said, Said::NotTrusted { .. })).await;
    household.main.rotate().await.unwrap();
    bot.said.clear();
    bot.until(|said| matches!(said, Said::Asked { .. })).await;
    household.main_until(|said| matches!(said, MainSaid::Gave { .. })).await;
    let session = household.bob_says("in the new one").await;
    bot.until_written(&session).await;
}

/// The device is logged out: the bot says so, ends with a status of its own, and keeps its keys.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn a_bot_that_was_logged_out_says_so() {
    let household = Household::new().await;
    let folder = tempfile::tempdir().unwrap();
    let master_key = household.main.master_key().await.unwrap();
    log_in(folder.path(), &household.alice, &master_key);
    let mut bot = Running::start(folder.path());
    bot.until("trusted: ", "master key");
    // Two at once would each break the other's ratchets.
    let mut second = Running::start(folder.path());
    second.until("stopped: ", "at work already");
    assert_eq!(second.exit_status(), Some(1));

    let state = std::fs::read(folder.path().join("write-only-bot.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    let own: Session = serde_json::from_value(state["session"].clone()).unwrap();
    Api::new(own, http()).post("/v3/logout", &json!({})).await.unwrap();
    bot.until("stopped: ", "M_UNKNOWN_TOKEN");
    bot.until("This device was logged out", "another folder");
    assert_eq!(bot.exit_status(), Some(3));
}

/// What an account has is not replaced by whoever begins again.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn an_account_in_use_keeps_what_it_has() {
    let household = Household::new().await;
    let (name, password) = (&household.alice.localpart, &household.alice.password);
    let other = household.server.log_in(name, password).await;
    let key_path = format!(
        "/v3/user/{}/account_data/m.secret_storage.default_key",
        client_api::segment(&other.user_id)
    );
    let look = async || {
        let keys = json!({ "device_keys": { &other.user_id: [] } });
        let master = other.post("/v3/keys/query", &keys).await.ok()["master_keys"].take();
        let version = other.get("/v3/room_keys/version").await.ok()["version"].take();
        (master, version, other.get(&key_path).await.ok())
    };
    let before = look().await;
    let error = MainDevice::create(session(&other), http(), password).await.unwrap_err();
    assert!(matches!(error, MainDeviceError::InUse("cross-signing keys")), "{error}");
    assert_eq!(look().await, before);
}

/// The main device has no file: its next run is a new device, by way of secret storage. A bot that
/// found nobody to ask asks that one.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn a_main_device_comes_back_out_of_secret_storage() {
    let mut household = Household::new().await;
    let master_key = household.main.master_key().await.unwrap();
    let recovery_key = household.main.recovery_key().to_owned();
    let mut bot = household.new_bot(http()).await;
    household.main.verify(&bot.device_id, &bot.bot.fingerprint()).await.unwrap();
    bot.until(|said| matches!(said, Said::Asked { .. })).await;

    // The first one is gone for good, before it could answer.
    let alice = household.alice.clone();
    let again = household.server.log_in(&alice.localpart, &alice.password).await;
    let again_id = again.device_id.clone();
    household.main = MainDevice::sign_in(session(&again), http(), &recovery_key).await.unwrap();
    assert_eq!(household.main.master_key().await.unwrap(), master_key);
    let asks =
        |said: &Said| matches!(said, Said::Asked { devices, .. } if *devices == [again_id.clone()]);
    bot.until(asks).await;
    household.main_until(|said| matches!(said, MainSaid::Gave { .. })).await;
    bot.until(|said| *said == Said::MacKeyReceived { device: again_id.clone() }).await;
    let written = household.bob_says("after the main device came back").await;
    bot.until_written(&written).await;

    let fresh = household.server.log_in(&alice.localpart, &alice.password).await;
    let restored = restore(session(&fresh), http(), &recovery_key).await.unwrap();
    assert_eq!(restored.rejected, Vec::<String>::new());
    let found = restored.keys.iter().find(|key| key.session_id().as_str() == written).unwrap();
    assert!(found.provenance().is_authenticated());
}
