//! The whole of it, with the bot as a process: who could do what.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use main_device::{Restored, Said as MainSaid, restore};
use matrix_key_backup::primitives::{BackupDecryptionKey, base64};
use olm_device::{Message, OlmDevice};
use serde_json::Value;
use write_only_bot::Said;

use crate::household::{Household, http, session};
use crate::process::{Running, log_in};
use crate::traces::{Wanted, in_files, in_memory};

/// A key is in the backup within this time of the message that needs it.
const SECONDS: Duration = Duration::from_secs(30);

/// Two users talk; the main device is offline; the bot backs up; a fresh device with nothing but the
/// secret storage key reads every message, and every key is authenticated.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn the_whole_scenario() {
    let mut household = Household::new().await;
    println!("main device   made cross-signing, secret storage and a v2 backup; wrote 1 key");
    let folder = tempfile::tempdir().unwrap();
    let master_key = household.main.master_key().await.unwrap();
    let (device, fingerprint) = log_in(folder.path(), &household.alice, &master_key);
    println!("bot           logged in as the device {device}, fingerprint {fingerprint}");
    let mut bot = Running::start(folder.path());
    bot.until("trusted: ", "master key");

    household.main.verify(&device, &fingerprint).await.unwrap();
    println!("main device   verified {device}: the self-signing key signs it");
    bot.until("asked: ", "org.matrix.msc4048.mac");
    let gave = household.main_until(|said| matches!(said, MainSaid::Gave { .. })).await;
    println!("main device   {gave}");
    bot.until("received: ", "inside Olm");

    let mut sessions = vec![household.first_session.clone()];
    sessions.push(household.alice_says("the main device, before it goes offline").await);
    bot.until("written: ", &sessions[1]);
    bot.has_confirmed();
    let secrets = Secrets::of(&household).await;
    let Household { alice, main, bob, room, server, .. } = household;
    let members = [main.device().user_id(), bob.user_id()];
    let members = [members[0].as_ref(), members[1].as_ref()];
    drop(main);
    println!("main device   is offline from now on");

    for body in ["is anybody there?", "nobody but the bot"] {
        let said = Instant::now();
        sessions.push(bob.say(&room, &members, body).await.unwrap());
        bot.until("written: ", sessions.last().unwrap());
        let took = said.elapsed();
        println!("bot           had it in the backup after {:.1} s", took.as_secs_f64());
        assert!(took < SECONDS, "{took:?}");
    }
    drop(bot);
    println!("bot           was killed, and begins again with its file");
    let mut bot = Running::start(folder.path());
    sessions.push(bob.say(&room, &members, "and after a restart").await.unwrap());
    bot.until("written: ", sessions.last().unwrap());
    assert!(!bot.said.iter().any(|line| line.starts_with("asked: ")), "{:?}", bot.said);

    secrets.are_not_with(&bot, folder.path());
    drop(bot);

    let fresh = server.log_in(&alice.localpart, &alice.password).await;
    let without = OlmDevice::new(session(&fresh), http()).await.unwrap();
    assert!(without.read(&room).await.unwrap().iter().all(Result::is_err));
    println!("fresh device  {} reads none of the messages", fresh.device_id);
    let fresh = server.log_in(&alice.localpart, &alice.password).await;
    let restored = restore(session(&fresh), http(), &secrets.recovery_key).await.unwrap();
    reads_all(&restored, &room, &sessions).await;
}

async fn reads_all(restored: &Restored, room: &str, sessions: &[String]) {
    assert_eq!(restored.rejected, Vec::<String>::new());
    let mut found = BTreeMap::new();
    for key in &restored.keys {
        assert!(key.provenance().is_authenticated(), "{:?}", key.provenance());
        found.insert(key.session_id().to_string(), key.provenance().to_string());
    }
    assert!(sessions.iter().all(|session| found.contains_key(session)), "{found:?}");
    assert_eq!(found.len(), sessions.len());
    let read: Vec<Message> =
        restored.device.read(room).await.unwrap().into_iter().map(Result::unwrap).collect();
    let bodies: Vec<_> = read.iter().map(|message| message.body.as_str()).collect();
    assert_eq!(
        bodies,
        [
            "before there was a bot",
            "the main device, before it goes offline",
            "is anybody there?",
            "nobody but the bot",
            "and after a restart",
        ]
    );
    println!(
        "fresh device  restored {} keys with the secret storage key, each authenticated, and reads \
         all {} messages",
        restored.keys.len(),
        read.len()
    );
}

