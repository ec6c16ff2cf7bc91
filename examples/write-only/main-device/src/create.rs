//! The beginning: cross-signing, secret storage, a backup that the user's keys have signed.

use std::collections::BTreeSet;
use std::sync::Arc;

use client_api::{Api, ApiError, Session};
use matrix_key_backup::account::KeyBackupPreference;
use matrix_key_backup::primitives::BackupDecryptionKey;
use matrix_key_backup::secret_storage::{AccountDataEvent, NewKey, SecretContent};
use matrix_key_backup::store::BackupStore as _;
use matrix_key_backup::store::homeserver::ReqwestTransport;
use matrix_key_backup::trust::{KeyOrigin, TrustedBackup};
use matrix_key_backup::upload::{RoomKey, Uploader};
use matrix_key_backup::v2::{BackupReader, SourcedSession};
use matrix_key_backup::wire::{
    AuthData, BackedUpSessionData, BackupAlgorithm, DECRYPTION_KEY_SECRET, Names, RoomId, UserId,
};
use matrix_key_backup::{OpenBackup, OpenError};
use matrix_sdk_crypto::olm::InboundGroupSession;
use olm_device::OlmDevice;
use rand_core::UnwrapErr;
use serde_json::json;

use crate::unlock::has_secret_storage;
use crate::{CROSS_SIGNING, MainDevice, MainDeviceError, Store, user_id};

impl MainDevice {
    /// Makes all of it for an account that has none of it.
    ///
    /// `password` is for the homeserver, which asks for it before it takes cross-signing keys.
    ///
    /// # Errors
    ///
    /// [`MainDeviceError::InUse`] for an account that has some of it, whose keys would be lost; any
    /// other.
    pub async fn create(
        session: Session,
        transport: Arc<ReqwestTransport>,
        password: &str,
    ) -> Result<Self, MainDeviceError> {
        let store = session.backup_store(transport.clone())?;
        is_unused(&session, &store, &transport).await?;
        let device = OlmDevice::new(session, transport).await?;
        create_cross_signing(&device, password).await?;
        let mut rng = UnwrapErr(getrandom::SysRng);
        let key = BackupDecryptionKey::generate(&mut rng);
        let recovery_key = create_secret_storage(&device, &store, &key).await?;
        let reader = BackupReader::new(key);
        let backup = create_backup(&device, &store, &reader).await?;
        store
            .account()
            .set_key_backup_preference(&user_id(&device)?, KeyBackupPreference::Enabled) // P-1
            .await?;
        Ok(Self::new(device, store, backup, (reader, KeyOrigin::CreatedHere), recovery_key))
    }

    /// Replaces the backup by a new one with a new key, in secret storage too. (Its own keys go
    /// there with the next turn.)
    ///
    /// # Errors
    ///
    /// [`MainDeviceError`].
    pub async fn rotate(&mut self) -> Result<(), MainDeviceError> {
        let key = BackupDecryptionKey::generate(&mut UnwrapErr(getrandom::SysRng));
        self.recovery_key = create_secret_storage(&self.device, &self.store, &key).await?;
        self.reader = BackupReader::new(key);
        self.backup = create_backup(&self.device, &self.store, &self.reader).await?;
        (self.origin, self.backed_up) = (KeyOrigin::CreatedHere, BTreeSet::new());
        Ok(())
    }

    /// Backs up the keys of the sessions that this device has made itself (V2-8 d). Those of others,
    /// which came to it inside Olm, are the bot's work here.
    pub(crate) async fn back_up(&mut self) -> Result<(), MainDeviceError> {
        let own_key = self.device.machine().identity_keys().curve25519;
        let sessions = self.device.machine().store().get_inbound_group_sessions().await;
        let sessions = sessions.map_err(|error| MainDeviceError::other(&error))?;
        let owner = user_id(&self.device)?;
        let mut keys = Vec::new();
        let own = sessions.iter().filter(|session| session.sender_key() == own_key);
        for session in own.filter(|own| !self.backed_up.contains(own.session_id())) {
            let data = session_data(session).await?;
            let room_id = RoomId::new(session.room_id().as_str());
            let room_id = room_id.map_err(|error| MainDeviceError::other(&error))?;
            let mut key = RoomKey::new(SourcedSession::own_session(data, room_id, Some(&owner)));
            key.sender_verified = true;
            keys.push(key);
        }
        if keys.is_empty() {
            return Ok(());
        }
        let trusted = TrustedBackup::from_decryption_key(
            self.backup.description(),
            &self.reader,
            self.origin,
            &mut self.trust,
        );
        let trusted = trusted.map_err(|error| MainDeviceError::other(&error))?;
        let reader = self.reader.clone();
        let uploader = Uploader::for_reader(&self.store, &trusted, reader, Some(owner))?;
        let done: Vec<_> = keys.iter().map(|key| key.session.session_id().to_string()).collect();
        uploader.upload(keys, |_| {}).await?;
        self.backed_up.extend(done);
        Ok(())
    }
}

/// Whether the account has nothing yet of what would be replaced: keys that people or other devices
/// rely on would be gone, and with them the history.
async fn is_unused(
    session: &Session,
    store: &Store,
    transport: &Arc<ReqwestTransport>,
) -> Result<(), MainDeviceError> {
    let api = Api::new(session.clone(), Arc::clone(transport));
    let body = json!({ "device_keys": { session.user_id(): [] } });
    let known = api.post("/v3/keys/query", &body).await?;
    if known.get("master_keys").is_some_and(|keys| keys.get(session.user_id()).is_some()) {
        return Err(MainDeviceError::InUse("cross-signing keys"));
    }
    let user = UserId::new(session.user_id()).map_err(|error| MainDeviceError::other(&error))?;
    if has_secret_storage(store, &user).await? {
        return Err(MainDeviceError::InUse("secret storage"));
    }
    match OpenBackup::current(store).await {
        Err(OpenError::NoBackup) => Ok(()),
        Ok(_) | Err(OpenError::Unreadable(_)) => Err(MainDeviceError::InUse("a backup")),
        Err(error) => Err(error.into()),
    }
}

