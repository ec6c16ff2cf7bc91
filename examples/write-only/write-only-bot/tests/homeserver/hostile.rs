//! What a homeserver can do to the bot: T-1 to T-4, A-2. Nothing encrypted to a foreign key leaves it.

use std::sync::{Arc, Mutex};

use main_device::restore;
use matrix_key_backup::primitives::BackupDecryptionKey;
use matrix_key_backup::store::homeserver::Transport;
use matrix_key_backup::trust::{StepBack, TrustError};
use matrix_key_backup::upload::UploadError;
use serde_json::{Value, json};
use write_only_bot::{BotError, Said};

use crate::household::{Household, TestBot, http, session};
use crate::lying::Server;

const VERSION: &str = "/room_keys/version";
const KEYS: &str = "/room_keys/keys";

fn foreign_key() -> String {
    BackupDecryptionKey::random().unwrap().public_key().to_base64()
}

/// The bot stops, its key still waits, and it has written nothing.
async fn stops_before_it_writes<T: Transport>(
    household: &Household,
    server: &Server,
    bot: &mut TestBot<T>,
) -> BotError {
    server.listen();
    household.bob_says("not for everybody").await;
    let error = bot.until_it_stops().await;
    println!("bot           stopped: {error}");
    assert_eq!(bot.bot.waiting(), 1);
    let written: Vec<_> = server.heard("PUT /_matrix/client/v3/room_keys");
    assert_eq!(written, []);
    error
}

/// T-1, T-2: another public key, under the signatures of the old one. Synapse itself does this for
/// whoever has an access token.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn the_public_key_is_swapped() {
    let mut household = Household::new().await;
    let server = Server::new();
    let mut bot = household.working_bot(Arc::new(server.clone())).await;
    let mut backup = household.alice.get("/v3/room_keys/version").await.ok();
    backup["auth_data"]["public_key"] = foreign_key().into();
    let path = format!("/v3/room_keys/version/{}", backup["version"].as_str().unwrap());
    household.alice.put(&path, &backup).await.ok();
    let error = stops_before_it_writes(&household, &server, &mut bot).await;
    assert!(matches!(error, BotError::NotTrusted(TrustError::Signature(_))), "{error}");
}

/// T-3: between the look at the backup and the writing.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn the_public_key_is_swapped_at_the_last_moment() {
    let mut household = Household::new().await;
    let server = Server::new();
    let mut bot = household.working_bot(Arc::new(server.clone())).await;
    let foreign = foreign_key();
    server.lies(move |path, answer| {
        // The current version is asked for by no name, and looked at again by its name.
        if path.contains("/room_keys/version/") {
            answer["auth_data"]["public_key"] = foreign.clone().into();
        }
    });
    let error = stops_before_it_writes(&household, &server, &mut bot).await;
    assert!(matches!(error, BotError::Upload(UploadError::NotTheTrustedBackup)), "{error}");
}

/// T-1: a backup of the server's own, which nobody has signed whom the bot knows.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn another_backup_takes_its_place() {
    let mut household = Household::new().await;
    let server = Server::new();
    let mut bot = household.working_bot(Arc::new(server.clone())).await;
    let backup = json!({
        "algorithm": "org.matrix.msc4048.curve25519-aes-sha2",
        "auth_data": { "public_key": foreign_key() },
    });
    household.alice.post("/v3/room_keys/version", &backup).await.ok();
    let error = stops_before_it_writes(&household, &server, &mut bot).await;
    assert!(matches!(error, BotError::NotTrusted(TrustError::Signature(_))), "{error}");
}

