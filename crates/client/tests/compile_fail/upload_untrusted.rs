//! T-1: the upload engine takes a trusted backup, not what a server says.
use matrix_key_backup::store::SqliteStore;
use matrix_key_backup::trust::TrustedBackup;
use matrix_key_backup::upload::Uploader;
use matrix_key_backup::v2::BackupReader;
use matrix_key_backup::OpenBackup;

fn upload(store: &SqliteStore, backup: &OpenBackup, reader: BackupReader) {
    let _ = Uploader::for_reader(store, backup, reader, None);
}

fn believe(backup: OpenBackup) -> TrustedBackup {
    TrustedBackup::from(backup.description())
}

fn main() {}
