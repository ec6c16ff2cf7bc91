//! The device that holds a secret: it takes requests, and answers each at most once (G-2).

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    string::String,
};
use core::marker::PhantomData;

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{
    Arrival, DeviceId, DeviceRefused, IdentityKey, OlmMessage, OwnDevices, RequestAction,
    RequestId, SecretRequestContent, ShareableSecret, SharedSecret,
    state_version::{InvalidState, StateVersion},
};

/// How many requests of one device are remembered, open and closed; the oldest closed one is
/// forgotten first.
const MAX_REQUESTS: usize = 32;

/// How many devices' requests are remembered.
const MAX_DEVICES: usize = 64;

/// The requests that other devices have made of this one.
///
/// Each request becomes an [`OpenRequest`], which the caller answers or declines, at once or when a
/// person has been asked. A cancellation closes it, even one that overtakes its request, as long as
/// there is room to remember it: it pushes out no request, open, answered or closed otherwise. The same
/// request is not opened twice, as long as it is remembered: 32 for each of 64 devices. When it is
/// forgotten over newer requests and comes again, it is one request more, under the same conditions.
///
/// ```compile_fail,E0308
/// # use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey};
/// # use matrix_key_backup_secret_storage::sharing::{OpenRequest, OwnDevices, SecretResponder};
/// fn answer(
///     responder: &mut SecretResponder,
///     asked_for_mac_key: OpenRequest<BackupMacKey>,
///     key: &BackupDecryptionKey,
///     devices: &OwnDevices,
/// ) {
///     let _ = responder.answer(asked_for_mac_key, key, devices); // would give too much away (G-2)
/// }
/// ```
///
/// ```
/// # use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey};
/// # use matrix_key_backup_secret_storage::sharing::{OpenRequest, OwnDevices, SecretResponder};
/// fn answer(
///     responder: &mut SecretResponder,
///     asked_for_mac_key: OpenRequest<BackupMacKey>,
///     key: &BackupDecryptionKey,
///     devices: &OwnDevices,
/// ) {
///     let _ = responder.answer(asked_for_mac_key, &key.mac_key(), devices); // G-4
/// }
/// ```
///
/// # Security
///
/// It holds no secret. Store it before an answer is sent: an older state would answer again.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(try_from = "State")]
pub struct SecretResponder {
    version: StateVersion,
    /// By the device that asks, the newest request last.
    requests: BTreeMap<DeviceId, VecDeque<Request>>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    request_id: RequestId,
    /// `None` once it was answered, declined or cancelled.
    open: Option<Open>,
    /// Only its cancellation came so far. It is forgotten before what really was asked.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    never_asked: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    secret: SharedSecret,
    /// The key that the device had when it asked.
    identity_key: IdentityKey,
}

/// A request that may be answered, with a key of type `K` and no other (G-2).
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a request that is neither answered nor declined stays open"]
pub struct OpenRequest<K> {
    device_id: DeviceId,
    request_id: RequestId,
    secret: SharedSecret,
    answered_with: PhantomData<fn(K)>,
}

impl<K: ShareableSecret> OpenRequest<K> {
    /// The device that asks: verified when it did, and looked at again before it gets an answer.
    #[must_use]
    pub const fn device_id(&self) -> &DeviceId {
        &self.device_id
    }

    /// The request, as that device numbers them.
    #[must_use]
    pub const fn request_id(&self) -> &RequestId {
        &self.request_id
    }

    /// What is asked for, under which name.
    #[must_use]
    pub const fn secret(&self) -> SharedSecret {
        self.secret
    }

    fn new(device_id: &DeviceId, request_id: &RequestId, secret: SharedSecret) -> Self {
        let (device_id, request_id) = (device_id.clone(), request_id.clone());
        Self { device_id, request_id, secret, answered_with: PhantomData }
    }
}

/// An open request, for whichever secret.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnyOpenRequest {
    /// For the decryption key.
    DecryptionKey(OpenRequest<BackupDecryptionKey>),
    /// For the MAC key. A holder of the decryption key answers with the key that follows from it
    /// (G-4).
    MacKey(OpenRequest<BackupMacKey>),
}

impl AnyOpenRequest {
    /// The device that asks.
    #[must_use]
    pub const fn device_id(&self) -> &DeviceId {
        match self {
            Self::DecryptionKey(request) => &request.device_id,
            Self::MacKey(request) => &request.device_id,
        }
    }

    /// The request, as that device numbers them.
    #[must_use]
    pub const fn request_id(&self) -> &RequestId {
        match self {
            Self::DecryptionKey(request) => &request.request_id,
            Self::MacKey(request) => &request.request_id,
        }
    }

    /// What is asked for, under which name.
    #[must_use]
    pub const fn secret(&self) -> SharedSecret {
        match self {
            Self::DecryptionKey(request) => request.secret,
            Self::MacKey(request) => request.secret,
        }
    }

