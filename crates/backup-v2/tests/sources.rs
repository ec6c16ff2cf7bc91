//! Only a source that vouches leaves `unauthenticated` out (V2-8, V2-11), and what each writes.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use common::{expected, reader, rng, room, sessions, walk};
use matrix_key_backup_v2::{
    BoundSession, Forward, OlmSender, RoomAssurance, SourceMismatch, SourcedSession,
};
use matrix_key_backup_wire::{
    BackedUpSessionData, CONTEXT_PROPERTY, Names, Provenance, UnauthenticatedSource, UserId,
};

fn session() -> BackedUpSessionData {
    let vouchable = |data: &BackedUpSessionData| data.sender_claimed_keys().len() == 1;
    sessions().into_iter().find(vouchable).unwrap()
}

/// Seals, and reads back what a reader makes of it.
fn written(session: &SourcedSession, names: Names) -> BoundSession {
    let reader = reader(7);
    let sealed = reader.writer(names).seal(session, &mut rng()).unwrap();
    walk(sealed.as_json(), &reader, &expected(session.data()))
}

fn forward(trusted: bool, from_own_verified_device: bool) -> SourcedSession {
    SourcedSession::from_forward(
        session(),
        Forward { trusted, from_own_verified_device },
        room(),
        None,
    )
}

fn unauthenticated(source: UnauthenticatedSource) -> Provenance {
    Provenance::Unauthenticated(source)
}

#[test]
fn olm_room_key_is_vouched_for_and_names_its_room() {
    let data = session();
    let (curve25519, ed25519) = (
        data.sender_key().to_owned(),
        data.sender_claimed_keys().get("ed25519").unwrap().to_owned(),
    );
    let sender = OlmSender { curve25519: &curve25519, ed25519: &ed25519 };
    let user = UserId::new("@me:example.org").unwrap();
    let key = SourcedSession::from_olm_room_key(data, sender, room(), Some(&user)).unwrap();
    for names in Names::ALL {
        let bound = written(&key, names);
        assert_eq!(*bound.provenance(), Provenance::Authenticated); // V2-8 a
        assert_eq!(bound.room_assurance(), RoomAssurance::UnderMac); // B-2
        let context = bound.data().context().unwrap().unwrap();
        assert_eq!((context.room_id, context.user_id), (room(), Some(user.clone())));
        assert_eq!(bound.data().unauthenticated_names_present().count(), 0);
    }
}

#[test]
fn olm_room_key_of_another_sender_is_refused() {
    let data = session();
    let ed25519 = data.sender_claimed_keys().get("ed25519").unwrap().to_owned();
    let curve25519 = data.sender_key().to_owned();
    let offer = |curve25519: &str, ed25519: &str| {
        let sender = OlmSender { curve25519, ed25519 };
        SourcedSession::from_olm_room_key(session(), sender, room(), None).map(drop)
    };
    assert_eq!(offer(&curve25519, &ed25519), Ok(()));
    assert_eq!(offer(&ed25519, &ed25519), Err(SourceMismatch::SenderKey));
    assert_eq!(offer(&curve25519, &curve25519), Err(SourceMismatch::SenderClaimedKeys));
}

#[test]
fn olm_room_key_that_claims_more_keys_than_the_payload_is_refused() {
    let mut json: serde_json::Value = serde_json::from_str(&session().to_json()).unwrap();
    json["sender_claimed_keys"]["curve448"] = "x".into();
    let data = BackedUpSessionData::parse(json.to_string().as_bytes()).unwrap();
    let (curve25519, ed25519) = (
        data.sender_key().to_owned(),
        data.sender_claimed_keys().get("ed25519").unwrap().to_owned(),
    );
    let sender = OlmSender { curve25519: &curve25519, ed25519: &ed25519 };
    let refused = SourcedSession::from_olm_room_key(data, sender, room(), None).unwrap_err();
    assert_eq!(refused, SourceMismatch::SenderClaimedKeys);
}

