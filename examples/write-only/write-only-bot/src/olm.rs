//! To-device events inside Olm: decrypting them, and looking who sent them.

use std::collections::BTreeMap;

use client_api::Session;
use serde_json::Value;
use thiserror::Error;
use vodozemac::Curve25519PublicKey;
use vodozemac::olm::{Account, OlmMessage, SessionConfig};
use zeroize::Zeroizing;

/// What Olm is called on the wire.
const OLM: &str = "m.olm.v1.curve25519-aes-sha2";
/// How many Olm sessions of one sender are kept; of more, the oldest is forgotten.
const MAX_SESSIONS: usize = 8;

/// The Olm sessions by the identity key at their other end, the newest last.
pub(crate) type OlmSessions = BTreeMap<String, Vec<vodozemac::olm::Session>>;

/// An event that was decrypted, and is meant for this device.
pub(crate) struct Opened {
    /// The user, as the payload and the event name them.
    pub(crate) sender: String,
    /// The Curve25519 key of the Olm session, unpadded base64. Not what the event says.
    pub(crate) curve25519: String,
    /// The Ed25519 key in the payload, unpadded base64.
    pub(crate) ed25519: String,
    /// `type` in the payload.
    pub(crate) event_type: String,
    /// `content` in the payload.
    pub(crate) content: Value,
}

