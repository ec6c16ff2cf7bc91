//! Many keys at once come out as each of them does alone, and what is wrong with one is no matter
//! to the others.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod common;

use common::{V2, expected, reader, rng, room, sessions};
use matrix_key_backup_primitives::{
    BackupPublicKey, EphemeralPublicKey, base64,
    hazmat::{self, Tier},
};
use matrix_key_backup_v2::{
    BackupReader, BackupWriter, SealError, SourcedSession, UnusableSessionData,
    UnverifiedSessionData, VerifiedSessionData, VerifyError,
};
use matrix_key_backup_wire::{
    EncryptedSessionData, Names, SessionDataError, SessionDataV2, SessionKeyError,
};

fn own(count: usize) -> Vec<SourcedSession> {
    let data = sessions().into_iter().cycle().take(count);
    data.map(|data| SourcedSession::own_session(data, room(), None)).collect()
}

fn verified<'a>(json: &'a str, reader: &BackupReader) -> VerifiedSessionData<'a> {
    UnverifiedSessionData::parse(json, V2).unwrap().verify(reader.mac_key()).unwrap()
}

// Around the 4 and the 8 that take turns or lie side by side, and more than fit at once.
#[test]
fn a_batch_comes_out_as_its_keys_do_alone() {
    for tier in Tier::available() {
        let reader = reader(1).on_tier(tier).unwrap();
        let writer = reader.writer(Names::Unstable);
        for count in [0, 1, 2, 3, 4, 5, 7, 8, 9, 17, 64, 300] {
            let keys = own(count);
            let sealed = writer.seal_batch(&keys, &mut rng()).unwrap();
            assert_eq!(sealed.len(), count);
            let entries: Vec<_> =
                sealed.iter().map(|sealed| verified(sealed.as_json(), &reader)).collect();
            let decrypted = VerifiedSessionData::decrypt_batch(&entries, &reader);
            assert_eq!(decrypted.len(), count, "{tier}");
            for ((entry, key), decrypted) in entries.iter().zip(&keys).zip(decrypted) {
                let place = expected(key.data());
                let bound = decrypted.unwrap().bind(&place).unwrap();
                let alone = entry.decrypt(&reader).unwrap().bind(&place).unwrap();
                assert_eq!(bound.data(), key.data(), "{tier}, {count}");
                assert_eq!(bound.data(), alone.data());
                assert_eq!(bound.provenance(), alone.provenance());
                assert_eq!(bound.room_assurance(), alone.room_assurance());
            }
        }
    }
}

/// An entry with a right MAC over whatever is in it.
fn with_mac(reader: &BackupReader, ephemeral: &EphemeralPublicKey, ciphertext: &[u8]) -> String {
    let encrypted = EncryptedSessionData::new(ephemeral, ciphertext.to_vec());
    let mac = reader.mac_key().mac(encrypted.signable().as_bytes());
    encrypted.to_json_with_backup_mac(&mac, Names::Unstable)
}

/// An entry with a right MAC over a key that ends in this instead of its public key.
fn with_another_public_key(
    reader: &BackupReader,
    session: &SourcedSession,
    public_key: [u8; 32],
) -> String {
    let key = session.data().session_key().expose_base64();
    let mut bytes = base64::decode_unpadded(&key).unwrap();
    bytes[133..].copy_from_slice(&public_key);
    let json = session.data().to_json_marked(session.provenance(), Names::Unstable);
    let json = json.replace(&*key, &base64::encode_unpadded(&bytes));
    let message = hazmat::encrypt(reader.public_key(), json.as_bytes(), &mut rng()).unwrap();
    with_mac(reader, &message.ephemeral, &message.ciphertext)
}

// V1-1, V1-7, V2-12, and a ciphertext that does not decrypt.
#[test]
fn what_cannot_be_decrypted_fails_alone() {
    Tier::available().for_each(what_cannot_be_decrypted_fails_alone_on);
}

