//! Who gets the MAC key, and who does not: G-1, G-2, G-3.

use main_device::Said as MainSaid;
use olm_device::OlmDevice;
use serde_json::{Value, json};
use write_only_bot::Said;

use crate::household::{Household, http, session};
use crate::support::User;

const MAC_KEY: &str = "org.matrix.msc4048.mac";

fn request(device_id: &str, request_id: &str, name: &str) -> Value {
    json!({
        "action": "request",
        "name": name,
        "requesting_device_id": device_id,
        "request_id": request_id,
    })
}

async fn send(from: &User, event_type: &str, to: &str, device: &str, content: &Value) {
    let transaction = ruma::TransactionId::new();
    let path = format!("/v3/sendToDevice/{event_type}/{transaction}");
    from.put(&path, &json!({ "messages": { to: { device: content } } })).await.ok();
}

/// To-device events that wait for a device.
pub(crate) async fn waiting(user: &User) -> Vec<Value> {
    let sync = user.get("/v3/sync?timeout=0").await.ok();
    sync.pointer("/to_device/events").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The id of the request that waits for the user's devices. The server reads it, too, and could tell
/// anybody.
pub(crate) async fn request_id(user: &User) -> String {
    let asked = waiting(user).await;
    let asked = asked.iter().find(|event| event["type"] == "m.secret.request").unwrap();
    asked["content"]["request_id"].as_str().unwrap().to_owned()
}

async fn refused(household: &mut Household, part: &str) {
    let said = household.main_until(|said| matches!(said, MainSaid::Refused { .. })).await;
    println!("main device   {said}");
    assert!(said.to_string().contains(part), "{said}");
}

/// G-2: an unverified device, another user, other secrets: refused and logged, and nothing is sent.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn the_main_device_gives_nothing_to_others() {
    let mut household = Household::new().await;
    let main_id = household.alice.device_id.clone();
    let alice = household.alice.user_id.clone();

    let (name, password) = (&household.alice.localpart, &household.alice.password);
    let unverified = household.server.log_in(name, password).await;
    let device = OlmDevice::new(session(&unverified), http()).await.unwrap();
    let content = request(&unverified.device_id, "1", MAC_KEY);
    send(&unverified, "m.secret.request", &alice, &main_id, &content).await;
    refused(&mut household, "is not verified").await;
    assert_eq!(waiting(&unverified).await, [] as [Value; 0]);

    let mallory = household.server.new_user().await;
    let content = request(&mallory.device_id, "22", MAC_KEY);
    send(&mallory, "m.secret.request", &alice, &main_id, &content).await;
    refused(&mut household, "is another user").await;
    assert_eq!(waiting(&mallory).await, [] as [Value; 0]);

    // In the name of a device that is verified, so that it would get an answer.
    let key = device.machine().identity_keys().ed25519.to_base64();
    household.main.verify(&unverified.device_id, &key).await.unwrap();
    let content = request(&unverified.device_id, "333", MAC_KEY);
    send(&mallory, "m.secret.request", &alice, &main_id, &content).await;
    refused(&mut household, "is another user").await;
    assert_eq!(waiting(&unverified).await, [] as [Value; 0]);

    // Verified, it asks for more than it needs.
    for (name, why) in [
        ("m.megolm_backup.v1", "gives the decryption key to no device"),
        ("m.cross_signing.self_signing", "is not a secret of the key backup"),
    ] {
        let content = request(&unverified.device_id, &format!("4444 {name}"), name);
        send(&unverified, "m.secret.request", &alice, &main_id, &content).await;
        refused(&mut household, why).await;
        assert_eq!(waiting(&unverified).await, [] as [Value; 0]);
    }
    // The id of the session it knows from the backup.
    let content = json!({
        "action": "request",
        "requesting_device_id": unverified.device_id,
        "request_id": "55555",
        "body": {
            "algorithm": "m.megolm.v1.aes-sha2",
            "room_id": household.room,
            "session_id": household.first_session,
        },
    });
    send(&unverified, "m.room_key_request", &alice, &main_id, &content).await;
    refused(&mut household, "sends on no room keys").await;
    assert_eq!(waiting(&unverified).await, [] as [Value; 0]);
}

/// A person who compares two fingerprints that differ verifies nothing.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn a_device_with_another_fingerprint_is_not_verified() {
    let household = Household::new().await;
    let bot = household.new_bot(http()).await;
    let other = household.bob.machine().identity_keys().ed25519.to_base64();
    let error = household.main.verify(&bot.device_id, &other).await.unwrap_err();
    assert!(error.to_string().contains("has the fingerprint"), "{error}");
}

/// G-1, G-3: a secret in the clear, from another user, from a device that is not verified, or of
/// which nobody asked: refused and logged. The right one is still taken.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask write-only"]
async fn the_bot_takes_the_mac_key_from_nobody_else() {
    let mut household = Household::new().await;
    let alice = household.alice.user_id.clone();
    let mut bot = household.new_bot(http()).await;
    household.main.verify(&bot.device_id, &bot.bot.fingerprint()).await.unwrap();
    bot.until(|said| matches!(said, Said::Asked { .. })).await;
    let request_id = request_id(&household.alice).await;
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let answer = json!({ "request_id": request_id, "secret": key });

    send(&household.alice, "m.secret.send", &alice, &bot.device_id, &answer).await;
    until_refused(&mut bot, "without encryption").await;

    send_in_olm(&household.bob, &alice, &bot.device_id, &answer).await;
    until_refused(&mut bot, "is another user").await;

    let (name, password) = (&household.alice.localpart, &household.alice.password);
    let unverified = household.server.log_in(name, password).await;
    let unverified = OlmDevice::new(session(&unverified), http()).await.unwrap();
    send_in_olm(&unverified, &alice, &bot.device_id, &answer).await;
    until_refused(&mut bot, "is not verified").await;

    let other = json!({ "request_id": "another", "secret": key });
    send_in_olm(household.main.device(), &alice, &bot.device_id, &other).await;
    until_refused(&mut bot, "nothing was asked for").await;

    household.main_until(|said| matches!(said, MainSaid::Gave { .. })).await;
    let main_id = household.alice.device_id.clone();
    bot.until(|said| *said == Said::MacKeyReceived { device: main_id.clone() }).await;

    // G-3: one answer is enough.
    send_in_olm(household.main.device(), &alice, &bot.device_id, &answer).await;
    until_refused(&mut bot, "was answered before").await;
    let session = household.bob_says("after all").await;
    bot.until_written(&session).await;
}

pub(crate) async fn until_refused<T>(bot: &mut crate::household::TestBot<T>, part: &str)
where
    T: matrix_key_backup::store::homeserver::Transport,
{
    let why = |said: &Said| matches!(said, Said::Refused { why, .. } if why.contains(part));
    let said = bot.until(why).await;
    println!("bot           {said}");
}

/// An `m.secret.send` inside Olm, from any device to any.
pub(crate) async fn send_in_olm(from: &OlmDevice, user: &str, device: &str, content: &Value) {
    let user = ruma::UserId::parse(user).unwrap();
    from.query_keys(&[&user]).await.unwrap();
    from.send_encrypted(&user, device, "m.secret.send", content).await.unwrap();
}
