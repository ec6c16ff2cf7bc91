//! The walks of v1 and v2, over any text: as it is received, and, since no fuzzer finds a MAC,
//! with a right MAC put on it, and with the text as what was encrypted.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use matrix_key_backup_primitives::hazmat::{EphemeralSecretKey, MessageKeys};
use matrix_key_backup_primitives::{BackupDecryptionKey, base64};
use matrix_key_backup_v1::ReceivedKey;
use matrix_key_backup_v2::{
    BackupReader, BindError, BoundSession, UnverifiedSessionData, VerifiedSessionData,
};
use matrix_key_backup_wire::{
    BackupAlgorithm, Expected, Names, Provenance, ReceivedSessionData, RoomId, SessionId,
};

/// The key of most test vectors, which are the seeds.
static READER: LazyLock<BackupReader> = LazyLock::new(|| {
    let key = "EJTUkgEpAnki/Oidmog0jJmBbfB92CiXCUQSAVd6APk";
    BackupReader::new(BackupDecryptionKey::from_base64(key).expect("a key"))
});

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = str::from_utf8(input) {
        for algorithm in BackupAlgorithm::ALL {
            as_received(text, algorithm);
        }
        authenticated(text);
    }
    encrypted(input);
});

fn as_received(text: &str, algorithm: BackupAlgorithm) {
    if let Ok(unverified) = UnverifiedSessionData::parse(text, algorithm) {
        if let Ok(verified) = unverified.verify(READER.mac_key()) {
            open(&verified, algorithm);
        }
        let received = ReceivedKey::parse(text).expect("one parser for both walks");
        let decrypted = received.decrypt(READER.decryption_key());
        // Whether it is bound or not, a v1 key has no provenance to set: its type says so.
        decrypted.map(|session| session.bind(&place("A")).ok()).ok();
    }
}

/// Whatever has a canonical form can be authenticated, and then verifies (V2-4).
fn authenticated(text: &str) {
    let Ok(received) = ReceivedSessionData::parse(text) else { return };
    let Ok(signable) = received.signable() else { return };
    let mac = READER.mac_key().mac(signable.as_bytes()).to_base64();
    let open_object = signable.strip_suffix('}').expect("an object");
    let comma = if open_object == "{" { "" } else { "," };
    let text = format!("{open_object}{comma}\"unsigned\":{{\"backup_mac\":\"{mac}\"}}}}");
    let algorithm = BackupAlgorithm::V2(Names::Stable);
    // The MAC may have taken it over the limit of 1 MiB.
    let Ok(unverified) = UnverifiedSessionData::parse(&text, algorithm) else { return };
    let verified = unverified.verify(READER.mac_key()).expect("the MAC is right");
    open(&verified, algorithm);
}

fn encrypted(plaintext: &[u8]) {
    let ephemeral = EphemeralSecretKey::from_slice(&[7; 32]).expect("32 bytes");
    let keys = MessageKeys::for_sender(READER.public_key(), &ephemeral).expect("a good point");
    let ephemeral = ephemeral.public_key().to_base64();
    let ciphertext = base64::encode_unpadded(&keys.encrypt(plaintext));
    let v1_mac = keys.v1_mac().to_base64();
    authenticated(&format!(
        r#"{{"ciphertext":"{ciphertext}","ephemeral":"{ephemeral}","mac":"{v1_mac}"}}"#
    ));
}

/// Decrypts and binds, first where the key is not, then where it is.
fn open(verified: &VerifiedSessionData<'_>, algorithm: BackupAlgorithm) {
    let decrypt = || verified.decrypt(&READER).ok();
    let Some(decrypted) = decrypt() else { return };
    match decrypted.bind(&place("A")) {
        Err(BindError::WrongSession { found }) => {
            let bound = decrypt().and_then(|decrypted| decrypted.bind(&place(found.as_str())).ok());
            if let Some(session) = bound {
                imported(&session, algorithm);
            }
        }
        Err(_) => {}
        Ok(_) => panic!("no session has the id A (B-1)"),
    }
}

fn imported(session: &BoundSession, algorithm: BackupAlgorithm) {
    if algorithm == BackupAlgorithm::V1 {
        assert_ne!(*session.provenance(), Provenance::Authenticated, "V1-6");
    }
    let marked = session.data().unauthenticated_names_present().next().is_some();
    assert!(!(marked && session.provenance().is_authenticated()), "N-2, V2-10");
}

fn place(session_id: &str) -> Expected {
    Expected {
        room_id: RoomId::new("!fuzz:example.org").expect("not empty"),
        session_id: SessionId::new(session_id).expect("not empty"),
        user_id: None,
    }
}