/// One of this device's own sessions as it is backed up.
async fn session_data(
    session: &InboundGroupSession,
) -> Result<BackedUpSessionData, MainDeviceError> {
    let plaintext = serde_json::to_vec(&session.to_backup().await);
    let plaintext = zeroize::Zeroizing::new(plaintext.map_err(|e| MainDeviceError::other(&e))?);
    BackedUpSessionData::parse(&plaintext).map_err(|error| MainDeviceError::other(&error))
}

/// `POST /keys/device_signing/upload`, with the password, and the signature on this device.
async fn create_cross_signing(device: &OlmDevice, password: &str) -> Result<(), MainDeviceError> {
    let other = |error: &dyn core::error::Error| MainDeviceError::other(error);
    let made = device.machine().bootstrap_cross_signing(false).await.map_err(|e| other(&e))?;
    device.send_outgoing().await?;
    let keys = &made.upload_signing_keys_req;
    let mut body = json!({
        "master_key": keys.master_key,
        "self_signing_key": keys.self_signing_key,
        "user_signing_key": keys.user_signing_key,
    });
    let path = "/v3/keys/device_signing/upload";
    let asked = device.api().post(path, &body).await;
    if let Err(ApiError::Refused { status: 401, .. }) = asked {
        body["auth"] = json!({
            "type": "m.login.password",
            "identifier": { "type": "m.id.user", "user": device.user_id() },
            "password": password,
        });
        device.api().post(path, &body).await?;
    } else {
        asked?;
    }
    let signed = serde_json::to_value(&made.upload_signatures_req.signed_keys);
    device.upload_signatures(&signed.map_err(|e| other(&e))?).await?;
    device.query_keys(&[&device.user_id()]).await?;
    Ok(())
}

/// Secret storage under a new key, with the decryption key and the cross-signing keys in it (S-3).
/// Returns the key as people write it down.
async fn create_secret_storage(
    device: &OlmDevice,
    store: &Store,
    key: &BackupDecryptionKey,
) -> Result<zeroize::Zeroizing<String>, MainDeviceError> {
    let mut rng = UnwrapErr(getrandom::SysRng);
    let new_key = NewKey::generate(None, &mut rng);
    let other = |error: &dyn core::error::Error| MainDeviceError::other(error);
    let mut content = SecretContent::new();
    let stored = new_key.opened().store_decryption_key(key, &mut content, &mut rng);
    stored.map_err(|e| other(&e))?;
    let mut events = vec![new_key.event(), content.to_event(DECRYPTION_KEY_SECRET)];
    let exported = device.machine().export_cross_signing_keys().await.map_err(|e| other(&e))?;
    if let Some(exported) = exported {
        let seeds = [&exported.master_key, &exported.self_signing_key, &exported.user_signing_key];
        for (name, secret) in CROSS_SIGNING.into_iter().zip(seeds) {
            let Some(secret) = secret else { continue };
            let mut content = SecretContent::new();
            let stored = new_key.opened().store(name, secret.as_bytes(), &mut content, &mut rng);
            stored.map_err(|e| other(&e))?;
            events.push(content.to_event(name));
        }
    }
    events.push(new_key.default_key_event());
    for event in &events {
        put_account_data(device, store, event).await?;
    }
    let shown = new_key.opened().expose_key().expose_base58();
    shown.ok_or_else(|| MainDeviceError::Other("the new key has not 32 bytes".to_owned()))
}

async fn put_account_data(
    device: &OlmDevice,
    store: &Store,
    event: &AccountDataEvent,
) -> Result<(), MainDeviceError> {
    let content = serde_json::value::RawValue::from_string(event.content().to_owned());
    let content = content.map_err(|error| MainDeviceError::other(&error))?;
    let account = store.account();
    Ok(account.put_data(&user_id(device)?, event.event_type(), &content).await?)
}

/// `POST /room_keys/version`, signed by this device and by the master key (T-1).
async fn create_backup(
    device: &OlmDevice,
    store: &Store,
    reader: &BackupReader,
) -> Result<OpenBackup, MainDeviceError> {
    let other = |error: &dyn core::error::Error| MainDeviceError::other(error);
    let mut auth_data = AuthData::new(*reader.public_key());
    let signable = auth_data.signable().map_err(|e| other(&e))?;
    let signatures = device.machine().sign(&signable).await.map_err(|e| other(&e))?;
    let signatures = serde_json::to_value(&signatures).map_err(|e| other(&e))?;
    for (user, of_user) in signatures.as_object().into_iter().flatten() {
        for (key_id, signature) in of_user.as_object().into_iter().flatten() {
            auth_data.add_signature(user, key_id, signature.as_str().unwrap_or_default());
        }
    }
    let raw = serde_json::value::RawValue::from_string(auth_data.as_json().to_owned());
    let algorithm = BackupAlgorithm::V2(Names::Unstable);
    let raw = raw.map_err(|e| other(&e))?;
    let created = store.create_version(algorithm.as_str(), &raw).await;
    created.map_err(|e| other(&e))?;
    Ok(OpenBackup::current(store).await?)
}
