//! Named random streams: one root seed, one ChaCha stream for each name.
//!
//! The key of a stream is a documented function of (root seed, name), so that adding a node, a link or a draw in one
//! place changes nothing elsewhere. Draws are raw `u64`s with our own scaling, so that no library's distribution code,
//! which may change between versions, decides anything.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A part of a probability: one in a million.
pub const PPM: u64 = 1_000_000;

/// Words that are drawn from ChaCha at once: four blocks.
const AT_ONCE: usize = 32;

/// A named stream of random numbers.
#[derive(Clone, Debug)]
pub struct Stream {
    source: ChaCha8Rng,
    /// The next words, from `next` on.
    words: [u64; AT_ONCE],
    next: usize,
}

/// FNV-1a over the bytes of `name`, 64 bits: how names become numbers where an explicit hash is needed.
pub const fn hash_name(name: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut i = 0;
    while i < name.len() {
        hash = (hash ^ name[i] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        i += 1;
    }
    hash
}

/// SplitMix64's output function: spreads a number over all bits.
pub const fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A word as a number from `low` to `high`, both included.
#[inline(always)]
pub fn scale(word: u64, low: u64, high: u64) -> u64 {
    if high <= low {
        return low;
    }
    let values = (high - low).saturating_add(1);
    low + ((u128::from(word) * u128::from(values)) >> 64) as u64
}

impl Stream {
    /// The stream `name` of the run with `root` as its seed. Its ChaCha8 key is, in little-endian words of 64 bits,
    /// `mix(root)`, `mix(hash)`, `mix(root ^ mix(hash))`, `mix(root + 2 hash)` with `hash` the FNV-1a of the name.
    pub fn new(root: u64, name: &str) -> Stream {
        let hash = hash_name(name.as_bytes());
        let words = [mix(root), mix(hash), mix(root ^ mix(hash)), mix(root.wrapping_add(hash.wrapping_mul(2)))];
        let mut key = [0u8; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        Stream { source: ChaCha8Rng::from_seed(key), words: [0; AT_ONCE], next: AT_ONCE }
    }

    /// Any number.
    #[inline(always)]
    pub fn word(&mut self) -> u64 {
        if self.next >= AT_ONCE {
            self.refill();
        }
        let word = self.words[self.next];
        self.next += 1;
        word
    }

    #[inline(never)]
    fn refill(&mut self) {
        let mut bytes = [0; 8 * AT_ONCE];
        self.source.fill_bytes(&mut bytes);
        for (word, bytes) in self.words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        self.next = 0;
    }

    /// A number below `bound`, which is above 0. The bias is below `bound / 2^64`.
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a draw needs at least one outcome");
        ((u128::from(self.word()) * u128::from(bound)) >> 64) as u64
    }

    /// A number below `bound`, as [`Stream::below`] draws it, and what is left of the word that was drawn: as good as a
    /// word of its own for [`scale`], as long as the outcome and that number together have less than 2^64 values.
    #[inline(always)]
    pub fn below_with_rest(&mut self, bound: u64) -> (u64, u64) {
        assert!(bound > 0, "a draw needs at least one outcome");
        let product = u128::from(self.word()) * u128::from(bound);
        ((product >> 64) as u64, product as u64)
    }

    /// A number from `low` to `high`, both included.
    #[inline]
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        if high <= low { low } else { scale(self.word(), low, high) }
    }

    /// True `ppm` times in a million.
    #[inline]
    pub fn chance(&mut self, ppm: u64) -> bool {
        self.below(PPM) < ppm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_a_function_of_seed_and_name() {
        let draw = |seed, name| Stream::new(seed, name).word();
        assert_eq!(draw(1, "link a"), draw(1, "link a"));
        assert_ne!(draw(1, "link a"), draw(1, "link b"));
        assert_ne!(draw(1, "link a"), draw(2, "link a"));
    }

    #[test]
    fn the_first_draws_are_pinned() {
        let mut stream = Stream::new(1, "pinned");
        let drawn: Vec<u64> = (0..3).map(|_| stream.word()).collect();
        assert_eq!(drawn, PINNED, "a change of rand_chacha or of the key derivation would change every seed");
    }
    const PINNED: [u64; 3] = [15720426085468654640, 7647056267323049902, 12664886316954298595];

    #[test]
    fn draws_stay_in_range() {
        let mut stream = Stream::new(3, "range");
        for _ in 0..1000 {
            assert!((5..=9).contains(&stream.between(5, 9)));
        }
        assert_eq!(stream.between(4, 4), 4);
        for _ in 0..1000 {
            let (share, rest) = stream.below_with_rest(10);
            assert!(share < 10 && (5..=9).contains(&scale(rest, 5, 9)));
        }
        assert!(!stream.chance(0));
        assert!(stream.chance(PPM));
    }
}
