//! Nanoseconds per operation on each tier, with x25519-dalek beside it, in one interleaved run.
//!
//! ```sh
//! cargo run --release -p matrix-key-backup-x25519-batch --example speed -- [how many at once] [rounds]
//! ```
//!
//! Trust the ratios, and of two figures the minimum: other work on the machine only adds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a program that measures"
)]

use std::hint::black_box;
use std::time::Instant;

use matrix_key_backup_x25519_batch::{Batch, PublicKey, SecretKey, Tier};

/// One thing to measure: nanoseconds per operation, round by round.
struct Subject {
    name: String,
    operation: &'static str,
    run: Box<dyn Fn()>,
    nanoseconds: Vec<f64>,
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>().unwrap());
    let (count, rounds) = (arguments.next().unwrap_or(256), arguments.next().unwrap_or(100));
    let mut subjects = peers(count);
    for tier in Tier::available() {
        subjects.extend(ours(tier, count));
    }
    for _ in 0..rounds {
        for subject in &mut subjects {
            let started = Instant::now();
            (subject.run)();
            let took = started.elapsed().as_secs_f64() * 1e9;
            let count = if subject.operation == TABLE { 1 } else { count };
            subject.nanoseconds.push(took / count as f64);
        }
    }
    println!("{count} at once, {rounds} rounds; nanoseconds per operation\n");
    println!(
        "| operation | by | minimum | median | times x25519-dalek |\n|---|---|---:|---:|---:|"
    );
    for operation in [ONE_SECRET, RECIPIENT, PUBLIC_KEYS, TABLE] {
        let of_this = || subjects.iter().filter(|subject| subject.operation == operation);
        let first = of_this().next().map_or(f64::NAN, minimum);
        for subject in of_this() {
            let minimum = minimum(subject);
            let (median, ratio) = (median(subject), first / minimum);
            let name = &subject.name;
            println!("| {operation} | {name} | {minimum:.0} | {median:.0} | {ratio:.2} |");
        }
    }
}

const ONE_SECRET: &str = "one secret, many points";
const RECIPIENT: &str = "ephemeral key and shared secret";
const PUBLIC_KEYS: &str = "public key";
const TABLE: &str = "both tables of a recipient";

fn subject(name: &dyn ToString, operation: &'static str, run: impl Fn() + 'static) -> Subject {
    Subject { name: name.to_string(), operation, run: Box::new(run), nanoseconds: Vec::new() }
}

fn bytes(seed: usize) -> [u8; 32] {
    std::array::from_fn(|i| (((seed * 167 + i * 89) * 2_654_435_761) >> 11) as u8)
}

fn peers(count: usize) -> Vec<Subject> {
    use x25519_dalek::{PublicKey, StaticSecret};
    let secret = StaticSecret::from(bytes(1));
    let recipient = PublicKey::from(&secret);
    let secrets = move || (0..count).map(|seed| StaticSecret::from(bytes(seed)));
    let points: Vec<_> = secrets().map(|secret| PublicKey::from(&secret)).collect();
    vec![
        subject(&"x25519-dalek", ONE_SECRET, move || {
            for point in &points {
                black_box(secret.diffie_hellman(black_box(point)));
            }
        }),
        subject(&"x25519-dalek", RECIPIENT, move || {
            for secret in secrets() {
                black_box((PublicKey::from(&secret), secret.diffie_hellman(black_box(&recipient))));
            }
        }),
        subject(&"x25519-dalek", PUBLIC_KEYS, move || {
            for secret in secrets() {
                black_box(PublicKey::from(&secret));
            }
        }),
    ]
}

fn ours(tier: Tier, count: usize) -> Vec<Subject> {
    let batch = move || Batch::with_tier(tier).unwrap();
    let secrets = move || -> Vec<_> {
        (0..count).map(|seed| SecretKey::from_slice(&bytes(seed)).unwrap()).collect()
    };
    let base = batch().fixed_point(&PublicKey::BASE_POINT);
    let points = base.public_keys(&secrets());
    let public_key = points[0];
    let recipient = batch().recipient(&public_key);
    let secret = SecretKey::from_slice(&bytes(1)).unwrap();
    let (first, second) = (secrets(), secrets());
    vec![
        subject(&tier, ONE_SECRET, move || {
            black_box(batch().diffie_hellman(&secret, black_box(&points)));
        }),
        subject(&tier, RECIPIENT, move || {
            black_box(recipient.agree(black_box(&first)));
        }),
        subject(&tier, PUBLIC_KEYS, move || {
            black_box(base.public_keys(black_box(&second)));
        }),
        subject(&tier, TABLE, move || {
            black_box(batch().recipient(black_box(&public_key)));
        }),
    ]
}

fn minimum(subject: &Subject) -> f64 {
    subject.nanoseconds.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(subject: &Subject) -> f64 {
    let mut sorted = subject.nanoseconds.clone();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