/// T-4: the version is deleted, and an older one, which the user has signed too, is back.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn the_version_is_deleted() {
    let mut household = Household::new().await;
    let older = household.main.backup().version().to_string();
    household.main.rotate().await.unwrap();
    household.main.step(core::time::Duration::ZERO, &mut Vec::new()).await.unwrap();
    let newer = household.main.backup().version().to_string();
    let server = Server::new();
    let mut bot = household.working_bot(Arc::new(server.clone())).await;

    household.alice.delete(&format!("/v3/room_keys/version/{newer}")).await.ok();
    let error = stops_before_it_writes(&household, &server, &mut bot).await;
    let BotError::NotTrusted(TrustError::WentBack(back)) = error else { panic!("{error}") };
    assert_eq!((back.how, back.found.version.as_str()), (StepBack::OlderVersion, older.as_str()));

    // Also after a restart, and when no backup is left.
    let mut bot = bot.restarted(Arc::new(server.clone()));
    household.alice.delete(&format!("/v3/room_keys/version/{older}")).await.ok();
    let error = bot.until_it_stops().await;
    assert!(matches!(error, BotError::BackupGone), "{error}");
    assert_eq!(server.heard("PUT /_matrix/client/v3/room_keys"), []);
}

/// The user makes a new backup: the bot asks for the new MAC key, and goes on.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn a_new_backup_that_the_user_signed_is_followed() {
    let mut household = Household::new().await;
    let mut bot = household.working_bot(http()).await;
    household.main.rotate().await.unwrap();
    household.main.step(core::time::Duration::ZERO, &mut Vec::new()).await.unwrap();
    let version = household.main.backup().version().to_string();
    bot.said.clear();
    let session = household.bob_says("in the new backup").await;
    bot.until(|said| matches!(said, Said::Asked { .. })).await;
    household.main_until(|said| matches!(said, main_device::Said::Gave { .. })).await;
    bot.until_written(&session).await;
    let path = format!("/v3/room_keys/keys?version={version}");
    let keys = household.alice.get(&path).await.ok();
    assert!(keys["rooms"][&household.room]["sessions"].get(&session).is_some(), "{keys}");
}

/// V2-6: planted keys are ignored by who restores, and do not keep the bot from writing others. In
/// the place of one, the bot's key waits for the next backup.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn keys_are_planted() {
    let mut household = Household::new().await;
    let server = Server::new();
    let mut bot = household.working_bot(Arc::new(server.clone())).await;
    let recovery_key = household.main.recovery_key().to_owned();
    let version = household.main.backup().version().to_string();
    let path = format!("/v3/room_keys/keys?version={version}");
    let keys = household.alice.get(&path).await.ok();
    let sessions = &keys["rooms"][&household.room]["sessions"];
    let mut planted = sessions[&household.first_session].clone();
    planted["session_data"]["ephemeral"] = foreign_key().into();
    let anywhere = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    plant(&household, &version, anywhere, &planted).await;

    // In the place of the next key as well, before the bot comes to it.
    let blocked = household.bob_says("this one is blocked").await;
    plant(&household, &version, &blocked, &planted).await;
    bot.until(|said| matches!(said, Said::Blocked { .. })).await;
    let session = household.bob_says("and this one is not").await;
    bot.until_written(&session).await;
    assert_eq!(bot.bot.waiting(), 0);

    let fresh =
        household.server.log_in(&household.alice.localpart, &household.alice.password).await;
    let restored = restore(session_of(&fresh), http(), &recovery_key).await.unwrap();
    assert_eq!(restored.rejected.len(), 2, "{:?}", restored.rejected);
    assert!(restored.keys.iter().all(|key| key.provenance().is_authenticated()));
    let found = |id: &str| restored.keys.iter().any(|key| key.session_id().as_str() == id);
    assert!(found(&session) && !found(&blocked) && !found(anywhere));
}

fn session_of(user: &crate::support::User) -> client_api::Session {
    session(user)
}

async fn plant(household: &Household, version: &str, session: &str, entry: &Value) {
    let path = format!("/v3/room_keys/keys?version={version}");
    let body = json!({ "rooms": { &household.room: { "sessions": { session: entry } } } });
    household.alice.put(&path, &body).await.ok();
}

