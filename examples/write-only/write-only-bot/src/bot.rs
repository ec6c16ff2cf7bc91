//! The bot's life, turn by turn.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use client_api::{Api, Sync};
use matrix_key_backup::secret_storage::sharing::{DeviceId, SECRET_SEND};
use matrix_key_backup::store::homeserver::Transport;
use matrix_key_backup::trust::TrustedBackup;
use matrix_key_backup::upload::UploadError;
use serde_json::{Value, json};

use crate::backup::{self, Store};
use crate::olm::{self, Opened};
use crate::outbox::Outbox;
use crate::own_devices::KnownDevices;
use crate::{BotError, PendingKey, Said, State, published, secrets, state};

const ENCRYPTED: &str = "m.room.encrypted";
const ROOM_KEY: &str = "m.room_key";

/// The write-only device, at work.
pub struct Bot<T> {
    folder: PathBuf,
    _lock: File,
    state: State,
    api: Api<Arc<T>>,
    store: Store<T>,
    /// The user's devices, as of now.
    known: Option<KnownDevices>,
    /// The devices that were asked for the MAC key in this run.
    asked: BTreeSet<DeviceId>,
    /// The one of them whose MAC key it has.
    answered: Option<DeviceId>,
    /// Those of them that have sent the MAC key of another backup.
    stale: BTreeSet<DeviceId>,
    outbox: Outbox,
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
        let lock = state::lock(&folder)?;
        let state = State::read(&folder)?;
        let store = state.session.backup_store(transport.clone())?;
        let api = Api::new(state.session.clone(), transport);
        Ok(Self {
            folder,
            _lock: lock,
            state,
            api,
            store,
            known: None,
            asked: BTreeSet::new(),
            answered: None,
            stale: BTreeSet::new(),
            outbox: Outbox::default(),
            told: None,
            first: true,
        })
    }

    /// The device's Ed25519 key, which a person compares before the device is verified.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.state.account.ed25519_key().to_base64()
    }

    /// The device's id.
    #[must_use]
    pub fn device_id(&self) -> &str {
        self.state.session.device_id()
    }

    /// How many room keys wait to be written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.pending.len()
    }

    /// How many room keys the backup does not take, and wait for the next one.
    #[must_use]
    pub fn blocked(&self) -> usize {
        self.state.blocked.len()
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
            self.state.account.generate_one_time_keys(published::ONE_TIME_KEYS_AT_FIRST);
            self.state.account.generate_fallback_key();
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
        self.make_one_time_keys(&sync);
        // Nothing in here waits for the homeserver: a ratchet opens no event twice, so what has been
        // opened must not be lost over a request that fails.
        for event in &sync.to_device {
            self.receive(event, said)?;
        }
        // With the ratchets as they are now: what came is either here, or comes again.
        self.state.since = Some(sync.next_batch);
        self.save()?;
        self.publish_one_time_keys().await?;
        self.outbox.send(&self.api).await?;
        self.back_up(said).await?;
        self.outbox.send(&self.api).await?;
        self.first = false;
        Ok(())
    }

    /// It looks at the backup in each turn, and not only when there is a key to write: where there is
    /// a new one, whoever has its MAC key may be offline by then.
    async fn back_up(&mut self, said: &mut Vec<Said>) -> Result<(), BotError> {
        let idle = self.state.pending.is_empty() && self.state.mac_key.is_some() && !self.first;
        let backup = match backup::trusted(&self.store, &mut self.state).await {
            // With nothing to write there is no harm in looking again: clients that make a new backup
            // may delete the old one first.
            Err(error @ (BotError::BackupGone | BotError::NotTrusted(_))) if idle => {
                self.tell_not_trusted(&error, said);
                return Ok(());
            }
            found => found?,
        };
        let Some(backup) = backup else {
            if self.first {
                said.push(Said::NoBackup);
            }
            return Ok(());
        };
        self.save()?;
        self.tell(&backup, said);
        if !backup::has_mac_key(&self.state, &backup) {
            self.state.mac_key = None;
            return self.ask(&backup, said);
        }
        let folder = self.folder.clone();
        let save = |state: &State| state.write(&folder);
        let known = self.known.as_ref();
        match backup::write(&self.store, &mut self.state, &backup, known, save, said).await {
            Err(BotError::Upload(UploadError::StaleMacKey)) if self.leave_out_who_is_stale()? => {
                said.push(Said::StaleMacKey);
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// The device that sent the MAC key is not asked again in this run. Says whether there is another
    /// one to ask. // T-5
    fn leave_out_who_is_stale(&mut self) -> Result<bool, BotError> {
        self.stale.extend(self.answered.take());
        let Some(known) = &self.known else { return Ok(false) };
        let devices = known.own_devices(self.api.session())?;
        self.asked.clone_from(&self.stale);
        Ok(!self.stale.is_empty() && devices.verified().any(|id| !self.stale.contains(id)))
    }

    fn tell(&mut self, backup: &TrustedBackup, said: &mut Vec<Said>) {
        let version = backup.version().to_owned();
        if self.told.as_ref() != Some(&version) {
            self.told = Some(version.clone());
            said.push(Said::Trusted { version, reason: backup.reason().to_string() });
        }
    }

    fn tell_not_trusted(&mut self, error: &BotError, said: &mut Vec<Said>) {
        if self.told.take().is_some() {
            said.push(Said::NotTrusted { why: error.to_string() });
        }
    }

    /// Asks for the MAC key, once this device is verified: each device once in a run, for each
    /// backup. // G-1
    fn ask(&mut self, backup: &TrustedBackup, said: &mut Vec<Said>) -> Result<(), BotError> {
        let public_key = backup.public_key();
        let other = self.state.asked_for.as_deref() != Some(&public_key.to_base64());
        if self.asked.is_empty() || other {
            // Of an earlier run, whose answer may be lost, or for another backup.
            self.asked.clear();
            self.stale.clear();
            for message in secrets::give_up(&mut self.state) {
                self.outbox.push(message)?;
            }
        }
        let Some(known) = self.known.as_ref().filter(|known| known.this_one_is_verified) else {
            return self.save();
        };
        let devices = known.own_devices(self.api.session())?;
        let message = secrets::ask(&mut self.state, public_key, &mut self.asked, &devices)?;
        self.save()?;
        let Some(message) = message else { return Ok(()) };
        let devices = message.recipients.iter().map(ToString::to_string).collect();
        let content: Value = serde_json::from_str(&message.content).unwrap_or_default();
        let name = content["name"].as_str().unwrap_or_default().to_owned();
        said.push(Said::Asked { name, devices });
        self.outbox.push(message)
    }

    /// One to-device event.
    fn receive(&mut self, event: &Value, said: &mut Vec<Said>) -> Result<(), BotError> {
        let text = |name| event.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (sender, event_type) = (text("sender"), text("type"));
        if event_type == ENCRYPTED {
            let State { session, account, olm_sessions, .. } = &mut self.state;
            match olm::open(event, session, account, olm_sessions) {
                Ok(opened) => return self.receive_opened(&opened, said),
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

    fn receive_opened(&mut self, opened: &Opened, said: &mut Vec<Said>) -> Result<(), BotError> {
        let refused = |why: String| Said::Refused {
            sender: opened.sender.clone(),
            event_type: opened.event_type.clone(),
            why,
        };
        match &*opened.event_type {
            ROOM_KEY => match PendingKey::read(opened) {
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
            SECRET_SEND => match self.receive_secret(opened)? {
                Ok(device) => said.push(Said::MacKeyReceived { device }),
                Err(why) => said.push(refused(why)),
            },
            _ => {}
        }
        Ok(())
    }

    /// Takes the MAC key, and tells the others that were asked. // G-3
    fn receive_secret(&mut self, opened: &Opened) -> Result<Result<String, String>, BotError> {
        let Some(known) = &self.known else { return Ok(Err("no devices are known".into())) };
        match secrets::receive(&mut self.state, opened, known) {
            Ok((device, cancellations)) => {
                for message in cancellations {
                    self.outbox.push(message)?;
                }
                let name = device.to_string();
                self.answered = Some(device);
                Ok(Ok(name))
            }
            Err(why) => Ok(Err(why)),
        }
    }

    /// Where an answer may have come, the devices are looked at as of now (G-3).
    async fn look_at_devices(&mut self, sync: &Sync, said: &mut Vec<Said>) -> Result<(), BotError> {
        let was_verified = self.known.as_ref().is_some_and(|known| known.this_one_is_verified);
        let changed = sync.changed_users.iter().any(|user| user == self.api.session().user_id());
        let waits = self.state.requester.live_requests().next().is_some();
        let answered = waits && sync.to_device.iter().any(|event| event["type"] == ENCRYPTED);
        if self.known.is_none() || changed || answered {
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

    fn make_one_time_keys(&mut self, sync: &Sync) {
        let account = &mut self.state.account;
        let at_server = sync.one_time_keys.unwrap_or(0);
        if at_server < published::ONE_TIME_KEYS_LOW && account.one_time_keys().is_empty() {
            let missing = published::ONE_TIME_KEYS - at_server;
            account.generate_one_time_keys(usize::try_from(missing).unwrap_or(0));
        }
        // A homeserver that says nothing of it knows no fallback keys; a new one in each turn would
        // drive out the one that others have.
        if sync.has_unused_fallback_key == Some(false) && account.fallback_key().is_empty() {
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

    fn save(&self) -> Result<(), BotError> {
        self.state.write(&self.folder)
    }
}

/// It needs no room, no presence and no account data, and asks for none.
fn filter() -> Value {
    let nothing = json!({ "types": [] });
    json!({ "room": { "rooms": [] }, "presence": nothing, "account_data": nothing })
}

impl<T> fmt::Debug for Bot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bot").field("state", &self.state).finish_non_exhaustive()
    }
}
