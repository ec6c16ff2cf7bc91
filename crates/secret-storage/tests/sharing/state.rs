//! What is stored over restarts.

use matrix_key_backup_secret_storage::sharing::{
    AnyOpenRequest, Incoming, MacKeyRequested, RequestRefused, SecretRequester, SecretResponder,
    SendRefused,
};
use matrix_key_backup_wire::Names;
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::support::*;

fn restarted<T: Serialize + DeserializeOwned>(machine: &T) -> T {
    serde_json::from_str(&serde_json::to_string(machine).unwrap()).unwrap()
}

fn requester() -> SecretRequester {
    let mut requester = SecretRequester::new();
    let (recipients, devices) = (ids(&[PHONE, LAPTOP]), known_to(BOT));
    let mut ask = || {
        let names = Names::Unstable;
        requester.request_mac_key(None, names, &recipients, &devices, &mut rng()).unwrap()
    };
    let (MacKeyRequested::Asked(first), _) = (ask(), ask()) else { panic!() };
    requester.cancel(&first.request_id, &id(BOT)).unwrap();
    requester
}

fn responder() -> SecretResponder {
    let mut responder = SecretResponder::new();
    let mut receive = |content| {
        responder.receive_request(&in_the_clear(), &content, &known_to(PHONE)).unwrap();
    };
    receive(request(BOT, "1", "m.megolm_backup.v1.mac"));
    receive(cancellation(BOT, "2"));
    receive(request(LAPTOP, "1", "m.megolm_backup.v1"));
    responder
}

#[test]
fn requests_that_were_made_survive_a_restart() {
    let before = requester();
    let live = before.live_requests().next().unwrap().request_id.clone();
    let mut after = restarted(&before);
    assert!(after.live_requests().eq(before.live_requests()));
    let content = send(&live, &mac_key().expose_base64());
    after.receive_send(&olm(PHONE), &content, &known_to(BOT)).unwrap();
    // Nor is an answer accepted again after another restart.
    let mut after = restarted(&after);
    let refused = after.receive_send(&olm(LAPTOP), &content, &known_to(BOT)).unwrap_err();
    assert!(matches!(refused, SendRefused::AlreadyAnswered { .. }), "{refused}");
}

#[test]
fn requests_that_were_received_survive_a_restart() {
    let before = responder();
    let mut after = restarted(&before);
    assert!(after.open_requests().eq(before.open_requests()));
    assert_eq!(after.open_requests().count(), 2);
    for seen in ["1", "2"] {
        let content = request(BOT, seen, "m.megolm_backup.v1.mac");
        let refused = after.receive_request(&in_the_clear(), &content, &known_to(PHONE));
        assert!(matches!(refused, Err(RequestRefused::Repeated { .. })));
    }
    let open = after.open_requests().find_map(|open| match open {
        AnyOpenRequest::MacKey(open) => Some(open),
        _ => None,
    });
    let message = after.answer(open.unwrap(), &mac_key(), &known_to(PHONE)).unwrap();
    assert_eq!(message.device_id(), &id(BOT));
}

// The key that a device had when it asked is remembered as well.
#[test]
fn a_restart_does_not_make_another_identity_key_pass() {
    let mut after = restarted(&responder());
    let devices = known_to_with(PHONE, BOT, |device| device.identity_key = key_of("NEW"));
    let AnyOpenRequest::MacKey(open) = after.open_requests().next().unwrap() else { panic!() };
    after.answer(open, &mac_key(), &devices).unwrap_err();
}

#[test]
fn the_form_is_versioned_json_without_secrets() {
    let state = serde_json::to_value(responder()).unwrap();
    let key = |name: &str| key_of(name).to_base64();
    let expected = json!({
        "version": 1,
        "requests": {
            "BOT": [
                {
                    "request_id": "1",
                    "open": { "secret": "m.megolm_backup.v1.mac", "identity_key": key(BOT) },
                },
                { "request_id": "2", "open": null, "never_asked": true },
            ],
            "LAPTOP": [
                {
                    "request_id": "1",
                    "open": { "secret": "m.megolm_backup.v1", "identity_key": key(LAPTOP) },
                },
            ],
        },
    });
    assert_eq!(state, expected);
    let state = serde_json::to_value(requester()).unwrap();
    let (live, closed) = (state["live"].as_object().unwrap(), &state["closed"][0]);
    let expected = json!({
        "secret": "org.matrix.msc4048.mac",
        "asked": { "LAPTOP": key(LAPTOP), "PHONE": key(PHONE) },
    });
    assert_eq!((&state["version"], live.values().next()), (&json!(1), Some(&expected)));
    assert_eq!(closed["how"], "cancelled");
}

fn requester_error(state: &Value) -> String {
    serde_json::from_str::<SecretRequester>(&state.to_string()).unwrap_err().to_string()
}

fn responder_error(state: &Value) -> String {
    serde_json::from_str::<SecretResponder>(&state.to_string()).unwrap_err().to_string()
}