    fn new(device_id: &DeviceId, request_id: &RequestId, secret: SharedSecret) -> Self {
        match secret {
            SharedSecret::DecryptionKey => {
                Self::DecryptionKey(OpenRequest::new(device_id, request_id, secret))
            }
            SharedSecret::MacKey(_) => {
                Self::MacKey(OpenRequest::new(device_id, request_id, secret))
            }
        }
    }
}

/// What an `m.secret.request` turned out to be.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Incoming {
    /// A request that may be answered.
    Request(AnyOpenRequest),
    /// The cancellation of a request.
    Cancellation(Cancellation),
}

/// A request was cancelled by the device that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cancellation {
    /// The device.
    pub device_id: DeviceId,
    /// The request.
    pub request_id: RequestId,
    /// Whether it was open, so that a question to a person can be taken back.
    pub was_open: bool,
}

impl SecretResponder {
    /// A device that nobody has asked for anything yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes an `m.secret.request`, which travels unencrypted: whoever sends it, an answer can only
    /// go to the verified device that it names. What is refused is not kept: a device asks again
    /// when it has been verified.
    ///
    /// # Errors
    ///
    /// [`RequestRefused`]: there is nothing to answer.
    pub fn receive_request(
        &mut self,
        from: &Arrival,
        content: &SecretRequestContent,
        devices: &OwnDevices,
    ) -> Result<Incoming, RequestRefused> {
        check_sender(from, &content.requesting_device_id, devices)?;
        match &content.action {
            RequestAction::Request { name } => {
                self.open(content, name, devices).map(Incoming::Request)
            }
            RequestAction::Cancellation => {
                self.receive_cancellation(content, devices).map(Incoming::Cancellation)
            }
        }
    }

    fn open(
        &mut self,
        content: &SecretRequestContent,
        name: &str,
        devices: &OwnDevices,
    ) -> Result<AnyOpenRequest, RequestRefused> {
        let SecretRequestContent { requesting_device_id: device_id, request_id, .. } = content;
        let identity_key = devices.verified_device(device_id)?.identity_key;
        let secret = SharedSecret::from_name(name)
            .ok_or_else(|| RequestRefused::UnknownSecret { name: String::from(name) })?;
        if self.find(device_id, request_id).is_some() {
            let (device_id, request_id) = (device_id.clone(), request_id.clone());
            return Err(RequestRefused::Repeated { device_id, request_id });
        }
        self.remember(content, Some(Open { secret, identity_key }), devices)?;
        Ok(AnyOpenRequest::new(device_id, request_id, secret))
    }

    /// Whoever sends it: closing a request gives nothing away. But only what a verified device says
    /// is worth remembering.
    fn receive_cancellation(
        &mut self,
        content: &SecretRequestContent,
        devices: &OwnDevices,
    ) -> Result<Cancellation, RequestRefused> {
        let SecretRequestContent { requesting_device_id: device_id, request_id, .. } = content;
        let was_open = match self.find(device_id, request_id) {
            Some(request) => request.open.take().is_some(),
            None => {
                devices.verified_device(device_id)?;
                self.remember(content, None, devices)?;
                false
            }
        };
        let (device_id, request_id) = (device_id.clone(), request_id.clone());
        Ok(Cancellation { device_id, request_id, was_open })
    }

    /// Answers a request, and closes it.
    ///
    /// # Errors
    ///
    /// [`AnswerRefused`] if the request is no longer open, or its device no longer the verified one
    /// that it was. The request is closed all the same: the device may ask again.
    ///
    /// # Security
    ///
    /// `devices` is the user's devices as of now, not as of the request.
    pub fn answer<K: ShareableSecret>(
        &mut self,
        request: OpenRequest<K>,
        key: &K,
        devices: &OwnDevices,
    ) -> Result<OlmMessage, AnswerRefused> {
        let OpenRequest { device_id, request_id, .. } = request;
        let open = self.close(&device_id, &request_id).filter(|open| K::is(open.secret));
        let Some(open) = open else {
            return Err(AnswerRefused::NotOpen { device_id, request_id });
        };
        let device = devices.verified_device(&device_id)?;
        if device.identity_key != open.identity_key {
            return Err(AnswerRefused::OtherIdentityKey { device_id });
        }
        Ok(OlmMessage::secret_send(device, &request_id, &key.expose_base64()))
    }

    /// Closes a request without an answer, as a device does that lacks the secret, or whose user
    /// says no. Nothing is sent.
    pub fn decline<K: ShareableSecret>(&mut self, request: OpenRequest<K>) {
        let OpenRequest { device_id, request_id, .. } = request;
        self.close(&device_id, &request_id);
    }

    /// The requests that are open, for instance after a restart.
    pub fn open_requests(&self) -> impl Iterator<Item = AnyOpenRequest> {
        self.requests.iter().flat_map(|(device_id, requests)| {
            requests.iter().filter_map(|request| {
                let secret = request.open.as_ref()?.secret;
                Some(AnyOpenRequest::new(device_id, &request.request_id, secret))
            })
        })
    }

    fn close(&mut self, device_id: &DeviceId, request_id: &RequestId) -> Option<Open> {
        self.find(device_id, request_id)?.open.take()
    }

