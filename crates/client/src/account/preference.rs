//! Whether the user wants a backup. // P-1

use matrix_key_backup_wire::UserId;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::{RawValue, to_raw_value};

use super::Account;
use crate::store::homeserver::{HomeserverError, Transport};

/// Whether the user wants their keys backed up, as account data tells all their devices.
///
/// It is set when a backup is begun and when it is given up, and a device that signs in keeps to
/// it: [`Disabled`](Self::Disabled) means that no backup is begun unasked.
///
/// # Security
///
/// The homeserver's word: it can withhold or change it. It decides what is offered to the user,
/// never whom keys are encrypted to.
///
/// Source: rule P-1; [MSC4287](https://github.com/matrix-org/matrix-spec-proposals/pull/4287).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyBackupPreference {
    /// The user wants a backup.
    Enabled,
    /// The user wants none.
    Disabled,
}

#[derive(Serialize, Deserialize)]
struct Stable {
    enabled: bool,
}

/// What matrix-rust-sdk and matrix-js-sdk use.
#[derive(Serialize, Deserialize)]
struct Custom {
    disabled: bool,
}

impl KeyBackupPreference {
    /// The type of account data that tells it: `{"enabled": bool}`.
    pub const EVENT_TYPE: &str = "m.key_backup";
    /// The type that deployed clients have in its place: `{"disabled": bool}`.
    pub const CUSTOM_EVENT_TYPE: &str = "m.org.matrix.custom.backup_disabled";

    /// Reads the contents of [`EVENT_TYPE`](Self::EVENT_TYPE) and
    /// [`CUSTOM_EVENT_TYPE`](Self::CUSTOM_EVENT_TYPE), as far as they are there.
    ///
    /// The other counts where the first is absent. One that is malformed is ignored, and says
    /// nothing: it is there.
    ///
    /// ```
    /// use matrix_key_backup::account::KeyBackupPreference;
    ///
    /// let custom = r#"{"disabled": true}"#;
    /// let preference = KeyBackupPreference::read(None, Some(custom));
    /// assert_eq!(preference, Some(KeyBackupPreference::Disabled));
    /// assert_eq!(KeyBackupPreference::read(Some("{}"), Some(custom)), None);
    /// ```
    #[must_use]
    pub fn read(content: Option<&str>, custom: Option<&str>) -> Option<Self> {
        match content {
            Some(content) => parse(content).map(|Stable { enabled }| Self::enabled(enabled)),
            None => parse(custom?).map(|Custom { disabled }| Self::enabled(!disabled)),
        }
    }

    /// The contents of both types, to be written both.
    #[must_use]
    pub fn contents(self) -> [(&'static str, Box<RawValue>); 2] {
        let enabled = self == Self::Enabled;
        [
            (Self::EVENT_TYPE, raw(&Stable { enabled })),
            (Self::CUSTOM_EVENT_TYPE, raw(&Custom { disabled: !enabled })),
        ]
    }

    fn enabled(enabled: bool) -> Self {
        if enabled { Self::Enabled } else { Self::Disabled }
    }
}

fn parse<T: DeserializeOwned>(content: &str) -> Option<T> {
    serde_json::from_str(content).ok()
}

#[expect(clippy::expect_used, reason = "an object with one boolean")]
fn raw(content: &impl Serialize) -> Box<RawValue> {
    to_raw_value(content).expect("JSON")
}

impl<T: Transport> Account<'_, T> {
    /// What account data says of the user's wish for a backup; `None` where it says nothing.
    ///
    /// # Errors
    ///
    /// [`HomeserverError`].
    pub async fn key_backup_preference(
        &self,
        user_id: &UserId,
    ) -> Result<Option<KeyBackupPreference>, HomeserverError> {
        let content = self.data(user_id, KeyBackupPreference::EVENT_TYPE).await?;
        let custom = match &content {
            Some(_) => None,
            None => self.data(user_id, KeyBackupPreference::CUSTOM_EVENT_TYPE).await?,
        };
        let text = |content: &Option<Box<RawValue>>| {
            content.as_deref().map(RawValue::get).map(ToOwned::to_owned)
        };
        Ok(KeyBackupPreference::read(text(&content).as_deref(), text(&custom).as_deref()))
    }

    /// Tells the user's other devices.
    ///
    /// # Errors
    ///
    /// [`HomeserverError`]. Two things are written one after the other, the one that counts first:
    /// after an error, do it again.
    pub async fn set_key_backup_preference(
        &self,
        user_id: &UserId,
        preference: KeyBackupPreference,
    ) -> Result<(), HomeserverError> {
        for (event_type, content) in preference.contents() {
            self.put_data(user_id, event_type, &content).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// P-1
    #[test]
    fn both_are_written_and_each_is_read_alone() {
        for preference in [KeyBackupPreference::Enabled, KeyBackupPreference::Disabled] {
            let [(stable, content), (custom_type, custom)] = preference.contents();
            assert_eq!(stable, "m.key_backup");
            assert_eq!(custom_type, "m.org.matrix.custom.backup_disabled");
            let (content, custom) = (content.get(), custom.get());
            assert_eq!(KeyBackupPreference::read(Some(content), None), Some(preference));
            assert_eq!(KeyBackupPreference::read(None, Some(custom)), Some(preference));
        }
        assert_eq!(KeyBackupPreference::Enabled.contents()[0].1.get(), r#"{"enabled":true}"#);
        assert_eq!(KeyBackupPreference::Enabled.contents()[1].1.get(), r#"{"disabled":false}"#);
    }

    /// P-1: the stable one counts where it is there, and what is malformed is ignored.
    #[test]
    fn what_is_absent_or_malformed_says_nothing() {
        let off = Some(r#"{"disabled":true}"#);
        let on = Some(r#"{"enabled":true,"more":1}"#);
        assert_eq!(KeyBackupPreference::read(on, off), Some(KeyBackupPreference::Enabled));
        assert_eq!(KeyBackupPreference::read(None, None), None);
        for malformed in
            ["", "{}", "null", "true", "[]", r#"{"enabled":"true"}"#, r#"{"enabled":1}"#]
        {
            assert_eq!(KeyBackupPreference::read(Some(malformed), off), None, "{malformed}");
        }
        for malformed in ["", "{}", "null", r#"{"disabled":null}"#, r#"{"enabled":true}"#] {
            assert_eq!(KeyBackupPreference::read(None, Some(malformed)), None, "{malformed}");
        }
    }
}
