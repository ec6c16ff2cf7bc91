//! The device that lacks a secret: it asks, and takes one answer (G-3).

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey, Base64KeyError};
use matrix_key_backup_wire::{Names, UserId};
use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Cleartext, DeviceId, DeviceRefused, IdentityKey, OlmEncrypted, OwnDevices, ReceivedSecret,
    RequestAction, RequestId, SecretSendContent, SharedSecret, ToDeviceMessage,
    state_version::{InvalidState, StateVersion},
};

/// Most requests that are live at the same time.
const MAX_LIVE: usize = 64;

/// How many closed requests are remembered, so that a late answer can be told from one that nobody
/// asked for. Nothing else depends on it.
const MAX_CLOSED: usize = 64;

/// The requests that this device has made, and what became of them.
///
/// ```
/// use matrix_key_backup_secret_storage::sharing::SecretRequester;
///
/// let requester = SecretRequester::new();
/// let stored = serde_json::to_string(&requester)?;
/// let requester: SecretRequester = serde_json::from_str(&stored)?;
/// assert_eq!(requester.live_requests().count(), 0);
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Security
///
/// It holds no secret. Store it before a request is sent and before an accepted secret is used: an
/// older state would accept an answer again.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "State")]
pub struct SecretRequester {
    version: StateVersion,
    live: BTreeMap<RequestId, Live>,
    /// The newest last.
    closed: VecDeque<Closed>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Live {
    secret: SharedSecret,
    /// Those that were asked and have not answered, with the key that each of them had then.
    asked: BTreeMap<DeviceId, IdentityKey>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    request_id: RequestId,
    how: HowClosed,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum HowClosed {
    Answered,
    Cancelled,
    AllMalformed,
}

/// A request that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveRequest<'a> {
    /// Its id.
    pub request_id: &'a RequestId,
    /// What was asked for.
    pub secret: SharedSecret,
    /// The devices that were asked and have not answered.
    pub asked: Vec<&'a DeviceId>,
}

/// A new request, to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutgoingRequest {
    /// Its id, by which it can be cancelled.
    pub request_id: RequestId,
    /// The request, for all the devices that are asked.
    pub message: ToDeviceMessage,
}

/// What becomes of the wish for a MAC key (G-4).
#[derive(Debug)]
pub enum MacKeyRequested {
    /// The decryption key is at hand: the MAC key follows from it, and nobody is asked.
    Derived(BackupMacKey),
    /// Other devices are asked.
    Asked(OutgoingRequest),
}

/// An answer that was accepted.
#[derive(Debug)]
#[non_exhaustive]
pub struct AcceptedSecret {
    /// The request that it answers. It is closed now.
    pub request_id: RequestId,
    /// The secret, of the type that was asked for.
    pub secret: ReceivedSecret,
    /// Tells the other devices that were asked that they need not answer, if there are any.
    pub cancellation: Option<ToDeviceMessage>,
}

impl SecretRequester {
    /// A device that has asked for nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the MAC key under one of its names, unless the decryption key is at hand (G-4).
    ///
    /// Holders answer to either name; the unstable one is the default (N-1).
    ///
    /// # Errors
    ///
    /// [`RequestError`] if a recipient is not a verified device of this user, or there is none.
    pub fn request_mac_key<R: CryptoRng + ?Sized>(
        &mut self,
        held: Option<&BackupDecryptionKey>,
        names: Names,
        recipients: &[DeviceId],
        devices: &OwnDevices,
        rng: &mut R,
    ) -> Result<MacKeyRequested, RequestError> {
        if let Some(decryption_key) = held {
            return Ok(MacKeyRequested::Derived(decryption_key.mac_key()));
        }
        self.request(SharedSecret::MacKey(names), recipients, devices, rng)
            .map(MacKeyRequested::Asked)
    }

    /// Asks for the decryption key.
    ///
    /// # Errors
    ///
    /// [`RequestError`] if a recipient is not a verified device of this user, or there is none.
    pub fn request_decryption_key<R: CryptoRng + ?Sized>(
        &mut self,
        recipients: &[DeviceId],
        devices: &OwnDevices,
        rng: &mut R,
    ) -> Result<OutgoingRequest, RequestError> {
        self.request(SharedSecret::DecryptionKey, recipients, devices, rng)
    }

