//! A new device with nothing but the secret storage key: it restores the backup.

use std::sync::Arc;

use client_api::Session;
use matrix_key_backup::store::KeyScope;
use matrix_key_backup::store::homeserver::ReqwestTransport;
use matrix_key_backup::wire::UserId;
use matrix_key_backup::{BackedUpSession, OpenBackup, restore as restore_all};
use matrix_sdk_crypto::olm::{BackedUpRoomKey, ExportedRoomKey};
use olm_device::OlmDevice;

use crate::{MainDeviceError, Store, unlock::Unlocked};

/// A device that has restored the backup.
#[derive(Debug)]
pub struct Restored {
    /// The device: it has the keys, and reads messages.
    pub device: OlmDevice,
    /// All keys, each with who vouches for it.
    pub keys: Vec<BackedUpSession>,
    /// Entries that gave no key, and why.
    pub rejected: Vec<String>,
}

/// Logs nobody in: restores the backup of a device that is logged in, with the secret storage key
/// as people have written it down.
///
/// # Errors
///
/// [`MainDeviceError`].
pub async fn restore(
    session: Session,
    transport: Arc<ReqwestTransport>,
    recovery_key: &str,
) -> Result<Restored, MainDeviceError> {
    let other = |error: &dyn core::error::Error| MainDeviceError::other(error);
    let store: Store = session.backup_store(transport.clone())?;
    let user_id = UserId::new(session.user_id()).map_err(|e| other(&e))?;
    let backup = OpenBackup::current(&store).await?;
    let unlocked = Unlocked::open(&store, &user_id, recovery_key).await?;
    let reader = unlocked.reader(&backup).await?;
    let entries = backup.reader(reader, Some(user_id)).map_err(|e| other(&e))?;
    let (mut keys, mut rejected) = (Vec::new(), Vec::new());
    let mut pages = Box::pin(restore_all(&store, backup.version().clone(), KeyScope::All, entries));
    while let Some(page) = next(&mut pages).await {
        let page = page.map_err(|e| other(&e))?;
        rejected.extend(page.rejected.iter().map(ToString::to_string));
        keys.extend(page.sessions);
    }
    let device = OlmDevice::new(session, transport).await?;
    let imported = keys.iter().map(exported).collect::<Result<Vec<_>, _>>()?;
    let imported = device.machine().store().import_room_keys(imported, None, |_, _| {}).await;
    imported.map_err(|e| other(&e))?;
    Ok(Restored { device, keys, rejected })
}

/// A restored key as matrix-sdk-crypto takes it.
fn exported(key: &BackedUpSession) -> Result<ExportedRoomKey, MainDeviceError> {
    let other = |error: &dyn core::error::Error| MainDeviceError::other(error);
    let text = key.data().to_json();
    let room_key: BackedUpRoomKey = serde_json::from_str(&text).map_err(|e| other(&e))?;
    let room_id = ruma::RoomId::parse(key.room_id().as_str()).map_err(|e| other(&e))?;
    let session_id = key.session_id().as_str().to_owned();
    Ok(ExportedRoomKey::from_backed_up_room_key(room_id, session_id, room_key))
}

/// The next item of a stream.
async fn next<S: futures_core::Stream>(stream: &mut core::pin::Pin<Box<S>>) -> Option<S::Item> {
    core::future::poll_fn(|context| stream.as_mut().poll_next(context)).await
}
