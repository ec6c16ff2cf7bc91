//! The way down, rule by rule: H, N-2, B-1, B-2, V2-6, V2-7, V2-10, V2-12.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use common::{V2, expected, reader, rng, room, sessions, vectors, walk};
use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey};
use matrix_key_backup_v2::{
    BackupReader, BackupWriter, BindError, RoomAssurance, SealError, SourcedSession,
    UnusableSessionData, UnverifiedSessionData, VerifyError,
};
use matrix_key_backup_wire::{
    BackupAlgorithm, CONTEXT_PROPERTY, Expected, Names, Provenance, RoomId, SessionDataV2,
    SessionId, UnauthenticatedSource, UserId,
};
use serde_json::{Value, json};

/// Seals a key whose plaintext carries these properties beside the usual ones, as a writer that
/// holds the MAC key and breaks the rules could.
fn sealed_with(reader: &BackupReader, properties: &[(&str, &str)]) -> (String, SessionDataV2) {
    let mut data = sessions().swap_remove(3);
    for (name, json) in properties {
        data.set_other_property(name, json).unwrap();
    }
    let plaintext = data.to_json();
    let message = matrix_key_backup_primitives::hazmat::encrypt(
        reader.public_key(),
        plaintext.as_bytes(),
        &mut rng(),
    )
    .unwrap();
    let encrypted = matrix_key_backup_wire::EncryptedSessionData::new(
        &message.ephemeral,
        message.ciphertext.clone(),
    );
    let mac = reader.mac_key().mac(encrypted.signable().as_bytes());
    (encrypted.to_json_with_backup_mac(&mac, Names::Stable), SessionDataV2::from(data))
}

fn own(index: usize) -> SourcedSession {
    SourcedSession::own_session(sessions().swap_remove(index), room(), None)
}

fn verify(json: &str, reader: &BackupReader) -> Result<(), VerifyError> {
    UnverifiedSessionData::parse(json, V2).unwrap().verify(reader.mac_key()).map(drop)
}

fn edited(json: &str, edit: impl FnOnce(&mut Value)) -> String {
    let mut value: Value = serde_json::from_str(json).unwrap();
    edit(&mut value);
    value.to_string()
}

#[test]
fn both_names_of_the_mac_must_hold() {
    let reader = reader(1);
    let sealed = reader.writer(Names::Unstable).seal(&own(0), &mut rng()).unwrap();
    let unstable = Names::Unstable.backup_mac();
    let both = edited(sealed.as_json(), |v| {
        v["unsigned"]["backup_mac"] = v["unsigned"][unstable].clone();
    });
    assert_eq!(verify(&both, &reader), Ok(())); // N-2
    let wrong = edited(&both, |v| v["unsigned"]["backup_mac"] = json!("A".repeat(43)));
    assert_eq!(verify(&wrong, &reader), Err(VerifyError::Wrong { name: "backup_mac" }));
    let null = edited(&both, |v| v["unsigned"][unstable] = Value::Null);
    assert_eq!(verify(&null, &reader), Err(VerifyError::Malformed { name: unstable }));
}

#[test]
fn key_without_mac_is_ignored_and_so_is_that_of_another_backup() {
    let (reader, other) = (reader(1), reader(2));
    let sealed = reader.writer(Names::Stable).seal(&own(0), &mut rng()).unwrap();
    let without = edited(sealed.as_json(), |v| drop(v.as_object_mut().unwrap().remove("unsigned")));
    assert_eq!(verify(&without, &reader), Err(VerifyError::Missing)); // V2-6
    assert!(!VerifyError::Missing.was_present());
    let wrong = verify(sealed.as_json(), &other).unwrap_err();
    assert_eq!(wrong, VerifyError::Wrong { name: "backup_mac" });
    assert!(wrong.was_present());
}

/// A server that knows only the public key can encrypt, and its key gets nowhere.
#[test]
fn forged_mac_is_never_decrypted() {
    let reader = reader(1);
    let server = BackupWriter::new(
        *reader.public_key(),
        BackupMacKey::from_slice(&[9; 32]).unwrap(),
        Names::Stable,
    );
    let planted = server.seal(&own(0), &mut rng()).unwrap();
    assert_eq!(verify(planted.as_json(), &reader), Err(VerifyError::Wrong { name: "backup_mac" }));
}

