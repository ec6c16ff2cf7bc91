//! Account data: what clients keep at the homeserver for each other.

use matrix_key_backup_ruma::user_id_to_ruma;
use matrix_key_backup_wire::UserId;
use ruma_client_api::config::{get_global_account_data, set_global_account_data};
use ruma_common::{OwnedUserId, serde::Raw};
use serde_json::value::RawValue;

use super::Account;
use crate::store::homeserver::{HomeserverError, Repeat, Transport, segment};

impl<T: Transport> Account<'_, T> {
    /// The content of one type of the user's account data, or `None` where nothing is stored.
    ///
    /// It is what the homeserver says, who can change or withhold it.
    ///
    /// # Errors
    ///
    /// [`HomeserverError`]; also for the account data of another user.
    ///
    /// Source: [`GET /user/{userId}/account_data/{type}`](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridaccount_datatype).
    pub async fn data(
        &self,
        user_id: &UserId,
        event_type: &str,
    ) -> Result<Option<Box<RawValue>>, HomeserverError> {
        use get_global_account_data::v3::{Request, Response};

        let (user_id, event_type) = path(user_id, event_type)?;
        let request = self.client.request(Request::new(user_id, event_type.into()))?;
        match self.client.call::<Response>(&request, Repeat::Always).await {
            Ok(Response { account_data, .. }) => Ok(Some(account_data.into_json())),
            Err(failed) if failed.is(404, "M_NOT_FOUND") => Ok(None),
            Err(failed) => Err(failed.into_error()),
        }
    }

    /// Stores the content of one type of the user's account data, in the place of what was there.
    ///
    /// There is no way to store it only if nobody else has: read, decide and store quickly.
    ///
    /// # Errors
    ///
    /// [`HomeserverError`]; it may then be stored or not: read it.
    ///
    /// Source: [`PUT /user/{userId}/account_data/{type}`](https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype).
    pub async fn put_data(
        &self,
        user_id: &UserId,
        event_type: &str,
        content: &RawValue,
    ) -> Result<(), HomeserverError> {
        use set_global_account_data::v3::{Request, Response};

        let (user_id, event_type) = path(user_id, event_type)?;
        let content = Raw::from_json(content.to_owned());
        let request = Request::new_raw(user_id, event_type.into(), content);
        let request = self.client.request(request)?;
        let answer = self.client.call::<Response>(&request, Repeat::Always).await;
        answer.map(|_| ()).map_err(|failed| failed.into_error())
    }
}

fn path(user_id: &UserId, event_type: &str) -> Result<(OwnedUserId, String), HomeserverError> {
    let no_path = |id: &str| HomeserverError::NoPath { id: id.to_owned() };
    // The grammar of user ids has no `%`; old ids that have one are no path.
    let user = user_id_to_ruma(user_id).ok().filter(|id| !id.as_str().contains('%'));
    let user = user.ok_or_else(|| no_path(user_id.as_str()))?;
    let event_type = segment(event_type).ok_or_else(|| no_path(event_type))?;
    Ok((user, event_type))
}
