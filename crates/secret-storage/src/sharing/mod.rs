//! Secret sharing between a user's own devices: `m.secret.request` and `m.secret.send` (G).
//!
//! A device that lacks a key of the backup asks the user's other devices for it, and one that has
//! the key answers. Both sides are here, as state machines that do no I/O and know no clock: the
//! caller hands in what arrived and sends what comes out.
//!
//! [`SecretRequester`], for the device that lacks a key:
//!
//! - [`request_mac_key`](SecretRequester::request_mac_key) and
//!   [`request_decryption_key`](SecretRequester::request_decryption_key) ask;
//! - [`receive_send`](SecretRequester::receive_send) takes an answer, and gives the cancellation for
//!   the others;
//! - [`cancel`](SecretRequester::cancel) gives up, for instance after a while.
//!
//! [`SecretResponder`], for the device that has it:
//!
//! - [`receive_request`](SecretResponder::receive_request) takes requests and cancellations;
//! - [`answer`](SecretResponder::answer) and [`decline`](SecretResponder::decline) close a request,
//!   at once or when a person has been asked.
//!
//! # What holds
//!
//! - A secret goes to, and comes from, nothing but a verified device of the same user (G-2, G-3).
//!   The caller hands in its devices with each event ([`OwnDevices`]), so a device that has lost
//!   its verification is refused at the moment that counts. It must still have the identity key
//!   that it had when it was asked, or when it asked.
//! - A secret is accepted only from inside Olm, and who sent it is judged by the Olm session
//!   ([`OlmEncrypted`]). One in the clear can only be refused and reported.
//! - An answer is accepted once, from a device that was asked, to a request that is live.
//! - A request for the MAC key cannot be answered with anything but a MAC key: by type
//!   ([`OpenRequest`]). It goes by either of its names (G-4).
//! - What is kept is bounded, whatever a hostile server sends, and holds no secret. Both machines
//!   are serde types, so that requests survive a restart.
//!
//! What is refused is an error with its reason, to be logged or shown; after a refusal the machine
//! goes on as before.
//!
//! What does not hold: a server can drop, delay and repeat events, and forge requests and
//! cancellations, which travel unencrypted. It can keep a secret from arriving; it cannot make it
//! arrive elsewhere. And a key that arrived need not be the right one: the device that sent it may
//! hold an old one. Then ask again, and leave that device out ([`Received`]).
//!
//! The feature `push` adds secrets that come unasked (G-5).
//!
//! # Example
//!
//! ```
//! use matrix_key_backup_primitives::BackupDecryptionKey;
//! use matrix_key_backup_secret_storage::sharing::{
//!     AnyOpenRequest, Arrival, Cleartext, Device, DeviceTrust, Incoming, MacKeyRequested,
//!     OlmEncrypted, OwnDevices, ReceivedSecret, SecretRequestContent, SecretRequester,
//!     SecretResponder, SecretSendContent,
//! };
//! use matrix_key_backup_wire::{Names, UserId};
//! # use matrix_key_backup_secret_storage::sharing::{DeviceId, IdentityKey};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
//! # let alice = UserId::new("@alice:example.org")?;
//! # let device = |id: &str, key| -> Result<Device, Box<dyn std::error::Error>> {
//! #     Ok(Device {
//! #         user_id: alice.clone(),
//! #         device_id: DeviceId::new(id)?,
//! #         identity_key: IdentityKey::from_slice(&[key; 32])?,
//! #         trust: DeviceTrust::CrossSigned,
//! #     })
//! # };
//! # let (bot, phone) = (device("BOT", 1)?, device("PHONE", 2)?);
//! # let decryption_key = BackupDecryptionKey::generate(&mut rng);
//! // What each of two devices knows of the user's devices. An SDK takes it from its own store.
//! let known_to_bot = OwnDevices::new(alice.clone(), bot.device_id.clone(), [phone.clone()])?;
//! let known_to_phone = OwnDevices::new(alice.clone(), phone.device_id.clone(), [bot.clone()])?;
//!
//! // A bot that shall write to the backup asks all verified devices for the MAC key.
//! let mut requester = SecretRequester::new();
//! let recipients: Vec<_> = known_to_bot.verified().cloned().collect();
//! let asked =
//!     requester.request_mac_key(None, Names::Unstable, &recipients, &known_to_bot, &mut rng)?;
//! let MacKeyRequested::Asked(asked) = asked else { panic!("it holds no decryption key") };
//! // … `asked.message` goes to its recipients, unencrypted, and arrives at the phone:
//! let request = SecretRequestContent::parse(&asked.message.content)?;
//!
//! // The phone holds the decryption key, and derives the MAC key from it (G-4).
//! let mut responder = SecretResponder::new();
//! let from = Arrival::Cleartext(Cleartext { sender: alice.clone() });
//! let incoming = responder.receive_request(&from, &request, &known_to_phone)?;
//! let Incoming::Request(AnyOpenRequest::MacKey(open)) = incoming else { panic!() };
//! let answer = responder.answer(open, &decryption_key.mac_key(), &known_to_phone)?;
//! // … `answer` goes to its device inside Olm, and is decrypted by the bot:
//! let content = SecretSendContent::parse(answer.expose_content())?;
//!
//! let from = OlmEncrypted { sender: alice, sender_key: phone.identity_key };
//! let accepted = requester.receive_send(&from, &content, &known_to_bot)?;
//! let ReceivedSecret::MacKey(mac_key) = accepted.secret else { panic!("it asked for that") };
//! assert_eq!(mac_key.into_unconfirmed(), decryption_key.mac_key());
//! assert!(accepted.cancellation.is_none()); // nobody else was asked
//! # Ok(())
//! # }
//! ```
//!
//! Source: [secrets in the Matrix specification][spec].
//!
//! [spec]: https://spec.matrix.org/v1.19/client-server-api/#sharing

mod arrival;
mod content;
mod device;
mod identifiers;
mod identity_key;
mod outgoing;
#[cfg(feature = "push")]
mod push;
mod received_secret;
mod requester;
mod responder;
mod shareable;
mod shared_secret;
mod state_version;

pub use arrival::{Arrival, Cleartext, OlmEncrypted};
pub use content::{
    ContentError, RequestAction, SECRET_REQUEST, SECRET_SEND, SecretRequestContent,
    SecretSendContent,
};
pub use device::{Device, DeviceRefused, DeviceTrust, DuplicateDevice, OwnDevices};
pub use identifiers::{DeviceId, IDENTIFIER_MAX_BYTES, IdentifierError, RequestId};
pub use identity_key::{IdentityKey, IdentityKeyError};
pub use outgoing::{OlmMessage, ToDeviceMessage};
#[cfg(feature = "push")]
pub use push::{
    PushEventType, PushRefused, Pushed, PushedSecret, SecretPushContent, push, receive_push,
    refuse_cleartext_push,
};
pub use received_secret::{Received, ReceivedSecret};
pub use requester::{
    AcceptedSecret, LiveRequest, MacKeyRequested, OutgoingRequest, RequestError, SecretRequester,
    SendRefused,
};
pub use responder::{
    AnswerRefused, AnyOpenRequest, Cancellation, Incoming, OpenRequest, RequestRefused,
    SecretResponder,
};
pub use shareable::ShareableSecret;
pub use shared_secret::SharedSecret;