    fn request<R: CryptoRng + ?Sized>(
        &mut self,
        secret: SharedSecret,
        recipients: &[DeviceId],
        devices: &OwnDevices,
        rng: &mut R,
    ) -> Result<OutgoingRequest, RequestError> {
        let mut asked = BTreeMap::new();
        for device_id in recipients {
            asked.insert(device_id.clone(), devices.verified_device(device_id)?.identity_key);
        }
        if asked.is_empty() {
            return Err(RequestError::NoRecipient);
        }
        if self.live.len() >= MAX_LIVE {
            return Err(RequestError::TooManyLive { limit: MAX_LIVE });
        }
        let request_id = RequestId::generate(rng);
        if self.live.contains_key(&request_id) || self.how_closed(&request_id).is_some() {
            return Err(RequestError::RepeatedRequestId);
        }
        let action = RequestAction::Request { name: secret.as_str().into() };
        let recipients = asked.keys().cloned().collect();
        let message =
            ToDeviceMessage::request(action, devices.this_device(), &request_id, recipients);
        self.live.insert(request_id.clone(), Live { secret, asked });
        Ok(OutgoingRequest { request_id, message })
    }

    /// Takes an `m.secret.send` that came inside Olm (G-3).
    ///
    /// A malformed secret uses up the answer of its device. The request stays live for the others
    /// that were asked: one faulty device must not cost the answer of a sound one.
    ///
    /// # Errors
    ///
    /// [`SendRefused`]: nothing was accepted, and, unless it is [`SendRefused::Malformed`], the
    /// request is as it was.
    ///
    /// # Security
    ///
    /// `from` is what the Olm session says, and `devices` the user's devices as of now.
    pub fn receive_send(
        &mut self,
        from: &OlmEncrypted,
        content: &SecretSendContent,
        devices: &OwnDevices,
    ) -> Result<AcceptedSecret, SendRefused> {
        let sender = devices.verified_sender(from)?;
        let (request_id, device_id) = (content.request_id(), &sender.device_id);
        let Some(request) = self.live.get_mut(request_id) else {
            return Err(self.not_live(request_id));
        };
        // G-3: the very device that was asked, with the key that it had then.
        if request.asked.get(device_id) != Some(&sender.identity_key) {
            return Err(SendRefused::NotAsked { device_id: device_id.clone() });
        }
        request.asked.remove(device_id);
        match ReceivedSecret::read(request.secret, content.expose_secret(), device_id) {
            Ok(secret) => {
                let cancellation =
                    self.close(request_id, HowClosed::Answered, devices.this_device());
                Ok(AcceptedSecret { request_id: request_id.clone(), secret, cancellation })
            }
            Err(error) => {
                let (device_id, secret) = (device_id.clone(), request.secret);
                let still_live = !request.asked.is_empty();
                if !still_live {
                    self.close(request_id, HowClosed::AllMalformed, devices.this_device());
                }
                Err(SendRefused::Malformed { device_id, secret, error, still_live })
            }
        }
    }

    /// Refuses an `m.secret.send` that came outside Olm (G-1). The request stays as it is: anybody
    /// could have written this.
    #[must_use = "this is to be reported"]
    pub fn receive_cleartext_send(
        &self,
        from: &Cleartext,
        content: &SecretSendContent,
    ) -> SendRefused {
        let (sender, request_id) = (from.sender.clone(), content.request_id().clone());
        SendRefused::Cleartext { sender, request_id }
    }

    /// Gives up a request: no answer to it will be accepted. Returns the cancellation for the
    /// devices that were asked, or `None` if the request is not live.
    pub fn cancel(
        &mut self,
        request_id: &RequestId,
        this_device: &DeviceId,
    ) -> Option<ToDeviceMessage> {
        self.close(request_id, HowClosed::Cancelled, this_device)
    }

    /// The requests that wait for an answer.
    pub fn live_requests(&self) -> impl Iterator<Item = LiveRequest<'_>> {
        self.live.iter().map(|(request_id, live)| LiveRequest {
            request_id,
            secret: live.secret,
            asked: live.asked.keys().collect(),
        })
    }

    /// Takes a request off the live ones, and cancels it towards those that have not answered.
    fn close(
        &mut self,
        request_id: &RequestId,
        how: HowClosed,
        this_device: &DeviceId,
    ) -> Option<ToDeviceMessage> {
        let (request_id, request) = self.live.remove_entry(request_id)?;
        let recipients: Vec<_> = request.asked.into_keys().collect();
        let message = (!recipients.is_empty()).then(|| {
            ToDeviceMessage::request(
                RequestAction::Cancellation,
                this_device,
                &request_id,
                recipients,
            )
        });
        if self.closed.len() >= MAX_CLOSED {
            self.closed.pop_front();
        }
        self.closed.push_back(Closed { request_id, how });
        message
    }

    fn how_closed(&self, request_id: &RequestId) -> Option<HowClosed> {
        self.closed.iter().find(|closed| closed.request_id == *request_id).map(|closed| closed.how)
    }

    fn not_live(&self, request_id: &RequestId) -> SendRefused {
        let request_id = request_id.clone();
        match self.how_closed(&request_id) {
            None => SendRefused::NothingAsked { request_id },
            Some(HowClosed::Answered) => SendRefused::AlreadyAnswered { request_id },
            Some(HowClosed::Cancelled) => SendRefused::Cancelled { request_id },
            Some(HowClosed::AllMalformed) => SendRefused::AllMalformed { request_id },
        }
    }
}

