//! Measuring, round by round.

use std::time::Instant;

use crate::{
    Result, clock,
    subject::{Operation, Subject, Who},
};

/// Does everything so many times.
///
/// Each operation's subjects follow one another closely, every other round in the opposite order.
pub(crate) fn run(subjects: &mut [Subject], rounds: usize) -> Result<()> {
    let two_threads = rayon::ThreadPoolBuilder::new().num_threads(2).build()?;
    // The first time caches are cold and pages untouched: it is not counted.
    for round in 0..=rounds {
        for operation in Operation::ALL {
            let mut order: Vec<_> =
                subjects.iter_mut().filter(|subject| subject.operation == operation).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for subject in order {
                let took = run_once(subject, &two_threads);
                if round > 0 {
                    subject.nanoseconds.push(took * 1e9 / subject.keys as f64);
                }
            }
        }
    }
    Ok(())
}

/// How long it took, in seconds: on one thread, of processor time, since other programs may be
/// about; on two, by the clock.
fn run_once(subject: &Subject, two_threads: &rayon::ThreadPool) -> f64 {
    let (keys, work) = (subject.keys, &subject.work);
    if subject.threads == 1 {
        let started = clock::thread_seconds();
        work(0..keys);
        clock::thread_seconds() - started
    } else {
        let started = Instant::now();
        two_threads.join(|| work(0..keys / 2), || work(keys / 2..keys));
        started.elapsed().as_secs_f64()
    }
}

/// The subject, if it was measured.
pub(crate) fn find(
    subjects: &[Subject],
    operation: Operation,
    who: Who,
    threads: usize,
) -> Option<&Subject> {
    let wanted = (operation, who, threads);
    subjects.iter().find(|subject| (subject.operation, subject.who, subject.threads) == wanted)
}

/// How many times as fast as another: the median of the ratios of each round.
pub(crate) fn ratio(subject: &Subject, to: &Subject) -> f64 {
    let pairs = to.nanoseconds.iter().zip(&subject.nanoseconds);
    median(pairs.map(|(to, subject)| to / subject))
}

/// The one in the middle, or halfway between the two there.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut sorted: Vec<_> = values.collect();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tier::Tier;

    fn subject(who: Who, nanoseconds: &[f64]) -> Subject {
        let subject = Subject::new(Operation::DecryptCore, who, 1, |_| {});
        Subject { nanoseconds: nanoseconds.to_vec(), ..subject }
    }

    #[test]
    fn a_median_is_in_the_middle() {
        assert_eq!(median([3.0, 1.0, 100.0].into_iter()), 3.0);
        assert_eq!(median([4.0, 1.0, 100.0, 2.0].into_iter()), 3.0);
        assert!(median([].into_iter()).is_nan());
    }

    /// A slow round is slow for both, and tells nothing of either.
    #[test]
    fn ratios_are_of_one_round_each() {
        let peer = subject(Who::Vodozemac, &[100.0, 1000.0, 100.0, 1000.0]);
        let ours = subject(Who::Batch(Tier::Portable), &[10.0, 100.0, 10.0, 100.0]);
        assert_eq!(ratio(&ours, &peer), 10.0);
    }

    #[test]
    fn every_key_is_done_once_in_each_round_and_once_before() {
        use std::sync::{Arc, Mutex};
        let done = Arc::new(Mutex::new(vec![0; 7]));
        let count = Arc::clone(&done);
        let work = move |keys: std::ops::Range<usize>| {
            keys.for_each(|key| count.lock().unwrap()[key] += 1);
        };
        let subject = Subject::new(Operation::EncryptWire, Who::One, 7, work);
        let mut subjects = [subject.on_two_threads()];
        run(&mut subjects, 4).unwrap();
        assert_eq!(*done.lock().unwrap(), [5; 7]);
        assert_eq!(subjects[0].nanoseconds.len(), 4);
    }
}
