//! Taking typed properties out of an object, with errors that name them.
//!
//! ```
//! use matrix_key_backup_wire::{Json, property};
//!
//! let json = Json::parse(r#"{"name": "key", "size": "large"}"#)?;
//! let object = property::object(&json)?;
//! assert_eq!(property::required_string(object, "name")?, "key");
//! let error = property::required_string(object, "colour").unwrap_err();
//! assert_eq!(error.to_string(), "`colour` is missing");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use crate::json::{Json, JsonKind, Object, Text};

/// A JSON value lacks a property, or one is not what it must be. The value itself is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PropertyError {
    /// The value itself is no object.
    #[error("an object was expected, and this is {found}")]
    #[non_exhaustive]
    NotAnObject {
        /// What was found.
        found: JsonKind,
    },
    /// A property is missing.
    #[error("`{property}` is missing")]
    #[non_exhaustive]
    Missing {
        /// Its name.
        property: &'static str,
    },
    /// A property is of the wrong type, or something in it is.
    #[error("`{property}` must be {expected}, and {found} was found")]
    #[non_exhaustive]
    WrongType {
        /// Its name.
        property: &'static str,
        /// What it must be.
        expected: &'static str,
        /// What was found.
        found: JsonKind,
    },
    /// An identifier is the empty string.
    #[error("`{property}` must not be empty")]
    #[non_exhaustive]
    Empty {
        /// Its name.
        property: &'static str,
    },
}

/// The object that a value is.
///
/// # Errors
///
/// [`PropertyError::NotAnObject`] if it is something else.
pub fn object<'j, 'a>(json: &'j Json<'a>) -> Result<&'j Object<'a>, PropertyError> {
    json.as_object().ok_or_else(|| PropertyError::NotAnObject { found: json.kind() })
}

/// The value of a property.
///
/// # Errors
///
/// [`PropertyError::Missing`] if there is none.
pub fn required<'j, 'a>(
    object: &'j Object<'a>,
    property: &'static str,
) -> Result<&'j Json<'a>, PropertyError> {
    object.get(property).ok_or(PropertyError::Missing { property })
}

/// The value of a property that is a string.
///
/// # Errors
///
/// [`PropertyError`] if there is none, or it is something else.
pub fn required_string<'j>(
    object: &'j Object<'_>,
    property: &'static str,
) -> Result<&'j str, PropertyError> {
    string(required(object, property)?, property, "a string")
}

/// The string that a value in `property` is.
///
/// # Errors
///
/// [`PropertyError::WrongType`] if it is something else.
pub fn string<'j>(
    json: &'j Json<'_>,
    property: &'static str,
    expected: &'static str,
) -> Result<&'j str, PropertyError> {
    json.as_str().ok_or_else(|| wrong_type(json, property, expected))
}

/// The name of something inside `property`.
///
/// # Errors
///
/// [`PropertyError::WrongType`] if it is no Unicode text.
pub fn name<'j>(
    name: &'j Text<'_>,
    property: &'static str,
    expected: &'static str,
) -> Result<&'j str, PropertyError> {
    let found = JsonKind::IllFormedString;
    name.as_str().ok_or(PropertyError::WrongType { property, expected, found })
}

/// The error that something in `property` is not what was expected.
#[must_use]
pub fn wrong_type(
    json: &Json<'_>,
    property: &'static str,
    expected: &'static str,
) -> PropertyError {
    PropertyError::WrongType { property, expected, found: json.kind() }
}
