//! Putting keys, in requests that the server can take.
//!
//! A server may lose a part of a request that it refuses, and keep another (Synapse's PUT is not
//! atomic); an answer that did not come says nothing. So after every failure the server is asked
//! what it has, and only the rest is sent again, in smaller requests where that may help.

use std::collections::{HashMap, VecDeque};

use matrix_key_backup_ruma::{RoomKeyEntry, RoomKeysToRuma, room_keys_to_ruma};
use ruma_client_api::backup::add_backup_keys::v3::{Request, Response};

use super::client::{Failed, Repeat, random};
use super::failure::Meaning;
use super::requests::{Limits, place, size_of, sort, unwritten};
use super::retry::{Backoff, Next};
use super::{HomeserverError, HomeserverStore, Outcome, Transport};
use crate::store::{KeyToStore, PutOutcome, ReceivedKey, StoreError, UnwrittenReason, VersionId};

/// A request that is no larger does not fail for its size.
const SMALL: usize = 64 << 10;

/// So many keys may be refused while not one is taken: then it is not for the keys.
const REFUSALS: u32 = 16;

/// A call that puts keys, under way.
struct Putting<'a, T> {
    store: &'a HomeserverStore<T>,
    version: &'a VersionId,
    /// What is still to be sent, by room. Keys that stand apart are not sent together.
    queue: VecDeque<Vec<KeyToStore>>,
    limits: Limits,
    /// Failures since something was taken.
    backoff: Backoff,
    /// Keys that were refused since something was taken.
    refusals: u32,
    /// Whether anything was taken.
    taken: bool,
    /// How the version stands.
    outcome: PutOutcome,
    /// Whether it still stands so as far as we know: no answer was missed.
    is_current: bool,
}

/// What the server has in the place of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum There {
    This,
    Another,
    Nothing,
}

impl<T: Transport> HomeserverStore<T> {
    pub(super) async fn put(
        &self,
        version: &VersionId,
        keys: Vec<KeyToStore>,
    ) -> Outcome<PutOutcome> {
        let Some(before) = self.describe(version).await? else {
            return Err(StoreError::NoSuchVersion { version: version.clone() });
        };
        let (keys, unwritten) = sort(keys);
        let mut putting = Putting {
            store: self,
            version,
            queue: VecDeque::from([keys]),
            limits: Limits { bytes: self.request_bytes(), ..Limits::FIRST },
            backoff: Backoff::new(self.client.patience),
            refusals: 0,
            taken: false,
            outcome: PutOutcome { etag: before.etag, count: before.count, unwritten },
            is_current: true,
        };
        while let Some(keys) = putting.next_request() {
            putting.put(keys).await?;
        }
        putting.finish().await
    }
}

