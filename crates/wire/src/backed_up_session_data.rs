//! The plaintext of a backed up key, as v1 defines it (V1-1).

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec::Vec};
use core::fmt;

use matrix_key_backup_primitives::hazmat::Tier;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{
    CONTEXT_PROPERTY, ClaimedKeys, Context, MEGOLM_ALGORITHM, MalformedContext,
    MegolmSessionExport, OtherProperties, RatchetOrder, SHARED_HISTORY, SHARED_HISTORY_SDK,
    SHARED_HISTORY_UNSTABLE, SessionKeyError,
    claimed_sender::ClaimedSender,
    json::{Json, JsonError, Object},
    property::{self, PropertyError},
    session_key::{UncheckedSessionExport, are_points},
    write::{string_room, write_name, write_plain_string, write_string},
};

const ALGORITHM: &str = "algorithm";
const FORWARDING_KEY_CHAIN: &str = "forwarding_curve25519_key_chain";
const SENDER_CLAIMED_KEYS: &str = "sender_claimed_keys";
const SENDER_KEY: &str = "sender_key";
const SESSION_KEY: &str = "session_key";

/// The properties that are fields here; all others are kept as they are.
const FIELDS: [&str; 5] =
    [ALGORITHM, FORWARDING_KEY_CHAIN, SENDER_CLAIMED_KEYS, SENDER_KEY, SESSION_KEY];

/// The plaintext of one backed up Megolm key (V1-1).
///
/// What is unknown in it is kept, text for text, and written again.
///
/// # Security
///
/// All of it is wiped on drop, and `Debug` shows none of it (K-5).
///
/// ```
/// use matrix_key_backup_wire::{BackedUpSessionData, SessionDataError};
///
/// # fn read(plaintext: &[u8]) -> Result<(), SessionDataError> {
/// let data = BackedUpSessionData::parse(plaintext)?;
/// let id = data.session_key().session_id();
/// let unknown = data.other_properties().get("com.example.unknown");
/// assert_eq!(BackedUpSessionData::parse(data.to_json().as_bytes())?, data);
/// # Ok(())
/// # }
/// ```
///
/// Source: V1-1; [`BackedUpSessionData` in the specification][spec].
///
/// [spec]: https://spec.matrix.org/v1.19/client-server-api/#backup-algorithm-mmegolm_backupv1curve25519-aes-sha2
#[derive(Clone, PartialEq, Eq)]
pub struct BackedUpSessionData {
    forwarding_key_chain: KeyChain,
    sender: ClaimedSender,
    session_key: MegolmSessionExport,
    other: OtherProperties,
}

impl BackedUpSessionData {
    /// Puts a plaintext together, for writers. Properties beyond the required ones are set later.
    pub fn new(
        session_key: MegolmSessionExport,
        sender_key: String,
        sender_claimed_keys: BTreeMap<String, String>,
        forwarding_curve25519_key_chain: Vec<String>,
    ) -> Self {
        Self {
            forwarding_key_chain: KeyChain(forwarding_curve25519_key_chain),
            sender: ClaimedSender::new(sender_key, sender_claimed_keys),
            session_key,
            other: OtherProperties::default(),
        }
    }

    /// Reads a decrypted plaintext.
    ///
    /// # Errors
    ///
    /// [`SessionDataError`] if it is not UTF-8, not JSON within the limits and without duplicate
    /// properties (V2-13), of another algorithm, or a property is missing or malformed.
    pub fn parse(plaintext: &[u8]) -> Result<Self, SessionDataError> {
        Unchecked::parse(plaintext)?.check_alone()
    }

    /// Reads any number of decrypted plaintexts, in their order, in less than half the time that it
    /// takes one by one: whether session keys end in a point is asked for many at once, on this
    /// vector unit if it is there. One that cannot be read is no matter to the others.
    ///
    /// ```
    /// use matrix_key_backup_primitives::hazmat::Tier;
    /// use matrix_key_backup_wire::BackedUpSessionData;
    ///
    /// # fn read(plaintexts: &[Vec<u8>]) {
    /// for data in BackedUpSessionData::parse_batch(plaintexts, Tier::detect()) {
    ///     match data {
    ///         Ok(data) => println!("session {}", data.session_key().session_id()),
    ///         Err(error) => println!("no room key: {error}"),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// None for the whole; for each plaintext as [`parse`](Self::parse).
    pub fn parse_batch<P: AsRef<[u8]>>(
        plaintexts: impl IntoIterator<Item = P>,
        tier: Tier,
    ) -> Vec<Result<Self, SessionDataError>> {
        let parse = |plaintext: P| Unchecked::parse(plaintext.as_ref());
        let unchecked: Vec<_> = plaintexts.into_iter().map(parse).collect();
        let keys = unchecked.iter().flatten().map(|data| *data.session_key.public_key());
        let mut points = are_points(tier, &keys.collect::<Vec<_>>()).into_iter();
        // There is an answer for each that could be read.
        let mut check = |data: Unchecked| data.check(points.next().unwrap_or(false));
        unchecked.into_iter().map(|data| data.and_then(&mut check)).collect()
    }

