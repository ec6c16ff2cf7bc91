//! Reading entries: all, a room's, a session's; and looking up many at once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::{StreamExt, TryStreamExt, stream};
use matrix_key_backup_ruma::key_backup_data_from_ruma;
use matrix_key_backup_wire::{RoomId, SessionId};
use ruma_client_api::backup::{
    get_backup_keys, get_backup_keys_for_room, get_backup_keys_for_session,
};

use super::client::{Repeat, Request};
use super::lookup::{Wanted, plan};
use super::pages::{Reading, size};
use super::path::{room_segment, segment};
use super::retry::{Backoff, Next};
use super::{HomeserverError, HomeserverStore, Outcome, Transport, TransportError, client};
use crate::maybe_send::{MaybeSend, MaybeSync};
use crate::store::{KeyPages, KeyScope, ReceivedKey, RoomKeysScanner, StoreError, VersionId};

/// So many requests are under way at a time while sessions are looked up.
const AT_A_TIME: usize = 4;

/// What is looked up at once is some megabytes; more is what a server makes up.
const LOOKED_UP_MAX_BYTES: usize = 256 << 20;

/// A scope that is being read, or will be.
enum Cursor<'c, T> {
    Before(VersionId, KeyScope),
    Within(Box<Reading<'c, T>>, KeyScope),
    After,
}

