//! Whether a request that failed is sent again, and when: pure, without a clock.

use core::time::Duration;

/// How long to wait for a homeserver, and how often to ask it again.
///
/// Whatever it says, a request ends: after `tries` failures, or when the server asks for a longer
/// pause than `longest_pause`. Only a list of keys that the caller reads page by page may take as long
/// as pieces of it come in: who wants an end to that drops it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Patience {
    /// How often a request is sent before its failure is an error.
    pub tries: u32,
    /// The pause after the first failure, doubled with each one that follows.
    pub first_pause: Duration,
    /// No pause is longer. A server that asks for a longer one (`retry_after_ms`) gets an error.
    pub longest_pause: Duration,
    /// How long an answer may take, and of a list of keys its head: a server reads a large backup
    /// before it begins to answer.
    pub answer: Duration,
    /// How long may pass between two pieces of a list of keys.
    pub piece: Duration,
    /// How long a list of keys may take in which some are looked up: what the caller cannot see the
    /// pages of.
    pub look_up: Duration,
}

impl Default for Patience {
    /// Six tries within about half a minute, two minutes for an answer, ten for a list.
    fn default() -> Self {
        Self {
            tries: 6,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            answer: Duration::from_secs(120),
            piece: Duration::from_secs(60),
            look_up: Duration::from_secs(600),
        }
    }
}

/// Counts failures of one request, and tells the pauses after them.
#[derive(Debug)]
pub(super) struct Backoff {
    patience: Patience,
    failures: u32,
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Pause(Duration),
    GiveUp,
}

impl Backoff {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, failures: 0 }
    }

    /// How often it has failed.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Forgets the failures: something has worked since.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// Books a failure, and tells the pause after it. `asked_for` is the pause that the server asks
    /// for, `random` any number.
    ///
    /// The pause is drawn from the upper half of what is due, so that many clients that failed
    /// together do not come back together; what the server asks for is never undercut.
    pub(super) fn after_failure(&mut self, asked_for: Option<Duration>, random: u32) -> Next {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.patience.tries {
            return Next::GiveUp;
        }
        self.due(self.failures, asked_for, random)
    }

    /// The pause after a failure. One that does not count is followed by something else than the
    /// same once more, so it is no reason to give up.
    pub(super) fn pause(&mut self, counts: bool, asked_for: Option<Duration>, random: u32) -> Next {
        if counts {
            return self.after_failure(asked_for, random);
        }
        self.due(1, asked_for, random)
    }

    /// Doubled with each failure after the first, up to the longest.
    fn due(&self, failures: u32, asked_for: Option<Duration>, random: u32) -> Next {
        let Patience { first_pause, longest_pause, .. } = self.patience;
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let due = first_pause.saturating_mul(factor).min(longest_pause);
        let jitter = (due / 2 / (1 << 16)).saturating_mul(random >> 16);
        match asked_for {
            Some(asked_for) if asked_for > longest_pause => Next::GiveUp,
            Some(asked_for) => Next::Pause(asked_for.saturating_add(jitter)),
            None => Next::Pause(due / 2 + jitter),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATIENCE: Patience = Patience {
        tries: 6,
        first_pause: Duration::from_secs(1),
        longest_pause: Duration::from_secs(5),
        answer: Duration::from_secs(1),
        piece: Duration::from_secs(1),
        look_up: Duration::from_secs(1),
    };

    fn pauses(asked_for: Option<Duration>, random: u32) -> Vec<Duration> {
        let mut backoff = Backoff::new(PATIENCE);
        let mut pauses = Vec::new();
        while let Next::Pause(pause) = backoff.after_failure(asked_for, random) {
            pauses.push(pause);
        }
        assert_eq!(backoff.failures() as usize, pauses.len() + 1);
        pauses
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let least: Vec<_> = [500, 1000, 2000, 2500, 2500].map(Duration::from_millis).into();
        assert_eq!(pauses(None, 0), least);
        for (pause, least) in pauses(None, u32::MAX).iter().zip(least) {
            assert!(*pause > least * 2 - Duration::from_millis(1) && *pause < least * 2);
        }
    }

    #[test]
    fn what_the_server_asks_for_is_kept_and_bounded() {
        let asked_for = Duration::from_secs(4);
        assert_eq!(pauses(Some(asked_for), 0), [asked_for; 5]);
        assert!(pauses(Some(asked_for), u32::MAX).iter().all(|pause| *pause > asked_for));
        assert!(pauses(Some(Duration::from_secs(6)), 0).is_empty());
        assert!(pauses(Some(Duration::MAX), 0).is_empty());
        assert_eq!(pauses(Some(Duration::ZERO), 0), [Duration::ZERO; 5]);
    }

    #[test]
    fn success_begins_anew() {
        let mut backoff = Backoff::new(PATIENCE);
        let first = backoff.after_failure(None, 0);
        backoff.after_failure(None, 0);
        backoff.reset();
        assert_eq!(backoff.after_failure(None, 0), first);
    }

    proptest! {
        /// Whatever the settings: it ends, no pause is longer than the longest but for jitter, and
        /// nothing overflows.
        #[test]
        fn it_always_ends(
            tries in 0..50_u32,
            first_pause in any::<u32>(),
            longest_pause in any::<u32>(),
            asked_for in prop::collection::vec(prop::option::of(any::<u64>()), 50),
            random in any::<u32>(),
        ) {
            let longest_pause = Duration::from_millis(longest_pause.into());
            let patience = Patience {
                tries,
                first_pause: Duration::from_millis(first_pause.into()),
                longest_pause,
                ..PATIENCE
            };
            let mut backoff = Backoff::new(patience);
            let mut sent = 1;
            for asked_for in asked_for {
                let asked_for = asked_for.map(Duration::from_millis);
                match backoff.after_failure(asked_for, random) {
                    Next::GiveUp => break,
                    Next::Pause(pause) => {
                        prop_assert!(pause <= longest_pause * 3 / 2);
                        prop_assert!(asked_for.is_none_or(|asked_for| pause >= asked_for));
                        sent += 1;
                    }
                }
            }
            prop_assert!(sent <= tries.max(1));
        }
    }
}