    /// Reads a plaintext that is part of a larger JSON text, such as a key export file.
    ///
    /// # Errors
    ///
    /// [`SessionDataError`] if it is of another algorithm, or a property is missing or malformed.
    pub fn from_object(object: &Object<'_>) -> Result<Self, SessionDataError> {
        Unchecked::from_object(object)?.check_alone()
    }

    /// The plaintext as JSON: the required properties first, then the others in the order of
    /// their names.
    pub fn to_json(&self) -> Zeroizing<String> {
        self.to_json_with(&[], None)
    }

    /// The same without some of the other properties, and with one more, a string.
    pub(crate) fn to_json_with(
        &self,
        without: &[&str],
        with: Option<(&'static str, &str)>,
    ) -> Zeroizing<String> {
        let added = with.map_or(0, |(name, value)| string_room(name) + string_room(value) + 2);
        let mut json = Zeroizing::new(String::with_capacity(self.room() + added));
        let out = &mut *json;
        out.push('{');
        write_name(out, ALGORITHM);
        write_plain_string(out, MEGOLM_ALGORITHM);
        write_name(out, FORWARDING_KEY_CHAIN);
        self.write_forwarding_key_chain(out);
        write_name(out, SENDER_CLAIMED_KEYS);
        self.sender_claimed_keys().write(out);
        write_name(out, SENDER_KEY);
        write_string(out, self.sender_key());
        write_name(out, SESSION_KEY);
        write_plain_string(out, self.session_key.as_base64());
        self.other.write(out, without);
        if let Some((name, value)) = with {
            write_name(out, name);
            write_string(out, value);
        }
        out.push('}');
        json
    }

    /// Most bytes that the JSON takes.
    fn room(&self) -> usize {
        const FIXED: usize = 352; // required names, algorithm, session key, punctuation
        let chain = self.forwarding_key_chain.0.iter().map(|key| string_room(key) + 1);
        FIXED
            + chain.sum::<usize>()
            + self.sender_claimed_keys().room()
            + string_room(self.sender_key())
            + self.other.room()
    }

    fn write_forwarding_key_chain(&self, out: &mut String) {
        out.push('[');
        for (index, key) in self.forwarding_key_chain.0.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_string(out, key);
        }
        out.push(']');
    }

    /// How many bytes the plaintext takes as JSON: no less than that, and hardly more where nothing is
    /// to be escaped.
    pub fn size(&self) -> usize {
        self.room()
    }

    /// The session itself.
    pub fn session_key(&self) -> &MegolmSessionExport {
        &self.session_key
    }

    /// Curve25519 identity key of the device that created the session, as it is claimed.
    pub fn sender_key(&self) -> &str {
        self.sender.sender_key()
    }

