//! V2-8: only the constructors, which stand for sources, make a `SourcedSession`.
use matrix_key_backup::v2::SourcedSession;
use matrix_key_backup::wire::{BackedUpSessionData, Provenance};

fn vouch(data: BackedUpSessionData) -> SourcedSession {
    SourcedSession { data: data.into(), provenance: Provenance::Authenticated }
}

fn main() {}
