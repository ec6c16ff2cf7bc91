//! The same again, as a new device: what a full device needs is in secret storage.

use std::sync::Arc;

use client_api::Session;
use matrix_key_backup::OpenBackup;
use matrix_key_backup::store::homeserver::ReqwestTransport;
use matrix_key_backup::trust::KeyOrigin;
use matrix_key_backup::wire::UserId;
use matrix_sdk_crypto::store::types::CrossSigningKeyExport;
use olm_device::OlmDevice;
use zeroize::Zeroizing;

use crate::{CROSS_SIGNING, MainDevice, MainDeviceError, unlock::Unlocked};

impl MainDevice {
    /// Takes an account over that has cross-signing, secret storage and a backup, with the secret
    /// storage key as people write it down (K-3). Nothing of it is changed, but that this device is
    /// signed.
    ///
    /// # Errors
    ///
    /// [`MainDeviceError`].
    pub async fn sign_in(
        session: Session,
        transport: Arc<ReqwestTransport>,
        recovery_key: &str,
    ) -> Result<Self, MainDeviceError> {
        let store = session.backup_store(transport.clone())?;
        let user_id =
            UserId::new(session.user_id()).map_err(|error| MainDeviceError::other(&error))?;
        let backup = OpenBackup::current(&store).await?;
        let unlocked = Unlocked::open(&store, &user_id, recovery_key).await?;
        let reader = unlocked.reader(&backup).await?;
        let device = OlmDevice::new(session, transport).await?;
        import_cross_signing(&device, &unlocked).await?;
        let recovery_key = Zeroizing::new(recovery_key.to_owned());
        Ok(Self::new(device, store, backup, (reader, KeyOrigin::SecretStorage), recovery_key))
    }
}

/// Takes the cross-signing keys, if they are those that the user's other devices know, and signs
/// this device.
async fn import_cross_signing(
    device: &OlmDevice,
    unlocked: &Unlocked<'_>,
) -> Result<(), MainDeviceError> {
    let other = |error: &dyn core::error::Error| MainDeviceError::other(error);
    let mut seeds = Vec::new();
    for name in CROSS_SIGNING {
        let secret = unlocked.secret(name).await?;
        seeds.push(secret.expose_text().map_err(|e| other(&e))?.to_owned());
    }
    let mut seeds = seeds.into_iter();
    let export = CrossSigningKeyExport {
        master_key: seeds.next(),
        self_signing_key: seeds.next(),
        user_signing_key: seeds.next(),
    };
    let user = device.user_id();
    device.query_keys(&[&user]).await?;
    let status = device.machine().import_cross_signing_keys(export).await;
    if !status.map_err(|e| other(&e))?.is_complete() {
        return Err(MainDeviceError::Other("the user has no cross-signing keys".to_owned()));
    }
    let this = device.machine().device_id();
    let this = device.machine().get_device(&user, this, None).await.map_err(|e| other(&e))?;
    let this = this.ok_or_else(|| MainDeviceError::NoSuchDevice(String::new()))?;
    let signed = this.verify().await.map_err(|e| other(&e))?;
    let signed = serde_json::to_value(&signed.signed_keys).map_err(|e| other(&e))?;
    device.upload_signatures(&signed).await?;
    Ok(device.query_keys(&[&user]).await?)
}
