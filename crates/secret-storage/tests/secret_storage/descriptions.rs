//! Key descriptions (S-2, S-4): what is read, what is refused, and when.

use std::time::{Duration, Instant};

use matrix_key_backup_secret_storage::{
    Iterations, KeyCheck, KeyDescription, KeyDescriptionError, OpenError, PassphraseInfo,
    PassphraseInfoError, SecretStorageKey, WrongKey,
};
use serde_json::{Value, json};

use crate::support::{ALGORITHM, KEY, described, description, key, passphrase};

/// A description whose `passphrase` is that of the vectors, with one property replaced, or removed
/// when the value is `None`.
fn with_passphrase(property: &str, value: Option<Value>) -> Value {
    let mut info = json!({"algorithm": "m.pbkdf2", "iterations": 100, "salt": "NaCl", "bits": 256});
    match value {
        Some(value) => info[property] = value,
        None => drop(info.as_object_mut().unwrap().remove(property)),
    }
    json!({"algorithm": ALGORITHM, "passphrase": info})
}

fn parse(description: &Value) -> KeyDescription {
    KeyDescription::parse(&description.to_string()).unwrap()
}

/// What is said when it is to be opened with a passphrase, which must be at once.
fn refusal(description: &Value) -> PassphraseInfoError {
    let start = Instant::now();
    let error = described("abc", description).open_with_passphrase(&passphrase("pw")).unwrap_err();
    assert!(start.elapsed() < Duration::from_millis(500), "{error}: {:?}", start.elapsed());
    match error {
        OpenError::Passphrase { error, .. } => error,
        other => panic!("{other:?}"),
    }
}

/// S-2.
#[test]
fn a_key_fits_its_own_description_alone() {
    let description = parse(&description(&KEY));
    assert_eq!(description.check(&key(&KEY)), Ok(KeyCheck::Fits));
    for bit in 0..KEY.len() * 8 {
        let mut other = KEY;
        other[bit / 8] ^= 1 << (bit % 8);
        assert!(description.check(&key(&other)).is_err(), "bit {bit}");
    }
}

/// S-2: the caller is told.
#[test]
fn what_cannot_be_checked_is_said_to_be_unchecked() {
    let nothing = parse(&json!({"algorithm": ALGORITHM}));
    assert_eq!(nothing.check(&key(&KEY)), Ok(KeyCheck::NotChecked));
    // One of the two alone is damage.
    for lost in ["iv", "mac"] {
        let mut damaged = description(&KEY);
        damaged.as_object_mut().unwrap().remove(lost);
        let error = KeyDescription::parse(&damaged.to_string()).unwrap_err();
        assert!(matches!(error, KeyDescriptionError::Check(_)), "{error:?}");
        assert_eq!(error.to_string(), format!("its key check is damaged: `{lost}` is missing"));
    }
}

#[test]
fn a_wrong_key_is_not_a_wrong_passphrase() {
    let mut described_by = description(&KEY);
    described_by["passphrase"] = with_passphrase("bits", None)["passphrase"].clone();
    let described = described("abc", &described_by);
    let error = described.open_with_passphrase(&passphrase("pw")).unwrap_err();
    assert!(matches!(error, OpenError::WrongPassphrase { .. }), "{error:?}");
    let error = described.open(key(&[1; 32])).unwrap_err();
    assert!(matches!(error, OpenError::WrongKey { .. }), "{error:?}");
    let wrong: WrongKey = described.description().check(&key(&[1; 32])).unwrap_err();
    assert_eq!(wrong.to_string(), "the secret storage key is not the one that was described");
}

#[test]
fn an_unknown_algorithm_is_named() {
    let error = KeyDescription::parse(r#"{"algorithm": "m.secret_storage.v2\u001b"}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"its algorithm is "m.secret_storage.v2\u{1b}", where only "m.secret_storage.v1.aes-hmac-sha2" is known"#
    );
    // Nobody wants to read a megabyte.
    let long = json!({"algorithm": "x".repeat(100_000)}).to_string();
    assert!(KeyDescription::parse(&long).unwrap_err().to_string().len() < 300);
}

