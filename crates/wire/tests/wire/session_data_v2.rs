//! Provenance, names and context in the plaintext of v2 (V2-8 to V2-11, N-1, N-2, B-2).

use matrix_key_backup_wire::{
    BindError, CONTEXT_PROPERTY, Context, Expected, MalformedContext, Names, Provenance, RoomId,
    SessionDataV2, SessionId, UnauthenticatedSource as Source, UserId,
};
use serde_json::Value;

use crate::support::{SESSION_ID, parse_plaintext};

const STABLE: &str = "unauthenticated";
const UNSTABLE: &str = "org.matrix.msc4048.unauthenticated";

fn data(more: &str) -> SessionDataV2 {
    parse_plaintext(more).into()
}

/// What may stand under one name, and what it counts as. // V2-9, V2-10
fn values() -> Vec<(Option<&'static str>, Option<Source>)> {
    vec![
        (None, None),
        (Some(r#""m.undefined""#), Some(Source::Undefined)),
        (Some(r#""m.legacy-v1""#), Some(Source::LegacyV1)),
        (Some(r#""m.leg\u0061cy-v1""#), Some(Source::LegacyV1)),
        (Some(r#""m.forwarded_room_key""#), Some(Source::ForwardedRoomKey)),
        (Some(r#""m.Legacy-V1""#), Some(Source::Other("m.Legacy-V1".to_owned()))),
        (Some(r#""org.example.tool""#), Some(Source::Other("org.example.tool".to_owned()))),
        (Some(r#""""#), Some(Source::Other(String::new()))),
        (Some(r#""\ud800""#), Some(Source::Undefined)),
        (Some("null"), Some(Source::Undefined)),
        (Some("true"), Some(Source::Undefined)),
        (Some("false"), Some(Source::Undefined)),
        (Some("0"), Some(Source::Undefined)),
        (Some("1.5"), Some(Source::Undefined)),
        (Some("[]"), Some(Source::Undefined)),
        (Some("{}"), Some(Source::Undefined)),
    ]
}

// N-2: authenticated only if both names are absent, whatever stands under either.
#[test]
fn all_combinations_of_both_names() {
    for (stable, stable_source) in values() {
        for (unstable, unstable_source) in values() {
            let members: Vec<_> = [(STABLE, stable), (UNSTABLE, unstable)]
                .into_iter()
                .filter_map(|(name, value)| Some(format!("\"{name}\":{}", value?)))
                .collect();
            let data = data(&members.join(","));
            let expected = match (&stable_source, &unstable_source) {
                (None, None) => Provenance::Authenticated,
                (Some(one), None) | (None, Some(one)) => Provenance::Unauthenticated(one.clone()),
                (Some(one), Some(other)) if one == other => {
                    Provenance::Unauthenticated(one.clone())
                }
                _ => Provenance::Unauthenticated(Source::Undefined),
            };
            assert_eq!(data.written_provenance(), expected, "{members:?}");
            let present: Vec<_> = data.unauthenticated_names_present().collect();
            assert_eq!(present.contains(&Names::Stable), stable.is_some());
            assert_eq!(present.contains(&Names::Unstable), unstable.is_some());
            // Kept as written. // V2-9
            assert_eq!(data.other_properties().get(STABLE), stable);
            assert_eq!(data.other_properties().get(UNSTABLE), unstable);
        }
    }
}

// A name in disguise is the name.
#[test]
fn escaped_names_count() {
    for more in [r#""\u0075nauthenticated":null"#, r#""org.matrix.msc4048.unauthenticate\u0064":1"#]
    {
        assert!(!data(more).written_provenance().is_authenticated(), "{more}");
    }
    for more in
        [r#""Unauthenticated":"x""#, r#""unauthenticated ":"x""#, r#""x":{"unauthenticated":1}"#]
    {
        assert!(data(more).written_provenance().is_authenticated(), "{more}");
    }
}

// M-1, N-1: both forms are removed, at most one is written.
#[test]
fn marks_are_replaced() {
    let sources = [
        None,
        Some(Source::LegacyV1),
        Some(Source::Undefined),
        Some(Source::Other("a\"b".to_owned())),
    ];
    for before in [
        "",
        r#""unauthenticated":1"#,
        r#""org.matrix.msc4048.unauthenticated":"x","unauthenticated":"y""#,
    ] {
        for source in &sources {
            for names in Names::ALL {
                let provenance =
                    source.clone().map_or(Provenance::Authenticated, Provenance::Unauthenticated);
                let marked = data(before).to_json_marked(&provenance, names);
                let again = SessionDataV2::parse(marked.as_bytes()).unwrap();
                assert_eq!(again.written_provenance(), provenance);
                let written: Value = serde_json::from_str(&marked).unwrap();
                let expected = source.as_ref().map(Source::as_written);
                assert_eq!(written.get(names.unauthenticated()).and_then(Value::as_str), expected);
                assert_eq!(written.get(names.other().unauthenticated()), None);
            }
        }
    }
}

fn context(user_id: Option<&str>) -> Context {
    Context {
        room_id: RoomId::new("!room:example.org").unwrap(),
        session_id: SessionId::new(SESSION_ID).unwrap(),
        user_id: user_id.map(|id| UserId::new(id).unwrap()),
    }
}

// B-2
#[test]
fn contexts_are_written_and_read() {
    for user_id in [None, Some("@user:example.org"), Some("\"\\\u{1}é")] {
        let mut data = data("");
        assert_eq!(data.context(), Ok(None));
        data.set_context(&context(user_id));
        assert_eq!(data.context(), Ok(Some(context(user_id))));
        let again = SessionDataV2::parse(data.to_json().as_bytes()).unwrap();
        assert_eq!(again.context(), Ok(Some(context(user_id))));
        data.remove_context();
        assert_eq!(data.context(), Ok(None));
        assert!(!data.to_json().contains("context"));
    }
}

// B-2
#[test]
fn malformed_contexts() {
    let cases = [
        "null",
        "true",
        "1",
        r#""!room:example.org""#,
        "[]",
        r#"[{"room_id":"r","session_id":"s"}]"#,
        "{}",
        r#"{"room_id":"r"}"#,
        r#"{"session_id":"s"}"#,
        r#"{"room_id":null,"session_id":"s"}"#,
        r#"{"room_id":"r","session_id":1}"#,
        r#"{"room_id":"","session_id":"s"}"#,
        r#"{"room_id":"r","session_id":""}"#,
        r#"{"room_id":"r","session_id":"s","user_id":null}"#,
        r#"{"room_id":"r","session_id":"s","user_id":["u"]}"#,
        r#"{"room_id":"r","session_id":"s","user_id":""}"#,
        r#"{"room_id":"\ud800","session_id":"s"}"#,
        r#"{"room_id":"r","session_id":"s","user_id":"\udc00"}"#,
        r#"{"Room_id":"r","session_id":"s"}"#,
    ];
    for text in cases {
        let data = data(&format!("\"{CONTEXT_PROPERTY}\":{text}"));
        assert!(matches!(data.context(), Err(MalformedContext::Property(_))), "{text}");
        // It is not lost either.
        assert_eq!(data.other_properties().get(CONTEXT_PROPERTY), Some(text));
    }
}

#[test]
fn contexts_may_say_more() {
    let data = data(&format!(
        r#""{CONTEXT_PROPERTY}":{{ "x":1.0, "s\u0065ssion_id":"{SESSION_ID}", "room_id":"!room:example.org" }}"#
    ));
    assert_eq!(data.context(), Ok(Some(context(None))));
}

/// B-2: a context that is written as ours writes it is not parsed to be compared, and one with another
/// property is. Both find the same.
#[test]
fn however_a_context_is_written_it_is_compared_with_its_place() {
    let rooms =
        ["r", "!room:example.org", "a\",\"x\":\"b", "a\\", "\u{1}é", "a\",\"session_id\":\"s"];
    let users = [None, Some("@u:example.org"), Some("@v:example.org"), Some("\"}"), Some("u\\\"")];
    let id = |text: &str| RoomId::new(text).unwrap();
    let user = |text: &str| UserId::new(text).unwrap();
    let mut found = [0; 3];
    for (written_room, written_user) in rooms.iter().flat_map(|room| users.map(|user| (room, user)))
    {
        let context =
            Context { room_id: id(written_room), user_id: written_user.map(user), ..context(None) };
        let json = context.to_json();
        let parsed = json.replacen('{', "{\"a\":0,", 1);
        let [quick, parsed] =
            [json, parsed].map(|json| data(&format!("\"{CONTEXT_PROPERTY}\":{json}")));
        for (room, owner) in rooms.iter().flat_map(|room| users.map(|user| (room, user))) {
            let place = Expected {
                room_id: id(room),
                session_id: SessionId::new(SESSION_ID).unwrap(),
                user_id: owner.map(user),
            };
            let outcome = place.check(&quick);
            assert_eq!(outcome, place.check(&parsed), "{written_room} {room} {owner:?}");
            let owner_is_right = owner.is_none() || written_user.is_none() || owner == written_user;
            let number = match outcome {
                Err(BindError::WrongRoom { written_for }) => {
                    assert!(room != written_room && written_for == context.room_id);
                    0
                }
                Err(BindError::WrongUser { written_for }) => {
                    assert!(!owner_is_right && Some(&written_for) == context.user_id.as_ref());
                    1
                }
                outcome => {
                    assert_eq!(outcome, Ok(true));
                    assert!(room == written_room && owner_is_right);
                    2
                }
            };
            found[number] += 1;
        }
    }
    // Of another room; of another owner; at its place.
    assert_eq!(found, [6 * 5 * 5 * 5, 6 * 4 * 3, 6 * (5 + 4 + 4)]);
    // No context of this place where another one's text goes on.
    let place = Expected { room_id: id("a"), session_id: context(None).session_id, user_id: None };
    for more in ["x", "}", " ", "\\\"", "\\u0061"] {
        let json = format!(r#"{{"room_id":"a{more}","session_id":"{SESSION_ID}"}}"#);
        let outcome = place.check(&data(&format!("\"{CONTEXT_PROPERTY}\":{json}")));
        assert!(outcome.is_err(), "{json}");
    }
}

// V2-11
#[test]
fn the_sender_of_a_bundle_is_remembered() {
    let sender = UserId::new("@a\"b:example.org").unwrap();
    let mut data = data("");
    assert_eq!(data.bundle_sender(), None);
    data.set_bundle_sender(&sender);
    let again = SessionDataV2::parse(data.to_json().as_bytes()).unwrap();
    assert_eq!(again.bundle_sender(), Some(sender));
}
