//! The device that asks (G-1, G-3, G-4).

use core::convert::Infallible;

use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_secret_storage::sharing::{
    Cleartext, Device, DeviceRefused, DeviceTrust, MacKeyRequested, OlmEncrypted, OutgoingRequest,
    ReceivedSecret, RequestAction, RequestError, RequestId, SecretRequestContent, SecretRequester,
    SendRefused, SharedSecret,
};
use matrix_key_backup_wire::{AuthData, Names};
use rand_core::{TryCryptoRng, TryRng};

use crate::support::*;

const MAC: SharedSecret = SharedSecret::MacKey(Names::Unstable);

/// BOT has asked these devices for the MAC key.
fn asked(recipients: &[&str]) -> (SecretRequester, OutgoingRequest) {
    let mut requester = SecretRequester::new();
    let request = ask(&mut requester, recipients).unwrap();
    (requester, request)
}

fn ask(
    requester: &mut SecretRequester,
    recipients: &[&str],
) -> Result<OutgoingRequest, RequestError> {
    let (recipients, devices) = (ids(recipients), known_to(BOT));
    match requester.request_mac_key(None, Names::Unstable, &recipients, &devices, &mut rng())? {
        MacKeyRequested::Asked(request) => Ok(request),
        MacKeyRequested::Derived(_) => panic!("from what?"),
    }
}

fn answer(
    requester: &mut SecretRequester,
    from: &str,
    request: &RequestId,
) -> Result<(), SendRefused> {
    let content = send(request, &mac_key().expose_base64());
    let accepted = requester.receive_send(&olm(from), &content, &known_to(BOT))?;
    assert!(matches!(accepted.secret, ReceivedSecret::MacKey(_)));
    Ok(())
}

fn is_live(requester: &SecretRequester, request: &OutgoingRequest) -> bool {
    requester.live_requests().any(|live| *live.request_id == request.request_id)
}

// G-1, N-1, G-4: the request as it goes out, under the name that was chosen.
#[test]
fn a_request_says_who_asks_for_what() {
    for names in Names::ALL {
        let mut requester = SecretRequester::new();
        let recipients = ids(&[PHONE, LAPTOP, PHONE]);
        let requested = requester
            .request_mac_key(None, names, &recipients, &known_to(BOT), &mut rng())
            .unwrap();
        let MacKeyRequested::Asked(request) = requested else { panic!() };
        assert_eq!(request.message.event_type, "m.secret.request");
        assert_eq!(request.message.recipients, ids(&[LAPTOP, PHONE]));
        let content = SecretRequestContent::parse(&request.message.content).unwrap();
        assert_eq!(content.action, RequestAction::Request { name: names.mac_secret().into() });
        assert_eq!(content.requesting_device_id, id(BOT));
        assert_eq!(content.request_id, request.request_id);
        let live: Vec<_> = requester.live_requests().collect();
        assert_eq!((live.len(), live[0].secret), (1, SharedSecret::MacKey(names)));
        assert_eq!(live[0].asked, [&id(LAPTOP), &id(PHONE)]);
    }
}

#[test]
fn request_ids_are_random_and_differ() {
    let (_, one) = asked(&[PHONE]);
    let (_, other) = asked(&[PHONE]);
    assert_ne!(one.request_id, other.request_id);
    for id in [one.request_id, other.request_id] {
        assert_eq!(id.as_str().len(), 32);
    }
}

// G-4: a holder of the decryption key derives the MAC key and asks for nothing.
#[test]
fn a_holder_of_the_decryption_key_asks_nobody() {
    let mut requester = SecretRequester::new();
    let (held, names) = (decryption_key(), Names::Unstable);
    let requested = requester
        .request_mac_key(Some(&held), names, &ids(&[PHONE]), &known_to(BOT), &mut rng())
        .unwrap();
    let MacKeyRequested::Derived(derived) = requested else { panic!("it asked") };
    assert_eq!(derived, held.mac_key());
    assert_eq!(requester.live_requests().count(), 0);
}

