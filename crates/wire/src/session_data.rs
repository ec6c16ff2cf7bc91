//! `session_data` as it travels: as received, and to be written.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;

use matrix_key_backup_primitives::{BackupMac, EphemeralPublicKey, V1Mac, base64};

use crate::{
    CanonicalJsonError, Names, SessionDataError,
    canonical::{canonical_json, signable, write_signable},
    json::{Json, Object},
    property::PropertyError,
    write::{
        string_room, write_ill_formed_string, write_name, write_other_name, write_separator,
        write_string,
    },
};

const EPHEMERAL: &str = "ephemeral";
const CIPHERTEXT: &str = "ciphertext";
const MAC: &str = "mac";
const UNSIGNED: &str = "unsigned";
const SIGNATURES: &str = "signatures";

/// One `session_data` exactly as it was received: the text, parsed once. Everything else here is a
/// view of that one object, so what the MAC covers and what is decrypted cannot differ (V2-4).
///
/// ```
/// use matrix_key_backup_wire::ReceivedSessionData;
///
/// let received = ReceivedSessionData::parse(
///     r#"{"ephemeral":"AB","ciphertext":"A/","unsigned":{"backup_mac":"…"},"x":1}"#,
/// )?;
/// assert!(received.backup_macs().stable.is_some());
/// assert_eq!(received.signable()?, r#"{"ciphertext":"A/","ephemeral":"AB","x":1}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Source: V2-4, V2-13; [the proposal](https://github.com/matrix-org/matrix-spec-proposals/pull/4048).
#[derive(Clone, Debug)]
pub struct ReceivedSessionData<'a> {
    raw: &'a str,
    object: Object<'a>,
}

impl<'a> ReceivedSessionData<'a> {
    /// Parses the JSON text of one `session_data`.
    ///
    /// # Errors
    ///
    /// [`SessionDataError`] if the text is not one JSON object, repeats a property at any depth,
    /// or is beyond the limits of V2-13.
    pub fn parse(text: &'a str) -> Result<Self, SessionDataError> {
        match Json::parse(text)? {
            Json::Object(object) => Ok(Self { raw: text, object }),
            other => Err(PropertyError::NotAnObject { found: other.kind() }.into()),
        }
    }

    /// The text as it was received.
    pub const fn raw(&self) -> &'a str {
        self.raw
    }

    /// All cleartext properties.
    pub const fn properties(&self) -> &Object<'a> {
        &self.object
    }

    /// `ephemeral`, whatever it is.
    pub fn ephemeral(&self) -> Option<&Json<'a>> {
        self.object.get(EPHEMERAL)
    }

    /// `ciphertext`, whatever it is.
    pub fn ciphertext(&self) -> Option<&Json<'a>> {
        self.object.get(CIPHERTEXT)
    }

    /// `mac`, the one of v1, whatever it is.
    pub fn mac(&self) -> Option<&Json<'a>> {
        self.object.get(MAC)
    }

    /// The MACs in `unsigned`, by their names, whatever they are (N-2).
    pub fn backup_macs(&self) -> BackupMacs<'_, 'a> {
        let unsigned = self.object.get(UNSIGNED).and_then(Json::as_object);
        let get = |names: Names| unsigned.and_then(|unsigned| unsigned.get(names.backup_mac()));
        BackupMacs { stable: get(Names::Stable), unstable: get(Names::Unstable) }
    }

    /// What the MAC covers (V2-4).
    ///
    /// # Errors
    ///
    /// [`CanonicalJsonError`]: nothing can be authenticated (V2-13).
    pub fn signable(&self) -> Result<String, CanonicalJsonError> {
        signable(&self.object)
    }

    /// Hands what the MAC covers to `write`, piece by piece, in order.
    ///
    /// # Errors
    ///
    /// As [`signable`](Self::signable): then what was written is not all.
    pub fn write_signable(
        &self,
        mut write: &mut dyn FnMut(&str),
    ) -> Result<(), CanonicalJsonError> {
        write_signable(&mut write, &self.object)
    }

    /// The same `session_data` with its MAC under the name given and no other (M-3). All else
    /// stays: `unsigned` is outside the MAC, so the MAC stays right.
    ///
    /// `None` if there is no MAC, or there are two that differ.
    pub fn with_backup_mac_renamed(&self, to: Names) -> Option<String> {
        let unsigned = self.object.get(UNSIGNED)?.as_object()?;
        let mac = match Names::ALL.map(|names| unsigned.get(names.backup_mac())) {
            [Some(stable), Some(unstable)] if stable != unstable => return None,
            [stable, unstable] => stable.or(unstable)?.as_str()?,
        };
        let mut out = String::with_capacity(self.raw().len() + to.backup_mac().len());
        out.push('{');
        write_raw_members(&mut out, &self.object, &[UNSIGNED]);
        write_name(&mut out, UNSIGNED);
        out.push('{');
        write_raw_members(&mut out, unsigned, &Names::ALL.map(Names::backup_mac));
        write_name(&mut out, to.backup_mac());
        write_string(&mut out, mac);
        out.push_str("}}");
        Some(out)
    }
}

