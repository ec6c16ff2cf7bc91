//! The backup: may it be written to, and writing to it.

use std::sync::Arc;

use matrix_key_backup::store::homeserver::{HomeserverStore, Transport};
use matrix_key_backup::trust::{Ed25519PublicKey, TrustedBackup, TrustedSigners};
use matrix_key_backup::upload::{
    BlockReason, Effect, MacKeyCheck, NoticeKind, UploadError, UploadEvent, Uploader,
};
use matrix_key_backup::wire::UserId;
use matrix_key_backup::{OpenBackup, OpenError};

use crate::{BotError, Said, State, own_devices::KnownDevices};

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
    let uploader = Uploader::for_writer(store, backup, mac_key.clone(), &mut state.trust).await;
    let uploader = match uploader {
        Err(UploadError::StaleMacKey) => {
            // T-5: it is of no use, and the next run asks again.
            state.mac_key = None;
            save(state)?;
            return Err(UploadError::StaleMacKey.into());
        }
        other => other?,
    };
    save(state)?;
    let now = state.trust.mac_key_status(backup, &mac_key);
    if before != now {
        use matrix_key_backup::trust::MacKeyStatus::Confirmed;
        let confirmed = now == Some(Confirmed);
        let check = if confirmed { MacKeyCheck::Confirmed } else { MacKeyCheck::Unconfirmed };
        said.push(Said::MacKey(check));
    }
    let outcome = upload(&uploader, state, known, said).await?;
    forget(state, backup, &outcome);
    save(state)
}

/// The sessions that are done, and those that the backup does not take.
#[derive(Default)]
struct Outcome {
    done: Vec<(String, String)>,
    blocked: Vec<(String, String)>,
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
    let place = |key: &crate::PendingKey| {
        key.session_id().map(|session_id| (key.room_id().to_owned(), session_id))
    };
    let is_in = |places: &[_], key: &crate::PendingKey| {
        place(key).is_some_and(|place| places.contains(&place))
    };
    let (blocked, rest): (Vec<_>, Vec<_>) =
        state.pending.drain(..).partition(|key| is_in(&outcome.blocked, key));
    state.pending = rest.into_iter().filter(|key| !is_in(&outcome.done, key)).collect();
    if !blocked.is_empty() {
        state.blocked.extend(blocked);
        state.blocked_in = Some(backup.version().to_owned());
    }
}