impl<T: Transport> Putting<'_, T> {
    /// The next keys, as many as the limits allow. Without keys there is one request all the same:
    /// it says whether the version may be written to.
    fn next_request(&mut self) -> Option<Vec<KeyToStore>> {
        let mut keys = self.queue.pop_front()?;
        let rest = keys.split_off(self.limits.fitting(&keys));
        self.put_back(rest);
        Some(keys)
    }

    fn put_back(&mut self, keys: Vec<KeyToStore>) {
        if !keys.is_empty() {
            self.queue.push_front(keys);
        }
    }

    fn put_back_in_halves(&mut self, mut keys: Vec<KeyToStore>) {
        let second = keys.split_off(keys.len() / 2);
        self.put_back(second);
        self.put_back(keys);
    }

    async fn put(&mut self, keys: Vec<KeyToStore>) -> Outcome<()> {
        let entries = keys.iter().map(|KeyToStore { room_id, session_id, data }| RoomKeyEntry {
            room_id: room_id.clone(),
            session_id: session_id.clone(),
            data: data.clone(),
        });
        // What Ruma refuses was sorted out before.
        let RoomKeysToRuma { rooms, .. } = room_keys_to_ruma(entries);
        let request = self.store.request(Request::new(self.version.to_string(), rooms))?;
        let repeat = if keys.is_empty() { Repeat::Always } else { Repeat::IfNotDone };
        match self.store.client.call::<Response>(&request, repeat).await {
            Ok(answer) => self.acknowledged(keys, answer).await,
            Err(failed) => self.failed(keys, failed).await,
        }
    }

    /// The server says that it is done. Unless it is plain that all keys are in, it is asked which:
    /// it may keep others, by whatever rule, and another device may have been quicker. // A-2
    async fn acknowledged(&mut self, keys: Vec<KeyToStore>, answer: Response) -> Outcome<()> {
        self.progress();
        let before = (self.is_current, self.outcome.count, self.outcome.etag.parse().ok());
        (self.outcome.etag, self.outcome.count) = (answer.etag, answer.count.into());
        self.is_current = true;
        if self.are_all_new(before, keys.len()) {
            return Ok(());
        }
        for (key, there) in self.read_back(keys).await? {
            let reason = match there {
                There::This => continue,
                There::Another => UnwrittenReason::KeptOld,
                There::Nothing => UnwrittenReason::Refused(
                    "the homeserver acknowledged it, and does not have it".to_owned(),
                ),
            };
            self.outcome.unwritten.push(unwritten(key, reason));
        }
        Ok(())
    }

    /// Whether there are as many keys more as were sent, and nothing else has happened: where an
    /// etag counts changes, as Synapse's does, there was one. Of one key that cannot be told: what
    /// has happened may be that another device wrote it.
    fn are_all_new(
        &self,
        (is_current, count, etag): (bool, u64, Option<u64>),
        sent: usize,
    ) -> bool {
        let one_change =
            etag.is_some_and(|etag| etag.checked_add(1) == self.outcome.etag.parse().ok());
        is_current && one_change && sent > 1 && count + sent as u64 == self.outcome.count
    }

    fn progress(&mut self) {
        self.backoff.reset();
        (self.refusals, self.taken) = (0, true);
    }

    async fn failed(&mut self, keys: Vec<KeyToStore>, failed: Failed) -> Outcome<()> {
        if failed.failure.is(403, "M_WRONG_ROOM_KEYS_VERSION") {
            return Err(self.store.wrong_version(self.version).await);
        }
        match (failed.failure.meaning(), failed.failure.status()) {
            _ if keys.is_empty() => Err(failed.about(self.version)),
            (Meaning::TooMuch, _) => self.too_much(keys, failed).await,
            (_, Some(400 | 422 | 500)) => self.refused(keys, failed).await,
            (Meaning::Unknown, _) => self.unknown(keys, failed).await,
            (Meaning::No | Meaning::NotNow, _) => Err(failed.about(self.version)),
        }
    }

    /// The same in smaller requests, and no such large ones any more.
    async fn too_much(&mut self, keys: Vec<KeyToStore>, failed: Failed) -> Outcome<()> {
        if keys.len() <= 1 {
            return self.refuse(keys, failed).await;
        }
        self.limits.bytes = size_of(&keys) / 2;
        self.store.lower_request_bytes(self.limits.bytes);
        self.put_back(keys);
        Ok(())
    }

    /// Something in the request is refused, or the server trips over it (500). Each half is tried,
    /// down to the key that it is for.
    async fn refused(&mut self, keys: Vec<KeyToStore>, failed: Failed) -> Outcome<()> {
        let is_failure = failed.failure.meaning() == Meaning::Unknown;
        if is_failure {
            let alone = keys.len() <= 1;
            let pause = self.backoff.pause(alone, failed.failure.retry_after(), random());
            match pause {
                Next::Pause(pause) => self.store.client.pause(pause).await,
                Next::GiveUp if alone && self.taken => return self.refuse(keys, failed).await,
                Next::GiveUp => return Err(about_key(&keys, failed)),
            }
        } else if keys.len() <= 1 {
            return self.refuse(keys, failed).await;
        }
        let rest = self.missing(keys).await?;
        self.put_back_in_halves(rest);
        Ok(())
    }

    /// The one key of a request will not be taken; the others are not lost for it.
    async fn refuse(&mut self, keys: Vec<KeyToStore>, failed: Failed) -> Outcome<()> {
        self.refusals += 1;
        if self.refusals > REFUSALS {
            return Err(about_key(&keys, failed));
        }
        let reason = UnwrittenReason::Refused(failed.failure.said());
        let reported = |key| unwritten(key, reason.clone());
        let missing = self.missing(keys).await?;
        self.outcome.unwritten.extend(missing.into_iter().map(reported));
        Ok(())
    }

    /// No answer, or none of the server itself: it may have taken all, some or none, and the size
    /// may be what it failed for. What it does not have is sent again, in smaller requests.
    async fn unknown(&mut self, keys: Vec<KeyToStore>, failed: Failed) -> Outcome<()> {
        let size = size_of(&keys);
        let may_be_size = keys.len() > 1 && size > SMALL;
        match self.backoff.pause(!may_be_size, failed.failure.retry_after(), random()) {
            Next::Pause(pause) => self.store.client.pause(pause).await,
            Next::GiveUp => return Err(about_key(&keys, failed)),
        }
        (self.limits.bytes, self.limits.keys) = ((size / 2).max(1), (keys.len() / 2).max(1));
        let rest = self.missing(keys).await?;
        self.put_back(rest);
        Ok(())
    }

    /// Those of the keys that the server does not have.
    async fn missing(&mut self, keys: Vec<KeyToStore>) -> Outcome<Vec<KeyToStore>> {
        self.is_current = false;
        let sent = keys.len();
        let there = self.read_back(keys).await?.into_iter();
        let missing: Vec<_> =
            there.filter(|(_, there)| *there != There::This).map(|(key, _)| key).collect();
        if missing.len() < sent {
            self.progress();
        }
        Ok(missing)
    }

    async fn read_back(&self, keys: Vec<KeyToStore>) -> Outcome<Vec<(KeyToStore, There)>> {
        let places: Vec<_> = keys.iter().map(place).collect();
        let count = self.outcome.count.saturating_add(keys.len() as u64);
        let mut stored: HashMap<_, Vec<ReceivedKey>> = HashMap::new();
        for key in self.store.look_up(self.version, count, &places).await? {
            stored.entry((key.room_id.clone(), key.session_id.clone())).or_default().push(key);
        }
        let there = |key: &KeyToStore| match stored.get(&place(key)) {
            None => There::Nothing,
            Some(stored) => {
                let is_this =
                    |stored: &ReceivedKey| stored.data.as_ref().is_ok_and(|stored| key.is(stored));
                if stored.iter().any(is_this) { There::This } else { There::Another }
            }
        };
        Ok(keys
            .into_iter()
            .map(|key| (there(&key), key))
            .map(|(there, key)| (key, there))
            .collect())
    }

    /// How the version stands, where the last answer was missed.
    async fn finish(mut self) -> Outcome<PutOutcome> {
        if !self.is_current {
            let Some(now) = self.store.describe(self.version).await? else {
                return Err(StoreError::NoSuchVersion { version: self.version.clone() });
            };
            (self.outcome.etag, self.outcome.count) = (now.etag, now.count);
        }
        Ok(self.outcome)
    }
}

/// The error of a request, with the key where it has only one.
fn about_key(keys: &[KeyToStore], failed: Failed) -> StoreError<HomeserverError> {
    let error = failed.into_error();
    StoreError::Store(match keys {
        [key] => HomeserverError::Key {
            room_id: key.room_id.clone(),
            session_id: key.session_id.clone(),
            cause: Box::new(error),
        },
        _ => error,
    })
}