fn what_cannot_be_decrypted_fails_alone_on(tier: Tier) {
    let reader = reader(1).on_tier(tier).unwrap();
    let sealed = reader.writer(Names::Unstable).seal_batch(&own(20), &mut rng()).unwrap();
    let mut json: Vec<_> = sealed.iter().map(|sealed| sealed.as_json().to_owned()).collect();
    let point = |fill| EphemeralPublicKey::from_slice(&[fill; 32]).unwrap();
    json[3] = with_mac(&reader, &point(0), &[0; 32]);
    json[9] = with_mac(&reader, &point(9), &[0; 17]);
    for no_point in [4, 10, 12] {
        json[no_point] = with_another_public_key(&reader, &own(20)[no_point], [2; 32]);
    }
    json[11] = with_another_public_key(&reader, &own(20)[11], [3; 32]);
    // The form comes before the point.
    let low_order = point(0).to_base64();
    for (at, ephemeral) in [(13, low_order.as_str()), (16, "x")] {
        let malformed = format!(r#"{{"ciphertext":"A=","ephemeral":"{ephemeral}"}}"#);
        let mac = reader.mac_key().mac(malformed.as_bytes()).to_base64();
        json[at] = malformed.replace('}', &format!(r#","unsigned":{{"backup_mac":"{mac}"}}}}"#));
    }
    let entries: Vec<_> = json.iter().map(|json| verified(json, &reader)).collect();
    for (at, result) in
        VerifiedSessionData::decrypt_batch(&entries, &reader).into_iter().enumerate()
    {
        let alone = entries[at].decrypt(&reader);
        assert_eq!(result.as_ref().err(), alone.as_ref().err(), "{at}");
        match at {
            3 => assert_eq!(result.unwrap_err(), UnusableSessionData::LowOrderEphemeral),
            9 => assert_eq!(result.unwrap_err(), UnusableSessionData::Undecryptable),
            13 | 16 => {
                let name = if at == 13 { "ciphertext" } else { "ephemeral" };
                assert_eq!(result.unwrap_err(), UnusableSessionData::Malformed { name });
            }
            4 | 10 | 12 => {
                let error = SessionDataError::SessionKey(SessionKeyError::PublicKey);
                assert_eq!(result.unwrap_err(), UnusableSessionData::NotARoomKey(error));
            }
            11 => assert!(result.is_ok()), // [3; 32] is a point
            _ => {
                let session = own(20).swap_remove(at);
                let data: &SessionDataV2 = session.data();
                assert_eq!(result.unwrap().bind(&expected(data)).unwrap().data(), data);
            }
        }
    }
}

// V2-6, V2-7: a batch has entries whose MAC is right, and no others: its type says so. A MAC that
// is right under another key says nothing here, and that entry fails alone too.
#[test]
fn an_entry_of_another_mac_key_fails_alone() {
    let (reader, other) = (reader(1), reader(2));
    let seal = |reader: &BackupReader| {
        reader.writer(Names::Unstable).seal_batch(&own(3), &mut rng()).unwrap()
    };
    let (ours, theirs) = (seal(&reader), seal(&other));
    let forged = UnverifiedSessionData::parse(theirs[1].as_json(), V2).unwrap();
    assert!(matches!(forged.verify(reader.mac_key()), Err(VerifyError::Wrong { .. })));
    let entries = [
        verified(ours[0].as_json(), &reader),
        verified(theirs[1].as_json(), &other),
        verified(ours[2].as_json(), &reader),
    ];
    let results = VerifiedSessionData::decrypt_batch(&entries, &reader);
    assert!(results[0].is_ok() && results[2].is_ok());
    assert_eq!(results[1].as_ref().unwrap_err(), &UnusableSessionData::OtherMacKey);
}

// V1-7
#[test]
fn nothing_is_sealed_to_a_point_of_low_order() {
    let low_order = BackupPublicKey::from_slice(&[0; 32]).unwrap();
    let writer = BackupWriter::new(low_order, reader(1).mac_key().clone(), Names::Unstable);
    let sealed = writer.seal_batch(&own(3), &mut rng());
    assert_eq!(sealed.unwrap_err(), SealError::LowOrderPublicKey);
}
