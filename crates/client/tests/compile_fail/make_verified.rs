//! V2-7: only verification makes a `VerifiedSessionData`.
use matrix_key_backup::primitives::BackupMacKey;
use matrix_key_backup::v2::{MacForm, VerifiedSessionData};
use matrix_key_backup::wire::{BackupAlgorithm, Names, ReceivedSessionData};

fn make(
    received: ReceivedSessionData<'_>,
    mac_key: BackupMacKey,
) -> VerifiedSessionData<'_> {
    VerifiedSessionData {
        received,
        algorithm: BackupAlgorithm::V2(Names::Stable),
        mac_form: MacForm::One(Names::Stable),
        mac_key,
    }
}

fn main() {}
