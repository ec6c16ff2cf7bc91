//! V1-6: a v1 key has no provenance to set.
use matrix_key_backup::v1::BoundSession;
use matrix_key_backup::wire::Provenance;

fn set(session: &mut BoundSession) {
    session.provenance = Provenance::Authenticated;
}

fn pass_off(session: BoundSession) -> matrix_key_backup::v2::BoundSession {
    session.into()
}

fn main() {}
