//! The bot's life, turn by turn.

use core::fmt;
use core::time::Duration;
use std::path::PathBuf;
use std::sync::Arc;

use client_api::{Api, Sync};
use matrix_key_backup::secret_storage::sharing::{SECRET_SEND, ToDeviceMessage};
use matrix_key_backup::store::homeserver::Transport;
use matrix_key_backup::trust::TrustedBackup;
use serde_json::{Value, json};

use crate::backup::{self, Store};
use crate::olm::{self, Opened};
use crate::own_devices::KnownDevices;
use crate::state::KeptMacKey;
use crate::{BotError, PendingKey, Said, State, published, secrets};

const ENCRYPTED: &str = "m.room.encrypted";
const ROOM_KEY: &str = "m.room_key";

/// The write-only device, at work.
pub struct Bot<T> {
    folder: PathBuf,
    state: State,
    api: Api<Arc<T>>,
    store: Store<T>,
    /// The user's devices, as of now.
    known: Option<KnownDevices>,
    /// The backup that was trusted in the last turn, for telling what is new.
    told: Option<String>,
    first: bool,
}

impl<T: Transport> Bot<T> {
    /// A bot with the state in `folder`. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`BotError`].
    pub fn open(folder: PathBuf, transport: Arc<T>) -> Result<Self, BotError> {
        let state = State::read(&folder)?;
        let store = state.session.backup_store(transport.clone())?;
        let api = Api::new(state.session.clone(), transport);
        Ok(Self { folder, state, api, store, known: None, told: None, first: true })
    }