    /// Other keys that this device claims, by algorithm; normally just `ed25519`.
    pub fn sender_claimed_keys(&self) -> ClaimedKeys<'_> {
        self.sender.claimed_keys()
    }

    /// Curve25519 keys of the devices that forwarded the session.
    pub fn forwarding_curve25519_key_chain(&self) -> &[String] {
        &self.forwarding_key_chain.0
    }

    /// All properties that have no method of their own.
    pub fn other_properties(&self) -> &OtherProperties {
        &self.other
    }

    /// Where the key belongs, if its writer said so (B-2).
    ///
    /// # Errors
    ///
    /// [`MalformedContext`]: the key is refused.
    pub fn context(&self) -> Result<Option<Context>, MalformedContext> {
        match self.other.get(CONTEXT_PROPERTY) {
            None => Ok(None),
            Some(json) => Context::from_json(&Json::parse(json)?).map(Some),
        }
    }

    /// Begins the same session at an earlier message index (A-3). All else stays as it is.
    ///
    /// # Errors
    ///
    /// [`NotEarlier`] if `earlier` does not begin earlier, or does not become this session key when
    /// it is ratcheted forward.
    pub fn adopt_earlier_session_key(
        &mut self,
        earlier: &MegolmSessionExport,
    ) -> Result<(), NotEarlier> {
        match earlier.compare_ratchets(&self.session_key) {
            RatchetOrder::Earlier => self.session_key = earlier.clone(),
            RatchetOrder::Equal | RatchetOrder::Later => return Err(NotEarlier::Index),
            RatchetOrder::Unconnected => return Err(NotEarlier::Unconnected),
        }
        Ok(())
    }

    /// Sets one of the other properties to a JSON text, which is kept as it is.
    ///
    /// # Errors
    ///
    /// [`OtherPropertyError`] if the text is not JSON, or the property is one of the required ones.
    pub fn set_other_property(&mut self, name: &str, json: &str) -> Result<(), OtherPropertyError> {
        if let Some(property) = FIELDS.into_iter().find(|field| *field == name) {
            return Err(OtherPropertyError::Required { property });
        }
        Json::parse(json)?;
        self.other.set(name, json.to_owned());
        Ok(())
    }

    /// Removes one of the other properties and returns its JSON text.
    pub fn remove_other_property(&mut self, name: &str) -> Option<Zeroizing<String>> {
        self.other.remove(name)
    }

    /// Puts a value that is known to be JSON under a name that is known not to be required.
    pub(crate) fn put_other(&mut self, name: &'static str, json: String) {
        self.other.set(name, json);
    }

    /// Whether the session may be shared with those who join the room later (V1-1a).
    ///
    /// True only if one of the three spellings is there, and every one that is there says `true`.
    pub fn shared_history(&self) -> bool {
        let spellings = [SHARED_HISTORY, SHARED_HISTORY_SDK, SHARED_HISTORY_UNSTABLE];
        let mut written = spellings.into_iter().filter_map(|name| self.other.get(name)).peekable();
        written.peek().is_some() && written.all(|value| value == "true")
    }

    /// Sets whether the session may be shared, in the two spellings that are written (V1-1a). The
    /// third one, which matrix-rust-sdk does not take beside its own, is removed.
    pub fn set_shared_history(&mut self, shared: bool) {
        let json = if shared { "true" } else { "false" };
        self.other.set(SHARED_HISTORY, json.to_owned());
        self.other.set(SHARED_HISTORY_SDK, json.to_owned());
        self.other.remove(SHARED_HISTORY_UNSTABLE);
    }
}

/// A plaintext of which all is known but whether its session key ends in a point.
struct Unchecked {
    forwarding_key_chain: KeyChain,
    sender: ClaimedSender,
    session_key: UncheckedSessionExport,
    other: OtherProperties,
}

impl Unchecked {
    fn parse(plaintext: &[u8]) -> Result<Self, SessionDataError> {
        let text = core::str::from_utf8(plaintext).map_err(|_| SessionDataError::NotUtf8)?;
        Self::from_object(property::object(&Json::parse(text)?)?)
    }

    fn from_object(object: &Object<'_>) -> Result<Self, SessionDataError> {
        let algorithm = property::required_string(object, ALGORITHM)?;
        if algorithm != MEGOLM_ALGORITHM {
            return Err(SessionDataError::UnknownAlgorithm { name: shown(algorithm) });
        }
        let session_key = property::required_string(object, SESSION_KEY)?;
        let forwarding_key_chain = forwarding_key_chain(object)?;
        let sender_key = property::required_string(object, SENDER_KEY)?;
        let claimed_keys = property::required(object, SENDER_CLAIMED_KEYS)?;
        Ok(Self {
            forwarding_key_chain,
            sender: ClaimedSender::from_json(sender_key, claimed_keys, SENDER_CLAIMED_KEYS)?,
            session_key: UncheckedSessionExport::from_base64(session_key)?,
            other: OtherProperties::but(&FIELDS, object),
        })
    }

    fn check(self, is_point: bool) -> Result<BackedUpSessionData, SessionDataError> {
        Ok(BackedUpSessionData {
            forwarding_key_chain: self.forwarding_key_chain,
            sender: self.sender,
            session_key: self.session_key.check(is_point)?,
            other: self.other,
        })
    }

    fn check_alone(self) -> Result<BackedUpSessionData, SessionDataError> {
        let is_point = self.session_key.is_point();
        self.check(is_point)
    }
}

impl fmt::Debug for BackedUpSessionData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BackedUpSessionData([redacted])")
    }
}

/// `forwarding_curve25519_key_chain`, wiped on drop: the keys in it, of which there are hardly ever
/// any, and not the list, which only says where they were.
#[derive(Clone, PartialEq, Eq)]
struct KeyChain(Vec<String>);

impl Drop for KeyChain {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(String::zeroize);
    }
}

fn forwarding_key_chain(object: &Object<'_>) -> Result<KeyChain, PropertyError> {
    const EXPECTED: &str = "an array of strings";
    let value = property::required(object, FORWARDING_KEY_CHAIN)?;
    let elements = value
        .as_array()
        .ok_or_else(|| property::wrong_type(value, FORWARDING_KEY_CHAIN, EXPECTED))?;
    let mut chain = KeyChain(Vec::with_capacity(elements.len()));
    for element in elements {
        chain.0.push(property::string(element, FORWARDING_KEY_CHAIN, EXPECTED)?.to_owned());
    }
    Ok(chain)
}

