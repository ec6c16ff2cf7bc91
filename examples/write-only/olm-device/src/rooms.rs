//! Talking in an encrypted room.

use client_api::segment;
use matrix_sdk_crypto::EncryptionSettings;
use ruma::serde::Raw;
use ruma::{RoomId, UserId};
use serde_json::{Value, json};

use crate::{DeviceError, OlmDevice, settings};

/// A message, as a member reads it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// Who sent it.
    pub sender: String,
    /// Its text.
    pub body: String,
    /// The Megolm session that encrypted it.
    pub session_id: String,
}

impl OlmDevice {
    /// Makes an encrypted room, and invites a user.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub async fn create_room(&self, invited: &UserId) -> Result<String, DeviceError> {
        let body = json!({
            "preset": "private_chat",
            "invite": [invited],
            "initial_state": [{
                "type": "m.room.encryption",
                "state_key": "",
                "content": { "algorithm": "m.megolm.v1.aes-sha2" },
            }],
        });
        let answer = self.api.post("/v3/createRoom", &body).await?;
        let room = answer.get("room_id").and_then(Value::as_str);
        Ok(room.ok_or_else(|| DeviceError::Answer("no room_id".to_owned()))?.to_owned())
    }

    /// Joins a room.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub async fn join(&self, room_id: &str) -> Result<(), DeviceError> {
        let path = format!("/v3/join/{}", segment(room_id));
        self.api.post(&path, &json!({})).await?;
        Ok(())
    }

    /// Says something in a room, under a new Megolm session, whose key goes to all devices of these
    /// users. Returns the session's id.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub async fn say(
        &self,
        room_id: &str,
        members: &[&UserId],
        body: &str,
    ) -> Result<String, DeviceError> {
        let room = RoomId::parse(room_id)?;
        self.query_keys(members).await?;
        self.claim_sessions(members).await?;
        self.machine.discard_room_key(&room).await?;
        let settings = EncryptionSettings::default();
        let shared = self.machine.share_room_key(&room, members.iter().copied(), settings).await?;
        for request in shared {
            self.send_to_device(&request).await?;
        }
        let content = Raw::new(&json!({ "msgtype": "m.text", "body": body }))?.cast_unchecked();
        let encrypted =
            self.machine.encrypt_room_event_raw(&room, "m.room.message", &content).await?;
        let content: Value = serde_json::from_str(encrypted.content.json().get())?;
        let transaction = ruma::TransactionId::new();
        let path = format!("/v3/rooms/{}/send/m.room.encrypted/{transaction}", segment(room_id));
        self.api.put(&path, &content).await?;
        let session_id = content.get("session_id").and_then(Value::as_str);
        Ok(session_id.unwrap_or_default().to_owned())
    }

    /// Reads all messages of a room, oldest first: each with its text, or why it cannot be read.
    ///
    /// # Errors
    ///
    /// [`DeviceError`], where the messages cannot be had.
    pub async fn read(&self, room_id: &str) -> Result<Vec<Result<Message, String>>, DeviceError> {
        let path = format!("/v3/rooms/{}/messages?dir=f&limit=500", segment(room_id));
        let answer = self.api.get(&path).await?;
        let events = answer.get("chunk").and_then(Value::as_array).cloned().unwrap_or_default();
        let room = RoomId::parse(room_id)?;
        let mut messages = Vec::new();
        for event in events.iter().filter(|event| event["type"] == "m.room.encrypted") {
            messages.push(self.read_event(&room, event).await?);
        }
        Ok(messages)
    }

    async fn read_event(
        &self,
        room: &RoomId,
        event: &Value,
    ) -> Result<Result<Message, String>, DeviceError> {
        let raw = Raw::new(event)?.cast_unchecked();
        let decrypted = match self.machine.decrypt_room_event(&raw, room, &settings()).await {
            Ok(decrypted) => decrypted,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let plain: Value = serde_json::from_str(decrypted.event.json().get())?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Ok(Message {
            sender: text(&event["sender"]),
            body: text(&plain["content"]["body"]),
            session_id: text(&event["content"]["session_id"]),
        }))
    }
}
