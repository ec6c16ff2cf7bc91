//! One entry of a backup, between Ruma's `Raw` and `wire`.

use matrix_key_backup_wire::{KeyBackupData, KeyBackupDataError};
use ruma_client_api::backup;
use ruma_common::serde::Raw;
use serde_json::value::to_raw_value;
use thiserror::Error;

/// Largest integer in Matrix's JSON.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Reads an entry out of Ruma's `Raw`: `session_data` text for text, with its `backup_mac` and all
/// that Ruma does not know.
///
/// An entry that is at hand in Ruma's own type comes here through [`Raw::new`]. What that type has
/// no field for was lost when it was made, a `backup_mac` first of all.
///
/// # Errors
///
/// [`KeyBackupDataError`] if a property is missing, of the wrong type or there twice, or
/// `session_data` is too large (V2-13).
///
/// # Security
///
/// Never go through [`Raw::deserialize`]: Ruma's type demands `mac`, drops unknown properties and
/// normalises base64, so no MAC can be checked over it (V2-4).
pub fn key_backup_data_from_ruma(
    raw: &Raw<backup::KeyBackupData>,
) -> Result<KeyBackupData, KeyBackupDataError> {
    KeyBackupData::from_json(raw.json().get())
}

/// Writes an entry into Ruma's `Raw`, `session_data` text for text.
///
/// # Errors
///
/// [`IntegerTooLarge`] if a number in the metadata is more than 2^53 − 1, which servers refuse
/// together with all that is in the same request.
#[expect(clippy::expect_used, reason = "numbers, a boolean, and JSON that was parsed before")]
#[expect(clippy::missing_panics_doc, reason = "cannot happen")]
pub fn key_backup_data_to_ruma(
    data: &KeyBackupData,
) -> Result<Raw<backup::KeyBackupData>, IntegerTooLarge> {
    let numbers = [
        ("first_message_index", data.first_message_index),
        ("forwarded_count", data.forwarded_count),
    ];
    if let Some((property, found)) = numbers.into_iter().find(|(_, found)| *found > MAX_INTEGER) {
        return Err(IntegerTooLarge { property, found });
    }
    Ok(Raw::from_json(to_raw_value(data).expect("JSON")))
}

/// A number in an entry's metadata is larger than an integer in Matrix may be, 2^53 − 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("`{property}` is {found}, and the largest integer is {MAX_INTEGER}")]
pub struct IntegerTooLarge {
    /// The name of the property.
    pub property: &'static str,
    /// Its value.
    pub found: u64,
}