/// The state as it is stored, before it is believed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    version: StateVersion,
    live: BTreeMap<RequestId, Live>,
    closed: VecDeque<Closed>,
}

impl TryFrom<State> for SecretRequester {
    type Error = InvalidState;

    fn try_from(state: State) -> Result<Self, Self::Error> {
        let State { version, live, closed } = state;
        if live.len() > MAX_LIVE || closed.len() > MAX_CLOSED {
            return Err(InvalidState::TooMuch);
        }
        if live.values().any(|live| live.asked.is_empty()) {
            return Err(InvalidState::NobodyAsked);
        }
        let mut ids: BTreeSet<_> = live.keys().collect();
        if !closed.iter().all(|closed| ids.insert(&closed.request_id)) {
            return Err(InvalidState::Duplicate);
        }
        Ok(Self { version, live, closed })
    }
}

/// A secret cannot be asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A recipient is not a verified device of this user, so that its answer would not be accepted.
    #[error(transparent)]
    Recipient(#[from] DeviceRefused),
    /// Nobody is asked.
    #[error("there is no device to ask: verify another device of this user first")]
    NoRecipient,
    /// Too many requests wait for an answer already.
    #[error("{limit} requests are waiting for an answer: cancel some first")]
    #[non_exhaustive]
    TooManyLive {
        /// How many may wait.
        limit: usize,
    },
    /// The random number generator has given the same 16 bytes twice.
    #[error("the random number generator repeats itself")]
    RepeatedRequestId,
}

/// Why an `m.secret.send` was not accepted (G-3).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendRefused {
    /// It does not come from a verified device of this user.
    #[error(transparent)]
    Device(#[from] DeviceRefused),
    /// It came outside Olm. Either it was made up, or a device has shown a secret to the server.
    #[error(
        "{sender:?} sent a secret without encryption: it may be made up, and if it is real, \
         the homeserver can read it"
    )]
    #[non_exhaustive]
    Cleartext {
        /// `sender` of the event.
        sender: UserId,
        /// The request that it claims to answer.
        request_id: RequestId,
    },
    /// This device has made no such request, or one so long ago that it is forgotten.
    #[error("nothing was asked for under the id {request_id:?}")]
    #[non_exhaustive]
    NothingAsked {
        /// The request that it claims to answer.
        request_id: RequestId,
    },
    /// Another device was faster, or the event came twice.
    #[error("the request {request_id:?} was answered before")]
    #[non_exhaustive]
    AlreadyAnswered {
        /// The request.
        request_id: RequestId,
    },
    /// The request was cancelled.
    #[error("the request {request_id:?} was cancelled before")]
    #[non_exhaustive]
    Cancelled {
        /// The request.
        request_id: RequestId,
    },
    /// Every device that was asked has given a malformed answer before.
    #[error("the request {request_id:?} is over: no device gave a well-formed answer")]
    #[non_exhaustive]
    AllMalformed {
        /// The request.
        request_id: RequestId,
    },
    /// The device was not asked, has answered before, or had another identity key when asked.
    #[error("the device {device_id:?} was not asked, or has answered before")]
    #[non_exhaustive]
    NotAsked {
        /// The device.
        device_id: DeviceId,
    },
    /// The secret is not 32 bytes of base64 (K-4).
    #[error("the device {device_id:?} sent a malformed `{secret}`: {error}")]
    #[non_exhaustive]
    Malformed {
        /// The device.
        device_id: DeviceId,
        /// What it was asked for.
        secret: SharedSecret,
        /// What is wrong with it.
        error: Base64KeyError,
        /// Whether other devices may still answer the request.
        still_live: bool,
    },
}
