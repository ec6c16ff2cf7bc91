//! Unencrypted messages to the user's other devices, until the homeserver has them.

use std::collections::VecDeque;

use client_api::Api;
use matrix_key_backup::secret_storage::sharing::ToDeviceMessage;
use matrix_key_backup::store::homeserver::Transport;

use crate::BotError;

/// What is still to be sent, the oldest first. It is not kept over restarts: a run that begins takes
/// back what was asked, and asks again.
#[derive(Default)]
pub(crate) struct Outbox(VecDeque<Outgoing>);

struct Outgoing {
    /// The same in each try, so that what came through twice is one message.
    transaction: String,
    message: ToDeviceMessage,
}

impl Outbox {
    pub(crate) fn push(&mut self, message: ToDeviceMessage) -> Result<(), BotError> {
        self.0.push_back(Outgoing { transaction: random_id()?, message });
        Ok(())
    }

    /// Sends all of it. What fails stays, with all after it.
    pub(crate) async fn send<T: Transport>(&mut self, api: &Api<T>) -> Result<(), BotError> {
        while let Some(Outgoing { transaction, message }) = self.0.front() {
            let content = serde_json::from_str(&message.content)
                .map_err(|error| BotError::Internal(error.to_string()))?;
            let devices = message.recipients.iter().map(|id| id.as_str());
            let user_id = api.session().user_id();
            api.send_to_device(message.event_type, transaction, user_id, devices, &content).await?;
            self.0.pop_front();
        }
        Ok(())
    }
}

fn random_id() -> Result<String, BotError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| BotError::NoRandomness)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
