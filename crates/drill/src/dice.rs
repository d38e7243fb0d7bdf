//! The drill's own small generator of random numbers, so that the same seed gives the same bytes for ever.
//! Not for secrets: it is SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).

/// A seeded stream of random numbers.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The stream called `name` of `seed`: streams of different names do not disturb each other.
    pub(crate) fn stream(seed: u64, name: &str) -> Self {
        // FNV-1a over the name; the first numbers of a SplitMix64 stream are good whatever the state.
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let mut dice = Self(seed ^ hash);
        dice.next();
        dice
    }

    /// 64 random bits.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from 0 to `end` - 1; 0 where `end` is 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// A number from `from` to `to`, both included.
    pub(crate) fn between(&mut self, from: i64, to: i64) -> i64 {
        from + self.below((to - from + 1).max(1) as usize) as i64
    }

    /// True `percent` times in a hundred.
    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// One of `some`, which is not empty.
    pub(crate) fn pick<'a, T>(&mut self, some: &'a [T]) -> &'a T {
        &some[self.below(some.len())]
    }

    /// A pause around `mean` milliseconds: exponential, between a tenth of the mean and three times the mean.
    pub(crate) fn pause(&mut self, mean_ms: i64) -> i64 {
        let unit = ((self.next() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64;
        ((-unit.ln() * mean_ms as f64) as i64).clamp(mean_ms / 10 + 1, mean_ms.saturating_mul(3) + 1)
    }

    /// `digits` hexadecimal digits.
    pub(crate) fn hex(&mut self, digits: usize) -> String {
        let mut text = String::with_capacity(digits + 16);
        while text.len() < digits {
            text.push_str(&format!("{:016x}", self.next()));
        }
        text.truncate(digits);
        text
    }

    /// Mixes the order of `some` (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, some: &mut [T]) {
        for i in (1..some.len()).rev() {
            let j = self.below(i + 1);
            some.swap(i, j);
        }
    }
}
