//! The device that is asked (G-1, G-2, G-4).

use matrix_key_backup_primitives::BackupMacKey;
use matrix_key_backup_secret_storage::sharing::{
    AnswerRefused, AnyOpenRequest, Arrival, Cleartext, Device, DeviceRefused, DeviceTrust,
    IdentityKey, Incoming, OlmEncrypted, OlmMessage, OpenRequest, OwnDevices, RequestRefused,
    SecretRequestContent, SecretResponder, SecretSendContent, SharedSecret,
};
use serde_json::{Value, json};

use crate::support::*;

const MAC: &str = "org.matrix.msc4048.mac";

fn receive(
    responder: &mut SecretResponder,
    content: &SecretRequestContent,
) -> Result<Incoming, RequestRefused> {
    responder.receive_request(&in_the_clear(), content, &known_to(PHONE))
}

/// PHONE has got this request of BOT for the MAC key.
fn opened(request_id: &str) -> (SecretResponder, OpenRequest<BackupMacKey>) {
    let mut responder = SecretResponder::new();
    let request = open(&mut responder, BOT, request_id).unwrap();
    (responder, request)
}

fn open(
    responder: &mut SecretResponder,
    device: &str,
    request_id: &str,
) -> Result<OpenRequest<BackupMacKey>, RequestRefused> {
    match receive(responder, &request(device, request_id, MAC))? {
        Incoming::Request(AnyOpenRequest::MacKey(request)) => Ok(request),
        other => panic!("{other:?}"),
    }
}

fn answer_refused(
    responder: &mut SecretResponder,
    request: OpenRequest<BackupMacKey>,
    devices: &OwnDevices,
) -> AnswerRefused {
    responder.answer(request, &mac_key(), devices).unwrap_err()
}

// G-1: the answer goes to the device that asked, inside Olm, with the id of the request.
#[test]
fn an_answer_goes_to_the_device_that_asked() {
    let (mut responder, request) = opened("1");
    assert_eq!((request.device_id(), request.request_id()), (&id(BOT), &request_id("1")));
    let message = responder.answer(request, &mac_key(), &known_to(PHONE)).unwrap();
    assert_eq!(message.event_type(), "m.secret.send");
    assert_eq!((message.device_id(), message.identity_key()), (&id(BOT), &key_of(BOT)));
    let expected = json!({ "request_id": "1", "secret": *mac_key().expose_base64() });
    assert_eq!(serde_json::from_str::<Value>(message.expose_content()).unwrap(), expected);
    let content = SecretSendContent::parse(message.expose_content()).unwrap();
    assert_eq!(content.request_id(), &request_id("1"));
}

