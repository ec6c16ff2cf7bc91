//! H-3: what migration takes out of a v1 backup as authenticated cannot be imported.
use matrix_key_backup::v2::MigratingSession;
use matrix_key_backup::BackedUpSession;

fn import(migrating: MigratingSession) -> BackedUpSession {
    BackedUpSession::from(migrating)
}

fn main() {}