#[test]
fn valid_mac_in_a_v1_backup_does_not_authenticate() {
    let reader = reader(1);
    let sealed = reader.writer(Names::Stable).seal_hybrid(&own(0), &mut rng()).unwrap();
    let mac = serde_json::from_str::<Value>(sealed.as_json()).unwrap()["mac"].clone();
    assert_eq!(mac.as_str().unwrap().len(), 11); // V1-5: 8 bytes
    let bind = |algorithm| {
        UnverifiedSessionData::parse(sealed.as_json(), algorithm)
            .unwrap()
            .verify(reader.mac_key())
            .unwrap()
            .decrypt(&reader)
            .unwrap()
            .bind(&expected(own(0).data()))
            .unwrap()
    };
    let legacy = bind(BackupAlgorithm::V1);
    assert_eq!(
        *legacy.provenance(),
        Provenance::Unauthenticated(UnauthenticatedSource::LegacyV1) // H-3
    );
    assert_eq!(legacy.room_assurance(), RoomAssurance::ServersWord);
    assert!(bind(V2).provenance().is_authenticated());
    // H-1: `mac` is under the MAC; H-4: a right MAC over a wrong `mac` would be valid all the same.
    let changed = edited(sealed.as_json(), |v| v["mac"] = json!("AAAAAAAAAAA"));
    assert_eq!(verify(&changed, &reader), Err(VerifyError::Wrong { name: "backup_mac" }));
}

#[test]
fn key_filed_under_another_session_is_refused() {
    let reader = reader(1);
    let sealed = reader.writer(Names::Stable).seal(&own(0), &mut rng()).unwrap();
    let decrypted = UnverifiedSessionData::parse(sealed.as_json(), V2)
        .unwrap()
        .verify(reader.mac_key())
        .unwrap()
        .decrypt(&reader)
        .unwrap();
    let found = own(0).data().session_key().session_id();
    let moved = Expected {
        session_id: own(1).data().session_key().session_id(),
        ..expected(own(0).data())
    };
    assert_eq!(decrypted.bind(&moved).unwrap_err(), BindError::WrongSession { found }); // B-1
}

#[test]
fn context_is_held_to_every_part_of_what_it_says() {
    let reader = reader(1);
    let user = UserId::new("@me:example.org").unwrap();
    let key = SourcedSession::own_session(sessions().swap_remove(0), room(), Some(&user));
    let sealed = reader.writer(Names::Stable).seal(&key, &mut rng()).unwrap();
    let bind = |expected: &Expected| {
        UnverifiedSessionData::parse(sealed.as_json(), V2)
            .unwrap()
            .verify(reader.mac_key())
            .unwrap()
            .decrypt(&reader)
            .unwrap()
            .bind(expected)
            .map(|bound| bound.room_assurance())
    };
    let here = expected(key.data());
    assert_eq!(bind(&here), Ok(RoomAssurance::UnderMac));
    assert_eq!(
        bind(&Expected { user_id: Some(user.clone()), ..here.clone() }),
        Ok(RoomAssurance::UnderMac)
    );
    let room_id = RoomId::new("!elsewhere:example.org").unwrap();
    assert_eq!(
        bind(&Expected { room_id, ..here.clone() }),
        Err(BindError::WrongRoom { written_for: room() }) // B-2
    );
    let user_id = Some(UserId::new("@you:example.org").unwrap());
    assert_eq!(
        bind(&Expected { user_id, ..here }),
        Err(BindError::WrongUser { written_for: user }) // B-2
    );
}

