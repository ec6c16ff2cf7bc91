//! MAC keys that are, or may be, those of another backup (T-5).

use core::time::Duration;

use main_device::{MainDevice, Said as MainSaid, restore};
use matrix_key_backup::primitives::BackupDecryptionKey;
use matrix_key_backup::upload::MacKeyCheck;
use serde_json::{Value, json};
use write_only_bot::Said;

use crate::household::{Household, http, session};
use crate::requests::{request_id, send_in_olm, until_refused};

/// The user makes a new backup while the bot waits for the MAC key of the old one. What answers the
/// old question is not taken for the new MAC key: in an empty backup nothing could tell.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn a_late_answer_is_none_for_a_new_backup() {
    let mut household = Household::new().await;
    let alice = household.alice.user_id.clone();
    let mut bot = household.new_bot(http()).await;
    household.main.verify(&bot.device_id, &bot.bot.fingerprint()).await.unwrap();
    bot.until(|said| matches!(said, Said::Asked { .. })).await;
    let request_id = request_id(&household.alice).await;
    let old_key = household.main.reader().decryption_key().mac_key().expose_base64();

    household.main.rotate().await.unwrap();
    bot.said.clear();
    bot.until(|said| matches!(said, Said::Asked { .. })).await;
    let late = json!({ "request_id": request_id, "secret": *old_key });
    send_in_olm(household.main.device(), &alice, &bot.device_id, &late).await;
    until_refused(&mut bot, "was cancelled before").await;

    household.main_until(|said| matches!(said, MainSaid::Gave { .. })).await;
    let written = household.bob_says("in the new backup").await;
    bot.until_written(&written).await;
    let (name, password) = (&household.alice.localpart, &household.alice.password);
    let fresh = household.server.log_in(name, password).await;
    let restored = restore(session(&fresh), http(), household.main.recovery_key()).await.unwrap();
    assert_eq!(restored.rejected, Vec::<String>::new());
    assert!(restored.keys.iter().any(|key| key.session_id().as_str() == written));
}

/// In an empty backup the MAC key is unconfirmed, and stays so for what the bot writes itself; an entry
/// of the main device confirms it.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn only_what_others_wrote_confirms() {
    let mut household = Household::new().await;
    let version = household.main.backup().version().to_string();
    let keys = format!("/v3/room_keys/keys?version={version}");
    household.alice.delete(&keys).await.ok();
    let bot = household.working_bot(http()).await;
    let unconfirmed = Said::MacKey(MacKeyCheck::Unconfirmed);
    let confirmed = Said::MacKey(MacKeyCheck::Confirmed);
    assert!(bot.said.contains(&unconfirmed) && !bot.said.contains(&confirmed), "{:?}", bot.said);

    let mut bot = bot.restarted(http());
    let session = household.bob_says("there are only the bot's own keys").await;
    bot.until_written(&session).await;
    assert!(!bot.said.contains(&confirmed), "{:?}", bot.said);

    household.alice_says("and one of the main device").await;
    household.main.step(Duration::ZERO, &mut Vec::new()).await.unwrap();
    let there: Value = household.alice.get(&keys).await.ok();
    println!(
        "backup        {} keys",
        there["rooms"][&household.room]["sessions"].as_object().unwrap().len()
    );
    let session = household.bob_says("now it can be known").await;
    bot.until_written(&session).await;
    assert!(bot.said.contains(&confirmed), "{:?}", bot.said);
}

/// One of the user's devices does not know of the new backup, and is the first to answer: the bot finds
/// out before it writes, and asks the other one.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn who_sends_another_backups_mac_key_is_not_asked_again() {
    let mut household = Household::new().await;
    let alice = household.alice.clone();
    let recovery_key = household.main.recovery_key().to_owned();
    let second = household.server.log_in(&alice.localpart, &alice.password).await;
    let sign_in = MainDevice::sign_in(session(&second), http(), &recovery_key);
    let first = std::mem::replace(&mut household.main, sign_in.await.unwrap());
    let mut bot = household.new_bot(http()).await;
    household.main.verify(&bot.device_id, &bot.bot.fingerprint()).await.unwrap();
    bot.until(|said| matches!(said, Said::Asked { devices, .. } if devices.len() == 2)).await;
    let key = BackupDecryptionKey::random().unwrap().mac_key().expose_base64();
    let answer = json!({ "request_id": request_id(&alice).await, "secret": *key });
    send_in_olm(first.device(), &alice.user_id, &bot.device_id, &answer).await;
    bot.until(|said| *said == Said::MacKeyReceived { device: alice.device_id.clone() }).await;

    let written = household.bob_says("for whoever has the right key").await;
    bot.until(|said| *said == Said::StaleMacKey).await;
    assert_eq!(bot.bot.waiting(), 1);
    bot.said.clear();
    let other = [second.device_id.clone()];
    bot.until(|said| matches!(said, Said::Asked { devices, .. } if *devices == other)).await;
    household.main_until(|said| matches!(said, MainSaid::Gave { .. })).await;
    bot.until_written(&written).await;
    assert!(bot.said.contains(&Said::MacKey(MacKeyCheck::Confirmed)), "{:?}", bot.said);
}
