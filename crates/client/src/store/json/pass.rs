//! One reading of a file from its beginning to its end, page by page.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;

use matrix_key_backup_wire::{RoomId, SessionId};

use super::JsonFileError;
use super::file::{Chunks, Stamp};
use crate::store::{KeyScope, ReceivedKey, RoomKeysScanner};

/// A page has at most this many entries.
const PAGE_ENTRIES: usize = 256;

/// A page ends with the entry that makes it larger than this; no entry is larger than 1 MiB.
const PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Which entries are given; the others are passed over.
#[derive(Debug)]
pub(super) enum Wanted {
    Scope(KeyScope),
    Sessions(BTreeMap<RoomId, BTreeSet<SessionId>>),
}

impl Wanted {
    pub(super) fn sessions(places: &[(RoomId, SessionId)]) -> Self {
        let mut rooms: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (room_id, session_id) in places {
            rooms.entry(room_id.clone()).or_default().insert(session_id.clone());
        }
        Self::Sessions(rooms)
    }

    fn has(&self, key: &ReceivedKey) -> bool {
        match self {
            Self::Scope(KeyScope::All) => true,
            Self::Scope(KeyScope::Room(room_id)) => key.room_id == *room_id,
            Self::Scope(KeyScope::Session(room_id, session_id)) => {
                key.room_id == *room_id && key.session_id == *session_id
            }
            Self::Sessions(rooms) => {
                rooms.get(&key.room_id).is_some_and(|room| room.contains(&key.session_id))
            }
        }
    }
}

/// Where a reading stands.
#[derive(Debug)]
pub(super) struct Pass {
    path: PathBuf,
    stamp: Stamp,
    wanted: Wanted,
    state: State,
    /// Entries that the next pages take.
    found: VecDeque<ReceivedKey>,
}

#[derive(Debug)]
enum State {
    NotBegun,
    Reading(Chunks, Box<RoomKeysScanner>),
    /// With what is still to be told.
    Over(Option<JsonFileError>),
}

impl Pass {
    /// Of the file that had this stamp when it was opened. Nothing is read yet.
    pub(super) fn new(path: PathBuf, stamp: Stamp, wanted: Wanted) -> Self {
        Self { path, stamp, wanted, state: State::NotBegun, found: VecDeque::new() }
    }

    /// The next page, or `None` after the last one, and when `given_up` says that nobody wants it.
    ///
    /// An error comes after the entries that stood before it.
    pub(super) fn next_page(
        &mut self,
        given_up: impl Fn() -> bool,
    ) -> Result<Option<Vec<ReceivedKey>>, JsonFileError> {
        let (mut page, mut bytes) = (Vec::new(), 0);
        while page.len() < PAGE_ENTRIES && bytes < PAGE_BYTES {
            match self.found.pop_front() {
                Some(key) => {
                    bytes += size(&key);
                    page.push(key);
                }
                None if matches!(self.state, State::Over(_)) || given_up() => break,
                None => self.read_on(),
            }
        }
        match &mut self.state {
            State::Over(error) if page.is_empty() => error.take().map_or(Ok(None), Err),
            _ => Ok((!page.is_empty()).then_some(page)),
        }
    }

    /// Reads a chunk.
    fn read_on(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Over(None));
        self.state = match state {
            State::NotBegun => match Chunks::reopen(&self.path, self.stamp) {
                Ok(chunks) => State::Reading(chunks, Box::new(RoomKeysScanner::all())),
                Err(error) => State::Over(Some(error)),
            },
            State::Reading(chunks, scanner) => {
                self.read_chunk(chunks, scanner).unwrap_or_else(|error| State::Over(Some(error)))
            }
            State::Over(error) => State::Over(error),
        };
    }

    fn read_chunk(
        &mut self,
        mut chunks: Chunks,
        mut scanner: Box<RoomKeysScanner>,
    ) -> Result<State, JsonFileError> {
        let form = |error| JsonFileError::from_form(&self.path, error);
        let chunk = chunks.next()?;
        if chunk.is_empty() {
            scanner.finish().map_err(form)?;
            return Ok(State::Over(None));
        }
        let mut found = Vec::new();
        let read = scanner.push(chunk, &mut found);
        self.found.extend(found.into_iter().filter(|key| self.wanted.has(key)));
        read.map_err(form)?;
        Ok(State::Reading(chunks, scanner))
    }
}

/// How much memory an entry takes, roughly.
fn size(key: &ReceivedKey) -> usize {
    let data = key.data.as_ref().map_or(0, |data| data.session_data.get().len());
    key.room_id.as_str().len() + key.session_id.as_str().len() + data
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::super::file::describe;
    use super::*;

    /// Whoever drops the pages does not keep the thread at work until the end of the file.
    #[test]
    fn giving_up_is_asked_about_before_each_chunk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("backup.json");
        let padding = "x".repeat(10 << 20);
        let json = r#"{"version": "1", "algorithm": "a", "auth_data": 1, "rooms": {}, "x": ""#;
        std::fs::write(&path, format!("{json}{padding}\"}}")).unwrap();
        let (_, _, stamp) = describe(&path).unwrap();
        let pass = || Pass::new(path.clone(), stamp, Wanted::Scope(KeyScope::All));

        let asked = Cell::new(0);
        let page = pass().next_page(|| {
            asked.set(asked.get() + 1);
            false
        });
        assert!(page.unwrap().is_none());
        assert!(asked.get() >= 40, "{asked:?}");

        let mut pass = pass();
        assert!(pass.next_page(|| true).unwrap().is_none());
        assert!(matches!(pass.state, State::NotBegun), "nothing was read");
    }
}
