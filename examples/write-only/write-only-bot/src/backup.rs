//! The backup: may it be written to, and writing to it.

use std::sync::Arc;

use matrix_key_backup::primitives::BackupMacKey;
use matrix_key_backup::store::homeserver::{HomeserverError, HomeserverStore, Transport};
use matrix_key_backup::trust::{Ed25519PublicKey, MacKeyStatus, TrustedBackup, TrustedSigners};
use matrix_key_backup::upload::{
    BlockReason, Effect, MacKeyCheck, NoticeKind, UploadError, UploadEvent, Uploader,
};
use matrix_key_backup::wire::{RoomId, SessionId, UserId};
use matrix_key_backup::{OpenBackup, OpenError};

use crate::{BotError, PendingKey, Said, State, own_devices::KnownDevices, pending::Place};

/// With more entries of its own, this device gives up looking for one of somebody else's: it would
/// read them all before each write.
const MAX_UNCONFIRMED: usize = 1024;

pub(crate) type Store<T> = HomeserverStore<Arc<T>>;

/// The current backup, if the user's master key has signed it; none, if there is no backup yet.
///
/// T-1, T-2: the master key is the one that the user compared. A device's signature would do for
/// T-1 as well, but then each bot that is stolen could sign a backup for the others.
///
/// # Errors
///
/// [`BotError::NotTrusted`], also where the homeserver has gone back to another backup (T-4);
/// [`BotError::BackupGone`].
pub(crate) async fn trusted<T: Transport>(
    store: &Store<T>,
    state: &mut State,
) -> Result<Option<TrustedBackup>, BotError> {
    let backup = match OpenBackup::current(store).await {
        Ok(backup) => backup,
        Err(OpenError::NoBackup) if state.trust.last_trusted().is_none() => return Ok(None),
        Err(OpenError::NoBackup) => return Err(BotError::BackupGone),
        Err(error) => return Err(BotError::Backup(error)),
    };
    let internal = |what: String| BotError::Internal(what);
    let user = UserId::new(state.session.user_id()).map_err(|e| internal(e.to_string()))?;
    let key = Ed25519PublicKey::from_base64(&state.master_key.to_base64());
    let key = key.map_err(|e| internal(e.to_string()))?;
    let signers = TrustedSigners::of(user).with_verified_master_key(key);
    let said = backup.description();
    Ok(Some(TrustedBackup::from_signature(said, &signers, &mut state.trust)?))
}

/// Whether the state has the MAC key of this backup.
pub(crate) fn has_mac_key(state: &State, backup: &TrustedBackup) -> bool {
    state.mac_key.as_ref().is_some_and(|kept| kept.of(backup.public_key()).is_some())
}

/// Writes the keys that wait, and forgets those that the backup then has.
///
/// `save` stores the state: what is remembered of the MAC key has to be there before anything is
/// written (T-5).
///
/// # Errors
///
/// [`BotError::Upload`]. Keys that were not written yet still wait.
pub(crate) async fn write<T: Transport>(
    store: &Store<T>,
    state: &mut State,
    backup: &TrustedBackup,
    known: Option<&KnownDevices>,
    save: impl Fn(&State) -> Result<(), BotError>,
    said: &mut Vec<Said>,
) -> Result<(), BotError> {
    if state.blocked_in.as_deref().is_some_and(|version| version != backup.version()) {
        state.pending.append(&mut state.blocked);
        state.blocked_in = None;
    }
    let mac_key = state.mac_key.as_ref().and_then(|kept| kept.of(backup.public_key()));
    let Some(mac_key) = mac_key.filter(|_| !state.pending.is_empty()) else { return Ok(()) };
    let before = state.trust.mac_key_status(backup, &mac_key);
    let uploader = match uploader(store, state, backup, &mac_key).await {
        Err(UploadError::StaleMacKey) => {
            // T-5: it is of no use, and the next run asks again.
            state.mac_key = None;
            state.unconfirmed.clear();
            save(state)?;
            return Err(UploadError::StaleMacKey.into());
        }
        other => other?,
    };
    save(state)?;
    let now = state.trust.mac_key_status(backup, &mac_key);
    let confirmed = now == Some(MacKeyStatus::Confirmed);
    if before != now {
        let check = if confirmed { MacKeyCheck::Confirmed } else { MacKeyCheck::Unconfirmed };
        said.push(Said::MacKey(check));
    }
    if !confirmed && state.unconfirmed.len() <= MAX_UNCONFIRMED {
        // Before it is sent: after a crash it would be taken for somebody else's.
        state.unconfirmed.extend(state.pending.iter().filter_map(PendingKey::place));
        save(state)?;
    }
    let outcome = upload(&uploader, state, known, said).await?;
    forget(state, backup, &outcome);
    save(state)
}

