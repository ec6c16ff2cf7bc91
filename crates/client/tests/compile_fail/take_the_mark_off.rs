//! V2-8: a mark that is there stays.
use matrix_key_backup::v2::SourcedSession;
use matrix_key_backup::wire::Provenance;

fn take_the_mark_off(session: &mut SourcedSession) {
    session.set_provenance(Provenance::Authenticated);
}

fn main() {}