/// Why an encrypted event is not looked at any further.
#[derive(Debug, Clone, Error)]
pub(crate) enum NotOpened {
    #[error("it is not a well-formed Olm event: no {0}")]
    Malformed(&'static str),
    #[error("it is not encrypted for this device")]
    NotForThisDevice,
    #[error("it cannot be decrypted: {0}")]
    Decryption(String),
    #[error("its payload names another {0}: it was sent on, or made up")]
    Forwarded(&'static str),
}

/// Decrypts an `m.room.encrypted` to-device event.
pub(crate) fn open(
    event: &Value,
    session: &Session,
    account: &mut Account,
    sessions: &mut OlmSessions,
) -> Result<Opened, NotOpened> {
    let content = event.get("content").ok_or(NotOpened::Malformed("content"))?;
    if content.get("algorithm").and_then(Value::as_str) != Some(OLM) {
        return Err(NotOpened::Malformed("Olm algorithm"));
    }
    let sender_key = content.get("sender_key").and_then(Value::as_str);
    let sender_key = sender_key.and_then(|key| Curve25519PublicKey::from_base64(key).ok());
    let sender_key = sender_key.ok_or(NotOpened::Malformed("sender_key"))?;
    let message = message(content, &account.curve25519_key().to_base64())?;
    let plaintext = decrypt(&message, sender_key, account, sessions);
    sessions.retain(|_, of_sender| !of_sender.is_empty()); // whoever sends garbage leaves nothing
    let plaintext = plaintext?;
    let payload =
        serde_json::from_slice(&plaintext).map_err(|_| NotOpened::Malformed("payload"))?;
    let own_key = account.ed25519_key().to_base64();
    check(event, payload, session, &own_key, sender_key.to_base64())
}

fn message(content: &Value, own_key: &str) -> Result<OlmMessage, NotOpened> {
    let ciphertext = content.get("ciphertext").ok_or(NotOpened::Malformed("ciphertext"))?;
    let mine = ciphertext.get(own_key).ok_or(NotOpened::NotForThisDevice)?;
    let kind = mine.get("type").and_then(Value::as_u64).and_then(|kind| usize::try_from(kind).ok());
    let kind = kind.ok_or(NotOpened::Malformed("type"))?;
    let body = mine.get("body").and_then(Value::as_str).ok_or(NotOpened::Malformed("body"))?;
    let body = vodozemac::base64_decode(body).map_err(|_| NotOpened::Malformed("base64"))?;
    OlmMessage::from_parts(kind, &body).map_err(|_| NotOpened::Malformed("message"))
}

/// With a session that is there, or a new one that the message begins.
fn decrypt(
    message: &OlmMessage,
    sender_key: Curve25519PublicKey,
    account: &mut Account,
    sessions: &mut OlmSessions,
) -> Result<Zeroizing<Vec<u8>>, NotOpened> {
    let of_sender = sessions.entry(sender_key.to_base64()).or_default();
    let failed = |what: String| NotOpened::Decryption(what);
    match message {
        OlmMessage::Normal(_) => {
            let found = of_sender.iter_mut().rev().find_map(|one| one.decrypt(message).ok());
            found.map(Zeroizing::new).ok_or_else(|| failed("no session fits".into()))
        }
        OlmMessage::PreKey(begins) => {
            let id = begins.session_id();
            // One that came before belongs to its session, and is decrypted once.
            if let Some(known) = of_sender.iter_mut().find(|one| one.session_id() == id) {
                let plaintext =
                    known.decrypt(message).map_err(|error| failed(error.to_string()))?;
                return Ok(Zeroizing::new(plaintext));
            }
            let config = SessionConfig::version_1();
            let begun = account
                .create_inbound_session(config, sender_key, begins)
                .map_err(|error| failed(error.to_string()))?;
            if of_sender.len() >= MAX_SESSIONS {
                of_sender.remove(0);
            }
            of_sender.push(begun.session);
            Ok(Zeroizing::new(begun.plaintext))
        }
    }
}

/// The payload must say of sender and recipient what the session says: else a recipient could send
/// on what it got as if it were from its sender.
fn check(
    event: &Value,
    mut payload: Value,
    session: &Session,
    own_ed25519: &str,
    curve25519: String,
) -> Result<Opened, NotOpened> {
    let text = |pointer: &'static str| {
        let found = payload.pointer(pointer).and_then(Value::as_str);
        found.map(str::to_owned).ok_or(NotOpened::Malformed(pointer))
    };
    let sender = text("/sender")?;
    if event.get("sender").and_then(Value::as_str) != Some(&sender) {
        return Err(NotOpened::Forwarded("sender"));
    }
    if text("/recipient")? != session.user_id() {
        return Err(NotOpened::Forwarded("recipient"));
    }
    if text("/recipient_keys/ed25519")? != own_ed25519 {
        return Err(NotOpened::Forwarded("recipient key"));
    }
    let (ed25519, event_type) = (text("/keys/ed25519")?, text("/type")?);
    let content = payload.get_mut("content").map(Value::take);
    let content = content.ok_or(NotOpened::Malformed("content"))?;
    Ok(Opened { sender, curve25519, ed25519, event_type, content })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test")]

    use serde_json::json;

    use super::*;

    /// Bob writes to Alice's bot.
    struct Pair {
        bot: Account,
        session: Session,
        sessions: OlmSessions,
        bob: Account,
        to_bot: vodozemac::olm::Session,
    }

    fn pair() -> Pair {
        let (mut bot, bob) = (Account::new(), Account::new());
        bot.generate_one_time_keys(1);
        let one_time_key = *bot.one_time_keys().values().next().unwrap();
        let config = SessionConfig::version_1();
        let to_bot =
            bob.create_outbound_session(config, bot.curve25519_key(), one_time_key).unwrap();
        let session = Session::new("http://127.0.0.1", "@alice:example.org", "BOT", "token");
        Pair { bot, session, sessions: OlmSessions::new(), bob, to_bot }
    }

    impl Pair {
        fn payload(&self) -> Value {
            json!({
                "type": "m.room_key",
                "content": {},
                "sender": "@bob:example.org",
                "recipient": "@alice:example.org",
                "recipient_keys": { "ed25519": self.bot.ed25519_key().to_base64() },
                "keys": { "ed25519": self.bob.ed25519_key().to_base64() },
            })
        }

        fn event(&mut self, payload: &Value) -> Value {
            let (kind, body) = self.to_bot.encrypt(payload.to_string()).unwrap().to_parts();
            json!({
                "type": "m.room.encrypted",
                "sender": "@bob:example.org",
                "content": {
                    "algorithm": OLM,
                    "sender_key": self.bob.curve25519_key().to_base64(),
                    "ciphertext": {
                        self.bot.curve25519_key().to_base64():
                            { "type": kind, "body": vodozemac::base64_encode(body) },
                    },
                },
            })
        }

        fn open(&mut self, event: &Value) -> Result<Opened, NotOpened> {
            open(event, &self.session, &mut self.bot, &mut self.sessions)
        }
    }

    #[test]
    fn what_is_meant_for_this_device_is_opened_once() {
        let mut pair = pair();
        let event = pair.event(&pair.payload());
        let opened = pair.open(&event).unwrap();
        assert_eq!(opened.sender, "@bob:example.org");
        assert_eq!(opened.curve25519, pair.bob.curve25519_key().to_base64());
        assert_eq!(opened.ed25519, pair.bob.ed25519_key().to_base64());
        assert!(matches!(pair.open(&event), Err(NotOpened::Decryption(_))));
        let next = pair.event(&pair.payload());
        assert!(pair.open(&next).is_ok());
    }

    /// A recipient could otherwise send on what it got, as if it were from its sender.
    #[test]
    fn what_was_meant_for_others_is_refused() {
        for (pointer, other) in [
            ("/sender", "@carol:example.org"),
            ("/recipient", "@carol:example.org"),
            ("/recipient_keys/ed25519", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ] {
            let mut pair = pair();
            let mut payload = pair.payload();
            *payload.pointer_mut(pointer).unwrap() = other.into();
            let event = pair.event(&payload);
            assert!(matches!(pair.open(&event), Err(NotOpened::Forwarded(_))), "{pointer}");
        }
    }

    /// The sender key in the event decides on the session, and must be that of its messages.
    #[test]
    fn another_sender_key_is_refused_and_leaves_nothing() {
        let mut pair = pair();
        let mut event = pair.event(&pair.payload());
        event["content"]["sender_key"] = Account::new().curve25519_key().to_base64().into();
        assert!(matches!(pair.open(&event), Err(NotOpened::Decryption(_))));
        assert!(pair.sessions.is_empty());
    }
}