#[test]
fn what_is_no_description_is_refused() {
    for (text, expected) in [
        ("", "it is damaged: unexpected end of JSON at byte 0"),
        ("[]", "it is damaged: an object was expected, and this is an array"),
        ("{}", "it is damaged: `algorithm` is missing"),
        (
            r#"{"algorithm": 1}"#,
            "it is damaged: `algorithm` must be a string, and a number was found",
        ),
        (
            r#"{"algorithm": "a", "algorithm": "a"}"#,
            "it is damaged: duplicate property in JSON object at byte 19",
        ),
    ] {
        assert_eq!(KeyDescription::parse(text).unwrap_err().to_string(), expected, "{text}");
    }
    for (property, value, expected) in [
        ("iv", json!(null), "its key check is damaged: `iv` must be a string, and null was found"),
        ("iv", json!(""), "its key check is damaged: `iv` must have 16 bytes, and has 0"),
        ("iv", json!("A"), "its key check is damaged: `iv` is not base64"),
        (
            "mac",
            json!(5),
            "its key check is damaged: `mac` must be a string, and a number was found",
        ),
        ("mac", json!("AA=="), "its key check is damaged: `mac` must have 32 bytes, and has 1"),
    ] {
        let mut damaged = description(&KEY);
        damaged[property] = value;
        let error = KeyDescription::parse(&damaged.to_string()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

/// A `name` is for people, and decides nothing.
#[test]
fn names_are_lenient() {
    let named = |name: Value| parse(&json!({"algorithm": ALGORITHM, "name": name}));
    assert_eq!(named(json!("Käthe")).name(), Some("Käthe"));
    assert_eq!(named(json!("")).name(), Some(""));
    assert_eq!(named(json!(null)).name(), None);
    assert_eq!(named(json!({})).name(), None);
}

/// S-4: what the server asks for is bounded, and refused before any work is done.
#[test]
fn iterations_are_bounded_at_once() {
    for found in ["0", "10000001", "4294967295", "4294967296", "1e3", "100.0", "-1", "-0"] {
        let mut text = with_passphrase("iterations", Some(json!("here"))).to_string();
        text = text.replace("\"here\"", found);
        let description = serde_json::value::RawValue::from_string(text).unwrap();
        let parsed = KeyDescription::parse(description.get()).unwrap();
        let error = parsed.passphrase().unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "`passphrase` of the key description: the number of iterations is {found}, and must \
                 be a whole number from 1 to 10000000"
            )
        );
    }
    let hostile = with_passphrase("iterations", Some(json!(u32::MAX)));
    assert!(matches!(refusal(&hostile), PassphraseInfoError::Iterations(_)));
    let text = hostile.to_string().replace("4294967295", &"9".repeat(500_000));
    let error = KeyDescription::parse(&text).unwrap().passphrase().unwrap_err().to_string();
    assert!(error.len() < 300, "{error}");

    for (found, taken) in [(0, false), (1, true), (10_000_000, true), (10_000_001, false)] {
        assert_eq!(Iterations::new(found).is_ok(), taken, "{found}");
    }
    assert_eq!(Iterations::default().get(), 500_000);
}

/// S-4: `bits` is bounded, and 256 where it is absent.
#[test]
fn bits_are_bounded() {
    for bits in [128, 136, 256, 504, 512] {
        let description = parse(&with_passphrase("bits", Some(json!(bits))));
        assert_eq!(description.passphrase().unwrap().bits(), bits);
        let info = description.passphrase().unwrap();
        let key = SecretStorageKey::from_passphrase(&passphrase("pw"), info);
        assert_eq!(key.expose_bytes().len() * 8, usize::from(bits));
    }
    let default = parse(&with_passphrase("bits", None));
    assert_eq!(default.passphrase().unwrap().bits(), PassphraseInfo::DEFAULT_BITS);
    for bits in [0, 8, 120, 127, 129, 255, 257, 520, 65536, u32::MAX] {
        let error = refusal(&with_passphrase("bits", Some(json!(bits))));
        assert_eq!(
            error.to_string(),
            format!(
                "`passphrase` of the key description asks for {bits} bits, and must ask for a \
                 multiple of 8 from 128 to 512"
            )
        );
    }
    let error = refusal(&with_passphrase("bits", Some(json!("256"))));
    assert!(matches!(error, PassphraseInfoError::Property(_)), "{error:?}");
}

/// S-4: another algorithm is an error, never a guess.
#[test]
fn another_derivation_is_an_error() {
    for other in ["m.argon2", "M.PBKDF2", "m.pbkdf2 ", ""] {
        let error = refusal(&with_passphrase("algorithm", Some(json!(other))));
        assert!(
            matches!(&error, PassphraseInfoError::UnsupportedAlgorithm { found, .. } if found == other),
            "{error:?}"
        );
    }
    for lost in ["algorithm", "iterations", "salt"] {
        let error = refusal(&with_passphrase(lost, None)).to_string();
        let expected =
            format!("`passphrase` of the key description is damaged: `{lost}` is missing");
        assert_eq!(error, expected);
    }
    for wrong in [json!(null), json!("pw"), json!([])] {
        let error = refusal(&json!({"algorithm": ALGORITHM, "passphrase": wrong}));
        assert!(matches!(error, PassphraseInfoError::Property(_)), "{error:?}");
    }
    assert_eq!(refusal(&json!({"algorithm": ALGORITHM})), PassphraseInfoError::NoPassphrase);
}

/// What is wrong with `passphrase` keeps nobody out who has the key itself.
#[test]
fn the_key_itself_opens_whatever_the_passphrase_says() {
    for passphrase in
        [json!(null), json!({"iterations": u32::MAX}), json!({"algorithm": "m.argon2"})]
    {
        let mut description = description(&KEY);
        description["passphrase"] = passphrase;
        let opened = described("abc", &description).open(key(&KEY)).unwrap();
        assert_eq!(opened.check(), KeyCheck::Fits);
    }
}

/// A description is written as it was read, unknown properties included.
#[test]
fn descriptions_keep_their_text() {
    let text =
        r#"{ "org.example": [1.50, "\u0041"], "algorithm": "m.secret_storage.v1.aes-hmac-sha2" }"#;
    let description = KeyDescription::parse(text).unwrap();
    assert_eq!(description.as_json(), text);
    assert_eq!(serde_json::to_string(&description).unwrap(), text);
    let again: KeyDescription = serde_json::from_str(text).unwrap();
    assert_eq!(again.as_json(), text);
    let error = serde_json::from_str::<KeyDescription>("{}").unwrap_err();
    assert!(error.to_string().starts_with("it is damaged: `algorithm` is missing"), "{error}");
}