/// Events that come again are of no use: neither the key that was taken, nor a secret.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn events_come_again() {
    let mut household = Household::new().await;
    let server = Server::new();
    // All that ever came, and whether it comes again.
    let old = Arc::new(Mutex::new((Vec::<Value>::new(), false)));
    let kept = Arc::clone(&old);
    server.lies(move |path, answer| {
        let Some(Value::Array(events)) = answer.pointer_mut("/to_device/events") else {
            if path.contains("/v3/sync") && kept.lock().unwrap().1 {
                answer["to_device"] = json!({ "events": kept.lock().unwrap().0 });
            }
            return;
        };
        let mut kept = kept.lock().unwrap();
        if kept.1 {
            events.extend(kept.0.iter().cloned());
        } else {
            kept.0.extend(events.iter().cloned());
        }
    });
    let mut bot = household.working_bot(Arc::new(server.clone())).await;
    let count = old.lock().unwrap().0.len();
    assert!(count >= 2, "a secret and a room key");
    old.lock().unwrap().1 = true;
    server.listen();
    bot.said.clear();
    bot.bot.step(core::time::Duration::ZERO, &mut bot.said).await.unwrap();
    let refused = bot.said.iter().filter(|said| matches!(said, Said::Refused { .. })).count();
    assert_eq!((refused, bot.said.len()), (count, count), "{:?}", bot.said);
    assert_eq!(server.heard(KEYS), []);
    let mut bot = bot.restarted(Arc::new(server.clone()));
    bot.bot.step(core::time::Duration::ZERO, &mut bot.said).await.unwrap();
    let refused = bot.said.iter().filter(|said| matches!(said, Said::Refused { .. })).count();
    assert_eq!(refused, count, "{:?}", bot.said);
    assert_eq!(server.heard("PUT "), []);
}

/// The server shows another master key, with devices that it has signed: the bot asks nobody.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn the_server_shows_other_cross_signing_keys() {
    let household = Household::new().await;
    let mallory = Household::new().await;
    let foreign = mallory.main.master_key().await.unwrap();
    let server = Server::new();
    let mut bot = household.new_bot(Arc::new(server.clone())).await;
    household.main.verify(&bot.device_id, &bot.bot.fingerprint()).await.unwrap();
    let user = household.alice.user_id.clone();
    server.lies(move |path, answer| {
        if path.contains("/keys/query") {
            let key = json!({ format!("ed25519:{foreign}"): foreign });
            answer["master_keys"][&user]["keys"] = key;
        }
    });
    let error = bot.until_it_stops().await;
    assert!(matches!(error, BotError::OtherMasterKey { .. }), "{error}");
    assert_eq!(server.heard("/sendToDevice/"), []);
    assert_eq!(server.heard(VERSION), []);
}

/// G-2, G-3: another user's device in the place of the main device, as it is and made up to be the
/// user's own: the bot asks it for nothing.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn another_users_device_is_shown_as_the_users_own() {
    let household = Household::new().await;
    let server = Server::new();
    let mut bot = household.new_bot(Arc::new(server.clone())).await;
    household.main.verify(&bot.device_id, &bot.bot.fingerprint()).await.unwrap();
    let bob = household.bob.user_id().to_string();
    let query = json!({ "device_keys": { &bob: [] } });
    let found = household.alice.post("/v3/keys/query", &query).await.ok();
    let devices = found["device_keys"][&bob].as_object().unwrap().clone();
    let (bobs_id, bobs) = devices.into_iter().next().unwrap();
    let (alice, main_id) = (household.alice.user_id.clone(), household.alice.device_id.clone());
    let made_up = made_up(&bobs, &bob, &bobs_id, &alice, &main_id);
    for shown in [bobs, made_up] {
        let (alice, main_id) = (alice.clone(), main_id.clone());
        server.lies(move |path, answer| {
            if path.contains("/keys/query") {
                answer["device_keys"][&alice][&main_id] = shown.clone();
            }
        });
        bot = bot.restarted(Arc::new(server.clone()));
        bot.until(|said| *said == Said::Verified).await;
        bot.bot.step(core::time::Duration::ZERO, &mut bot.said).await.unwrap();
        assert!(!bot.said.iter().any(|said| matches!(said, Said::Asked { .. })), "{:?}", bot.said);
        assert_eq!(server.heard("/sendToDevice/"), []);
    }
}

/// The device with its names changed: what the server has no key for are the signatures.
fn made_up(device: &Value, user: &str, id: &str, to_user: &str, to_id: &str) -> Value {
    let text = device.to_string().replace(user, to_user).replace(id, to_id);
    serde_json::from_str(&text).unwrap()
}
