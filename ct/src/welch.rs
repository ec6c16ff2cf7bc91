//! Welch's t-test over two classes of durations, as dudect does it.
//!
//! Reparaz, Balasch, Verbauwhede: [Dude, is my code constant time?](https://eprint.iacr.org/2016/1123)

/// Durations by their class.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    pub(crate) fixed: Vec<f64>,
    pub(crate) random: Vec<f64>,
}

/// How many of the slowest durations are cut off, in steps: what interrupts a measurement makes it
/// slower, never faster.
const CROPS: u32 = 100;
/// A class with fewer samples says nothing.
const FEWEST: usize = 200;

impl Samples {
    /// The largest |t| of the tests over all durations, and over those below each of the limits.
    pub(crate) fn max_t(&self) -> f64 {
        let mut sorted: Vec<_> = self.fixed.iter().chain(&self.random).copied().collect();
        sorted.sort_by(f64::total_cmp);
        let limits = (1..=CROPS).map(|step| limit(&sorted, step)).chain([f64::INFINITY]);
        limits.filter_map(|limit| self.t_below(limit)).fold(0.0, |max, t| t.abs().max(max))
    }

    fn t_below(&self, limit: f64) -> Option<f64> {
        let fixed = Moments::below(&self.fixed, limit)?;
        let random = Moments::below(&self.random, limit)?;
        let error = (fixed.variance / fixed.count + random.variance / random.count).sqrt();
        let difference = fixed.mean - random.mean;
        // Durations that are all alike differ by nothing, or without any doubt.
        Some(if difference == 0.0 { 0.0 } else { difference / error })
    }
}

/// The quantile 1 − 2^(−step/10) of durations in their order, as in the paper's program.
fn limit(sorted: &[f64], step: u32) -> f64 {
    let share = 1.0 - 0.5_f64.powf(10.0 * f64::from(step) / f64::from(CROPS));
    let place = (sorted.len() as f64 * share) as usize;
    sorted.get(place).copied().unwrap_or(f64::INFINITY)
}

struct Moments {
    count: f64,
    mean: f64,
    variance: f64,
}

impl Moments {
    fn below(durations: &[f64], limit: f64) -> Option<Self> {
        let kept = || durations.iter().filter(|&&duration| duration < limit);
        let count = kept().count();
        if count < FEWEST {
            return None;
        }
        let count = count as f64;
        let mean = kept().sum::<f64>() / count;
        let variance = kept().map(|d| (d - mean).powi(2)).sum::<f64>() / (count - 1.0);
        Some(Self { count, mean, variance })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// The sum of twelve numbers between 0 and 1 is nearly normal, with variance 1.
    fn normal(random: &mut Random, mean: f64) -> f64 {
        let sum: f64 = (0..12).map(|_| random.number() as f64 / u64::MAX as f64).sum();
        mean + sum - 6.0
    }

    fn samples(difference: f64) -> Samples {
        let mut random = Random::new(1);
        let fixed = (0..20_000).map(|_| normal(&mut random, 50.0 + difference)).collect();
        let random = (0..20_000).map(|_| normal(&mut random, 50.0)).collect();
        Samples { fixed, random }
    }

    #[test]
    fn equal_distributions_have_a_small_t_and_different_ones_a_large_t() {
        assert!(samples(0.0).max_t() < 5.0, "{}", samples(0.0).max_t());
        // Expected without cropping: 0.2 / sqrt(2 / 20000) = 20.
        assert!(samples(0.2).max_t() > 15.0, "{}", samples(0.2).max_t());
        assert!(samples(-0.2).max_t() > 15.0, "the sign does not matter");
    }

    #[test]
    fn t_is_that_of_welch() {
        let fixed: Vec<_> = (0..300).map(|i| f64::from(i % 3)).collect();
        let random: Vec<_> = (0..600).map(|i| f64::from(i % 4)).collect();
        let samples = Samples { fixed, random };
        // Means 1 and 1.5, variances 200/299 and 750/599.
        let error = (200.0 / 299.0 / 300.0 + 750.0 / 599.0 / 600.0_f64).sqrt();
        let t = samples.t_below(f64::INFINITY).unwrap();
        assert!((t - -0.5 / error).abs() < 1e-9, "{t}");
    }

    #[test]
    fn few_samples_say_nothing() {
        let few = Samples { fixed: vec![1.0; 10], random: vec![2.0; 10] };
        assert_eq!(few.max_t(), 0.0);
    }
}
