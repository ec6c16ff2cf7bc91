//! Many X25519 operations at once, on the vector unit of the processor.
//!
//! X25519 ([RFC 7748]) multiplies a point of Curve25519 by a secret scalar. One operation leaves
//! most of a processor idle. Where there are many to do, this crate does four or eight of them side
//! by side, one in each lane of a vector register.
//!
//! # What there is
//!
//! - [`Batch::diffie_hellman`]: one secret with many points, as whoever opens many messages has it.
//! - [`Recipient::agree`]: many ephemeral secrets, each with the base point and with one
//!   recipient's point, as whoever seals many messages has it. Both points get a table.
//! - [`FixedPoint`]: many secrets with any one point.
//! - [`Batch::ed25519_points`]: which encodings are those of a point of Ed25519, which is the same
//!   curve in another form. Nothing in it is secret.
//!
//! The slices may have any length. The results are exactly those of RFC 7748, for every 32 bytes
//! that are given: points on the twist, points of low order, numbers not below 2^255 − 19, bit 255
//! set.
//!
//! # Tiers
//!
//! [`Tier`] lists the ways to compute. The fastest that the processor has is taken at run time, and
//! any of them can be asked for.
//!
//! | tier | side by side | where |
//! |---|---:|---|
//! | [`Avx512Ifma`](Tier::Avx512Ifma) | 8 | x86-64 with AVX-512 F, DQ and IFMA |
//! | [`Avx2`](Tier::Avx2) | 4 | x86-64 with AVX2 and FMA |
//! | [`Portable`](Tier::Portable) | 1 | everywhere; by curve25519-dalek where words have 32 bits |
//!
//! # Why the results are right
//!
//! The tiers are one generic program, with three ways to multiply limbs. The bounds of every field
//! operation are written beside it. The types keep apart what is within one bound or another, and debug builds check each
//! value in each lane. A test proves the bounds of the vector tiers for all inputs, by running the
//! same code over intervals; on the portable tier, where nothing but a difference can go down, limbs
//! at their bounds show as much. Field operations are compared with long
//! multiplication, at their bounds too; whole results with x25519-dalek, on every tier: all of
//! Wycheproof, low order, twist, every encoding of the numbers around p, sparse and random bytes by
//! the million.
//!
//! # Constant time
//!
//! No branch and no memory address depends on a secret, on any tier: choices are masks, and
//! look-ups permute a register, or read all of a row. What the time depends on is how many keys and points there are, and
//! whether a fixed point is on the twist. Encodings of Ed25519 are no secrets: on the portable tier,
//! the time to tell whether they are points depends on them.
//!
//! What the compiler made of it is checked too, by `cargo xtask ct` in the repository. Under
//! valgrind, with secrets marked as undefined, memcheck finds nothing on the portable tier, on AVX2
//! and in both models; it does not know AVX-512. On the processor itself, all tiers are timed with a
//! fixed secret and with random ones, as [dudect] does it. Another compiler, other flags or another
//! processor may do otherwise: run it where it matters to you.
//!
//! [dudect]: https://eprint.iacr.org/2016/1123
//!
//! # Secrets in memory
//!
//! [`SecretKey`] and [`SharedSecret`] are wiped on drop. Intermediate results are wiped as well:
//! those that wait for the shared inversion, and then the stack below the call, as far down as
//! optimised code uses it. No table is made of a secret. Where words have 32 bits, curve25519-dalek
//! leaves denominators of results in memory that it frees; and what the system copies away, as for a
//! core dump, is out of reach.
//!
//! # Unsafe code
//!
//! This crate has some, in `src/lanes/avx2.rs` and `src/lanes/ifma.rs` and nowhere else: calling an
//! instruction that not every processor has. A value of a vector type exists only where the
//! processor was asked, so each call has its proof at hand.
//!
//! # Without std
//!
//! The crate is `no_std` with `alloc`. The feature `models` adds two tiers that run the vector
//! tiers' code over plain integers: for checks, on any processor, and too slow for anything else.
//!
//! [RFC 7748]: https://www.rfc-editor.org/rfc/rfc7748

#![no_std]

extern crate alloc;

mod batch;
mod fixed_point;
mod implementation;
#[cfg(any(test, feature = "models", target_pointer_width = "64"))]
mod lanes;
mod length_error;
mod portable;
mod public_key;
mod secret_key;
mod shared_secret;
mod tier;
mod wipe;

pub use batch::Batch;
pub use fixed_point::{FixedPoint, KeyAgreement, Recipient};
pub use length_error::LengthError;
pub use public_key::PublicKey;
pub use secret_key::SecretKey;
pub use shared_secret::SharedSecret;
pub use tier::{Tier, TierUnavailable};

/// Compiles and runs the example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