#[test]
fn malformed_context_is_refused() {
    let reader = reader(1);
    let id = sessions().swap_remove(3).session_key().session_id();
    let other_session = format!(r#"{{"room_id":"{}","session_id":"other"}}"#, room());
    let no_room = format!(r#"{{"session_id":"{id}"}}"#);
    let bad_user = format!(r#"{{"room_id":"{}","session_id":"{id}","user_id":1}}"#, room());
    for context in ["null", "[]", "{}", "\"x\"", &no_room, &bad_user, &other_session] {
        let (json, data) = sealed_with(&reader, &[(CONTEXT_PROPERTY, context)]);
        let refused = UnverifiedSessionData::parse(&json, V2)
            .unwrap()
            .verify(reader.mac_key())
            .unwrap()
            .decrypt(&reader)
            .unwrap()
            .bind(&expected(&data))
            .unwrap_err();
        let told_apart = match refused {
            BindError::WrongContextSession { ref written_for } => {
                context == other_session && written_for.as_str() == "other"
            }
            BindError::MalformedContext(_) => context != other_session,
            _ => false,
        };
        assert!(told_apart, "{context}: {refused}"); // B-2
    }
}

#[test]
fn mark_that_is_no_string_means_unauthenticated() {
    let reader = reader(1);
    for value in ["null", "false", "0", "{}", "[]", r#""\ud800""#] {
        for names in Names::ALL {
            let (json, data) = sealed_with(&reader, &[(names.unauthenticated(), value)]);
            let bound = walk(&json, &reader, &expected(&data));
            assert_eq!(
                *bound.provenance(),
                Provenance::Unauthenticated(UnauthenticatedSource::Undefined), // V2-10
                "{value}"
            );
        }
    }
}

#[test]
fn either_name_of_the_mark_takes_the_authentication() {
    let reader = reader(1);
    for names in Names::ALL {
        let (json, data) = sealed_with(&reader, &[(names.unauthenticated(), r#""m.legacy-v1""#)]);
        let bound = walk(&json, &reader, &expected(&data));
        assert!(!bound.provenance().is_authenticated()); // N-2
    }
}

/// V2-7: with a wrong MAC the answer is the same whatever the ciphertext is, even where decoding
/// or decrypting it would fail.
#[test]
fn mac_is_judged_before_the_ciphertext_is_looked_at() {
    let reader = reader(1);
    let sealed = reader.writer(Names::Stable).seal(&own(0), &mut rng()).unwrap();
    for (name, value) in [
        ("ciphertext", json!("not base64!")),
        ("ciphertext", json!(1)),
        ("ephemeral", json!("A".repeat(43))), // a point of low order
        ("ephemeral", Value::Null),
    ] {
        let changed = edited(sealed.as_json(), |v| v[name] = value.clone());
        assert_eq!(
            verify(&changed, &reader),
            Err(VerifyError::Wrong { name: "backup_mac" }),
            "{name} {value}"
        );
    }
}

#[test]
fn right_mac_over_a_bad_message_says_what_is_bad() {
    let reader = reader(1);
    let sealed = reader.writer(Names::Stable).seal(&own(0), &mut rng()).unwrap();
    let resigned = |edit: &dyn Fn(&mut Value)| {
        let json = edited(sealed.as_json(), |v| {
            edit(v);
            drop(v.as_object_mut().unwrap().remove("unsigned"));
        });
        let received = matrix_key_backup_wire::ReceivedSessionData::parse(&json).unwrap();
        let mac = reader.mac_key().mac(received.signable().unwrap().as_bytes()).to_base64();
        let json = edited(&json, |v| v["unsigned"] = json!({ "backup_mac": mac }));
        UnverifiedSessionData::parse(&json, V2)
            .unwrap()
            .verify(reader.mac_key())
            .unwrap()
            .decrypt(&reader)
            .unwrap_err()
    };
    let padded = |v: &mut Value| {
        let text = format!("{}=", v["ephemeral"].as_str().unwrap());
        v["ephemeral"] = json!(text);
    };
    assert_eq!(resigned(&padded), UnusableSessionData::Malformed { name: "ephemeral" }); // V2-12
    assert_eq!(
        resigned(&|v| v["ephemeral"] = json!("A".repeat(43))),
        UnusableSessionData::LowOrderEphemeral // V1-7
    );
    assert_eq!(resigned(&|v| v["ciphertext"] = json!("AAAA")), UnusableSessionData::Undecryptable);
    assert_eq!(
        resigned(&|v| drop(v.as_object_mut().unwrap().remove("ciphertext"))),
        UnusableSessionData::Missing { name: "ciphertext" }
    );
}

#[test]
fn nothing_is_encrypted_to_a_public_key_of_low_order() {
    let public_key = matrix_key_backup_primitives::BackupPublicKey::from_slice(&[0; 32]).unwrap();
    let mac_key = BackupMacKey::from_slice(&[1; 32]).unwrap();
    let writer = BackupWriter::new(public_key, mac_key, Names::Stable);
    assert_eq!(writer.seal(&own(0), &mut rng()).unwrap_err(), SealError::LowOrderPublicKey);
}

/// Every case of the vectors, judged by what this project is to do with it.
#[test]
fn session_data_vectors() {
    let file = vectors("session_data_v2.json");
    let cases = file["vectors"].as_array().unwrap();
    assert!(cases.len() >= 121, "{} cases", cases.len());
    for case in cases {
        let ours = &case["ours"];
        let (outcome, provenance) = outcome_of(case);
        assert_eq!(ours["outcome"], outcome, "{}: {}", case["id"], case["description"]);
        if let Some(provenance) = provenance {
            let source = provenance.unauthenticated_source().map(UnauthenticatedSource::effective);
            assert_eq!(ours["authenticated"], provenance.is_authenticated(), "{}", case["id"]);
            assert_eq!(ours["unauthenticated"], json!(source), "{}", case["id"]);
        }
    }
}

fn outcome_of(case: &Value) -> (&'static str, Option<Provenance>) {
    let text = |name: &str| case[name].as_str().unwrap_or_else(|| panic!("{}: {name}", case["id"]));
    let key = BackupDecryptionKey::from_base64(text("decryption_key")).unwrap();
    let reader = BackupReader::new(key);
    let algorithm: BackupAlgorithm = text("backup_algorithm").parse().unwrap();
    let Ok(unverified) = UnverifiedSessionData::parse(text("session_data_raw"), algorithm) else {
        return ("rejected", None);
    };
    let Ok(verified) = unverified.verify(reader.mac_key()) else {
        return ("rejected", None);
    };
    let Ok(decrypted) = verified.decrypt(&reader) else {
        return ("unusable", None);
    };
    // A case names no session id: the first attempt tells which one is inside.
    let nowhere = Expected { session_id: SessionId::new("-").unwrap(), ..place() };
    let session_id = match decrypted.bind(&nowhere) {
        Err(BindError::WrongSession { found }) => found,
        other => panic!("{}: bound to nowhere: {other:?}", case["id"]),
    };
    match verified.decrypt(&reader).unwrap().bind(&Expected { session_id, ..place() }) {
        Ok(bound) => ("import", Some(bound.provenance().clone())),
        Err(_) => ("unusable", None),
    }
}

fn place() -> Expected {
    Expected { room_id: room(), session_id: SessionId::new("-").unwrap(), user_id: None }
}

#[test]
fn published_macs() {
    let file = vectors("published.json");
    let cases = file["vectors"].as_array().unwrap();
    let mut right = 0;
    for case in cases {
        let Some(expected) = case["expected_backup_mac"].as_str() else {
            let key = case["decryption_key"].as_str().unwrap();
            let reader = BackupReader::new(BackupDecryptionKey::from_base64(key).unwrap());
            let accepted = verify(&case["session_data"].to_string(), &reader).is_ok();
            assert_eq!(accepted, case["expected_by_publisher"] == "accept", "{}", case["id"]);
            right += usize::from(accepted);
            continue;
        };
        let key = case["decryption_key"].as_str().unwrap();
        let key = BackupDecryptionKey::from_base64(key).unwrap();
        let json = case["session_data"].to_string();
        let received = matrix_key_backup_wire::ReceivedSessionData::parse(&json).unwrap();
        let mac = key.mac_key().mac(received.signable().unwrap().as_bytes());
        assert_eq!(mac.to_base64(), expected, "{}", case["id"]);
        right += 1;
    }
    assert_eq!(right, 2);
}

#[test]
fn debug_shows_no_key() {
    let reader = reader(0xA5);
    let shown = format!("{reader:?} {:?}", reader.writer(Names::Stable));
    assert!(!shown.contains("165"), "{shown}");
    assert!(!shown.to_lowercase().contains("a5a5"), "{shown}");
    assert!(!shown.contains(&*reader.decryption_key().expose_base64()));
    assert!(!shown.contains(&*reader.mac_key().expose_base64()));
}

#[test]
fn ids_are_those_of_the_session_key() {
    let reader = reader(1);
    let key = own(5);
    let sealed = reader.writer(Names::Stable).seal(&key, &mut rng()).unwrap();
    let bound = walk(sealed.as_json(), &reader, &expected(key.data()));
    let id: &SessionId = bound.session_id();
    assert_eq!(*id, key.data().session_key().session_id());
}

/// A MAC key that somebody handed over says nothing about a backup with another decryption key.
#[test]
fn mac_key_and_decryption_key_belong_together() {
    let (mine, other) = (reader(1), reader(2));
    let mixed = BackupWriter::new(*mine.public_key(), other.mac_key().clone(), Names::Stable);
    let sealed = mixed.seal(&own(0), &mut rng()).unwrap();
    let verified = UnverifiedSessionData::parse(sealed.as_json(), V2)
        .unwrap()
        .verify(other.mac_key())
        .unwrap();
    assert_eq!(verified.decrypt(&mine).unwrap_err(), UnusableSessionData::OtherMacKey); // V2-7
}