/// An unknown algorithm's name for a message, of which only the beginning is kept if it is long.
fn shown(algorithm: &str) -> String {
    const MOST: usize = 100;
    algorithm.chars().take(MOST).collect()
}

/// A `session_data`, encrypted or decrypted, cannot be read.
///
/// Nothing of its content is shown but the name of an unknown algorithm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SessionDataError {
    /// The plaintext is not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// The text is not JSON, or not within the limits of V2-13.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is no object, or a property is missing or of the wrong type.
    #[error(transparent)]
    Property(#[from] PropertyError),
    /// The key is not one of a Megolm session (M-7).
    #[error("room key of unknown algorithm {name:?}")]
    #[non_exhaustive]
    UnknownAlgorithm {
        /// The `algorithm` that was found.
        name: String,
    },
    /// `session_key` cannot be read.
    #[error(transparent)]
    SessionKey(#[from] SessionKeyError),
}

/// A session key is not the same one from an earlier message on (A-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotEarlier {
    /// It does not begin at an earlier message.
    #[error("the session key does not begin at an earlier message")]
    Index,
    /// It is of another session, or its ratchet does not lead to the one that is there.
    #[error("the session key does not lead to the one that is there: they are not one session")]
    Unconnected,
}

/// A property cannot be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OtherPropertyError {
    /// The value is not JSON.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// The property is a required one and has a method of its own.
    #[error("`{property}` is not one of the other properties")]
    #[non_exhaustive]
    Required {
        /// Its name.
        property: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec, vec::Vec};

    use super::BackedUpSessionData;
    use crate::{
        MegolmSessionExport, Provenance, SessionDataV2, UnauthenticatedSource, write::string_room,
    };

    const SESSION_KEY: &str = concat!(
        "AQAAAH+bPp0UJX2pbdl9ZaUMZ/c7ZPBwiE3djB4g6iY5WZ0yFPS2mxSxlCxG+ExkjmzazElI8LqpBK80+kGMTEkxTTil",
        "EEldBPRicpeX9JVNYxDb4jZqk92kr7Du4uM2rKyMj3uTWc2HNHvZxvVWGJk5C2OwSt5YDRQ9MK7FQ+gRb34Qy4D2JEmX",
        "awRmFBxJyqVL0RJrOfVKu99Vq5IQaASg+m5W",
    );

    fn data(text: &str, count: usize) -> BackedUpSessionData {
        let many = |index: usize| text.repeat(index % 3) + text;
        let claimed: BTreeMap<_, _> = (0..count).map(|i| (text.repeat(i), many(i))).collect();
        let chain: Vec<String> = (0..count).map(many).collect();
        let key = MegolmSessionExport::from_base64(SESSION_KEY).unwrap();
        let mut data = BackedUpSessionData::new(key, text.to_owned(), claimed, chain);
        for index in 0..count {
            data.set_other_property(&text.repeat(index), "[1.0]").unwrap();
        }
        data
    }

    // K-5: a buffer that grows leaves its old content behind, unwiped.
    #[test]
    fn writing_never_grows_the_buffer() {
        for text in ["", "a", "\u{1}", "\"\\", "\u{e9}", "\u{1}\u{1}\u{1}\u{1f600}"] {
            for count in 0..20 {
                let data = SessionDataV2::from(data(text, count));
                let json = data.to_json();
                assert_eq!(json.capacity(), data.room());
                assert!(json.len() <= data.room());
                let source = UnauthenticatedSource::Other(text.repeat(count));
                for provenance in [Provenance::Authenticated, Provenance::Unauthenticated(source)] {
                    for names in crate::Names::ALL {
                        let value = text.repeat(count);
                        let with = provenance
                            .unauthenticated_source()
                            .map(|_| (names.unauthenticated(), value.as_str()));
                        let added = with
                            .map_or(0, |(name, value)| string_room(name) + string_room(value) + 2);
                        let json = data.to_json_marked(&provenance, names);
                        assert_eq!(json.capacity(), data.room() + added);
                    }
                }
            }
        }
    }

    #[test]
    fn names_with_lone_surrogates_fit_too() {
        let more: Vec<_> = vec![r#""\ud800":1"#, r#""\ud800\udc00\udfff":2"#, r#""x\udfff":"y""#];
        let valid = data("", 0).to_json();
        let text = valid.trim_end_matches('}').to_owned() + "," + &more.join(",") + "}";
        let data = BackedUpSessionData::parse(text.as_bytes()).unwrap();
        assert_eq!(data.to_json().capacity(), data.room());
    }
}
