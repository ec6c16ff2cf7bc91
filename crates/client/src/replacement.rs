//! Which of two entries for one session a store keeps (A-2).
//!
//! A store holds no MAC key and sees no plaintext, so all that it can go by is what the uploader
//! wrote beside the ciphertext. Which key is *right* is decided by the client (A-3).

use core::cmp::Reverse;

use matrix_key_backup_wire::KeyBackupData;

/// What of an entry decides whether it replaces another one of the same room and session (A-2).
///
/// Source: rule A-2;
/// [server-side key backups](https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyMetadata {
    /// Whether the uploader verified the device that the key came from.
    pub is_verified: bool,
    /// The first message index that the key can decrypt.
    pub first_message_index: u64,
    /// How many times the key was forwarded on its way to the uploader.
    pub forwarded_count: u64,
}

impl From<&KeyBackupData> for KeyMetadata {
    fn from(data: &KeyBackupData) -> Self {
        Self {
            is_verified: data.is_verified,
            first_message_index: data.first_message_index,
            forwarded_count: data.forwarded_count,
        }
    }
}

/// Whether `new` takes the place of `old`, both being filed under the same room and session (A-2).
///
/// A verified entry wins over an unverified one; between equals the lower first message index
/// wins, then the lower forwarded count; where all three agree, the old one stays. So uploading
/// the same entry twice changes nothing the second time.
///
/// # Security
///
/// The three values are the uploader's and the server's word: nothing authenticates them (B-1).
/// They decide what a store keeps, never what a client believes.
///
/// ```
/// use matrix_key_backup::replacement::{KeyMetadata, replaces};
///
/// let old = KeyMetadata { is_verified: false, first_message_index: 7, forwarded_count: 0 };
/// let earlier = KeyMetadata { first_message_index: 0, ..old };
/// assert!(replaces(&earlier, &old));
/// assert!(!replaces(&old, &earlier));
/// assert!(!replaces(&old, &old));
/// ```
#[must_use]
pub fn replaces(new: &KeyMetadata, old: &KeyMetadata) -> bool {
    rank(new) > rank(old)
}

/// The order of A-2, the better entry being the greater; its parts are compared from the left.
fn rank(key: &KeyMetadata) -> (bool, Reverse<u64>, Reverse<u64>) {
    (key.is_verified, Reverse(key.first_message_index), Reverse(key.forwarded_count))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> impl Strategy<Value = KeyMetadata> {
        // Few values, so that ties are many; and the extremes.
        let number = || prop_oneof![0..4_u64, Just(u64::MAX - 1), Just(u64::MAX)];
        (any::<bool>(), number(), number()).prop_map(
            |(is_verified, first_message_index, forwarded_count)| KeyMetadata {
                is_verified,
                first_message_index,
                forwarded_count,
            },
        )
    }

    /// A-2 once more, sentence by sentence.
    fn restated(new: &KeyMetadata, old: &KeyMetadata) -> bool {
        if new.is_verified != old.is_verified {
            return new.is_verified;
        }
        if new.first_message_index != old.first_message_index {
            return new.first_message_index < old.first_message_index;
        }
        if new.forwarded_count != old.forwarded_count {
            return new.forwarded_count < old.forwarded_count;
        }
        false
    }

    proptest! {
        // A-2
        #[test]
        fn is_the_rule(new in keys(), old in keys()) {
            prop_assert_eq!(replaces(&new, &old), restated(&new, &old));
        }

        /// What is left in the end is the best of all, and of equals the first: the order of
        /// uploads does not matter otherwise, and no two entries replace each other for ever.
        #[test]
        fn the_first_of_the_best_stays(offered in prop::collection::vec(keys(), 1..12)) {
            let mut kept = 0;
            for (position, new) in offered.iter().enumerate() {
                if replaces(new, &offered[kept]) {
                    kept = position;
                }
            }
            let better = |old: &KeyMetadata| offered.iter().any(|new| restated(new, old));
            let first_of_the_best = offered.iter().position(|old| !better(old));
            prop_assert_eq!(Some(kept), first_of_the_best);
        }
    }
}