impl<T: Transport> HomeserverStore<T> {
    pub(super) fn pages(
        &self,
        version: VersionId,
        scope: KeyScope,
    ) -> KeyPages<'_, HomeserverError> {
        let cursor = Cursor::Before(version, scope);
        KeyPages::new(stream::try_unfold(cursor, |cursor| self.next_page(cursor)))
    }

    /// The next page that is not empty, and where the one after it begins.
    async fn next_page<'c>(
        &'c self,
        cursor: Cursor<'c, T>,
    ) -> Outcome<Option<(Vec<ReceivedKey>, Cursor<'c, T>)>> {
        let (mut reading, scope) = match cursor {
            Cursor::Before(version, KeyScope::Session(room_id, session_id)) => {
                let found = self.one(&version, &room_id, &session_id).await?;
                return Ok((!found.is_empty()).then_some((found, Cursor::After)));
            }
            Cursor::Before(version, scope) => (Box::new(self.open(&version, &scope).await?), scope),
            Cursor::Within(reading, scope) => (reading, scope),
            Cursor::After => return Ok(None),
        };
        while let Some(mut page) = reading.next_page().await.map_err(StoreError::Store)? {
            page.retain(|key| is_within(&scope, key));
            if !page.is_empty() {
                return Ok(Some((page, Cursor::Within(reading, scope))));
            }
        }
        Ok(None)
    }

    /// The smallest list that has the scope in it.
    async fn open(&self, version: &VersionId, scope: &KeyScope) -> Outcome<Reading<'_, T>> {
        if segment(version.as_str()).is_none() {
            return Err(StoreError::NoSuchVersion { version: version.clone() });
        }
        let (request, scanner) = self.list_request(version, scope)?;
        let body = self.client.open(&request).await;
        let body = body.map_err(|failed| failed.about(version))?;
        Ok(Reading::new(&self.client, &request, body, scanner))
    }

    fn list_request(
        &self,
        version: &VersionId,
        scope: &KeyScope,
    ) -> Outcome<(Request, RoomKeysScanner)> {
        use {get_backup_keys::v3 as all, get_backup_keys_for_room::v3 as one};

        let version = version.to_string();
        let room_id = match scope {
            KeyScope::All => None,
            KeyScope::Room(room_id) | KeyScope::Session(room_id, _) => Some(room_id),
        };
        match room_id.and_then(|room_id| Some((room_segment(room_id.as_str())?, room_id))) {
            Some((segment, room_id)) => {
                let request = self.request(one::Request::new(version, segment))?;
                Ok((request, RoomKeysScanner::one_room(room_id.clone())))
            }
            None => Ok((self.request(all::Request::new(version))?, RoomKeysScanner::all())),
        }
    }

    /// The entry of one session. A missing one looks like a missing version, so that is asked for.
    async fn one(
        &self,
        version: &VersionId,
        room_id: &RoomId,
        session_id: &SessionId,
    ) -> Outcome<Vec<ReceivedKey>> {
        let found = self.one_if_there(version, room_id, session_id, &Budget::default()).await?;
        if found.is_empty() && self.describe(version).await?.is_none() {
            return Err(StoreError::NoSuchVersion { version: version.clone() });
        }
        Ok(found)
    }

    async fn one_if_there(
        &self,
        version: &VersionId,
        room_id: &RoomId,
        session_id: &SessionId,
        budget: &Budget,
    ) -> Outcome<Vec<ReceivedKey>> {
        use get_backup_keys_for_session::v3::{Request, Response};

        let in_path = room_segment(room_id.as_str()).zip(segment(session_id.as_str()));
        let Some((room, session)) = in_path else {
            let scope = KeyScope::Session(room_id.clone(), session_id.clone());
            return self.list(version, &scope, budget, |key| is_within(&scope, key)).await;
        };
        let request = self.request(Request::new(version.to_string(), room, session))?;
        match self.client.call::<Response>(&request, Repeat::Always).await {
            Ok(answer) => {
                let key = ReceivedKey {
                    room_id: room_id.clone(),
                    session_id: session_id.clone(),
                    data: key_backup_data_from_ruma(&answer.key_data),
                };
                let malformed = |error| HomeserverError::malformed(&request, &error);
                budget.take(&key).map_err(malformed).map_err(StoreError::Store)?;
                Ok(vec![key])
            }
            Err(failed) if failed.failure.is(404, "M_NOT_FOUND") => Ok(Vec::new()),
            Err(failed) => Err(StoreError::Store(failed.into_error())),
        }
    }

    /// Reads a list to its end, anew where it breaks off, and keeps what is wanted of it, within the
    /// budget.
    async fn list(
        &self,
        version: &VersionId,
        scope: &KeyScope,
        budget: &Budget,
        is_wanted: impl Fn(&ReceivedKey) -> bool + MaybeSend + MaybeSync,
    ) -> Outcome<Vec<ReceivedKey>> {
        let mut backoff = Backoff::new(self.client.patience);
        loop {
            let mut reading = self.open(version, scope).await?;
            let (mut found, mut seen) = (Vec::new(), BTreeMap::new());
            let to_its_end = async {
                while let Some(page) = reading.next_page().await? {
                    for key in page.into_iter().filter(&is_wanted) {
                        if !is_kept(&mut seen, &key) {
                            continue;
                        }
                        budget.take(&key).map_err(|error| reading.malformed_answer(&error))?;
                        found.push(key);
                    }
                }
                Ok::<_, Unfinished>(())
            };
            // Its pages are shown to nobody, who could lose patience.
            let read = self.client.in_time(self.client.patience.look_up, to_its_end).await;
            let error = match read {
                Ok(()) => return Ok(found),
                Err(Unfinished::Late(cause)) => {
                    return Err(StoreError::Store(reading.broken_off(cause)));
                }
                Err(Unfinished::Failed(error)) => error,
            };
            budget.give_back(&found);
            match (&error, backoff.after_failure(None, client::random())) {
                (HomeserverError::BrokenOff { .. }, Next::Pause(pause)) => {
                    self.client.pause(pause).await;
                }
                _ => return Err(StoreError::Store(error)),
            }
        }
    }

    /// Looks up sessions of a version that has `count` entries.
    pub(super) async fn look_up(
        &self,
        version: &VersionId,
        count: u64,
        sessions: &[(RoomId, SessionId)],
    ) -> Outcome<Vec<ReceivedKey>> {
        let mut wanted = Wanted::new();
        for (room_id, session_id) in sessions {
            wanted.entry(room_id).or_default().insert(session_id);
        }
        let (wanted, budget) = (&wanted, &Budget::default());
        let read = async move |scope| match scope {
            KeyScope::Session(room_id, session_id) => {
                self.one_if_there(version, &room_id, &session_id, budget).await
            }
            scope => {
                let is_wanted = |key: &ReceivedKey| {
                    let sessions = wanted.get(&key.room_id);
                    sessions.is_some_and(|sessions| sessions.contains(&key.session_id))
                };
                self.list(version, &scope, budget, is_wanted).await
            }
        };
        stream::iter(plan(wanted, count)).map(read).buffer_unordered(AT_A_TIME).try_concat().await
    }
}

