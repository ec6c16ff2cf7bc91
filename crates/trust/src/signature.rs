//! Signatures on `auth_data` (T-1).

use alloc::{string::String, vec::Vec};
use core::fmt;

use ed25519_dalek::Signature;
use matrix_key_backup_primitives::base64;
use matrix_key_backup_wire::{AuthData, CanonicalJsonError, Signatures};
use thiserror::Error;

use crate::{Ed25519PublicKey, Signer, TrustedSigners};

/// Most signatures that an error names, and most characters that it shows of a name.
const NAMES_SHOWN: usize = 8;
const CHARACTERS_SHOWN: usize = 100;

/// A signature that holds, and those of trusted keys that do not.
pub(crate) struct CheckedSignatures {
    pub(crate) signer: Signer,
    pub(crate) rejected: Vec<RejectedSignature>,
}

/// Looks for one signature that holds, of a key that is trusted. // T-1
///
/// Only what stands under the own user and the key's own name is looked at: whatever else stands
/// there is the word of somebody whom nobody has verified.
pub(crate) fn check(
    auth_data: &AuthData,
    signers: &TrustedSigners,
) -> Result<CheckedSignatures, SignatureError> {
    let all = auth_data.signatures().ok_or(SignatureError::Unsigned)?;
    let of_user = all.get(signers.user_id().as_str());
    let of_trusted: Vec<(&Signer, &String)> = signers
        .iter()
        .filter_map(|signer| Some((signer, of_user?.get(&signer.key_id())?)))
        .collect();
    if of_trusted.is_empty() {
        return Err(SignatureError::by_others(all));
    }
    let signed = auth_data.signable()?;
    let (mut holding, mut rejected) = (None, Vec::new());
    for (signer, signature) in of_trusted {
        match check_one(signer.key(), &signed, signature) {
            Ok(()) => holding = holding.or(Some(signer)),
            Err(problem) => rejected.push(RejectedSignature { signer: signer.clone(), problem }),
        }
    }
    match holding {
        Some(signer) => Ok(CheckedSignatures { signer: signer.clone(), rejected }),
        None => Err(SignatureError::NoneHolds { rejected }),
    }
}

/// Ed25519 over canonical JSON; the signature is 64 bytes of unpadded base64 and nothing else.
fn check_one(
    key: &Ed25519PublicKey,
    signed: &str,
    signature: &str,
) -> Result<(), SignatureProblem> {
    let signature = base64::decode_unpadded(signature)
        .ok()
        .and_then(|bytes| Signature::from_slice(&bytes).ok())
        .ok_or(SignatureProblem::Malformed)?;
    if key.verifies(signed.as_bytes(), &signature) { Ok(()) } else { Err(SignatureProblem::Wrong) }
}

/// A signature under the name of a trusted key that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RejectedSignature {
    /// The key under whose name it stands.
    pub signer: Signer,
    /// What is wrong with it.
    pub problem: SignatureProblem,
}

impl fmt::Display for RejectedSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "that of {} {}", self.signer, self.problem)
    }
}

/// What is wrong with a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureProblem {
    /// It is not 86 characters of unpadded base64.
    Malformed,
    /// It is not this key's signature of this `auth_data`, which was changed after it was signed,
    /// or signed by somebody else.
    Wrong,
}

impl fmt::Display for SignatureProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "is not 86 characters of unpadded base64",
            Self::Wrong => "is not a signature of this backup: forged, or the backup was changed",
        })
    }
}

/// Why no signature makes a backup trusted (T-1).
///
/// Not to be signed by a key that is trusted may be an oversight; to be signed wrongly is not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// Nobody has signed it.
    #[error(
        "the backup is not signed: sign it with a verified device, or enter its decryption key"
    )]
    Unsigned,
    /// Others have signed it, and no key that is trusted.
    #[error(
        "the backup is signed by none of the keys that are trusted, but by {}: verify the device that \
         signed it, or enter the backup's decryption key",
        Names { names: found, more: *more }
    )]
    #[non_exhaustive]
    ByOthers {
        /// Who has, as far as it is shown: shortened, and no more than a few.
        found: Vec<SignatureName>,
        /// How many more there are.
        more: usize,
    },
    /// No signature of a trusted key holds.
    #[error("no signature of a trusted key holds: {}", Rejected(rejected))]
    #[non_exhaustive]
    NoneHolds {
        /// Each of them, and what is wrong with it.
        rejected: Vec<RejectedSignature>,
    },
    /// The `auth_data` holds something that nobody can sign (V2-13).
    #[error(transparent)]
    NotSignable(#[from] CanonicalJsonError),
}

impl SignatureError {
    fn by_others(all: &Signatures) -> Self {
        let mut names = all
            .iter()
            .flat_map(|(user_id, of_user)| of_user.keys().map(move |key_id| (user_id, key_id)))
            .map(|(user_id, key_id)| SignatureName {
                user_id: shortened(user_id),
                key_id: shortened(key_id),
            });
        let found: Vec<_> = names.by_ref().take(NAMES_SHOWN).collect();
        let more = names.count();
        if found.is_empty() { Self::Unsigned } else { Self::ByOthers { found, more } }
    }
}

/// Under which names a signature stands: the server's text, shown escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignatureName {
    /// The user who is said to have signed.
    pub user_id: String,
    /// The key with which.
    pub key_id: String,
}

fn shortened(name: &str) -> String {
    name.chars().take(CHARACTERS_SHOWN).collect()
}

struct Names<'a> {
    names: &'a [SignatureName],
    more: usize,
}

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, SignatureName { user_id, key_id }) in self.names.iter().enumerate() {
            let separator = if at > 0 { ", " } else { "" };
            write!(f, "{separator}{key_id:?} of {user_id:?}")?;
        }
        if self.more > 0 { write!(f, " and {} more", self.more) } else { Ok(()) }
    }
}

struct Rejected<'a>(&'a [RejectedSignature]);

impl fmt::Display for Rejected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, rejected) in self.0.iter().enumerate() {
            let separator = if at > 0 { "; " } else { "" };
            write!(f, "{separator}{rejected}")?;
        }
        Ok(())
    }
}
