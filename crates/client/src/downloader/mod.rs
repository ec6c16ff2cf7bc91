//! One session at a time, when a message needs it: instead of a restore, or until it is done.

mod schedule;

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use matrix_key_backup_wire::{RoomId, SessionId};

use self::schedule::{Place, Schedule};
use crate::{
    BackedUpSession, EntryReader, RejectedKey,
    merge::{Merged, merge},
    store::{BackupStore, KeyScope, ReceivedKey, StoreError, VersionId},
};

/// Fetches the keys that messages need, and does not ask again and again for what is not there.
///
/// A timeline that cannot be decrypted asks for its session at every redraw. The downloader asks
/// the store once; where the session is missing, or its entry gives no key, it waits half a minute before it may be asked for
/// again, then a minute, and so on up to an hour. Where the store fails, it waits for all sessions,
/// from one second up to five minutes. A store that answers that the version is gone has not failed:
/// the session waits as one that is missing, the others may be asked for and get the same error, and it
/// is time for a downloader of the current version. What it remembers of misses is bounded. Session ids come
/// out of messages, whose senders may write anything there: what can be none is missing unasked.
///
/// What comes is to be compared with what was seen before, like a restore (B-3): with
/// [`BackupState::watch`](crate::state::BackupState::watch) for the one session.
///
/// There is no clock in it: the caller says what time it is, as the time since any moment that
/// stays the same, for instance `started.elapsed()`.
///
/// ```
/// # use matrix_key_backup::{EntryReader, OpenBackup, downloader::{Download, Downloader}, store::BackupStore, wire::{RoomId, SessionId}};
/// # use std::time::{Duration, Instant};
/// # async fn show<S: BackupStore>(store: &S, backup: &OpenBackup, reader: EntryReader, room: RoomId, session: SessionId) {
/// let started = Instant::now();
/// let downloader = Downloader::new(store, backup.version().clone(), reader);
/// match downloader.download(&room, &session, started.elapsed()).await {
///     Ok(Download::Key(key)) => println!("import it: {}", key.provenance()),
///     Ok(Download::Rejected(rejected)) => println!("to be reported: {rejected}"),
///     Ok(Download::Missing { retry_at }) => println!("not there; ask again at {retry_at:?}"),
///     Ok(Download::NotYet { retry_at }) => println!("not asked; ask again at {retry_at:?}"),
///     Ok(_) => {}
///     Err(error) => println!("{error}"),
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Downloader<S> {
    store: S,
    version: VersionId,
    reader: EntryReader,
    schedule: Mutex<Schedule>,
}

/// What came of asking for one session.
#[derive(Debug)]
#[non_exhaustive]
pub enum Download {
    /// The key, to be imported.
    Key(Box<BackedUpSession>),
    /// There is an entry, and it gives no key. It is to be counted and reported (V2-6).
    Rejected(RejectedKey),
    /// The store does not have the session.
    Missing {
        /// When it may be asked for again.
        retry_at: Duration,
    },
    /// The store was not asked: it was a short while ago, or failed.
    NotYet {
        /// When it will be asked.
        retry_at: Duration,
    },
    /// The same session is being asked for at this moment.
    Underway,
}

impl<S: BackupStore> Downloader<S> {
    /// A downloader for one version.
    #[must_use]
    pub fn new(store: S, version: VersionId, reader: EntryReader) -> Self {
        Self { store, version, reader, schedule: Mutex::new(Schedule::default()) }
    }

    /// The store that is asked.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Asks for one session, if it is time to.
    ///
    /// # Errors
    ///
    /// [`StoreError::Store`]: the store failed. All sessions wait a while then.
    /// [`StoreError::NoSuchVersion`] and others that say something of the version: this session waits.
    pub async fn download(
        &self,
        room_id: &RoomId,
        session_id: &SessionId,
        now: Duration,
    ) -> Result<Download, StoreError<S::Error>> {
        let place = (room_id.clone(), session_id.clone());
        let _underway = match self.schedule().begin(&place, now) {
            Ok(()) => Underway { downloader: self, place: &place },
            Err(not_asked) => return Ok(not_asked),
        };
        if !session_id.is_megolm() {
            let retry_at = self.schedule().missed(&place, now);
            return Ok(Download::Missing { retry_at });
        }
        let entries = self.ask(&place).await;
        let mut schedule = self.schedule();
        match entries {
            Err(error) => {
                if let StoreError::Store(_) = error {
                    schedule.failed(now);
                } else {
                    // It answered, and what it says of the version is no outage.
                    schedule.succeeded();
                    schedule.missed(&place, now);
                }
                Err(error)
            }
            Ok(entries) => {
                schedule.succeeded();
                let best = best(entries.into_iter().map(|entry| self.reader.read(entry)));
                if let Ok(Download::Key(key)) = best {
                    return Ok(Download::Key(key));
                }
                let retry_at = schedule.missed(&place, now);
                Ok(best.unwrap_or(Download::Missing { retry_at }))
            }
        }
    }

    /// Forgets what was missing: the backup's etag has changed, or other keys were uploaded.
    pub fn forget_misses(&self) {
        self.schedule().forget_misses();
    }

    /// The entries of one session; anything else that the store returns is not what was asked for.
    async fn ask(&self, place: &Place) -> Result<Vec<ReceivedKey>, StoreError<S::Error>> {
        let (room_id, session_id) = place;
        let scope = KeyScope::Session(room_id.clone(), session_id.clone());
        let mut pages = self.store.keys(self.version.clone(), scope);
        let mut entries = Vec::new();
        while let Some(page) = pages.next_page().await {
            let asked =
                |key: &ReceivedKey| key.room_id == *room_id && key.session_id == *session_id;
            entries.extend(page?.into_iter().filter(asked).take(MAX_ENTRIES - entries.len()));
        }
        Ok(entries)
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        // Whatever panicked meanwhile, a schedule is never half changed.
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// No store has more than one entry for a session; of a hostile one's, these many are read.
const MAX_ENTRIES: usize = 8;

/// The best of what came (A-3).
fn best(read: impl Iterator<Item = Result<BackedUpSession, RejectedKey>>) -> Result<Download, ()> {
    let mut best: Option<Result<BackedUpSession, RejectedKey>> = None;
    for next in read {
        best = Some(match (best, next) {
            (Some(Ok(first)), Ok(second)) => {
                let Merged { session, .. } = merge(first, second);
                Ok(session)
            }
            (Some(Ok(session)), Err(_)) | (_, Ok(session)) => Ok(session),
            (_, Err(rejected)) => Err(rejected),
        });
    }
    match best.ok_or(())? {
        Ok(session) => Ok(Download::Key(Box::new(session))),
        Err(rejected) => Ok(Download::Rejected(rejected)),
    }
}

/// Says that a session is not being asked for any more, also where the future was dropped.
struct Underway<'d, S: BackupStore> {
    downloader: &'d Downloader<S>,
    place: &'d Place,
}

impl<S: BackupStore> Drop for Underway<'_, S> {
    fn drop(&mut self) {
        self.downloader.schedule().end(self.place);
    }
}