// G-4: a holder answers to either name.
#[test]
fn each_name_opens_a_request_for_its_secret() {
    for secret in SharedSecret::ALL {
        let mut responder = SecretResponder::new();
        let incoming = receive(&mut responder, &request(BOT, "1", secret.as_str())).unwrap();
        let Incoming::Request(open) = incoming else { panic!() };
        let devices = known_to(PHONE);
        let (name, message) = match open {
            AnyOpenRequest::MacKey(open) => {
                (open.secret(), responder.answer(open, &mac_key(), &devices))
            }
            AnyOpenRequest::DecryptionKey(open) => {
                (open.secret(), responder.answer(open, &decryption_key(), &devices))
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(name, *secret);
        let sent: Value = serde_json::from_str(message.unwrap().expose_content()).unwrap();
        let expected = match secret {
            SharedSecret::MacKey(_) => mac_key().expose_base64(),
            SharedSecret::DecryptionKey => decryption_key().expose_base64(),
            other => panic!("{other}"),
        };
        assert_eq!(sent["secret"], *expected);
    }
}

#[test]
fn other_secrets_are_not_ours() {
    let mut responder = SecretResponder::new();
    let content = request(BOT, "1", "m.cross_signing.master");
    let refused = receive(&mut responder, &content).unwrap_err();
    assert_eq!(
        refused.to_string(),
        r#""m.cross_signing.master" is not a secret of the key backup"#
    );
    // Nor is it remembered: who else answers it does so on his own.
    assert!(matches!(receive(&mut responder, &content), Err(RequestRefused::UnknownSecret { .. })));
}

// G-2: none but verified devices of this user.
#[test]
fn only_verified_devices_of_this_user_are_heard() {
    let content = request(BOT, "1", MAC);
    let refused = |from: &Arrival, content: &SecretRequestContent, devices: &OwnDevices| {
        let mut responder = SecretResponder::new();
        let refused = responder.receive_request(from, content, devices).unwrap_err();
        assert_eq!(responder.open_requests().count(), 0);
        refused
    };
    let unverified = known_to_with(PHONE, BOT, |device| device.trust = DeviceTrust::Unverified);
    assert!(matches!(
        refused(&in_the_clear(), &content, &unverified),
        RequestRefused::Device(DeviceRefused::Unverified { .. })
    ));
    assert!(matches!(
        refused(&in_the_clear(), &content, &known_to_without(PHONE, BOT)),
        RequestRefused::Device(DeviceRefused::UnknownDevice { .. })
    ));
    let mut copied = all_known_to(PHONE);
    copied.push(Device { identity_key: key_of(BOT), ..device("EVIL", DeviceTrust::Unverified) });
    assert!(matches!(
        refused(&in_the_clear(), &content, &own(PHONE, copied)),
        RequestRefused::Device(DeviceRefused::SharedIdentityKey { .. })
    ));
    // Mallory, in the name of Alice's device and in that of his own.
    let from = Arrival::Cleartext(Cleartext { sender: mallory() });
    for device in [BOT, "MALLORY"] {
        assert!(matches!(
            refused(&from, &request(device, "1", MAC), &known_to(PHONE)),
            RequestRefused::Device(DeviceRefused::OtherUser { .. })
        ));
    }
}

// This device has asked all devices, itself among them.
#[test]
fn requests_of_this_very_device_are_refused() {
    let mut responder = SecretResponder::new();
    let refused = receive(&mut responder, &request(PHONE, "1", MAC)).unwrap_err();
    assert_eq!(refused, RequestRefused::Device(DeviceRefused::ThisDevice));
}

// A request may come inside Olm as well; then it must come from the device that it names.
#[test]
fn inside_olm_a_device_asks_in_its_own_name() {
    let mut responder = SecretResponder::new();
    let mut from = |sender: &str, content: &SecretRequestContent| {
        let from = Arrival::OlmEncrypted(olm(sender));
        responder.receive_request(&from, content, &known_to(PHONE))
    };
    let refused = from(LAPTOP, &request(BOT, "1", MAC)).unwrap_err();
    assert_eq!(refused.to_string(), r#"the device "LAPTOP" asks in the name of "BOT""#);
    assert!(from("UNKNOWN", &request(BOT, "1", MAC)).is_err());
    from(BOT, &request(BOT, "1", MAC)).unwrap();
    assert!(from(LAPTOP, &cancellation(BOT, "1")).is_err());
    let foreign =
        Arrival::OlmEncrypted(OlmEncrypted { sender: mallory(), sender_key: key_of(BOT) });
    let refused = responder.receive_request(&foreign, &request(BOT, "2", MAC), &known_to(PHONE));
    assert!(matches!(refused, Err(RequestRefused::Device(DeviceRefused::OtherUser { .. }))));
    assert_eq!(responder.open_requests().count(), 1);
}

#[test]
fn the_same_request_is_opened_and_answered_once() {
    let (mut responder, request) = opened("1");
    assert!(matches!(open(&mut responder, BOT, "1"), Err(RequestRefused::Repeated { .. })));
    let _ = responder.answer(request, &mac_key(), &known_to(PHONE)).unwrap();
    assert!(matches!(open(&mut responder, BOT, "1"), Err(RequestRefused::Repeated { .. })));
    // The same id of another device is another request.
    let other = open(&mut responder, LAPTOP, "1").unwrap();
    let message = responder.answer(other, &mac_key(), &known_to(PHONE)).unwrap();
    assert_eq!(message.device_id(), &id(LAPTOP));
}

// However often it is handed out, an open request is answered once.
#[test]
fn an_open_request_handed_out_twice_is_answered_once() {
    let (mut responder, request) = opened("1");
    let again = responder.open_requests().next().unwrap();
    assert_eq!(again, AnyOpenRequest::MacKey(open(&mut SecretResponder::new(), BOT, "1").unwrap()));
    let AnyOpenRequest::MacKey(again) = again else { panic!() };
    let _ = responder.answer(request, &mac_key(), &known_to(PHONE)).unwrap();
    let refused = answer_refused(&mut responder, again, &known_to(PHONE));
    assert!(matches!(refused, AnswerRefused::NotOpen { .. }), "{refused}");
}

#[test]
fn a_request_of_another_responder_is_not_answered() {
    let (_, request) = opened("1");
    let refused = answer_refused(&mut SecretResponder::new(), request, &known_to(PHONE));
    assert_eq!(refused.to_string(), r#"the request "1" of the device "BOT" is no longer open"#);
}

// An open request for one secret does not open the way to another of the same id.
#[test]
fn the_secret_must_be_that_of_the_open_request() {
    let (_, for_mac_key) = opened("1");
    let mut responder = SecretResponder::new();
    receive(&mut responder, &request(BOT, "1", "m.megolm_backup.v1")).unwrap();
    let refused = answer_refused(&mut responder, for_mac_key, &known_to(PHONE));
    assert!(matches!(refused, AnswerRefused::NotOpen { .. }), "{refused}");
}

// G-1: a cancellation before the answer is honoured.
#[test]
fn a_cancelled_request_is_not_answered() {
    let (mut responder, request) = opened("1");
    let incoming = receive(&mut responder, &cancellation(BOT, "1")).unwrap();
    let Incoming::Cancellation(cancelled) = incoming else { panic!() };
    assert_eq!((&cancelled.device_id, &cancelled.request_id), (&id(BOT), &request_id("1")));
    assert!(cancelled.was_open);
    assert_eq!(responder.open_requests().count(), 0);
    let refused = answer_refused(&mut responder, request, &known_to(PHONE));
    assert!(matches!(refused, AnswerRefused::NotOpen { .. }), "{refused}");
    assert!(matches!(open(&mut responder, BOT, "1"), Err(RequestRefused::Repeated { .. })));
}

#[test]
fn a_cancellation_that_overtakes_its_request_is_honoured() {
    let mut responder = SecretResponder::new();
    for _ in 0..2 {
        let incoming = receive(&mut responder, &cancellation(BOT, "1")).unwrap();
        assert!(matches!(incoming, Incoming::Cancellation(cancelled) if !cancelled.was_open));
    }
    assert!(matches!(open(&mut responder, BOT, "1"), Err(RequestRefused::Repeated { .. })));
    let _ = open(&mut responder, LAPTOP, "1").unwrap();
}

#[test]
fn a_cancellation_is_of_one_request_of_one_device() {
    let (mut responder, request) = opened("1");
    receive(&mut responder, &cancellation(BOT, "2")).unwrap();
    receive(&mut responder, &cancellation(LAPTOP, "1")).unwrap();
    let from = Arrival::Cleartext(Cleartext { sender: mallory() });
    let foreign = responder.receive_request(&from, &cancellation(BOT, "1"), &known_to(PHONE));
    assert!(matches!(foreign, Err(RequestRefused::Device(DeviceRefused::OtherUser { .. }))));
    let _ = responder.answer(request, &mac_key(), &known_to(PHONE)).unwrap();
}

// Closing a request gives nothing away, so a device that lost its verification may do it.
#[test]
fn a_device_that_lost_its_verification_may_still_cancel() {
    let (mut responder, _request) = opened("1");
    let devices = known_to_with(PHONE, BOT, |device| device.trust = DeviceTrust::Unverified);
    let mut cancel =
        |request| responder.receive_request(&in_the_clear(), &cancellation(BOT, request), &devices);
    assert!(
        matches!(cancel("1").unwrap(), Incoming::Cancellation(cancelled) if cancelled.was_open)
    );
    // What it says of others is not remembered.
    assert!(matches!(cancel("2"), Err(RequestRefused::Device(DeviceRefused::Unverified { .. }))));
}

// G-2: judged at the time of the answer, too.
#[test]
fn an_answer_is_judged_by_the_device_list_of_the_moment() {
    let mut copied = all_known_to(PHONE);
    copied.push(Device { identity_key: key_of(BOT), ..device("EVIL", DeviceTrust::Unverified) });
    let changes = [
        known_to_with(PHONE, BOT, |device| device.trust = DeviceTrust::Unverified),
        known_to_without(PHONE, BOT),
        known_to_with(PHONE, BOT, |device| device.user_id = mallory()),
        known_to_with(PHONE, BOT, |device| device.identity_key = key_of("NEW")),
        own(PHONE, copied),
    ];
    let refusals = changes.map(|devices| {
        let (mut responder, request) = opened("1");
        let refused = answer_refused(&mut responder, request, &devices).to_string();
        // The request is over: the device may ask again when it is verified again.
        assert_eq!(responder.open_requests().count(), 0);
        let _ = open(&mut responder, BOT, "2").unwrap();
        refused
    });
    let unknown = r#"the device "BOT" is not known; the list of devices may be out of date"#;
    assert_eq!(refusals[0], r#"the device "BOT" is not verified"#);
    assert_eq!(refusals[1], unknown);
    assert_eq!(refusals[2], unknown);
    assert_eq!(refusals[3], r#"the device "BOT" has another identity key than when it asked"#);
    assert!(refusals[4].starts_with("more than one device claims"), "{}", refusals[4]);
}

#[test]
fn a_declined_request_is_over() {
    let (mut responder, request) = opened("1");
    responder.decline(request);
    assert_eq!(responder.open_requests().count(), 0);
    assert!(matches!(open(&mut responder, BOT, "1"), Err(RequestRefused::Repeated { .. })));
}

// What is remembered is bounded, per device: one cannot make the requests of another forgotten.
#[test]
fn the_oldest_requests_of_a_device_are_forgotten_first() {
    let (mut responder, first) = opened("first");
    let laptops = open(&mut responder, LAPTOP, "1").unwrap();
    let requests: Vec<_> =
        (0..32).map(|number| open(&mut responder, BOT, &number.to_string()).unwrap()).collect();
    assert_eq!(responder.open_requests().count(), 33);
    let refused = answer_refused(&mut responder, first, &known_to(PHONE));
    assert!(matches!(refused, AnswerRefused::NotOpen { .. }), "{refused}");
    let answers: Vec<OlmMessage> = requests
        .into_iter()
        .chain([laptops])
        .map(|request| responder.answer(request, &mac_key(), &known_to(PHONE)).unwrap())
        .collect();
    assert_eq!(answers.len(), 33);
}

// G-2: whoever cancels requests that nobody made does not close one that was made.
#[test]
fn cancellations_of_unknown_requests_push_out_no_open_one() {
    let (mut responder, first) = opened("first");
    for number in 0..100 {
        let unknown = cancellation(BOT, &number.to_string());
        let Incoming::Cancellation(cancelled) = receive(&mut responder, &unknown).unwrap() else {
            panic!("not a cancellation");
        };
        assert!(!cancelled.was_open);
    }
    drop(responder.answer(first, &mac_key(), &known_to(PHONE)).unwrap());
    // Where all that are remembered are open, too.
    let (mut responder, first) = opened("first");
    (1..32).for_each(|number| drop(open(&mut responder, BOT, &number.to_string()).unwrap()));
    receive(&mut responder, &cancellation(BOT, "unknown")).unwrap();
    assert_eq!(responder.open_requests().count(), 32);
    drop(responder.answer(first, &mac_key(), &known_to(PHONE)).unwrap());
}

// G-2: what was answered stays answered, whatever is cancelled that nobody asked.
#[test]
fn cancellations_of_unknown_requests_push_out_no_answered_one() {
    let (mut responder, first) = opened("first");
    drop(responder.answer(first, &mac_key(), &known_to(PHONE)).unwrap());
    let (second, third) = (open(&mut responder, BOT, "2").unwrap(), "3");
    receive(&mut responder, &cancellation(BOT, "2")).unwrap();
    drop(second);
    for number in 0..100 {
        receive(&mut responder, &cancellation(BOT, &format!("unknown {number}"))).unwrap();
    }
    // Nor do those that were remembered, once there are requests: they are what goes.
    for number in 0..30 {
        drop(open(&mut responder, BOT, &format!("{third}{number}")).unwrap());
        receive(&mut responder, &cancellation(BOT, "one more")).unwrap();
        for closed in ["first", "2"] {
            let again = open(&mut responder, BOT, closed);
            assert!(matches!(again, Err(RequestRefused::Repeated { .. })), "{closed}, {number}");
        }
    }
    assert_eq!(responder.open_requests().count(), 30);
    let stored = serde_json::to_string(&responder).unwrap();
    let mut restarted: SecretResponder = serde_json::from_str(&stored).unwrap();
    receive(&mut restarted, &cancellation(BOT, "and one")).unwrap();
    assert!(matches!(open(&mut restarted, BOT, "first"), Err(RequestRefused::Repeated { .. })));
}

#[test]
fn devices_that_are_remembered_are_bounded() {
    let verified = |numbers: core::ops::Range<u8>| {
        let verified = |number: u8| Device {
            identity_key: IdentityKey::from_slice(&[number; 32]).unwrap(),
            ..device(&number.to_string(), DeviceTrust::CrossSigned)
        };
        own(PHONE, numbers.map(verified).collect())
    };
    let mut responder = SecretResponder::new();
    let mut ask = |number: u8, devices: &OwnDevices| {
        let content = request(&number.to_string(), "1", MAC);
        responder.receive_request(&in_the_clear(), &content, devices)
    };
    (0..64).for_each(|number| drop(ask(number, &verified(0..70)).unwrap()));
    let refused = ask(64, &verified(0..70)).unwrap_err();
    assert!(matches!(refused, RequestRefused::TooManyDevices { limit: 64, .. }), "{refused}");
    // Where one is gone, its requests are forgotten, and there is room for another.
    ask(64, &verified(1..70)).unwrap();
    assert_eq!(responder.open_requests().count(), 64);
}

// What comes from devices that are not verified leaves no trace, however much it is.
#[test]
fn unverified_devices_leave_no_trace() {
    let mut responder = SecretResponder::new();
    let before = serde_json::to_string(&responder).unwrap();
    let devices = known_to_with(PHONE, BOT, |device| device.trust = DeviceTrust::Unverified);
    for number in 0..1000 {
        for device in [BOT, "UNKNOWN", &format!("D{number}")] {
            let number = number.to_string();
            for content in [request(device, &number, MAC), cancellation(device, &number)] {
                responder.receive_request(&in_the_clear(), &content, &devices).unwrap_err();
            }
        }
    }
    assert_eq!(serde_json::to_string(&responder).unwrap(), before);
}