#[test]
fn another_version_is_refused() {
    for version in [json!(0), json!(2), json!("1"), json!(null), json!(256)] {
        let (mut one, mut other) = (
            serde_json::to_value(requester()).unwrap(),
            serde_json::to_value(responder()).unwrap(),
        );
        (one["version"], other["version"]) = (version.clone(), version.clone());
        let errors = [requester_error(&one), responder_error(&other)];
        if version == json!(2) {
            let expected = "state of version 2, and only version 1 is understood";
            assert!(errors.iter().all(|error| error.starts_with(expected)), "{errors:?}");
        }
    }
}

#[test]
fn state_that_was_never_written_is_refused() {
    let key = key_of(PHONE).to_base64();
    let live = json!({ "secret": "org.matrix.msc4048.mac", "asked": { "PHONE": key } });
    let many_live: serde_json::Map<_, _> =
        (0..65).map(|number| (number.to_string(), live.clone())).collect();
    let closed = |id: &str| json!({ "request_id": id, "how": "answered" });
    let many_closed: Vec<_> = (0..65).map(|number| closed(&number.to_string())).collect();
    let too_much = "more is in the state than was ever written";
    for (live, closed, expected) in [
        (json!(many_live), json!([]), too_much),
        (json!({}), json!(many_closed), too_much),
        (json!({ "1": live }), json!([closed("1")]), "a request is in the state twice"),
        (json!({}), json!([closed("1"), closed("1")]), "a request is in the state twice"),
        (
            json!({ "1": { "secret": "org.matrix.msc4048.mac", "asked": {} } }),
            json!([]),
            "a request in the state was sent to nobody",
        ),
        (json!({ "": live }), json!([]), "it must not be empty"),
        (json!({}), json!([{ "request_id": "1", "how": "otherwise" }]), "unknown variant"),
    ] {
        let error = requester_error(&json!({ "version": 1, "live": live, "closed": closed }));
        assert!(error.contains(expected), "{error}");
    }

    let seen = |id: &str| json!({ "request_id": id, "open": null });
    let many: Vec<_> = (0..33).map(|number| seen(&number.to_string())).collect();
    let many_devices: serde_json::Map<_, _> =
        (0..65).map(|number| (number.to_string(), json!([]))).collect();
    let unknown = json!({ "secret": "m.cross_signing.master", "identity_key": key });
    let short = json!({ "secret": "m.megolm_backup.v1", "identity_key": "AAAA" });
    for (requests, expected) in [
        (json!({ "PHONE": many }), too_much),
        (json!(many_devices), too_much),
        (json!({ "PHONE": [seen("1"), seen("1")] }), "a request is in the state twice"),
        (json!({ "PHONE": [{ "request_id": "1", "open": unknown }] }), "unknown secret"),
        (json!({ "PHONE": [{ "request_id": "1", "open": short }] }), "has 32 bytes"),
        (json!({ "PHONE": [{ "request_id": "1", "open": null, "more": 1 }] }), "unknown field"),
    ] {
        let error = responder_error(&json!({ "version": 1, "requests": requests }));
        assert!(error.contains(expected), "{error}");
    }
}

/// Any JSON, with names that occur in states.
fn any_state() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        (0..3u8).prop_map(Value::from),
        prop::sample::select(vec!["", "1", "answered", "org.matrix.msc4048.mac", "AAAA"])
            .prop_map(Value::from),
        Just(Value::from(key_of(PHONE).to_base64())),
    ];
    let names = ["version", "live", "closed", "requests", "PHONE", "secret", "asked", "open"];
    let name = prop::sample::select([names.as_slice(), &["request_id", "how", "1", ""]].concat());
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name.clone().prop_map(String::from), inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    // Hostile state is an error, or a state; never a panic.
    #[test]
    fn any_state_is_read_or_refused(state in any_state()) {
        let mut state = state;
        if let Some(state) = state.as_object_mut() {
            state.insert("version".into(), json!(1));
        }
        if let Ok(machine) = serde_json::from_value::<SecretRequester>(state.clone()) {
            prop_assert_eq!(serde_json::to_value(machine).unwrap()["version"].clone(), json!(1));
        }
        let _ = serde_json::from_value::<SecretResponder>(state);
    }

    // A state that was changed in one place is read or refused; what is read can be worked with.
    #[test]
    fn a_changed_state_is_read_or_refused(
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut state = serde_json::to_vec(&responder()).unwrap();
        let place = place.index(state.len());
        state[place] = byte;
        if let Ok(mut machine) = serde_json::from_slice::<SecretResponder>(&state) {
            let open: Vec<_> = machine.open_requests().collect();
            for open in open {
                if let AnyOpenRequest::MacKey(open) = open {
                    let _ = machine.answer(open, &mac_key(), &known_to(PHONE));
                }
            }
            let content = request(TABLET, "9", "m.megolm_backup.v1");
            let incoming = machine.receive_request(&in_the_clear(), &content, &known_to(PHONE));
            prop_assert!(matches!(incoming, Ok(Incoming::Request(_))));
        }
    }
}
