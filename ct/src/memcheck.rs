//! Secrets as undefined memory, under valgrind.
//!
//! Memcheck follows each bit that was computed from an undefined one, and reports where a branch or
//! a memory address depends on it. That is all that an attacker could learn from time and caches,
//! but for instructions that take a time of their own for each operand; there are none here.

use std::hint::black_box;

use matrix_key_backup_x25519_batch::{Batch, PublicKey, Tier};

use crate::leaks::{self, Function};
use crate::operations::{Operation, Operations, secret};
use crate::random::Random;
use crate::valgrind;

/// The tiers that valgrind can run: it does not know AVX-512, so there it is the same code over
/// plain integers.
const TIERS: [Tier; 4] = [Tier::Portable, Tier::Avx2, Tier::Avx2Model, Tier::Avx512IfmaModel];

/// Runs every operation of the crate on every tier that valgrind knows.
///
/// # Errors
///
/// When a branch or an address depends on a secret; when a result is wrong, or does not depend on
/// the secret, so that the check had nothing to see.
pub(crate) fn library() -> Result<(), String> {
    ensure_valgrind()?;
    let mut leaks = 0;
    for tier in TIERS {
        let Ok(batch) = Batch::with_tier(tier) else {
            println!("not checked: {tier}, which this processor does not have");
            continue;
        };
        // Two are left over (one alone would go to the portable tier where lanes are slow for it); one
        // point is of low order, so one result is zero.
        let many = tier.lanes() + 2;
        let mut random = Random::new(1);
        let mut points = random.many(many);
        points[0] = [0; 32];
        let operations = Operations::new(batch, &points);
        for operation in Operations::all(many) {
            let found = operate(&operations, &operation, &mut random)
                .map_err(|why| format!("{tier}, {}: {why}", operation.name))?;
            leaks += report(found, &format!("{tier}: {}", operation.name));
        }
    }
    leaks += questions();
    if leaks == 0 { Ok(()) } else { Err(format!("{leaks} times it depended on a secret")) }
}

/// Prints how much memcheck found, and says it again.
fn report(leaks: usize, name: &str) -> usize {
    println!("{leaks:>6} leaks  {name}");
    leaks
}

/// Runs one operation with secrets that are marked, and says how much memcheck found.
fn operate(
    operations: &Operations,
    operation: &Operation,
    random: &mut Random,
) -> Result<usize, String> {
    let mut bytes = random.many(operation.secrets);
    let wanted = operations.wanted(operation, &bytes);
    let before = valgrind::count_errors();
    bytes.iter_mut().for_each(|bytes| valgrind::classify(bytes));
    let secrets: Vec<_> = bytes.iter().map(secret).collect();
    let mut results = operations.run(operation, &secrets);
    let found = valgrind::count_errors() - before;
    // What comes of a point of low order is computed like all else: it is marked as well.
    if !results.iter().all(|result| valgrind::are_secret(result)) {
        return Err("a result does not depend on the secret, as far as memcheck knows".to_owned());
    }
    results.iter_mut().for_each(|result| valgrind::declassify(result));
    if results != wanted {
        return Err("a result is wrong".to_owned());
    }
    Ok(found)
}

/// What can be asked of secrets: the answer is public, the way to it must not leak more.
fn questions() -> usize {
    let mut random = Random::new(2);
    let before = valgrind::count_errors();
    let mut bytes = random.many(2);
    bytes.iter_mut().for_each(|bytes| valgrind::classify(bytes));
    let [one, other] = [secret(&bytes[0]), secret(&bytes[1])];
    black_box(answer(|| one == other));
    let shared = Batch::new().diffie_hellman(&one, &[PublicKey::BASE_POINT; 2]);
    black_box(answer(|| shared[0].is_contributory()));
    black_box(answer(|| shared[0] == shared[1]));
    report(valgrind::count_errors() - before, "questions: ==, is_contributory")
}

/// Makes an answer public before anyone branches on it.
fn answer(question: impl FnOnce() -> bool) -> bool {
    let mut answer = [u8::from(black_box(question()))];
    valgrind::declassify(&mut answer);
    answer[0] == 1
}

/// Shows that memcheck sees what leaks, and only that.
///
/// # Errors
///
/// Names what it did not see, or what it saw for nothing.
pub(crate) fn self_test() -> Result<(), String> {
    ensure_valgrind()?;
    let cases: [(&str, Function, bool); 3] = [
        ("a branch that depends on a secret", leaks::branch, true),
        ("an address that depends on a secret", leaks::index, true),
        ("masks", leaks::masks, false),
    ];
    for (name, function, leaks) in cases {
        let mut secret = Random::new(3).bytes();
        let before = valgrind::count_errors();
        valgrind::classify(&mut secret);
        black_box(function(&secret));
        let found = valgrind::count_errors() - before;
        println!("{found:>6} leaks  {name}");
        if (found > 0) != leaks {
            return Err(format!("self-test: memcheck counted {found} for {name}"));
        }
    }
    Ok(())
}

fn ensure_valgrind() -> Result<(), String> {
    if valgrind::is_there() {
        Ok(())
    } else {
        Err("this runs under valgrind only: cargo xtask ct".to_owned())
    }
}