/// Copies the members of an object, values text for text, into an object that is open.
pub(crate) fn write_raw_members(out: &mut String, object: &Object<'_>, without: &[&str]) {
    for (name, value) in object.iter_raw() {
        if name.as_str().is_some_and(|name| without.contains(&name)) {
            continue;
        }
        write_separator(out);
        write_ill_formed_string(out, name.as_bytes());
        out.push(':');
        out.push_str(value);
    }
}

/// The MACs of one `session_data`. Where both names are present, both must hold (N-2).
#[derive(Clone, Copy, Debug)]
pub struct BackupMacs<'r, 'a> {
    /// `unsigned.backup_mac`
    pub stable: Option<&'r Json<'a>>,
    /// `unsigned["org.matrix.msc4048.backup_mac"]`
    pub unstable: Option<&'r Json<'a>>,
}

impl<'r, 'a> BackupMacs<'r, 'a> {
    /// The MAC under one of the names.
    pub const fn get(&self, names: Names) -> Option<&'r Json<'a>> {
        match names {
            Names::Stable => self.stable,
            Names::Unstable => self.unstable,
        }
    }

    /// Whether there is none under either name.
    pub const fn is_empty(&self) -> bool {
        self.stable.is_none() && self.unstable.is_none()
    }

    /// All that are present, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (Names, &'r Json<'a>)> {
        let present = Names::ALL.map(|names| self.get(names).map(|mac| (names, mac)));
        present.into_iter().flatten()
    }
}

/// One `session_data` to be written: `ephemeral` and `ciphertext`, in a v1 backup also `mac`, and
/// what else is to be covered by the MAC.
///
/// Its JSON is canonical from the start, so what is authenticated and what is written are the same
/// text.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptedSessionData {
    ciphertext: Vec<u8>,
    ephemeral: EphemeralPublicKey,
    v1_mac: Option<V1Mac>,
    /// Names, each once and in their order, and values as canonical JSON.
    other: Vec<(String, String)>,
}

impl EncryptedSessionData {
    /// Takes what encryption gave (V2-3).
    pub fn new(ephemeral: &EphemeralPublicKey, ciphertext: Vec<u8>) -> Self {
        Self { ciphertext, ephemeral: *ephemeral, v1_mac: None, other: Vec::new() }
    }

    /// Adds the `mac` of v1, which a MAC then covers too (H-1).
    #[must_use]
    pub fn with_v1_mac(mut self, mac: &V1Mac) -> Self {
        self.v1_mac = Some(*mac);
        self
    }

    /// Takes the unknown cleartext properties of an entry that is encrypted anew (M-3), in place of
    /// any that were taken before.
    ///
    /// `ephemeral`, `ciphertext` and `mac` are not among them, nor are `unsigned` and `signatures`,
    /// which belong to the old content.
    ///
    /// # Errors
    ///
    /// [`CanonicalJsonError`] if one of them cannot be authenticated (V2-13).
    pub fn with_other_properties(
        mut self,
        object: &Object<'_>,
    ) -> Result<Self, CanonicalJsonError> {
        self.other.clear();
        for (name, value) in object.iter() {
            let name = name.as_str().ok_or(CanonicalJsonError::LoneSurrogate)?;
            if ![EPHEMERAL, CIPHERTEXT, MAC, UNSIGNED, SIGNATURES].contains(&name) {
                self.other.push((name.to_owned(), canonical_json(value)?));
            }
        }
        Ok(self)
    }