#[test]
fn forward_is_vouched_for_only_if_trusted_and_from_the_own_verified_device() {
    assert!(written(&forward(true, true), Names::Stable).provenance().is_authenticated()); // V2-8 b
    for (trusted, own) in [(false, false), (true, false), (false, true)] {
        let bound = written(&forward(trusted, own), Names::Stable);
        assert_eq!(*bound.provenance(), unauthenticated(UnauthenticatedSource::ForwardedRoomKey));
        assert!(bound.data().context().unwrap().is_none());
    }
}

#[test]
fn own_session_is_vouched_for() {
    let own = SourcedSession::own_session(session(), room(), None);
    assert!(written(&own, Names::Unstable).provenance().is_authenticated()); // V2-8 d
}

#[test]
fn file_and_bundle_keys_are_undefined_and_the_bundle_sender_is_remembered() {
    let file = written(&SourcedSession::unvouched(session(), room()), Names::Stable);
    assert_eq!(*file.provenance(), unauthenticated(UnauthenticatedSource::Undefined)); // V2-11
    assert_eq!(file.room_assurance(), RoomAssurance::ServersWord);

    let inviter = UserId::new("@inviter:example.org").unwrap();
    let bundle = written(&SourcedSession::from_bundle(session(), &inviter, room()), Names::Stable);
    assert_eq!(*bundle.provenance(), unauthenticated(UnauthenticatedSource::Undefined));
    assert_eq!(bundle.data().bundle_sender(), Some(inviter));
}

