//! Going through a key export, one entry after the other, past those that cannot be used.

use alloc::{collections::BTreeMap, format, string::String};
use core::{fmt, iter::FusedIterator};

use matrix_key_backup_wire::{RoomId, SessionId};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::{ExportedSessionData, ExportedSessionDataError, list::Elements};

/// Longest identifier that is repeated in an error: what Matrix allows for room ids.
const MAX_NAME_BYTES: usize = 255;

/// The entries of a [`DecryptedKeyExport`](crate::DecryptedKeyExport).
#[derive(Clone)]
pub struct Entries<'a> {
    elements: Elements<'a>,
    /// How many have been read.
    position: usize,
    len: usize,
}

impl<'a> Entries<'a> {
    /// `text` is a list of `len` elements.
    pub(crate) const fn new(text: &'a str, len: usize) -> Self {
        Self { elements: Elements::new(text), position: 0, len }
    }
}

impl Iterator for Entries<'_> {
    type Item = Result<ExportedSessionData, BadEntry>;

    fn next(&mut self) -> Option<Self::Item> {
        // That it is a list was settled when it was decrypted.
        let text = self.elements.next()?.ok()?;
        self.position += 1;
        let entry = ExportedSessionData::parse(text);
        Some(entry.map_err(|reason| BadEntry::new(self.position, text, reason)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.len - self.position;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Entries<'_> {}

impl FusedIterator for Entries<'_> {}

impl fmt::Debug for Entries<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entries")
            .field("position", &self.position)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// An entry that cannot be used: which one it is, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("entry {position}{}: {reason}", self.place())]
#[non_exhaustive]
pub struct BadEntry {
    /// Its place in the list, from 1.
    pub position: usize,
    /// The room that it names, if that much can be read.
    pub room_id: Option<RoomId>,
    /// The session that it names, if that much can be read.
    pub session_id: Option<SessionId>,
    /// What is wrong with it.
    pub reason: ExportedSessionDataError,
}

impl BadEntry {
    fn new(position: usize, text: &str, reason: ExportedSessionDataError) -> Self {
        let names = LenientObject::read(text);
        Self {
            position,
            room_id: names.get("room_id").and_then(|id| RoomId::new(id).ok()),
            session_id: names.get("session_id").and_then(|id| SessionId::new(id).ok()),
            reason,
        }
    }

    /// Quoted, because the names are whatever the file says and end up on a terminal.
    fn place(&self) -> String {
        match (&self.session_id, &self.room_id) {
            (Some(session_id), Some(room_id)) => {
                format!(" (session {session_id:?} in room {room_id:?})")
            }
            (Some(session_id), None) => format!(" (session {session_id:?})"),
            (None, Some(room_id)) => format!(" (in room {room_id:?})"),
            (None, None) => String::new(),
        }
    }
}

/// The properties of an entry that may be malformed, read leniently and only to name it.
struct LenientObject<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> LenientObject<'a> {
    fn read(text: &'a str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    fn get(&self, property: &str) -> Option<String> {
        let value = self.0.get(property)?.get();
        serde_json::from_str::<String>(value).ok().filter(|name| name.len() <= MAX_NAME_BYTES)
    }
}
