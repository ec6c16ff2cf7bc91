//! `passphrase` of a key description: how a key follows from a passphrase (S-4).

use alloc::{borrow::ToOwned, string::String};

use matrix_key_backup_wire::{
    Json, Object,
    property::{self, PropertyError},
};
use rand_core::CryptoRng;
use serde::Serialize;
use thiserror::Error;

use crate::{Iterations, IterationsOutOfBounds, json_text::shortened, random_text::random_text};

const PBKDF2: &str = "m.pbkdf2";
const ALGORITHM: &str = "algorithm";
const ITERATIONS: &str = "iterations";
const BITS: &str = "bits";

/// How a secret storage key follows from a passphrase: salt, iterations and length (S-4).
///
/// `key = PBKDF2-HMAC-SHA-512(passphrase, salt, iterations, bits)`.
///
/// # Security
///
/// It is read from account data, where the server chooses: it can ask for little work, but learns
/// nothing by that, unless a key that was not checked is used to encrypt something. It cannot ask
/// for much: [`Iterations`] and `bits` are bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassphraseInfo {
    salt: String,
    iterations: Iterations,
    bits: u16,
}

impl PassphraseInfo {
    /// Length of a key where `bits` is absent, and of every key that is made here.
    pub const DEFAULT_BITS: u16 = 256;

    /// The shortest key that is derived: no shorter one is safe from being guessed.
    pub const MIN_BITS: u16 = 128;

    /// The longest key that is derived: one block of SHA-512. A longer one would take longer too.
    pub const MAX_BITS: u16 = 512;

    /// For a new key of 256 bits: a random salt of 32 characters.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(iterations: Iterations, rng: &mut R) -> Self {
        Self { salt: random_text(rng), iterations, bits: Self::DEFAULT_BITS }
    }

    pub(crate) fn read(json: &Json<'_>) -> Result<Self, PassphraseInfoError> {
        let object = property::object(json)?;
        let algorithm = property::required_string(object, ALGORITHM)?;
        if algorithm != PBKDF2 {
            return Err(PassphraseInfoError::UnsupportedAlgorithm { found: shortened(algorithm) });
        }
        let salt = property::required_string(object, "salt")?.to_owned();
        let iterations = number(property::required(object, ITERATIONS)?, ITERATIONS)?;
        Ok(Self { salt, iterations: Iterations::parse(iterations)?, bits: read_bits(object)? })
    }

    /// The salt. Its UTF-8 bytes enter the derivation, whatever they look like.
    #[must_use]
    pub fn salt(&self) -> &str {
        &self.salt
    }

    /// The number of iterations.
    #[must_use]
    pub const fn iterations(&self) -> Iterations {
        self.iterations
    }

    /// The length of the key in bits, a multiple of 8.
    #[must_use]
    pub const fn bits(&self) -> u16 {
        self.bits
    }

    /// As it stands in a description.
    pub(crate) fn to_content(&self) -> PassphraseContent<'_> {
        PassphraseContent {
            algorithm: PBKDF2,
            bits: (self.bits != Self::DEFAULT_BITS).then_some(self.bits),
            iterations: self.iterations.get(),
            salt: &self.salt,
        }
    }
}

/// `passphrase` as it is written. `bits` is left out where it says nothing, as others do.
#[derive(Serialize)]
pub(crate) struct PassphraseContent<'a> {
    algorithm: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bits: Option<u16>,
    iterations: u32,
    salt: &'a str,
}

fn read_bits(object: &Object<'_>) -> Result<u16, PassphraseInfoError> {
    let Some(bits) = object.get(BITS) else { return Ok(PassphraseInfo::DEFAULT_BITS) };
    let bits = number(bits, BITS)?;
    bits.parse()
        .ok()
        .filter(|bits| (PassphraseInfo::MIN_BITS..=PassphraseInfo::MAX_BITS).contains(bits))
        .filter(|bits| bits.is_multiple_of(8))
        .ok_or_else(|| PassphraseInfoError::Bits { found: shortened(bits) })
}

fn number<'a>(json: &Json<'a>, name: &'static str) -> Result<&'a str, PropertyError> {
    match json {
        Json::Number(number) => Ok(number),
        other => Err(property::wrong_type(other, name, "a number")),
    }
}

/// No key can be derived from a passphrase.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PassphraseInfoError {
    /// The description has no `passphrase`.
    #[error("this secret storage key was made without a passphrase: give the key itself")]
    NoPassphrase,
    /// A property is missing, or of the wrong type.
    #[error("`passphrase` of the key description is damaged: {0}")]
    Property(PropertyError),
    /// It asks for another algorithm than PBKDF2.
    #[error(
        "`passphrase` of the key description asks for {found:?}, where only {PBKDF2:?} is known"
    )]
    #[non_exhaustive]
    UnsupportedAlgorithm {
        /// The algorithm that was found.
        found: String,
    },
    /// It asks for no work, or for too much.
    #[error("`passphrase` of the key description: {0}")]
    Iterations(IterationsOutOfBounds),
    /// It asks for a key of another length than can be used.
    #[error(
        "`passphrase` of the key description asks for {found} bits, and must ask for a multiple of \
         8 from {} to {}",
        PassphraseInfo::MIN_BITS,
        PassphraseInfo::MAX_BITS
    )]
    #[non_exhaustive]
    Bits {
        /// The number that was found, as it was written.
        found: String,
    },
}

impl From<PropertyError> for PassphraseInfoError {
    fn from(error: PropertyError) -> Self {
        Self::Property(error)
    }
}

impl From<IterationsOutOfBounds> for PassphraseInfoError {
    fn from(error: IterationsOutOfBounds) -> Self {
        Self::Iterations(error)
    }
}