/// What a key file may carry must not survive: neither a context nor a missing mark.
#[test]
fn file_cannot_smuggle_a_context_or_take_its_mark_off() {
    let mut data = session();
    let context = format!(
        r#"{{"room_id":"!other:example.org","session_id":"{}"}}"#,
        data.session_key().session_id()
    );
    data.set_other_property(CONTEXT_PROPERTY, &context).unwrap();
    data.set_other_property("unauthenticated", r#""org.example.custom""#).unwrap();
    data.set_other_property("org.matrix.msc4048.unauthenticated", "null").unwrap();
    data.set_other_property("org.example.kept", "[1.50,-0]").unwrap();
    for names in Names::ALL {
        let bound = written(&SourcedSession::unvouched(data.clone(), room()), names);
        assert!(bound.data().context().unwrap().is_none()); // B-2
        let present: Vec<_> = bound.data().unauthenticated_names_present().collect();
        assert_eq!(present, [names]); // N-1: one name, the target's
        assert_eq!(*bound.provenance(), unauthenticated(UnauthenticatedSource::Undefined));
        assert_eq!(bound.data().other_properties().get("org.example.kept"), Some("[1.50,-0]"));
    }
}

#[test]
fn restored_key_keeps_its_provenance_and_its_context() {
    let own = SourcedSession::own_session(session(), room(), None);
    let again = SourcedSession::restored(written(&own, Names::Unstable));
    let bound = written(&again, Names::Stable);
    assert!(bound.provenance().is_authenticated()); // V2-8 c
    assert_eq!(bound.room_assurance(), RoomAssurance::UnderMac);

    let custom = UnauthenticatedSource::Other("org.example.custom".into());
    let marked = SourcedSession::unauthenticated(session(), custom.clone(), room());
    let again = SourcedSession::restored(written(&marked, Names::Unstable));
    let bound = written(&again, Names::Stable);
    assert_eq!(*bound.provenance(), unauthenticated(custom)); // V2-9: kept as written
    assert_eq!(bound.data().unauthenticated_names_present().collect::<Vec<_>>(), [Names::Stable]);
}

#[test]
fn v1_key_is_marked_legacy_and_otherwise_unchanged() {
    let mut data = session();
    data.set_other_property("unauthenticated", r#""m.undefined""#).unwrap();
    data.set_other_property("x", "1e400").unwrap();
    let bound = written(&SourcedSession::migrated_from_v1(data.clone(), room()), Names::Unstable);
    assert_eq!(*bound.provenance(), unauthenticated(UnauthenticatedSource::LegacyV1)); // M-1
    assert_eq!(bound.data().other_properties().get("x"), Some("1e400")); // M-2
    assert_eq!(bound.data().session_key(), data.session_key());
    assert!(bound.data().context().unwrap().is_none()); // nothing of B-2 is added
}

/// V2-8 c, through a client's own store.
mod records {
    use matrix_key_backup_v2::{OtherSession, VouchRecord};

    use super::*;

    fn again(data: BackedUpSessionData, record: VouchRecord) -> BoundSession {
        written(&SourcedSession::from_record(data, record).unwrap(), Names::Stable)
    }

    #[test]
    fn record_brings_provenance_and_room_back() {
        let own = SourcedSession::own_session(session(), room(), None);
        let bound = written(&own, Names::Unstable);
        let stored = serde_json::to_string(&bound.vouch_record()).unwrap();
        let record: VouchRecord = serde_json::from_str(&stored).unwrap();
        let bound = again(bound.into_data().into(), record);
        assert!(bound.provenance().is_authenticated());
        assert_eq!(bound.room_assurance(), RoomAssurance::UnderMac);

        let marked = written(&forward(false, false), Names::Stable);
        let bound = again(session(), marked.vouch_record());
        assert_eq!(*bound.provenance(), unauthenticated(UnauthenticatedSource::ForwardedRoomKey));
    }

    /// Another export of the same session by the same sender may be anybody's.
    #[test]
    fn record_vouches_for_no_other_key() {
        let own = SourcedSession::own_session(session(), room(), None);
        let record = written(&own, Names::Stable).vouch_record();
        let edited = |edit: &dyn Fn(&mut serde_json::Value)| {
            let mut json: serde_json::Value = serde_json::from_str(&session().to_json()).unwrap();
            edit(&mut json);
            BackedUpSessionData::parse(json.to_string().as_bytes()).unwrap()
        };
        for other in [
            edited(&|json| json["sender_key"] = "other".into()),
            edited(&|json| json["sender_claimed_keys"]["ed25519"] = "other".into()),
            edited(&|json| {
                let key = json["session_key"].as_str().unwrap().to_owned();
                let changed = if &key[60..61] == "A" { "B" } else { "A" };
                json["session_key"] = format!("{}{changed}{}", &key[..60], &key[61..]).into();
            }),
        ] {
            let refused = SourcedSession::from_record(other, record.clone()).unwrap_err();
            assert_eq!(refused, OtherSession);
        }
    }

    /// Nothing that is missing may mean that a key is authenticated.
    #[test]
    fn record_without_its_word_is_none() {
        let own = SourcedSession::own_session(session(), room(), None);
        let record = written(&own, Names::Stable).vouch_record();
        let mut json = serde_json::to_value(record).unwrap();
        json["vouched"] = serde_json::Value::Null;
        assert!(serde_json::from_value::<VouchRecord>(json.clone()).is_err());
        json.as_object_mut().unwrap().remove("vouched");
        assert!(serde_json::from_value::<VouchRecord>(json).is_err());
    }

    /// A context that nobody vouched for does not come under the MAC with the key.
    #[test]
    fn record_of_a_key_without_context_takes_none_along() {
        let mut data = session();
        let context = format!(
            r#"{{"room_id":"{}","session_id":"{}"}}"#,
            room(),
            data.session_key().session_id()
        );
        let marked = written(&SourcedSession::unvouched(data.clone(), room()), Names::Stable);
        data.set_other_property(CONTEXT_PROPERTY, &context).unwrap();
        let bound = again(data, marked.vouch_record());
        assert!(bound.data().context().unwrap().is_none());
    }
}

/// V2-11: who sent a bundle is known from the bundle, and from nothing that a file says.
#[test]
fn file_cannot_name_a_bundle_sender() {
    let mut data = session();
    data.set_other_property(
        matrix_key_backup_wire::BUNDLE_SENDER_PROPERTY,
        r#""@boss:example.org""#,
    )
    .unwrap();
    for key in [
        SourcedSession::unvouched(data.clone(), room()),
        SourcedSession::own_session(data, room(), None),
    ] {
        assert!(written(&key, Names::Stable).data().bundle_sender().is_none());
    }
}