    /// What the MAC covers (V2-4), which is also the JSON without a MAC.
    pub fn signable(&self) -> String {
        let mut out = self.open();
        out.push('}');
        out
    }

    /// The JSON without a MAC, for a v1 backup.
    pub fn to_json(&self) -> String {
        self.signable()
    }

    /// The JSON with the MAC under one of its names (V2-4, N-1).
    pub fn to_json_with_backup_mac(&self, mac: &BackupMac, names: Names) -> String {
        let mut out = self.open();
        write_backup_mac(&mut out, mac, names);
        out
    }

    /// The JSON with the MAC that `authenticate` makes of what it covers, under one of its names
    /// (V2-4, N-1): one text, written once.
    ///
    /// ```
    /// use matrix_key_backup_primitives::{BackupMacKey, EphemeralPublicKey};
    /// use matrix_key_backup_wire::{EncryptedSessionData, Names};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let key = BackupMacKey::from_slice(&[1; 32])?;
    /// let data = EncryptedSessionData::new(&EphemeralPublicKey::from_slice(&[2; 32])?, vec![3; 16]);
    /// let mac = key.mac(data.signable().as_bytes());
    /// assert_eq!(
    ///     data.to_authenticated_json(|signable| key.mac(signable.as_bytes()), Names::Stable),
    ///     data.to_json_with_backup_mac(&mac, Names::Stable),
    /// );
    /// # Ok(())
    /// # }
    /// ```
    pub fn to_authenticated_json(
        &self,
        authenticate: impl FnOnce(&str) -> BackupMac,
        names: Names,
    ) -> String {
        let mut out = self.signable();
        let mac = authenticate(&out);
        out.pop(); // the closing brace
        write_backup_mac(&mut out, &mac, names);
        out
    }

    /// The object up to its closing brace.
    fn open(&self) -> String {
        // Of all but the ciphertext and what is unknown: names, keys and MACs.
        const ROOM: usize = 256;
        let other = self.other.iter();
        let room: usize = other.map(|(name, value)| string_room(name) + value.len() + 2).sum();
        let ciphertext = self.ciphertext.len().div_ceil(3) * 4;
        let mut out = String::with_capacity(ROOM + ciphertext + room);
        out.push('{');
        let mut other = self.other.iter().peekable();
        for (name, bytes) in self.own_properties() {
            while let Some(property) = other.next_if(|(other, _)| other.as_str() < name) {
                write_other(&mut out, property);
            }
            write_name(&mut out, name);
            out.push('"');
            base64::push_unpadded(&mut out, bytes);
            out.push('"');
        }
        other.for_each(|property| write_other(&mut out, property));
        out
    }

    /// What is written as base64, in the order of the names.
    fn own_properties(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let mac = self.v1_mac.as_ref().map(|mac| (MAC, mac.as_bytes()));
        let encrypted = [(CIPHERTEXT, &*self.ciphertext), (EPHEMERAL, self.ephemeral.as_bytes())];
        encrypted.into_iter().chain(mac)
    }
}

impl fmt::Debug for EncryptedSessionData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("EncryptedSessionData").field(&self.to_json()).finish()
    }
}

fn write_other(out: &mut String, (name, value): &(String, String)) {
    write_other_name(out, name);
    out.push_str(value);
}

/// Appends the MAC to an object that is open, and closes it.
fn write_backup_mac(out: &mut String, mac: &BackupMac, names: Names) {
    write_name(out, UNSIGNED);
    out.push('{');
    write_name(out, names.backup_mac());
    out.push('"');
    mac.push_base64(out);
    out.push_str("\"}}");
}
