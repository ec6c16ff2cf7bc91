//! What the machine has to send, and handing it the answers.

use client_api::{HttpMethod, segment};
use matrix_sdk_crypto::CollectStrategy;
use matrix_sdk_crypto::types::requests::{AnyOutgoingRequest, ToDeviceRequest};
use ruma::UserId;
use ruma::api::client::keys::{claim_keys, get_keys, upload_keys, upload_signatures};
use ruma::api::client::to_device::send_event_to_device;
use ruma::api::{IncomingResponse, IncomingResponseExt as _};
use serde_json::{Value, json};

use crate::{DeviceError, OlmDevice};

impl OlmDevice {
    /// Sends all that the machine has to send.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub async fn send_outgoing(&self) -> Result<(), DeviceError> {
        for request in self.machine.outgoing_requests().await? {
            let id = request.request_id();
            match request.request() {
                AnyOutgoingRequest::KeysUpload(upload) => {
                    let mut body = json!({
                        "one_time_keys": upload.one_time_keys,
                        "fallback_keys": upload.fallback_keys,
                    });
                    if let Some(keys) = &upload.device_keys {
                        body["device_keys"] = serde_json::to_value(keys)?;
                    }
                    let answer = self.api.post("/v3/keys/upload", &body).await?;
                    let answer: upload_keys::v3::Response = read(&answer)?;
                    self.machine.mark_request_as_sent(id, &answer).await?;
                }
                AnyOutgoingRequest::KeysQuery(query) => {
                    let body = json!({ "device_keys": query.device_keys });
                    let answer = self.api.post("/v3/keys/query", &body).await?;
                    let answer: get_keys::v3::Response = read(&answer)?;
                    self.machine.mark_request_as_sent(id, &answer).await?;
                }
                AnyOutgoingRequest::ToDeviceRequest(request) => {
                    self.send_to_device(request).await?;
                }
                AnyOutgoingRequest::SignatureUpload(upload) => {
                    let body = serde_json::to_value(&upload.signed_keys)?;
                    self.upload_signatures(&body).await?;
                    let answer = upload_signatures::v3::Response::new();
                    self.machine.mark_request_as_sent(id, &answer).await?;
                }
                // Claims are made where they are needed, and nobody is verified in a room.
                _ => {}
            }
        }
        Ok(())
    }

    /// Uploads signatures on devices or cross-signing keys.
    ///
    /// # Errors
    ///
    /// [`DeviceError`], also where the homeserver takes none of them.
    pub async fn upload_signatures(&self, body: &Value) -> Result<(), DeviceError> {
        let answer = self.api.post("/v3/keys/signatures/upload", body).await?;
        match answer.get("failures").and_then(Value::as_object) {
            Some(failures) if !failures.is_empty() => {
                Err(DeviceError::Answer(format!("signatures are refused: {failures:?}")))
            }
            _ => Ok(()),
        }
    }

    /// Sends a to-device request of the machine.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub async fn send_to_device(&self, request: &ToDeviceRequest) -> Result<(), DeviceError> {
        let (kind, id) = (request.event_type.to_string(), request.txn_id.as_str());
        let path = format!("/v3/sendToDevice/{}/{}", segment(&kind), segment(id));
        let body = json!({ "messages": request.messages });
        self.api.call(HttpMethod::PUT, &path, Some(&body)).await?;
        let answer = send_event_to_device::v3::Response::new();
        self.machine.mark_request_as_sent(&request.txn_id, &answer).await?;
        Ok(())
    }

    /// Asks for the devices and cross-signing keys of users anew.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub async fn query_keys(&self, users: &[&UserId]) -> Result<(), DeviceError> {
        self.machine.update_tracked_users(users.iter().copied()).await?;
        let (id, query) = self.machine.query_keys_for_users(users.iter().copied());
        let body = json!({ "device_keys": query.device_keys });
        let answer = self.api.post("/v3/keys/query", &body).await?;
        let answer: get_keys::v3::Response = read(&answer)?;
        self.machine.mark_request_as_sent(&id, &answer).await?;
        Ok(())
    }

    /// Sends an event to one device, inside Olm.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub async fn send_encrypted(
        &self,
        user: &UserId,
        device_id: &str,
        event_type: &str,
        content: &Value,
    ) -> Result<(), DeviceError> {
        self.claim_sessions(&[user]).await?;
        let device = self.machine.get_device(user, device_id.into(), None).await?;
        let no_such = || DeviceError::NoSuchDevice(device_id.to_owned());
        let device = device.ok_or_else(no_such)?;
        let strategy = CollectStrategy::AllDevices;
        let encrypted = device.encrypt_event_raw(event_type, content, strategy).await?;
        let encrypted = serde_json::from_str(encrypted.json().get())?;
        let (kind, transaction) = ("m.room.encrypted", ruma::TransactionId::new());
        let (transaction, user, to) = (transaction.as_str(), user.as_str(), [device_id]);
        Ok(self.api.send_to_device(kind, transaction, user, to, &encrypted).await?)
    }

    /// Begins Olm sessions with all devices of these users with which there is none.
    ///
    /// # Errors
    ///
    /// [`DeviceError`].
    pub async fn claim_sessions(&self, users: &[&UserId]) -> Result<(), DeviceError> {
        let missing = self.machine.get_missing_sessions(users.iter().copied()).await?;
        let Some((id, claim)) = missing else { return Ok(()) };
        let body = json!({ "one_time_keys": claim.one_time_keys });
        let answer = self.api.post("/v3/keys/claim", &body).await?;
        let answer: claim_keys::v3::Response = read(&answer)?;
        self.machine.mark_request_as_sent(&id, &answer).await?;
        Ok(())
    }
}

fn read<R: IncomingResponse>(answer: &Value) -> Result<R, DeviceError>
where
    R::EndpointError: core::fmt::Display,
{
    let text = answer.to_string();
    R::try_from_http_response(http::Response::new(text.as_bytes()))
        .map_err(|error| DeviceError::Answer(error.to_string()))
}
