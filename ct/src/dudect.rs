//! Durations on the processor itself: a fixed secret against random ones.
//!
//! It shows what valgrind cannot: the real instructions, AVX-512 IFMA among them. It can find a
//! leak, but not prove that there is none; and on a machine with other work it takes patience.

use std::hint::black_box;
use std::time::{Instant, SystemTime};

use matrix_key_backup_x25519_batch::{Batch, PublicKey, SecretKey, Tier};

use crate::leaks;
use crate::operations::secret;
use crate::random::Random;
use crate::welch::Samples;

/// The paper's program calls it a probable leak from here on.
const THRESHOLD: f64 = 10.0;
/// A case above the threshold is measured again: noise does not repeat itself, a leak does.
const TRIES: u32 = 3;

struct Options {
    judge: bool,
    samples: usize,
}

/// Measures each tier that the processor has, and a leak.
///
/// # Errors
///
/// When options are not understood; when it is to judge, and a tier is above the threshold in each
/// try, or the leak below it.
pub(crate) fn main(options: &[&str]) -> Result<(), String> {
    let options = parse(options)?;
    let mut failures = Vec::new();
    let leak = measure(&options, 1, |keys| leaks::branch(key_bytes(&keys[0])));
    report("a leak on purpose", leak);
    if leak < THRESHOLD {
        failures.push("the leak on purpose was not seen".to_owned());
    }
    for tier in [Tier::Avx512Ifma, Tier::Avx2, Tier::Portable] {
        let Ok(batch) = Batch::with_tier(tier) else {
            println!("not measured: {tier}, which this processor does not have");
            continue;
        };
        let lanes = tier.lanes();
        let points: Vec<_> = Random::new(4).many(lanes).iter().map(point).collect();
        let base_point = batch.fixed_point(&PublicKey::BASE_POINT);
        let many = repeat(&options, 1, |keys| batch.diffie_hellman(&keys[0], &points));
        let fixed = repeat(&options, lanes, |keys| base_point.public_keys(keys));
        for (operation, t) in [("one secret, many points", many), ("public keys", fixed)] {
            let name = format!("{tier}: {operation}");
            report(&name, t);
            if t >= THRESHOLD {
                failures.push(format!("{name}: the time depends on the secret"));
            }
        }
    }
    if failures.is_empty() || !options.judge { Ok(()) } else { Err(failures.join("\n")) }
}

fn parse(options: &[&str]) -> Result<Options, String> {
    let mut parsed = Options { judge: false, samples: 100_000 };
    let mut words = options.iter();
    while let Some(word) = words.next() {
        match *word {
            "--judge" => parsed.judge = true,
            "--samples" => {
                let number = words.next().and_then(|number| number.parse().ok());
                parsed.samples = number.ok_or("--samples wants a number")?;
            }
            _ => return Err(format!("dudect has no option {word}")),
        }
    }
    Ok(parsed)
}

fn report(name: &str, t: f64) {
    let verdict = if t < THRESHOLD { "below" } else { "ABOVE" };
    println!("max t = {t:>9.2}, {verdict} {THRESHOLD}  {name}");
}

/// Measures until it is below the threshold, but not for ever.
fn repeat<T>(options: &Options, keys: usize, work: impl Fn(&[SecretKey]) -> T) -> f64 {
    let mut t = measure(options, keys, &work);
    for _ in 1..TRIES {
        if t < THRESHOLD || !options.judge {
            break;
        }
        println!("max t = {t:>9.2}, once more");
        t = measure(options, keys, &work);
    }
    t
}

/// The largest t between the durations with a fixed key, all zero, and those with random keys. A
/// coin decides which one is next.
fn measure<T>(options: &Options, keys: usize, work: impl Fn(&[SecretKey]) -> T) -> f64 {
    let mut random = Random::new(seed());
    let mut samples = Samples::default();
    // The caches and the clock of the processor settle.
    let warm_up = options.samples / 20;
    for number in 0..options.samples + warm_up {
        // Both classes take the same steps up to here, random numbers included.
        let fixed = random.number() & 1 == 0;
        let mask = if fixed { 0 } else { 0xff };
        let bytes = random.many(keys);
        let keys: Vec<_> =
            bytes.iter().map(|bytes| secret(&bytes.map(|byte| byte & black_box(mask)))).collect();
        let start = Instant::now();
        black_box(work(black_box(&keys)));
        let duration = start.elapsed().as_secs_f64() * 1e9;
        if number >= warm_up {
            let class = if fixed { &mut samples.fixed } else { &mut samples.random };
            class.push(duration);
        }
    }
    samples.max_t()
}

/// Another one for each measurement.
fn seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    now.as_secs() ^ u64::from(now.subsec_nanos()) << 32
}

fn key_bytes(key: &SecretKey) -> &[u8; 32] {
    key.expose_bytes().try_into().expect("a secret key is 32 bytes")
}

fn point(bytes: &[u8; 32]) -> PublicKey {
    PublicKey::from_slice(bytes).expect("32 bytes are a point")
}
