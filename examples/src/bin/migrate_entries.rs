//! Takes the entries of an old backup over into an authenticated one, entry by entry, with the pure
//! migration module: no store, no order of steps, only what becomes of each (M-1 to M-3).
//!
//! Needs `matrix-key-backup` without any of its features. vodozemac makes the sessions.
#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::{collections::BTreeMap, error::Error};

use getrandom::SysRng;
use matrix_key_backup::{
    migration::{Migration, MigrationAction},
    primitives::BackupDecryptionKey,
    v1,
    v2::{BackupReader, SourcedSession},
    wire::{BackedUpSessionData, BackupAlgorithm, Expected, MegolmSessionExport, Names, RoomId},
};
use rand_core::UnwrapErr;
use vodozemac::{
    megolm::{GroupSession, InboundGroupSession, SessionConfig},
    olm::Account,
};

/// One entry of the old backup: what it is, `session_data`, and where it was found.
type OldEntry = (&'static str, String, Expected);

fn main() -> Result<(), Box<dyn Error>> {
    let reader = BackupReader::new(BackupDecryptionKey::random()?);
    let mut rng = UnwrapErr(SysRng);

    println!("from v1 to v2 with unstable names:");
    let to_v2 = Migration::new(reader.clone(), BackupAlgorithm::V1, reader.writer(Names::Unstable));
    let (mut kept, mut left_behind) = (Vec::new(), 0);
    for (what, session_data, found_at) in old_backup(&reader)? {
        match to_v2.migrate(&session_data, &found_at, &mut rng) {
            Ok(new) => {
                println!("  {what}: {:?}, {}", new.action, new.provenance());
                kept.push((what, new, found_at));
            }
            // It stays in the old backup, which is why nobody deletes that in passing (M-5, M-7).
            Err(reason) => {
                println!("  {what}: stays behind, {reason}");
                left_behind += 1;
            }
        }
    }
    let actions: Vec<_> = kept.iter().map(|(_, new, _)| new.action).collect();
    assert_eq!(actions, [MigrationAction::Reencrypted, MigrationAction::Unchanged]);
    assert_eq!(left_behind, 1);

    println!("and, once the proposal is accepted, to stable names:");
    let unstable = BackupAlgorithm::V2(Names::Unstable);
    let to_stable = Migration::new(reader.clone(), unstable, reader.writer(Names::Stable));
    for (what, entry, found_at) in kept {
        let new = to_stable.migrate(&entry.session_data, &found_at, &mut rng)?;
        println!("  {what}: {:?}, {}", new.action, new.provenance());
        // Migration makes no key better than it was, and none worse.
        assert_eq!(new.provenance(), entry.provenance());
    }
    Ok(())
}

/// A backup of v1 with three entries. Nobody can tell who wrote the first; beside the second, a
/// client that knew MSC4048 put a MAC (H-1); the third is damaged.
fn old_backup(reader: &BackupReader) -> Result<Vec<OldEntry>, Box<dyn Error>> {
    let room_id = RoomId::new("!room:example.org")?;
    let mut rng = UnwrapErr(SysRng);
    let found = |session: &BackedUpSessionData| Expected {
        room_id: room_id.clone(),
        session_id: session.session_key().session_id(),
        user_id: None,
    };

    let session = new_session()?;
    let plain = v1::encrypt(reader.public_key(), &session, &mut rng)?.as_json().to_owned();
    let damaged = plain.replacen(r#""mac":""#, r#""mac":"AAAA"#, 1);
    let own = SourcedSession::own_session(new_session()?, room_id.clone(), None);
    let with_mac = reader.writer(Names::Unstable).seal_hybrid(&own, &mut rng)?;
    Ok(vec![
        ("plain", plain, found(&session)),
        ("with a MAC", with_mac.as_json().to_owned(), found(own.data())),
        ("damaged", damaged, found(&session)),
    ])
}

/// A room key as a client has it.
fn new_session() -> Result<BackedUpSessionData, Box<dyn Error>> {
    let device = Account::new();
    let session = GroupSession::new(SessionConfig::version_1());
    let session = InboundGroupSession::new(&session.session_key(), SessionConfig::version_1());
    Ok(BackedUpSessionData::new(
        MegolmSessionExport::from_base64(&session.export_at_first_known_index().to_base64())?,
        device.curve25519_key().to_base64(),
        BTreeMap::from([("ed25519".to_owned(), device.ed25519_key().to_base64())]),
        Vec::new(),
    ))
}