/// Why a list was not read to its end.
enum Unfinished {
    Late(TransportError),
    Failed(HomeserverError),
}

impl From<TransportError> for Unfinished {
    fn from(error: TransportError) -> Self {
        Self::Late(error)
    }
}

impl From<HomeserverError> for Unfinished {
    fn from(error: HomeserverError) -> Self {
        Self::Failed(error)
    }
}

/// The bytes that were found, in all requests of a look-up together. // V2-13
#[derive(Default)]
struct Budget(AtomicUsize);

/// A server says more than anybody has.
#[derive(Debug, thiserror::Error)]
#[error("what is looked up has more than {LOOKED_UP_MAX_BYTES} bytes")]
struct OverBudget;

impl Budget {
    /// Counts an entry that is to be kept.
    fn take(&self, key: &ReceivedKey) -> Result<(), OverBudget> {
        let before = self.0.fetch_add(size(key), Ordering::Relaxed);
        let fits = before.saturating_add(size(key)) <= LOOKED_UP_MAX_BYTES;
        fits.then_some(()).ok_or(OverBudget)
    }

    /// What was found will be found anew.
    fn give_back(&self, found: &[ReceivedKey]) {
        self.0.fetch_sub(found.iter().map(size).sum(), Ordering::Relaxed);
    }
}

/// Two entries of a session are enough to see that there is more than one. A server that names one for
/// ever must not fill our memory. // V2-13
fn is_kept(seen: &mut BTreeMap<(RoomId, SessionId), u8>, key: &ReceivedKey) -> bool {
    let times = seen.entry((key.room_id.clone(), key.session_id.clone())).or_default();
    *times = times.saturating_add(1);
    *times <= 2
}

fn is_within(scope: &KeyScope, key: &ReceivedKey) -> bool {
    match scope {
        KeyScope::All => true,
        KeyScope::Room(room_id) => *room_id == key.room_id,
        KeyScope::Session(room_id, session_id) => {
            (room_id, session_id) == (&key.room_id, &key.session_id)
        }
    }
}

#[cfg(test)]
mod tests {
    use matrix_key_backup_wire::{KeyBackupData, KeyBackupDataError};
    use serde_json::value::RawValue;

    use super::*;

    /// V2-13: what is looked up is never more than there is room for, whatever a server makes up.
    #[test]
    fn what_is_looked_up_is_bounded() {
        let session_data = RawValue::from_string(format!("\"{}\"", "x".repeat(1 << 20))).unwrap();
        let data = KeyBackupData {
            first_message_index: 0,
            forwarded_count: 0,
            is_verified: false,
            session_data,
        };
        let key = ReceivedKey {
            room_id: RoomId::new("!r").unwrap(),
            session_id: SessionId::new("s").unwrap(),
            data: Ok(data),
        };
        let taken = |budget: &Budget| (0..1000).take_while(|_| budget.take(&key).is_ok()).count();
        assert_eq!(taken(&Budget::default()), 255, "each has a little more than a mebibyte");
        let budget = Budget::default();
        budget.take(&key).unwrap();
        budget.give_back(std::slice::from_ref(&key));
        assert_eq!(taken(&budget), 255);
    }

    /// V2-13: what a server repeats for ever does not become memory, and two show that there are two.
    #[test]
    fn two_entries_of_a_session_are_kept() {
        let key = |session: &str| ReceivedKey {
            room_id: RoomId::new("!r").unwrap(),
            session_id: SessionId::new(session).unwrap(),
            data: Err(KeyBackupDataError::Encoding),
        };
        let mut seen = BTreeMap::new();
        let kept =
            |session: &str, seen: &mut _| (0..300).filter(|_| is_kept(seen, &key(session))).count();
        assert_eq!(kept("one", &mut seen), 2);
        assert_eq!(kept("other", &mut seen), 2);
        assert_eq!(kept("one", &mut seen), 0);
    }
}
