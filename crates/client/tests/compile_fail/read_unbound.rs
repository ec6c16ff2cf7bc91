//! B-1, B-2: a decrypted key shows nothing before it was compared with its place.
use matrix_key_backup::v2::DecryptedSessionData;
use matrix_key_backup::BackedUpSession;

fn read(decrypted: &DecryptedSessionData) {
    let _ = decrypted.data();
}

fn import(decrypted: DecryptedSessionData) -> BackedUpSession {
    BackedUpSession::from(decrypted)
}

fn main() {}
