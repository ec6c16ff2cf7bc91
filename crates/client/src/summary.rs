//! Counts for people and machines.

use std::collections::BTreeMap;

use matrix_key_backup_wire::Provenance;
use serde::Serialize;

use crate::{RestoredBatch, v2::RoomAssurance};

/// How many keys are vouched for, and how many are not, by the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ProvenanceCounts {
    /// Keys that their writer vouched for.
    pub authenticated: u64,
    /// Keys that nobody vouches for, by the effective reason (V2-9).
    pub unauthenticated: BTreeMap<&'static str, u64>,
}

impl ProvenanceCounts {
    /// Counts one key.
    pub fn add(&mut self, provenance: &Provenance) {
        match provenance {
            Provenance::Authenticated => self.authenticated += 1,
            Provenance::Unauthenticated(source) => {
                *self.unauthenticated.entry(source.effective()).or_default() += 1;
            }
        }
    }

    /// All keys that nobody vouches for.
    #[must_use]
    pub fn unauthenticated_total(&self) -> u64 {
        self.unauthenticated.values().sum()
    }
}

/// What a restore came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RestoreSummary {
    /// Entries that were read.
    pub entries: u64,
    /// Keys that may be imported, by who vouches for them.
    #[serde(flatten)]
    pub keys: ProvenanceCounts,
    /// Keys whose room the writer put under the MAC; the others' rooms are the server's word (B-2).
    pub room_under_mac: u64,
    /// Entries that gave no key, by class: forged, misplaced, unreadable.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Keys of a v1 backup beside which a MAC stood that did not hold (H-2).
    pub ignored_macs: u64,
}

impl RestoreSummary {
    /// Counts one batch.
    pub fn add(&mut self, batch: &RestoredBatch) {
        self.entries += (batch.sessions.len() + batch.rejected.len()) as u64;
        for session in &batch.sessions {
            self.keys.add(session.provenance());
            self.room_under_mac += u64::from(session.room_assurance() == RoomAssurance::UnderMac);
            self.ignored_macs += u64::from(session.ignored_mac().is_some());
        }
        for rejected in &batch.rejected {
            *self.rejected.entry(rejected.reason.class().as_str()).or_default() += 1;
        }
    }

    /// All entries that gave no key.
    #[must_use]
    pub fn rejected_total(&self) -> u64 {
        self.rejected.values().sum()
    }
}
