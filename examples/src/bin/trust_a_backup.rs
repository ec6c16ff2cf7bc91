//! May this backup be written to? A device signs the backup that it has begun; a second device takes
//! the first one's word for it, and nobody else's; and it notices when the server goes back.
//!
//! Needs `matrix-key-backup-primitives`, `-wire` and `-trust`. vodozemac stands for the devices' keys.
#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::error::Error;

use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_trust::{
    BackupDescription, Ed25519PublicKey, StepBack, TrustError, TrustState, TrustedBackup,
    TrustedSigners,
};
use matrix_key_backup_wire::{AuthData, BackupAlgorithm, Names, UserId};
use vodozemac::olm::Account;

const USER: &str = "@alice:example.org";
const PHONE: &str = "PHONEXXXXX";
const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);

fn main() -> Result<(), Box<dyn Error>> {
    // Alice's phone begins a backup, and signs what it tells the server about it.
    let phone = Account::new();
    let first = signed_by(&phone, &BackupDecryptionKey::random()?)?;

    // Her laptop has verified the phone some day. It has this key from its own store, not from the
    // server's list of devices, where anybody may stand.
    let key_of_phone = Ed25519PublicKey::from_base64(&phone.ed25519_key().to_base64())?;
    let signers = TrustedSigners::of(UserId::new(USER)?).with_verified_device(PHONE, key_of_phone);
    let mut state = TrustState::new(); // the laptop knows of no backup yet

    let trusted = TrustedBackup::from_signature(described("1", &first), &signers, &mut state)?;
    println!("the laptop may write: {}", trusted.reason());

    // The server names a key of its own, to read along, and signs it with a device of its own.
    let of_the_server = signed_by(&Account::new(), &BackupDecryptionKey::random()?)?;
    let said = described("2", &of_the_server);
    let refused = TrustedBackup::from_signature(said, &signers, &mut state);
    let Err(error @ TrustError::Signature(_)) = refused else {
        return Err("what the server signed was trusted".into());
    };
    println!("to the server's it may not: {error}");

    // Alice begins a new backup, because somebody has come by the old key. The laptop follows, and
    // stores what it has to remember before it writes anything.
    let second = signed_by(&phone, &BackupDecryptionKey::random()?)?;
    TrustedBackup::from_signature(described("2", &second), &signers, &mut state)?;
    let stored = serde_json::to_string(&state)?;

    // After a restart: the server has the old backup again, which is signed as well as ever.
    let mut state: TrustState = serde_json::from_str(&stored)?;
    let said = described("1", &first);
    let back = match TrustedBackup::from_signature(said, &signers, &mut state) {
        Err(TrustError::WentBack(back)) => back,
        other => return Err(format!("going back was not noticed: {other:?}").into()),
    };
    println!("it asks Alice first: {back}");
    assert_eq!(back.how, StepBack::OlderVersion); // T-4

    // Had she deleted the second one herself, her word would be enough.
    state.accept_going_back(&back);
    TrustedBackup::from_signature(said, &signers, &mut state)?;
    println!("on her word it may write to version 1 again");
    Ok(())
}

/// `auth_data` of a new backup, as the device uploads it.
fn signed_by(device: &Account, key: &BackupDecryptionKey) -> Result<AuthData, Box<dyn Error>> {
    let mut auth_data = AuthData::new(key.public_key());
    let signature = device.sign(auth_data.signable()?);
    auth_data.add_signature(USER, &format!("ed25519:{PHONE}"), &signature.to_base64());
    Ok(auth_data)
}

/// What the answer to `GET /room_keys/version` says.
fn described<'a>(version: &'a str, auth_data: &'a AuthData) -> BackupDescription<'a> {
    BackupDescription { version, algorithm: V2, auth_data }
}