// G-2: who would not be believed is not asked.
#[test]
fn only_verified_devices_of_this_user_are_asked() {
    let ask = |recipients: &[&str], devices| {
        SecretRequester::new().request_decryption_key(&ids(recipients), &devices, &mut rng())
    };
    let unverified = known_to_with(BOT, PHONE, |device| device.trust = DeviceTrust::Unverified);
    let error = ask(&[LAPTOP, PHONE], unverified).unwrap_err();
    assert_eq!(error.to_string(), r#"the device "PHONE" is not verified"#);
    for unknown in ["OTHER", "MALLORY"] {
        assert!(matches!(
            ask(&[unknown], known_to(BOT)),
            Err(RequestError::Recipient(DeviceRefused::UnknownDevice { .. }))
        ));
    }
    let error = ask(&[BOT], known_to(BOT)).unwrap_err();
    assert_eq!(error, RequestError::Recipient(DeviceRefused::ThisDevice));
    assert_eq!(ask(&[], known_to(BOT)).unwrap_err(), RequestError::NoRecipient);
}

// G-3: the answer is taken, and the others are told that they need not answer.
#[test]
fn an_answer_is_accepted_and_cancels_towards_the_others() {
    let (mut requester, request) = asked(&[PHONE, LAPTOP, TABLET]);
    let content = send(&request.request_id, &mac_key().expose_base64());
    let accepted = requester.receive_send(&olm(PHONE), &content, &known_to(BOT)).unwrap();
    assert_eq!(accepted.request_id, request.request_id);
    let ReceivedSecret::MacKey(received) = accepted.secret else { panic!() };
    assert_eq!(received.device_id(), &id(PHONE));
    assert_eq!(received.into_unconfirmed(), mac_key());

    let cancellation = accepted.cancellation.unwrap();
    assert_eq!(cancellation.event_type, "m.secret.request");
    assert_eq!(cancellation.recipients, ids(&[LAPTOP, TABLET]));
    let content = SecretRequestContent::parse(&cancellation.content).unwrap();
    assert_eq!(content.action, RequestAction::Cancellation);
    assert_eq!(content.requesting_device_id, id(BOT));
    assert_eq!(content.request_id, request.request_id);
    assert!(!is_live(&requester, &request));
}

#[test]
fn where_nobody_else_was_asked_nothing_is_cancelled() {
    let (mut requester, request) = asked(&[PHONE]);
    let content = send(&request.request_id, &mac_key().expose_base64());
    let accepted = requester.receive_send(&olm(PHONE), &content, &known_to(BOT)).unwrap();
    assert_eq!(accepted.cancellation, None);
}

// G-3: never twice, neither from the same device nor from another.
#[test]
fn a_second_answer_is_refused() {
    let (mut requester, request) = asked(&[PHONE, LAPTOP]);
    answer(&mut requester, PHONE, &request.request_id).unwrap();
    for device in [PHONE, LAPTOP] {
        let refused = answer(&mut requester, device, &request.request_id).unwrap_err();
        assert!(matches!(refused, SendRefused::AlreadyAnswered { .. }), "{refused}");
    }
}

#[test]
fn an_answer_to_nothing_asked_is_refused() {
    let (mut requester, request) = asked(&[PHONE]);
    let refused = answer(&mut requester, PHONE, &request_id("another")).unwrap_err();
    assert!(matches!(refused, SendRefused::NothingAsked { .. }), "{refused}");
    assert!(is_live(&requester, &request));
}

#[test]
fn an_answer_after_cancellation_is_refused() {
    let (mut requester, request) = asked(&[PHONE, LAPTOP]);
    let cancellation = requester.cancel(&request.request_id, &id(BOT)).unwrap();
    assert_eq!(cancellation.recipients, ids(&[LAPTOP, PHONE]));
    let content = SecretRequestContent::parse(&cancellation.content).unwrap();
    assert_eq!(content.action, RequestAction::Cancellation);
    let refused = answer(&mut requester, PHONE, &request.request_id).unwrap_err();
    assert!(matches!(refused, SendRefused::Cancelled { .. }), "{refused}");
    assert_eq!(requester.cancel(&request.request_id, &id(BOT)), None);
}

// G-3: a verified device of the user, and still not one that was asked.
#[test]
fn an_answer_from_a_device_that_was_not_asked_is_refused() {
    let (mut requester, request) = asked(&[PHONE]);
    let refused = answer(&mut requester, LAPTOP, &request.request_id).unwrap_err();
    assert!(
        matches!(&refused, SendRefused::NotAsked { device_id, .. } if *device_id == id(LAPTOP))
    );
    answer(&mut requester, PHONE, &request.request_id).unwrap();
}

// G-3: judged at the time of the answer, by the sender key of the Olm session.
#[test]
fn an_answer_is_judged_by_the_device_list_of_the_moment() {
    let (mut requester, request) = asked(&[PHONE, LAPTOP]);
    let content = send(&request.request_id, &mac_key().expose_base64());
    let unverified = known_to_with(BOT, PHONE, |device| device.trust = DeviceTrust::Unverified);
    let gone = known_to_without(BOT, PHONE);
    let mut copied = all_known_to(BOT);
    copied.push(Device { identity_key: key_of(PHONE), ..device("EVIL", DeviceTrust::Unverified) });
    let refusals = [unverified, gone, own(BOT, copied)].map(|devices| {
        requester.receive_send(&olm(PHONE), &content, &devices).unwrap_err().to_string()
    });
    assert_eq!(refusals[0], r#"the device "PHONE" is not verified"#);
    assert!(refusals[1].starts_with("no device with the identity key UFBQ"), "{}", refusals[1]);
    assert!(refusals[2].starts_with("more than one device claims"), "{}", refusals[2]);
    // None of it has touched the request.
    requester.receive_send(&olm(PHONE), &content, &known_to(BOT)).unwrap();
}

// G-3: whatever name a device goes by, it must have the key that it had when it was asked.
#[test]
fn a_device_with_another_key_than_when_it_was_asked_is_refused() {
    let (mut requester, request) = asked(&[PHONE]);
    let content = send(&request.request_id, &mac_key().expose_base64());
    let devices = known_to_with(BOT, PHONE, |device| device.identity_key = key_of("NEW"));
    let refused = requester.receive_send(&olm("NEW"), &content, &devices).unwrap_err();
    assert!(matches!(refused, SendRefused::NotAsked { .. }), "{refused}");
    assert!(is_live(&requester, &request));
}

#[test]
fn an_answer_from_another_user_or_this_device_is_refused() {
    let (mut requester, request) = asked(&[PHONE]);
    let content = send(&request.request_id, &mac_key().expose_base64());
    for sender_key in [key_of("MALLORY"), key_of(PHONE)] {
        let from = OlmEncrypted { sender: mallory(), sender_key };
        let refused = requester.receive_send(&from, &content, &known_to(BOT)).unwrap_err();
        assert!(
            matches!(refused, SendRefused::Device(DeviceRefused::OtherUser { .. })),
            "{refused}"
        );
    }
    let mut devices = all_known_to(BOT);
    devices.push(device(BOT, DeviceTrust::CrossSigned));
    let refused = requester.receive_send(&olm(BOT), &content, &own(BOT, devices)).unwrap_err();
    assert_eq!(refused, SendRefused::Device(DeviceRefused::ThisDevice));
    assert!(is_live(&requester, &request));
}

// G-1: outside Olm nothing is accepted, and the request goes on.
#[test]
fn a_cleartext_send_is_refused_and_reported() {
    let (mut requester, request) = asked(&[PHONE]);
    let content = send(&request.request_id, &mac_key().expose_base64());
    let asked = &request.request_id;
    let refused = requester.receive_cleartext_send(&Cleartext { sender: alice() }, &content);
    assert!(matches!(&refused, SendRefused::Cleartext { request_id, .. } if request_id == asked));
    assert_eq!(
        refused.to_string(),
        "\"@alice:example.org\" sent a secret without encryption: it may be made up, and if it is \
         real, the homeserver can read it"
    );
    answer(&mut requester, PHONE, &request.request_id).unwrap();
}

// K-4: unpadded is written, padded is read too; anything else is no answer.
#[test]
fn a_malformed_secret_uses_up_the_answer_of_its_device_only() {
    let (mut requester, request) = asked(&[PHONE, LAPTOP, TABLET]);
    let malformed = |requester: &mut SecretRequester, from, secret: &str| {
        let content = send(&request.request_id, secret);
        requester.receive_send(&olm(from), &content, &known_to(BOT)).unwrap_err()
    };
    let refused = malformed(&mut requester, PHONE, "AAAA");
    assert!(matches!(refused, SendRefused::Malformed { secret: MAC, still_live: true, .. }));
    assert_eq!(
        refused.to_string(),
        "the device \"PHONE\" sent a malformed `org.matrix.msc4048.mac`: 32 bytes were expected, \
         and there are 3"
    );
    let refused = answer(&mut requester, PHONE, &request.request_id).unwrap_err();
    assert!(matches!(refused, SendRefused::NotAsked { .. }), "{refused}");

    let refused = malformed(&mut requester, LAPTOP, "not base64");
    assert!(matches!(refused, SendRefused::Malformed { still_live: true, .. }));
    assert_eq!(requester.live_requests().next().unwrap().asked, [&id(TABLET)]);
    let padded = send(&request.request_id, &format!("{}=", *mac_key().expose_base64()));
    let accepted = requester.receive_send(&olm(TABLET), &padded, &known_to(BOT)).unwrap();
    assert_eq!(accepted.cancellation, None);
}

#[test]
fn when_all_answers_are_malformed_the_request_is_over() {
    let (mut requester, request) = asked(&[PHONE]);
    let content = send(&request.request_id, "");
    let refused = requester.receive_send(&olm(PHONE), &content, &known_to(BOT)).unwrap_err();
    assert!(matches!(refused, SendRefused::Malformed { still_live: false, .. }), "{refused}");
    assert!(!is_live(&requester, &request));
    let refused = answer(&mut requester, PHONE, &request.request_id).unwrap_err();
    assert!(matches!(refused, SendRefused::AllMalformed { .. }), "{refused}");
}

// T-1: the decryption key is out only after it was compared with the backup.
#[test]
fn a_decryption_key_is_compared_with_the_backup() {
    let mut requester = SecretRequester::new();
    let devices = known_to(BOT);
    let request = requester.request_decryption_key(&ids(&[PHONE]), &devices, &mut rng()).unwrap();
    let content = send(&request.request_id, &decryption_key().expose_base64());
    let accepted = requester.receive_send(&olm(PHONE), &content, &devices).unwrap();
    let ReceivedSecret::DecryptionKey(received) = accepted.secret else { panic!() };
    assert_eq!(received.device_id(), &id(PHONE));
    let auth_data = AuthData::new(decryption_key().public_key());
    assert_eq!(received.check(&auth_data).unwrap(), decryption_key());
    let other = BackupDecryptionKey::from_slice(&[8; 32]).unwrap().public_key();
    let error = received.check(&AuthData::new(other)).unwrap_err();
    assert_eq!((error.found, error.expected), (decryption_key().public_key(), other));
}

// G-2: 32 bytes are 32 bytes; what they are is decided by what was asked for.
#[test]
fn what_was_asked_for_decides_the_type() {
    let mut requester = SecretRequester::new();
    let devices = known_to(BOT);
    let for_decryption_key =
        requester.request_decryption_key(&ids(&[PHONE]), &devices, &mut rng()).unwrap();
    let for_mac_key = ask(&mut requester, &[PHONE]).unwrap();
    let mut accept = |request: &OutgoingRequest| {
        let content = send(&request.request_id, &mac_key().expose_base64());
        requester.receive_send(&olm(PHONE), &content, &devices).unwrap().secret
    };
    assert!(matches!(accept(&for_mac_key), ReceivedSecret::MacKey(_)));
    assert!(matches!(accept(&for_decryption_key), ReceivedSecret::DecryptionKey(_)));
}

/// A random number generator that is broken.
struct AlwaysNine;

impl TryRng for AlwaysNine {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0x0909_0909)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0x0909_0909_0909_0909)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(9);
        Ok(())
    }
}

