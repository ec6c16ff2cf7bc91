//! The plaintext of a key in an authenticated backup (V2-2).

use alloc::{string::String, vec::Vec};
use core::ops::Deref;

use matrix_key_backup_primitives::hazmat::Tier;
use zeroize::Zeroizing;

use crate::{
    BUNDLE_SENDER_PROPERTY, BackedUpSessionData, CONTEXT_PROPERTY, Context, MegolmSessionExport,
    Names, NotEarlier, Provenance, SessionDataError, UnauthenticatedSource, UserId, json::Json,
    write::write_string,
};

/// The plaintext of one key in an authenticated backup: that of v1, and who vouches for it (V2-2).
///
/// Reads like a [`BackedUpSessionData`], which it dereferences to.
///
/// Source: V2-2, V2-8 to V2-11, B-2;
/// [the proposal](https://github.com/matrix-org/matrix-spec-proposals/pull/4048).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionDataV2(BackedUpSessionData);

impl SessionDataV2 {
    /// Reads a decrypted plaintext.
    ///
    /// # Errors
    ///
    /// [`SessionDataError`], as [`BackedUpSessionData::parse`].
    pub fn parse(plaintext: &[u8]) -> Result<Self, SessionDataError> {
        BackedUpSessionData::parse(plaintext).map(Self)
    }

    /// Reads any number of decrypted plaintexts at once, in their order, as
    /// [`BackedUpSessionData::parse_batch`].
    ///
    /// # Errors
    ///
    /// None for the whole; for each plaintext as [`parse`](Self::parse).
    pub fn parse_batch<P: AsRef<[u8]>>(
        plaintexts: impl IntoIterator<Item = P>,
        tier: Tier,
    ) -> Vec<Result<Self, SessionDataError>> {
        let parsed = BackedUpSessionData::parse_batch(plaintexts, tier);
        parsed.into_iter().map(|data| data.map(Self)).collect()
    }

    /// Who vouches for the key, by what its writer put under the MAC.
    ///
    /// Authenticated only if `unauthenticated` is absent under both of its names (V2-8, N-2). A
    /// value that is not a string, and two names that disagree, count as `m.undefined` (V2-10).
    ///
    /// # Security
    ///
    /// This is what the plaintext claims. It means nothing before the MAC has been checked, and
    /// nothing in a v1 backup (V1-6).
    pub fn written_provenance(&self) -> Provenance {
        let [stable, unstable] = Names::ALL.map(|names| self.written_source(names));
        match (stable, unstable) {
            (None, None) => Provenance::Authenticated,
            (Some(source), None) | (None, Some(source)) => Provenance::Unauthenticated(source),
            (Some(one), Some(other)) if one == other => Provenance::Unauthenticated(one),
            _ => Provenance::Unauthenticated(UnauthenticatedSource::Undefined),
        }
    }

    /// The value under one of the names, if that name is there at all.
    fn written_source(&self, names: Names) -> Option<UnauthenticatedSource> {
        let json = self.0.other_properties().get(names.unauthenticated())?;
        Some(match Json::parse(json) {
            Ok(Json::String(text)) => match text.as_str() {
                Some(value) => UnauthenticatedSource::from_written(value),
                None => UnauthenticatedSource::Undefined,
            },
            _ => UnauthenticatedSource::Undefined, // V2-10
        })
    }

    /// Under which names the plaintext says `unauthenticated`, whatever the value.
    pub fn unauthenticated_names_present(&self) -> impl Iterator<Item = Names> + '_ {
        let other = self.0.other_properties();
        Names::ALL.into_iter().filter(|names| other.contains(names.unauthenticated()))
    }

    /// The plaintext as JSON, marked with this provenance under this name and no other (N-1):
    /// whatever was there before is left out.
    pub fn to_json_marked(&self, provenance: &Provenance, names: Names) -> Zeroizing<String> {
        let source = provenance.unauthenticated_source();
        self.0.to_json_with(
            &Names::ALL.map(Names::unauthenticated),
            source.map(|source| (names.unauthenticated(), source.as_written())),
        )
    }

    /// Says where the key belongs. Only for a writer that knows from a source that vouches (B-2).
    pub fn set_context(&mut self, context: &Context) {
        self.0.put_other(CONTEXT_PROPERTY, context.to_json());
    }

    /// Removes what the plaintext says about where the key belongs.
    pub fn remove_context(&mut self) {
        self.0.remove_other_property(CONTEXT_PROPERTY);
    }

    /// Who sent the bundle that the key came in, if it came in one (V2-11).
    pub fn bundle_sender(&self) -> Option<UserId> {
        let json = self.0.other_properties().get(BUNDLE_SENDER_PROPERTY)?;
        UserId::new(Json::parse(json).ok()?.as_str()?).ok()
    }

    /// Removes what the plaintext says about a bundle.
    pub fn remove_bundle_sender(&mut self) {
        self.0.remove_other_property(BUNDLE_SENDER_PROPERTY);
    }

    /// Remembers who sent the bundle that the key came in (V2-11).
    pub fn set_bundle_sender(&mut self, sender: &UserId) {
        self.0.put_other(BUNDLE_SENDER_PROPERTY, json_string(sender.as_str()));
    }

    /// Begins the same session at an earlier message index.
    ///
    /// # Errors
    ///
    /// [`NotEarlier`], as [`BackedUpSessionData::adopt_earlier_session_key`].
    pub fn adopt_earlier_session_key(
        &mut self,
        earlier: &MegolmSessionExport,
    ) -> Result<(), NotEarlier> {
        self.0.adopt_earlier_session_key(earlier)
    }

    /// Takes the plaintext out, with all that is in it.
    pub fn into_inner(self) -> BackedUpSessionData {
        self.0
    }
}

fn json_string(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(&mut out, text);
    out
}

impl Deref for SessionDataV2 {
    type Target = BackedUpSessionData;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<BackedUpSessionData> for SessionDataV2 {
    fn from(data: BackedUpSessionData) -> Self {
        Self(data)
    }
}

impl From<SessionDataV2> for BackedUpSessionData {
    fn from(data: SessionDataV2) -> Self {
        data.0
    }
}
