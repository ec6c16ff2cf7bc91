//! Two keys for one session.
//!
//! The key with the lower index is worth more, for it decrypts more; the key that somebody vouches
//! for is worth more, for it says who sent it. Where the two are one ratchet, a merge keeps both
//! worths: the lower index, with everything that is vouched for. `sender_key` and the other
//! properties always come from the side with the better provenance, or an attacker's copy with a
//! lower index could put its own sender under somebody else's word.

use matrix_key_backup_wire::{BackedUpSessionData, CONTEXT_PROPERTY, Provenance, RatchetOrder};

use crate::BackedUpSession;

/// What comes of two keys for one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MergePlan {
    /// Whose properties and provenance are kept.
    pub properties: Side,
    /// Whose session key is kept.
    pub session_key: Side,
    /// Whether the other one is to be reported: it contradicts what is kept.
    pub conflict: bool,
}

/// One of two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first one: where all else is equal, the one that was there before.
    First,
    /// The second one.
    Second,
}

impl MergePlan {
    /// Whether the first key comes out as it went in.
    #[must_use]
    pub fn keeps_first(&self) -> bool {
        self.properties == Side::First && self.session_key == Side::First
    }
}

/// Decides what comes of two keys for one session.
#[must_use]
pub fn plan_merge(
    first: (&BackedUpSessionData, &Provenance),
    second: (&BackedUpSessionData, &Provenance),
) -> MergePlan {
    let order = first.0.session_key().compare_ratchets(second.0.session_key());
    let by_provenance = match (first.1.is_authenticated(), second.1.is_authenticated()) {
        (true, false) => Some(Side::First),
        (false, true) => Some(Side::Second),
        _ => None,
    };
    let earlier = match order {
        RatchetOrder::Unconnected => {
            let kept = by_provenance.unwrap_or(Side::First);
            return MergePlan { properties: kept, session_key: kept, conflict: true };
        }
        RatchetOrder::Equal => by_provenance.unwrap_or(Side::First),
        RatchetOrder::Earlier => Side::First,
        RatchetOrder::Later => Side::Second,
    };
    let both_vouched_for = first.1.is_authenticated() && second.1.is_authenticated();
    if both_vouched_for && !same_sender(first.0, second.0) {
        return MergePlan { properties: earlier, session_key: earlier, conflict: true };
    }
    let by_room = if both_vouched_for { by_room(first.0, second.0) } else { None };
    let properties = by_provenance.or(by_room).unwrap_or(earlier);
    MergePlan { properties, session_key: earlier, conflict: false }
}

/// Of two that are vouched for, the one whose room is under the MAC, if only one is (B-2).
fn by_room(first: &BackedUpSessionData, second: &BackedUpSessionData) -> Option<Side> {
    let has_room = |data: &BackedUpSessionData| data.other_properties().contains(CONTEXT_PROPERTY);
    match (has_room(first), has_room(second)) {
        (true, false) => Some(Side::First),
        (false, true) => Some(Side::Second),
        _ => None,
    }
}

/// Whether two keys name one sender. Two that are vouched for and do not contradict each other.
pub(crate) fn same_sender(a: &BackedUpSessionData, b: &BackedUpSessionData) -> bool {
    a.sender_key() == b.sender_key() && a.sender_claimed_keys() == b.sender_claimed_keys()
}

/// What a merge of two restored keys gives.
#[derive(Debug)]
#[non_exhaustive]
pub struct Merged {
    /// The key to import.
    pub session: BackedUpSession,
    /// The key that contradicts it, to be reported.
    pub conflicting: Option<BackedUpSession>,
}

/// Merges two restored keys for one session.
///
/// Both must be keys of the same session in the same room; of two that are not, the first is kept
/// and the second is the conflict.
#[must_use]
pub fn merge(first: BackedUpSession, second: BackedUpSession) -> Merged {
    if first.room_id() != second.room_id() || first.session_id() != second.session_id() {
        return Merged { session: first, conflicting: Some(second) };
    }
    let plan = plan_merge((first.data(), first.provenance()), (second.data(), second.provenance()));
    let (mut kept, other, other_side) = match plan.properties {
        Side::First => (first, second, Side::Second),
        Side::Second => (second, first, Side::First),
    };
    let mut conflict = plan.conflict;
    if plan.session_key == other_side {
        conflict |= kept.adopt_earlier_session_key(other.data().session_key()).is_err();
    }
    Merged { session: kept, conflicting: conflict.then_some(other) }
}