impl TryCryptoRng for AlwaysNine {}

#[test]
fn a_request_id_is_not_used_twice() {
    let mut requester = SecretRequester::new();
    let ask = |requester: &mut SecretRequester| {
        requester.request_decryption_key(&ids(&[PHONE]), &known_to(BOT), &mut AlwaysNine)
    };
    let request = ask(&mut requester).unwrap();
    assert_eq!(request.request_id.as_str(), "CQkJ".repeat(8));
    assert_eq!(ask(&mut requester).unwrap_err(), RequestError::RepeatedRequestId);
    requester.cancel(&request.request_id, &id(BOT)).unwrap();
    assert_eq!(ask(&mut requester).unwrap_err(), RequestError::RepeatedRequestId);
}

#[test]
fn live_requests_are_bounded() {
    let mut requester = SecretRequester::new();
    let first = ask(&mut requester, &[PHONE]).unwrap();
    let error = (0..1000).find_map(|_| ask(&mut requester, &[PHONE]).err()).unwrap();
    assert!(matches!(error, RequestError::TooManyLive { limit: 64, .. }));
    assert_eq!(requester.live_requests().count(), 64);
    requester.cancel(&first.request_id, &id(BOT)).unwrap();
    ask(&mut requester, &[PHONE]).unwrap();
}

#[test]
fn closed_requests_are_forgotten_in_the_end_and_stay_closed() {
    let (mut requester, first) = asked(&[PHONE]);
    for _ in 0..64 {
        let request = ask(&mut requester, &[PHONE]).unwrap();
        requester.cancel(&request.request_id, &id(BOT)).unwrap();
    }
    answer(&mut requester, PHONE, &first.request_id).unwrap();
    let refused = answer(&mut requester, PHONE, &first.request_id).unwrap_err();
    assert!(matches!(refused, SendRefused::AlreadyAnswered { .. }), "{refused}");
    for _ in 0..64 {
        let request = ask(&mut requester, &[PHONE]).unwrap();
        requester.cancel(&request.request_id, &id(BOT)).unwrap();
    }
    let refused = answer(&mut requester, PHONE, &first.request_id).unwrap_err();
    assert!(matches!(refused, SendRefused::NothingAsked { .. }), "{refused}");
}
