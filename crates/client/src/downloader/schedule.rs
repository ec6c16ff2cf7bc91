//! When a store may be asked for what.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use matrix_key_backup_wire::{RoomId, SessionId};

use super::Download;

/// Where a key lies.
pub(super) type Place = (RoomId, SessionId);

/// Most sessions of which it is remembered that they are missing. Of more, those that may be asked
/// for soonest are forgotten.
const MAX_MISSES: usize = 4096;

const FIRST_MISS: Duration = Duration::from_secs(30);
const LONGEST_MISS: Duration = Duration::from_secs(60 * 60);
const FIRST_FAILURE: Duration = Duration::from_secs(1);
const LONGEST_FAILURE: Duration = Duration::from_secs(5 * 60);

#[derive(Debug, Default)]
pub(super) struct Schedule {
    misses: HashMap<Place, Miss>,
    /// The same by time, for the one to be forgotten.
    by_time: BTreeMap<(Duration, Place), ()>,
    underway: HashSet<Place>,
    failures: u32,
    failed_until: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Miss {
    times: u32,
    retry_at: Duration,
}

impl Schedule {
    /// Whether to ask for a session now; if not, what to say instead.
    pub(super) fn begin(&mut self, place: &Place, now: Duration) -> Result<(), Download> {
        if self.underway.contains(place) {
            return Err(Download::Underway);
        }
        let missed_until = self.misses.get(place).map_or(Duration::ZERO, |miss| miss.retry_at);
        let retry_at = missed_until.max(self.failed_until);
        if now < retry_at {
            return Err(Download::NotYet { retry_at });
        }
        self.underway.insert(place.clone());
        Ok(())
    }

    pub(super) fn end(&mut self, place: &Place) {
        self.underway.remove(place);
    }

    /// The store does not have it. Says when it may be asked for again.
    pub(super) fn missed(&mut self, place: &Place, now: Duration) -> Duration {
        let times = match self.misses.remove(place) {
            Some(miss) => {
                self.by_time.remove(&(miss.retry_at, place.clone()));
                miss.times.saturating_add(1)
            }
            None => 0,
        };
        let retry_at = now + doubled(FIRST_MISS, times, LONGEST_MISS);
        self.misses.insert(place.clone(), Miss { times, retry_at });
        self.by_time.insert((retry_at, place.clone()), ());
        if self.misses.len() > MAX_MISSES
            && let Some(((_, soonest), ())) = self.by_time.pop_first()
        {
            self.misses.remove(&soonest);
        }
        retry_at
    }

    /// The store failed, for a request that began at `now`.
    ///
    /// Requests that were under way together fail together: one outage is one step.
    pub(super) fn failed(&mut self, now: Duration) {
        if now < self.failed_until {
            return;
        }
        self.failed_until = now + doubled(FIRST_FAILURE, self.failures, LONGEST_FAILURE);
        self.failures = self.failures.saturating_add(1);
    }

    pub(super) fn succeeded(&mut self) {
        self.failures = 0;
        self.failed_until = Duration::ZERO;
    }

    pub(super) fn forget_misses(&mut self) {
        self.misses.clear();
        self.by_time.clear();
    }
}

/// `first`, doubled so many times, and at most `longest`.
fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: usize) -> Place {
        let id = number.to_string();
        (RoomId::new(id.clone()).unwrap(), SessionId::new(id).unwrap())
    }

    #[test]
    fn misses_wait_longer_each_time_and_not_for_ever() {
        let mut schedule = Schedule::default();
        let mut now = Duration::ZERO;
        for wait in [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600] {
            assert!(schedule.begin(&place(1), now).is_ok());
            schedule.end(&place(1));
            let retry_at = schedule.missed(&place(1), now);
            assert_eq!(retry_at, now + Duration::from_secs(wait));
            let early = schedule.begin(&place(1), retry_at - Duration::from_nanos(1));
            assert!(matches!(early, Err(Download::NotYet { retry_at: at }) if at == retry_at));
            assert!(schedule.begin(&place(2), now).is_ok(), "others need not wait");
            schedule.end(&place(2));
            now = retry_at;
        }
    }

    #[test]
    fn failures_make_all_wait() {
        let mut schedule = Schedule::default();
        let mut now = Duration::ZERO;
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert!(schedule.begin(&place(1), now).is_ok());
            schedule.end(&place(1));
            schedule.failed(now);
            assert!(matches!(schedule.begin(&place(2), now), Err(Download::NotYet { .. })));
            now += Duration::from_secs(wait);
        }
        schedule.failed(now);
        schedule.succeeded();
        assert!(schedule.begin(&place(2), now).is_ok());
    }

    #[test]
    fn requests_that_fail_together_are_one_step() {
        let mut schedule = Schedule::default();
        let mut now = Duration::from_secs(5);
        for wait in [1, 2, 4] {
            let places: Vec<_> = (0..10).map(place).collect();
            assert!(places.iter().all(|place| schedule.begin(place, now).is_ok()));
            for place in &places {
                schedule.end(place);
                schedule.failed(now);
            }
            now += Duration::from_secs(wait);
            assert!(schedule.misses.is_empty(), "nothing is known to be missing");
            let early = schedule.begin(&place(11), now - Duration::from_nanos(1));
            assert!(matches!(early, Err(Download::NotYet { retry_at }) if retry_at == now));
        }
    }

    #[test]
    fn misses_are_bounded() {
        let mut schedule = Schedule::default();
        for number in 0..MAX_MISSES + 1000 {
            schedule.missed(&place(number), Duration::from_secs(number as u64));
        }
        assert_eq!((schedule.misses.len(), schedule.by_time.len()), (MAX_MISSES, MAX_MISSES));
        assert!(schedule.begin(&place(0), Duration::ZERO).is_ok(), "the soonest is forgotten");
        let last = place(MAX_MISSES + 999);
        assert!(matches!(schedule.begin(&last, Duration::ZERO), Err(Download::NotYet { .. })));
        schedule.forget_misses();
        assert!(schedule.begin(&last, Duration::ZERO).is_ok());
    }
}
