//! A message that repeats its cause has no source, or a chain of errors would say it twice.

use std::error::Error;

use matrix_key_backup_secret_storage::{
    AccountDataError, EncryptedSecretError, KeyDescription, KeyDescriptionError,
    PassphraseInfoError,
};
use matrix_key_backup_wire::{Json, property};

#[test]
fn causes_are_told_once() {
    let json = Json::parse("{").unwrap_err();
    let property = property::object(&Json::parse("[]").unwrap()).unwrap_err();
    let description = |passphrase| {
        let json = format!(
            r#"{{"algorithm":"m.secret_storage.v1.aes-hmac-sha2","passphrase":{passphrase}}}"#
        );
        KeyDescription::parse(&json).unwrap().passphrase().unwrap_err().clone()
    };
    let iterations = description(r#"{"algorithm":"m.pbkdf2","salt":"x","iterations":0}"#);
    assert!(matches!(iterations, PassphraseInfoError::Iterations(_)));
    let errors: [&dyn Error; 7] = [
        &KeyDescriptionError::from(json),
        &KeyDescriptionError::from(property),
        &KeyDescriptionError::from(EncryptedSecretError::from(property)),
        &AccountDataError::from(json),
        &AccountDataError::from(property),
        &PassphraseInfoError::from(property),
        &iterations,
    ];
    for error in errors {
        assert!(error.source().is_none(), "{error}");
    }
}
