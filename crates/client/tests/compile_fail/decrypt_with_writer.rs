//! A writer holds nothing that decrypts.
use matrix_key_backup::v2::{BackupWriter, VerifiedSessionData};

fn decrypt(entry: &VerifiedSessionData<'_>, writer: &BackupWriter) {
    let _ = entry.decrypt(writer);
}

fn key(writer: &BackupWriter) {
    let _ = writer.decryption_key();
}

fn main() {}
