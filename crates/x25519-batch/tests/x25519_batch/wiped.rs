//! Nothing secret is left where it lay.
#![allow(unsafe_code, reason = "nothing else can look at memory that is no longer in use")]

use std::hint::black_box;
use std::mem::ManuallyDrop;

use matrix_key_backup_x25519_batch::{Batch, PublicKey, SecretKey, SharedSecret};

use crate::support::{batches, point, random, secret};

/// The bytes of a value after its drop.
fn bytes_after_drop<T>(value: T) -> Vec<u8> {
    const { assert!(size_of::<T>() == 32, "a key and nothing else") };
    let mut value = ManuallyDrop::new(value);
    // SAFETY: it is dropped once, and not used as a `T` afterwards.
    unsafe { ManuallyDrop::drop(&mut value) };
    let bytes: *const [u8; 32] = (&raw const value).cast();
    // SAFETY: the memory is still ours, 32 bytes without padding.
    unsafe { bytes.read_volatile() }.to_vec()
}

#[test]
fn keys_are_wiped_on_drop() {
    assert_eq!(bytes_after_drop(secret(&[7; 32])), [0; 32]);
    let shared = Batch::new().diffie_hellman(&secret(&[7; 32]), &[PublicKey::BASE_POINT]);
    let shared: SharedSecret = shared.into_iter().next().unwrap();
    assert_eq!(bytes_after_drop(shared), [0; 32]);
}

/// How far below a caller's frame to look. The stacks of test threads are larger.
const DEPTH: usize = 256 * 1024;

/// How often one of the words stands in the part of the stack that is not in use.
#[inline(never)]
fn remains(words: &[u64]) -> usize {
    let here = black_box(0u64);
    let top = (&raw const here).addr() & !7;
    // The first page is left out: it is where this function's own calls lie.
    let addresses = (top - DEPTH..top - 4096).step_by(8);
    addresses
        .filter(|&address| {
            let word: *const u64 = std::ptr::with_exposed_provenance(address);
            // SAFETY: this thread's stack is mapped for more than `DEPTH` below any frame of a
            // test, and any bytes are a number.
            let word = unsafe { word.read_volatile() };
            words.contains(&word)
        })
        .count()
}

/// The words of secrets, none of them common.
fn words(secrets: &[[u8; 32]]) -> Vec<u64> {
    let words = secrets.iter().flat_map(|secret| secret.as_chunks().0);
    words.map(|word| u64::from_le_bytes(*word)).collect()
}

#[inline(never)]
fn leave_on_the_stack(word: u64) {
    black_box([word; 2048]);
}

#[test]
fn what_is_left_on_the_stack_would_be_found() {
    let word = 0x0123_4567_89ab_cdef;
    leave_on_the_stack(word);
    assert!(remains(&[word]) > 100);
}

#[test]
fn no_secret_is_left_on_the_stack() {
    let (key, others) = (random(1).next().unwrap(), random(2).take(40).collect::<Vec<_>>());
    // Another thread, since what is looked for is left on this one's stack.
    let wanted = || -> Vec<[u8; 32]> {
        others.iter().map(|other| x25519_dalek::x25519(key, *other)).collect()
    };
    let wanted = words(&std::thread::scope(|scope| scope.spawn(wanted).join().unwrap()));
    let points: Vec<_> = others.iter().map(point).collect();
    let secrets = Vec::from([secret(&key)]);
    // What the making of these keys has left.
    leave_on_the_stack(0);
    for batch in batches() {
        // All of them, one by itself, and one that is left over on every tier.
        for count in [40, 1, 9, 5] {
            let shared = batch.diffie_hellman(&secrets[0], &points[..count]);
            assert_eq!(remains(&wanted), 0, "{}, {count}: shared secrets", batch.tier());
            assert_eq!(remains(&words(&[key])), 0, "{}, {count}: the secret", batch.tier());
            drop(shared);
            let keys: Vec<SecretKey> = others.iter().take(count).map(secret).collect();
            let recipient = batch.recipient(&point(&key));
            leave_on_the_stack(0);
            let agreed = recipient.agree(&keys);
            assert_eq!(remains(&words(&others)), 0, "{}, {count}: ephemeral secrets", batch.tier());
            drop(agreed);
        }
    }
}