    fn find(&mut self, device_id: &DeviceId, request_id: &RequestId) -> Option<&mut Request> {
        let mut requests = self.requests.get_mut(device_id)?.iter_mut();
        requests.find(|request| request.request_id == *request_id)
    }

    fn remember(
        &mut self,
        content: &SecretRequestContent,
        open: Option<Open>,
        devices: &OwnDevices,
    ) -> Result<(), RequestRefused> {
        let (device_id, request_id) = (&content.requesting_device_id, content.request_id.clone());
        let is_request = open.is_some();
        if is_request
            && self.requests.len() >= MAX_DEVICES
            && !self.requests.contains_key(device_id)
        {
            self.requests.retain(|device_id, _| devices.verified_device(device_id).is_ok());
        }
        if self.requests.len() >= MAX_DEVICES && !self.requests.contains_key(device_id) {
            return Err(RequestRefused::TooManyDevices { limit: MAX_DEVICES });
        }
        let requests = self.requests.entry(device_id.clone()).or_default();
        if requests.len() >= MAX_REQUESTS {
            // What nobody asked goes first, and is all that may go for a cancellation: anything else
            // would take away a question that a person is being asked, or open a request again that
            // was answered. Then one that is closed, as long as there is one. // G-2
            let never_asked = requests.iter().position(|request| request.never_asked);
            let closed = || requests.iter().position(|request| request.open.is_none());
            match (never_asked, is_request) {
                (None, false) => return Ok(()),
                (None, true) => drop(requests.remove(closed().unwrap_or(0))),
                (Some(oldest), _) => drop(requests.remove(oldest)),
            }
        }
        requests.push_back(Request { request_id, open, never_asked: !is_request });
        Ok(())
    }
}

/// The sender must be this user, and, where Olm tells, the device that the content names.
fn check_sender(
    from: &Arrival,
    device_id: &DeviceId,
    devices: &OwnDevices,
) -> Result<(), RequestRefused> {
    devices.check_user(from.sender())?;
    let Arrival::OlmEncrypted(from) = from else { return Ok(()) };
    let found = devices.sender_id(from)?;
    if found == device_id {
        return Ok(());
    }
    let (found, claimed) = (found.clone(), device_id.clone());
    Err(RequestRefused::OtherDevice { found, claimed })
}

/// The state as it is stored, before it is believed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    version: StateVersion,
    requests: BTreeMap<DeviceId, VecDeque<Request>>,
}

impl TryFrom<State> for SecretResponder {
    type Error = InvalidState;

    fn try_from(state: State) -> Result<Self, Self::Error> {
        let State { version, mut requests } = state;
        for request in requests.values_mut().flatten() {
            request.never_asked &= request.open.is_none();
        }
        if requests.len() > MAX_DEVICES
            || requests.values().any(|requests| requests.len() > MAX_REQUESTS)
        {
            return Err(InvalidState::TooMuch);
        }
        for requests in requests.values() {
            let mut ids = BTreeSet::new();
            if !requests.iter().all(|request| ids.insert(&request.request_id)) {
                return Err(InvalidState::Duplicate);
            }
        }
        Ok(Self { version, requests })
    }
}

/// Why there is nothing to answer (G-2).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RequestRefused {
    /// It does not come from a verified device of this user, or from this device itself.
    #[error(transparent)]
    Device(#[from] DeviceRefused),
    /// It came inside Olm from another device than the one that it names.
    #[error("the device {found:?} asks in the name of {claimed:?}")]
    #[non_exhaustive]
    OtherDevice {
        /// The device at the other end of the Olm session.
        found: DeviceId,
        /// `requesting_device_id` of the request.
        claimed: DeviceId,
    },
    /// The secret is none of the backup's. Other parts of a client may know it.
    #[error("{name:?} is not a secret of the key backup")]
    #[non_exhaustive]
    UnknownSecret {
        /// Its name.
        name: String,
    },
    /// The request is open, or was answered, declined or cancelled before.
    #[error("the device {device_id:?} made the request {request_id:?} before")]
    #[non_exhaustive]
    Repeated {
        /// The device.
        device_id: DeviceId,
        /// The request.
        request_id: RequestId,
    },
    /// So many verified devices have asked that no more can be remembered.
    #[error("{limit} verified devices have asked already: sign out those that are not in use")]
    #[non_exhaustive]
    TooManyDevices {
        /// How many devices are remembered.
        limit: usize,
    },
}

/// Why a request is not answered after all (G-2).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerRefused {
    /// The device is no longer verified, or no longer there.
    #[error(transparent)]
    Device(#[from] DeviceRefused),
    /// The request was answered, declined or cancelled, or was forgotten over newer ones.
    #[error("the request {request_id:?} of the device {device_id:?} is no longer open")]
    #[non_exhaustive]
    NotOpen {
        /// The device.
        device_id: DeviceId,
        /// The request.
        request_id: RequestId,
    },
    /// The device has another identity key than when it asked.
    #[error("the device {device_id:?} has another identity key than when it asked")]
    #[non_exhaustive]
    OtherIdentityKey {
        /// The device.
        device_id: DeviceId,
    },
}
