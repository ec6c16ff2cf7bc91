//! V2-7: nothing is decrypted before its MAC was checked.
use matrix_key_backup::v2::{BackupReader, UnverifiedSessionData};

fn decrypt(entry: UnverifiedSessionData<'_>, reader: &BackupReader) {
    let _ = entry.decrypt(reader);
}

fn main() {}
