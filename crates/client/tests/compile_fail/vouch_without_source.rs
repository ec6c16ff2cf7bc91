//! V2-8: only the constructors, which stand for sources, make a `SourcedSession`.
use matrix_key_backup::v2::SourcedSession;
use matrix_key_backup::wire::{BackedUpSessionData, Provenance, RoomId};

fn vouch(data: BackedUpSessionData, room_id: RoomId) -> SourcedSession {
    SourcedSession { data: data.into(), provenance: Provenance::Authenticated, room_id }
}

fn main() {}
