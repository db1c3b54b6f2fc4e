use std::time::Duration;

use crate::backoff::from_nanos;

/// `delay` × (1 ± `jitter`). `random` is between 0 and 1; what is not counts as the nearest that is.
pub(crate) fn jittered(delay: Duration, jitter: f64, random: f64) -> Duration {
    let jitter = fraction(jitter, 0.0);
    let off = jitter * (2.0 * fraction(random, 0.5) - 1.0);
    if off == 0.0 {
        return delay;
    }
    from_nanos(delay.as_nanos() as f64 * (1.0 + off))
}

fn fraction(number: f64, otherwise: f64) -> f64 {
    if number.is_nan() { otherwise } else { number.clamp(0.0, 1.0) }
}

/// Numbers between 0 and 1 that follow from a seed, by the splitmix64 sequence. Good enough to keep restarts apart.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn fraction(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_delay_moves_by_at_most_its_fraction() {
        let check = |jitter, random, expected| {
            assert_eq!(jittered(Duration::from_secs(10), jitter, random), Duration::from_secs(expected));
        };
        check(0.5, 0.0, 5);
        check(0.5, 0.5, 10);
        check(0.5, 1.0, 15);
        check(1.0, 0.0, 0);
        check(1.0, 1.0, 20);
        check(0.0, 0.0, 10);
        check(f64::NAN, 1.0, 10);
        check(0.5, f64::NAN, 10);
        check(7.0, -3.0, 0);
    }

    #[test]
    fn the_longest_delay_stays_the_longest() {
        assert_eq!(jittered(Duration::MAX, 1.0, 1.0), Duration::MAX);
        assert_eq!(jittered(Duration::MAX, 0.0, 0.3), Duration::MAX);
    }

    #[test]
    fn fractions_fill_the_range() {
        let mut random = Random::new(0);
        let drawn: Vec<f64> = (0..1000).map(|_| random.fraction()).collect();
        for tenth in 0..10 {
            let count = drawn.iter().filter(|&&fraction| (fraction * 10.0) as u32 == tenth).count();
            assert!((50..200).contains(&count), "{tenth}: {count}");
        }
    }

    proptest! {
        #[test]
        fn no_delay_leaves_its_bounds(millis in 0..1_000_000u64, jitter in 0.0..=1.0f64, random in 0.0..=1.0f64) {
            let delay = Duration::from_millis(millis);
            let moved = jittered(delay, jitter, random).as_secs_f64();
            let (least, most) = (delay.as_secs_f64() * (1.0 - jitter), delay.as_secs_f64() * (1.0 + jitter));
            prop_assert!(least - 1e-6 <= moved && moved <= most + 1e-6);
        }
    }
}