/// An uploader whose MAC key was tried on what others have written, as far as there is any (T-5).
async fn uploader<'s, T: Transport>(
    store: &'s Store<T>,
    state: &mut State,
    backup: &TrustedBackup,
    mac_key: &BackupMacKey,
) -> Result<Uploader<'s, Store<T>>, UploadError<HomeserverError>> {
    let State { trust, unconfirmed, .. } = state;
    let mut uploader = Uploader::for_writer(store, backup, mac_key.clone(), trust).await?;
    if unconfirmed.len() > MAX_UNCONFIRMED {
        return Ok(uploader);
    }
    let written_here = |room: &RoomId, session: &SessionId| {
        unconfirmed.contains(&(room.to_string(), session.to_string()))
    };
    if uploader.confirm_mac_key(written_here, trust).await? == MacKeyCheck::Confirmed {
        unconfirmed.clear();
    }
    Ok(uploader)
}

/// The sessions that are done, and those that the backup does not take.
#[derive(Default)]
struct Outcome {
    done: Vec<Place>,
    blocked: Vec<Place>,
}

async fn upload<T: Transport>(
    uploader: &Uploader<'_, Store<T>>,
    state: &mut State,
    known: Option<&KnownDevices>,
    said: &mut Vec<Said>,
) -> Result<Outcome, BotError> {
    let owner = UserId::new(state.session.user_id());
    let owner = owner.map_err(|error| BotError::Internal(error.to_string()))?;
    let verified = |curve: &str, ed: &str| known.is_some_and(|known| known.is_verified(curve, ed));
    // What cannot be read now never can.
    state.pending.retain(|key| key.to_room_key(&owner, false).is_some());
    let keys: Vec<_> = state
        .pending
        .iter()
        .filter_map(|key| key.to_room_key(&owner, verified(&key.curve25519, &key.ed25519)))
        .collect();
    let mut outcome = Outcome::default();
    let mut notices = Vec::<(String, BlockReason)>::new();
    let uploaded = uploader.upload(keys, |event| match event {
        UploadEvent::Key { room_id, session_id, effect, .. } => {
            let (room_id, session_id) = (room_id.to_string(), session_id.to_string());
            if effect == Effect::Blocked {
                outcome.blocked.push((room_id, session_id));
                return;
            }
            outcome.done.push((room_id.clone(), session_id.clone()));
            said.push(Said::Written { room_id, session_id, effect });
        }
        UploadEvent::Notice(notice) => {
            if let NoticeKind::Blocked(reason) = &notice.what {
                notices.push((notice.session_id.to_string(), reason.clone()));
            }
        }
        _ => {}
    });
    let uploaded = uploaded.await.map(drop);
    let blocked = |(session_id, reason)| Said::Blocked { session_id, reason };
    said.extend(notices.into_iter().map(blocked));
    uploaded?;
    Ok(outcome)
}

fn forget(state: &mut State, backup: &TrustedBackup, outcome: &Outcome) {
    let is_in = |places: &[Place], key: &PendingKey| {
        key.place().is_some_and(|place| places.contains(&place))
    };
    let (blocked, rest): (Vec<_>, Vec<_>) =
        state.pending.drain(..).partition(|key| is_in(&outcome.blocked, key));
    state.pending = rest.into_iter().filter(|key| !is_in(&outcome.done, key)).collect();
    if !blocked.is_empty() {
        state.blocked.extend(blocked);
        state.blocked_in = Some(backup.version().to_owned());
    }
}
