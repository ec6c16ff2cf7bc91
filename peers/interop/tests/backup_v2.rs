//! What deployed clients, which know v1 alone, make of ours (H-1, V2-3, B-2).

use interop::{DecryptionKey, new_sdk_sessions, place, sdk_plaintext, session_data};
use matrix_key_backup_v2::{BackupReader, SourcedSession, UnverifiedSessionData, VerifyError};
use matrix_key_backup_wire::{BackupAlgorithm, Names, UnauthenticatedSource};
use rand::rng;
use ruma::api::client::backup::EncryptedSessionData;
use serde_json::Value;

const NAMES: [Names; 2] = [Names::Stable, Names::Unstable];

/// H-1: a key with both MACs, in a v1 backup, is one that matrix-sdk-crypto reads, whether or not we
/// vouch for it and say so in the plaintext.
#[test]
fn matrix_sdk_crypto_reads_hybrid_keys() {
    let key = DecryptionKey::random();
    for session in new_sdk_sessions(10) {
        let (data, room_id) = (session_data(&session), place(&session).room_id);
        for names in NAMES {
            let writer = BackupReader::new(key.ours.clone()).writer(names);
            for sourced in [
                SourcedSession::own_session(data.clone(), room_id.clone(), None),
                SourcedSession::unvouched(data.clone(), room_id.clone()),
                SourcedSession::unauthenticated(
                    data.clone(),
                    UnauthenticatedSource::ForwardedRoomKey,
                    room_id.clone(),
                ),
            ] {
                let entry = writer.seal_hybrid(&sourced, &mut rng()).unwrap();
                let entry = serde_json::from_str(entry.as_json()).unwrap();
                let room_key = key.sdk.decrypt_session_data(entry).unwrap();
                assert_eq!(serde_json::to_value(&room_key).unwrap(), sdk_plaintext(&session));
            }
        }
    }
}

/// A key of a v2 backup has no `mac`, and no client that knows only v1 takes it for one of its own.
#[test]
fn a_v2_key_is_no_v1_key() {
    let key = DecryptionKey::random();
    let session = new_sdk_sessions(1).remove(0);
    for names in NAMES {
        let writer = BackupReader::new(key.ours.clone()).writer(names);
        let sourced = SourcedSession::unvouched(session_data(&session), place(&session).room_id);
        let entry = writer.seal(&sourced, &mut rng()).unwrap();
        assert!(serde_json::from_str::<EncryptedSessionData>(entry.as_json()).is_err());
    }
}

/// A trap: Ruma's type loses what it does not know, and with it the MAC.
#[test]
fn a_key_that_went_through_ruma_has_lost_its_mac() {
    let key = DecryptionKey::random();
    let session = new_sdk_sessions(1).remove(0);
    let reader = BackupReader::new(key.ours);
    let sourced = SourcedSession::unvouched(session_data(&session), place(&session).room_id);
    let entry = reader.writer(Names::Stable).seal_hybrid(&sourced, &mut rng()).unwrap();

    let algorithm = BackupAlgorithm::V2(Names::Stable);
    let received = UnverifiedSessionData::parse(entry.as_json(), algorithm).unwrap();
    assert!(received.verify(reader.mac_key()).is_ok());

    let through_ruma = serde_json::from_str::<EncryptedSessionData>(entry.as_json()).unwrap();
    let through_ruma = serde_json::to_value(&through_ruma).unwrap();
    assert_eq!(through_ruma.get("unsigned"), None::<&Value>);
    let through_ruma = through_ruma.to_string();
    let received = UnverifiedSessionData::parse(&through_ruma, algorithm).unwrap();
    assert_eq!(received.verify(reader.mac_key()).unwrap_err(), VerifyError::Missing);
}
