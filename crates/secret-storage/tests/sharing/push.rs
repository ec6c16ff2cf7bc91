//! Secrets that come unasked (G-5).

use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_secret_storage::sharing::{
    Cleartext, ContentError, DeviceRefused, DeviceTrust, OlmEncrypted, OlmMessage, OwnDevices,
    PushEventType, PushRefused, PushedSecret, RequestError, SecretPushContent, push, receive_push,
    refuse_cleartext_push,
};
use matrix_key_backup_wire::{AuthData, Names};
use serde_json::{Value, json};

use crate::support::*;

fn content(name: &str, secret: &str) -> SecretPushContent {
    SecretPushContent::parse(&json!({ "name": name, "secret": secret }).to_string()).unwrap()
}

fn receive(from: &OlmEncrypted, devices: &OwnDevices) -> Result<PushedSecret, PushRefused> {
    receive_push(from, &content("m.megolm_backup.v1", &decryption_key().expose_base64()), devices)
}

// G-5, N-1: both names of the event are known; the unstable one is the default.
#[test]
fn both_event_types_are_known() {
    assert_eq!(PushEventType::default().as_str(), "io.element.msc4385.secret.push");
    for (name, event_type) in [
        ("m.secret.push", Some(PushEventType::Stable)),
        ("io.element.msc4385.secret.push", Some(PushEventType::Unstable)),
        ("m.secret.send", None),
    ] {
        assert_eq!(PushEventType::from_name(name), event_type);
    }
}

// G-5: what one device pushes another receives.
#[test]
fn a_push_is_received_by_cross_signed_devices() {
    for names in Names::ALL {
        let event_type = PushEventType::Unstable;
        let recipients = ids(&[BOT, LAPTOP, BOT]);
        let messages = push(&mac_key(), event_type, names, &recipients, &known_to(PHONE)).unwrap();
        let to: Vec<_> = messages.iter().map(OlmMessage::device_id).collect();
        assert_eq!(to, [&id(BOT), &id(LAPTOP)]);
        assert_eq!(messages[0].event_type(), event_type.as_str());
        assert_eq!(messages[0].identity_key(), &key_of(BOT));
        let sent: Value = serde_json::from_str(messages[0].expose_content()).unwrap();
        let expected = json!({ "name": names.mac_secret(), "secret": *mac_key().expose_base64() });
        assert_eq!(sent, expected);
        let content = SecretPushContent::parse(messages[0].expose_content()).unwrap();
        let pushed = receive_push(&olm(PHONE), &content, &known_to(BOT)).unwrap();
        let PushedSecret::MacKey(pushed) = pushed else { panic!() };
        assert_eq!(pushed.device_id(), &id(PHONE));
        assert_eq!(pushed.into_unconfirmed(), mac_key());
    }
}

#[test]
fn a_pushed_decryption_key_is_compared_with_the_backup() {
    let messages = push(
        &decryption_key(),
        PushEventType::Stable,
        Names::Stable,
        &ids(&[BOT]),
        &known_to(PHONE),
    );
    let message = &messages.unwrap()[0];
    assert_eq!(message.event_type(), "m.secret.push");
    let content = SecretPushContent::parse(message.expose_content()).unwrap();
    assert_eq!(content.name(), "m.megolm_backup.v1");
    let pushed = receive_push(&olm(PHONE), &content, &known_to(BOT)).unwrap();
    let PushedSecret::DecryptionKey(pushed) = pushed else { panic!() };
    assert_eq!(pushed.device_id(), &id(PHONE));
    let auth_data = AuthData::new(decryption_key().public_key());
    assert_eq!(pushed.check_for_reading(&auth_data).unwrap(), decryption_key());
    let other = BackupDecryptionKey::from_slice(&[8; 32]).unwrap().public_key();
    pushed.check_for_reading(&AuthData::new(other)).unwrap_err();
}

// G-5: cross-signed, not just verified; and a device of this user, at this moment.
#[test]
fn only_cross_signed_devices_of_this_user_push() {
    let refused = |from: &OlmEncrypted, devices: &OwnDevices| receive(from, devices).unwrap_err();
    let here = known_to_with(BOT, PHONE, |device| device.trust = DeviceTrust::VerifiedHere);
    assert!(matches!(refused(&olm(PHONE), &here), PushRefused::NotCrossSigned { .. }));
    let not = known_to_with(BOT, PHONE, |device| device.trust = DeviceTrust::Unverified);
    assert!(matches!(
        refused(&olm(PHONE), &not),
        PushRefused::Device(DeviceRefused::Unverified { .. })
    ));
    assert!(matches!(
        refused(&olm(PHONE), &known_to_without(BOT, PHONE)),
        PushRefused::Device(DeviceRefused::UnknownIdentityKey { .. })
    ));
    let foreign = OlmEncrypted { sender: mallory(), sender_key: key_of("MALLORY") };
    assert!(matches!(
        refused(&foreign, &known_to(BOT)),
        PushRefused::Device(DeviceRefused::OtherUser { .. })
    ));
    receive(&olm(PHONE), &known_to(BOT)).unwrap();
}

// G-5: outside Olm nothing is accepted.
#[test]
fn a_cleartext_push_is_refused_and_reported() {
    let refused = refuse_cleartext_push(&Cleartext { sender: alice() });
    assert!(refused.to_string().contains("without encryption"), "{refused}");
}

#[test]
fn other_or_malformed_secrets_are_refused() {
    let receive = |content| receive_push(&olm(PHONE), &content, &known_to(BOT)).unwrap_err();
    let refused = receive(content("m.cross_signing.master", "AAAA"));
    assert!(matches!(refused, PushRefused::UnknownSecret { .. }), "{refused}");
    for name in ["m.megolm_backup.v1", "m.megolm_backup.v1.mac", "org.matrix.msc4048.mac"] {
        let refused = receive(content(name, "AAAA"));
        assert!(matches!(refused, PushRefused::Malformed { .. }), "{refused}");
        assert!(!refused.to_string().contains("AAAA"));
    }
}

// G-2: nor does a push go to anybody else.
#[test]
fn a_push_goes_to_verified_devices_of_this_user_only() {
    let push = |recipients: &[&str], devices: &OwnDevices| {
        push(&mac_key(), PushEventType::Unstable, Names::Unstable, &ids(recipients), devices)
    };
    let unverified = known_to_with(PHONE, BOT, |device| device.trust = DeviceTrust::Unverified);
    assert!(matches!(
        push(&[LAPTOP, BOT], &unverified),
        Err(RequestError::Recipient(DeviceRefused::Unverified { .. }))
    ));
    for stranger in ["MALLORY", PHONE] {
        assert!(matches!(push(&[stranger], &known_to(PHONE)), Err(RequestError::Recipient(_))));
    }
    assert!(matches!(push(&[], &known_to(PHONE)), Err(RequestError::NoRecipient)));
}

#[test]
fn a_push_is_read_strictly_and_shows_no_secret() {
    let error = |json| SecretPushContent::parse(json).unwrap_err();
    assert_eq!(error(r#"{"secret":"x"}"#).to_string(), "`name` is missing");
    assert_eq!(error(r#"{"name":"x"}"#).to_string(), "`secret` is missing");
    assert!(matches!(error(r#"{"name":"x","secret":1}"#), ContentError::Property(_)));
    assert_eq!(
        format!("{:?}", content("a name", "TOPSECRET")),
        r#"SecretPushContent { name: "a name", secret: [redacted] }"#
    );
}