/// What the bot must not have, and something that it must.
struct Secrets {
    recovery_key: String,
    wanted: Vec<Wanted>,
}

impl Secrets {
    async fn of(household: &Household) -> Self {
        let main = &household.main;
        let key: &BackupDecryptionKey = main.reader().decryption_key();
        let bytes = base64::decode_unpadded(&key.expose_base64()).unwrap();
        let mac_key = key.mac_key().expose_base64();
        let decryption_key = Wanted {
            name: "the decryption key",
            forms: vec![
                bytes,
                key.expose_base64().as_bytes().to_vec(),
                key.expose_base58().as_bytes().to_vec(),
            ],
        };
        let mac_key = Wanted {
            name: "the MAC key",
            forms: vec![base64::decode_unpadded(&mac_key).unwrap(), mac_key.as_bytes().to_vec()],
        };
        let first = ratchet(main.device(), &household.first_session).await;
        let first_key = Wanted { name: "a key that it did not receive", forms: first };
        let recovery_key = main.recovery_key().to_owned();
        let storage_key = Wanted {
            name: "the secret storage key",
            forms: vec![recovery_key.as_bytes().to_vec()],
        };
        Self { recovery_key, wanted: vec![decryption_key, mac_key, first_key, storage_key] }
    }

    /// The MAC key shows that what is there is found.
    fn are_not_with(&self, bot: &Running, folder: &std::path::Path) {
        assert_eq!(in_files(folder, &self.wanted), ["the MAC key"]);
        assert_eq!(in_memory(bot.pid(), &self.wanted), ["the MAC key"]);
        println!(
            "bot           has the MAC key in its file and memory, and neither the decryption key, \
             nor the secret storage key, nor a room key that it did not receive"
        );
    }
}

/// The ratchet of a session: raw, and as it stands in base64, which is alike in all forms of a
/// session key.
async fn ratchet(device: &OlmDevice, session: &str) -> Vec<Vec<u8>> {
    let exported = device.machine().store().export_room_keys(|_| true).await.unwrap();
    let found = exported.iter().find(|key| key.session_id == session).unwrap();
    let found: Value = serde_json::to_value(found).unwrap();
    let text = found["session_key"].as_str().unwrap().to_owned();
    let bytes = base64::decode_unpadded(&text).unwrap();
    // One byte for the version, four for the index, 128 for the ratchet.
    vec![bytes[5..69].to_vec(), text.as_bytes()[8..88].to_vec()]
}

/// What waits is in the file, and is found there; what is written is not.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn a_key_is_forgotten_when_it_is_written() {
    let mut household = Household::new().await;
    let mut bot = household.new_bot(http()).await;
    let session = household.bob_says("before the bot is verified").await;
    bot.until(|said| matches!(said, Said::RoomKey { .. })).await;
    let forms = ratchet(&household.bob, &session).await;
    let wanted = [Wanted { name: "the key", forms }];
    assert_eq!(bot.bot.waiting(), 1);
    assert_eq!(in_files(bot.folder.path(), &wanted), ["the key"]);

    let mut bot = bot.restarted(http());
    household.main.verify(&bot.device_id, &bot.bot.fingerprint()).await.unwrap();
    bot.until(|said| matches!(said, Said::Asked { .. })).await;
    household.main_until(|said| matches!(said, MainSaid::Gave { .. })).await;
    bot.until_written(&session).await;
    assert_eq!(bot.bot.waiting(), 0);
    assert!(in_files(bot.folder.path(), &wanted).is_empty());
}