    /// The device's Ed25519 key, which a person compares before the device is verified.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.state.account.ed25519_key().to_base64()
    }

    /// How many room keys wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.pending.len()
    }

    /// Publishes the device's keys, so that it can be verified, and one-time keys, so that it can be
    /// sent to.
    ///
    /// # Errors
    ///
    /// [`BotError`].
    pub async fn publish(&mut self) -> Result<(), BotError> {
        if !self.state.device_keys_published {
            let keys = published::device_keys(&self.state.account, &self.state.session)?;
            self.api.post("/v3/keys/upload", &json!({ "device_keys": keys })).await?;
            self.state.device_keys_published = true;
            // From now on it is sent room keys, also while it does not run.
            self.make_one_time_keys(0, false);
        }
        self.publish_one_time_keys().await
    }

    /// One turn: takes what came, waiting for up to `wait` until something does; asks for the MAC key
    /// where it is missing; writes what there is to write.
    ///
    /// # Errors
    ///
    /// [`BotError`]. What was received is stored.
    pub async fn step(&mut self, wait: Duration, said: &mut Vec<Said>) -> Result<(), BotError> {
        let wait = if self.first { Duration::ZERO } else { wait };
        self.publish().await?;
        let (filter, since) = (filter(), self.state.since.clone());
        let sync = self.api.sync(Some(&filter), since.as_deref(), wait).await?;
        self.look_at_devices(&sync, said).await?;
        self.make_one_time_keys(sync.one_time_keys.unwrap_or(0), sync.has_unused_fallback_key);
        for event in &sync.to_device {
            self.receive(event, said).await?;
        }
        // With the ratchets as they are now: what came is either here, or comes again.
        self.state.since = Some(sync.next_batch);
        self.save()?;
        self.publish_one_time_keys().await?;
        self.back_up(said).await?;
        self.first = false;
        Ok(())
    }

    async fn back_up(&mut self, said: &mut Vec<Said>) -> Result<(), BotError> {
        let idle = self.state.pending.is_empty() && self.state.mac_key.is_some();
        if idle && !self.first {
            return Ok(());
        }
        let Some(backup) = backup::trusted(&self.store, &mut self.state).await? else {
            if self.first {
                said.push(Said::NoBackup);
            }
            return Ok(());
        };
        self.save()?;
        self.tell(&backup, said);
        if !backup::has_mac_key(&self.state, &backup) {
            self.state.mac_key = None;
            return self.ask(said).await;
        }
        let folder = self.folder.clone();
        let save = |state: &State| state.write(&folder);
        let known = self.known.as_ref();
        backup::write(&self.store, &mut self.state, &backup, known, save, said).await
    }

    fn tell(&mut self, backup: &TrustedBackup, said: &mut Vec<Said>) {
        let version = backup.version().to_owned();
        if self.told.as_ref() != Some(&version) {
            self.told = Some(version.clone());
            said.push(Said::Trusted { version, reason: backup.reason().to_string() });
        }
    }

    /// Asks for the MAC key, once this device is verified, and once in a run. // G-1
    async fn ask(&mut self, said: &mut Vec<Said>) -> Result<(), BotError> {
        if self.first {
            for message in secrets::give_up(&mut self.state, &self.api.session().clone()) {
                self.save()?;
                self.send(&message).await?;
            }
        }
        let Some(known) = self.known.as_ref().filter(|known| known.this_one_is_verified) else {
            return Ok(());
        };
        if self.state.requester.live_requests().next().is_some() {
            return Ok(());
        }
        let devices = known.own_devices(self.api.session())?;
        let Some(message) = secrets::ask(&mut self.state, &devices)? else { return Ok(()) };
        self.save()?;
        self.send(&message).await?;
        let devices = message.recipients.iter().map(ToString::to_string).collect();
        let content: Value = serde_json::from_str(&message.content).unwrap_or_default();
        let name = content["name"].as_str().unwrap_or_default().to_owned();
        said.push(Said::Asked { name, devices });
        Ok(())
    }

    /// One to-device event.
    async fn receive(&mut self, event: &Value, said: &mut Vec<Said>) -> Result<(), BotError> {
        let text = |name| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (sender, event_type) = (text("sender"), text("type"));
        if event_type == ENCRYPTED {
            let State { session, account, olm_sessions, .. } = &mut self.state;
            match olm::open(event, session, account, olm_sessions) {
                Ok(opened) => return self.receive_opened(opened, said).await,
                Err(error) => {
                    said.push(Said::Refused { sender, event_type, why: error.to_string() });
                }
            }
            return Ok(());
        }
        let why = match &*event_type {
            // G-1: anybody could have written it, and everybody has read it.
            SECRET_SEND => {
                let content = event.get("content").unwrap_or(&Value::Null);
                secrets::refuse_cleartext(&self.state, &sender, content)
            }
            ROOM_KEY => "a room key outside Olm is nobody's word".to_owned(),
            "m.secret.request" => "this device gives nothing away".to_owned(),
            // Of no concern for it.
            _ => return Ok(()),
        };
        said.push(Said::Refused { sender, event_type, why });
        Ok(())
    }

    async fn receive_opened(
        &mut self,
        opened: Opened,
        said: &mut Vec<Said>,
    ) -> Result<(), BotError> {
        let refused = |why: String| Said::Refused {
            sender: opened.sender.clone(),
            event_type: opened.event_type.clone(),
            why,
        };
        match &*opened.event_type {
            ROOM_KEY => match PendingKey::read(&opened) {
                Some(key) => {
                    said.push(Said::RoomKey {
                        sender: key.sender().to_owned(),
                        room_id: key.room_id().to_owned(),
                        session_id: key.session_id().unwrap_or_default(),
                    });
                    self.state.pending.push(key);
                }
                None => said.push(refused("it is no well-formed Megolm key".to_owned())),
            },
            SECRET_SEND => match self.receive_secret(&opened).await? {
                Ok(device) => said.push(Said::MacKeyReceived { device }),
                Err(why) => said.push(refused(why)),
            },
            _ => {}
        }
        Ok(())
    }

    /// Takes the MAC key, for the backup that is trusted now, and tells the others. // G-3
    async fn receive_secret(
        &mut self,
        opened: &Opened,
    ) -> Result<Result<String, String>, BotError> {
        self.query_devices().await?; // as of now
        let Some(known) = &self.known else { return Ok(Err("no devices are known".into())) };
        let accepted = match secrets::receive(&mut self.state, opened, known) {
            Ok(accepted) => accepted,
            Err(why) => return Ok(Err(why)),
        };
        let Some(last) = self.state.trust.last_trusted() else {
            return Ok(Err("no backup is trusted that it could belong to".into()));
        };
        self.state.mac_key = Some(KeptMacKey::new(&last.public_key, &accepted.mac_key));
        self.save()?;
        if let Some(message) = &accepted.cancellation {
            self.send(message).await?;
        }
        Ok(Ok(accepted.device))
    }

    async fn look_at_devices(&mut self, sync: &Sync, said: &mut Vec<Said>) -> Result<(), BotError> {
        let was_verified = self.known.as_ref().is_some_and(|known| known.this_one_is_verified);
        let changed = sync.changed_users.iter().any(|user| user == self.api.session().user_id());
        if self.known.is_none() || changed {
            self.query_devices().await?;
        }
        let is_verified = self.known.as_ref().is_some_and(|known| known.this_one_is_verified);
        if is_verified && !was_verified {
            said.push(Said::Verified);
        }
        Ok(())
    }

    async fn query_devices(&mut self) -> Result<(), BotError> {
        let session = self.api.session();
        let body = json!({ "device_keys": { session.user_id(): [] } });
        let answer = self.api.post("/v3/keys/query", &body).await?;
        let (own, master) = (self.state.account.identity_keys(), &self.state.master_key);
        self.known = Some(KnownDevices::read(&answer, session, &own, master)?);
        Ok(())
    }

    fn make_one_time_keys(&mut self, at_server: u64, has_unused_fallback_key: bool) {
        let account = &mut self.state.account;
        if at_server < published::ONE_TIME_KEYS_LOW && account.one_time_keys().is_empty() {
            let missing = published::ONE_TIME_KEYS - at_server;
            account.generate_one_time_keys(usize::try_from(missing).unwrap_or(0));
        }
        if !has_unused_fallback_key && account.fallback_key().is_empty() {
            account.generate_fallback_key();
        }
    }

    /// Stored before they are published: what others encrypt with them must be decryptable.
    async fn publish_one_time_keys(&mut self) -> Result<(), BotError> {
        self.save()?;
        let body = published::one_time_keys(&self.state.account, &self.state.session)?;
        if let Some(body) = body {
            self.api.post("/v3/keys/upload", &body).await?;
            self.state.account.mark_keys_as_published();
            self.save()?;
        }
        Ok(())
    }

    async fn send(&self, message: &ToDeviceMessage) -> Result<(), BotError> {
        let content = serde_json::from_str(&message.content)
            .map_err(|error| BotError::Internal(error.to_string()))?;
        let transaction = random_id()?;
        let devices = message.recipients.iter().map(|id| id.as_str());
        let user_id = self.api.session().user_id();
        let sent =
            self.api.send_to_device(message.event_type, &transaction, user_id, devices, &content);
        Ok(sent.await?)
    }

    fn save(&self) -> Result<(), BotError> {
        self.state.write(&self.folder)
    }
}

/// It needs no room, no presence and no account data, and asks for none.
fn filter() -> Value {
    let nothing = json!({ "types": [] });
    json!({ "room": { "rooms": [] }, "presence": nothing, "account_data": nothing })
}

fn random_id() -> Result<String, BotError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| BotError::NoRandomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl<T> fmt::Debug for Bot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bot").field("state", &self.state).finish_non_exhaustive()
    }
}
