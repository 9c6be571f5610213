//! The digest of an execution: 128 bits, rolled over explicit little-endian integers.
//!
//! Not cryptographic: it tells runs apart, on every machine and in every build profile alike.

use core::fmt;
use core::hash::{Hash, Hasher};

use crate::stream::mix;

/// A rolling digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest {
    a: u64,
    b: u64,
}

impl Default for Digest {
    fn default() -> Self {
        Digest { a: 0x243f_6a88_85a3_08d3, b: 0x1319_8a2e_0370_7344 } // digits of pi
    }
}

impl Digest {
    /// Adds two numbers. Order matters.
    #[inline]
    pub fn add_pair(&mut self, first: u64, second: u64) {
        // Two products of which each half goes to the other's side: the low half of a product is as good as the number
        // itself (the factors are odd), the high half carries every bit of it.
        let one = u128::from(self.a ^ first) * 0x9e37_79b9_7f4a_7c15_u128;
        let other = u128::from(self.b ^ second) * 0xd6e8_feb8_6659_fd93_u128;
        self.a = (one as u64).rotate_left(29) ^ (other >> 64) as u64;
        self.b = (other as u64).rotate_left(29) ^ (one >> 64) as u64;
    }

    /// Adds four numbers, in two products as a pair: what is one event to the run.
    #[inline]
    pub fn add_event(&mut self, [time, rank, what, about]: [u64; 4]) {
        // Odd factors spread the one number before the other one is added, so that they cannot take each other's place.
        let first = time.wrapping_mul(0xff51_afd7_ed55_8ccd).wrapping_add(rank);
        let second = what.wrapping_mul(0xc4ce_b9fe_1a85_ec53).wrapping_add(about);
        self.add_pair(first, second);
    }

    /// Adds a number.
    pub fn add(&mut self, word: u64) {
        self.add_pair(word, 0);
    }

    /// Adds a text, length first.
    pub fn add_text(&mut self, text: &str) {
        self.add(text.len() as u64);
        for chunk in text.as_bytes().chunks(8) {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }
}

/// What a message says, as a number for the digest: the same on every machine.
pub fn content_of(message: &impl Hash) -> u64 {
    let mut words = Words(0);
    message.hash(&mut words);
    words.0
}

struct Words(u64);

impl Hasher for Words {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0u8; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = mix(self.0 ^ u64::from_le_bytes(word));
        }
    }

    // Integers as such, in little-endian words of one width: their native forms differ between machines.
    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }

    fn write_u16(&mut self, n: u16) {
        self.write_u64(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    fn write_u64(&mut self, n: u64) {
        self.0 = mix(self.0 ^ n);
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn write_i32(&mut self, n: i32) {
        self.write_u64(n as u64);
    }

    fn write_i64(&mut self, n: i64) {
        self.write_u64(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = *self;
        last.add(0);
        last.add(0);
        write!(f, "{:016x}{:016x}", last.a, last.b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_of_a_message_is_all_that_it_says_and_is_pinned() {
        #[derive(Hash)]
        enum Message {
            Empty,
            Pair(u64, u32),
        }
        assert_ne!(content_of(&Message::Empty), content_of(&Message::Pair(0, 0)));
        assert_ne!(content_of(&Message::Pair(1, 2)), content_of(&Message::Pair(2, 1)));
        assert_eq!(content_of(&Message::Pair(1, 2)), mix(mix(mix(1) ^ 1) ^ 2));
    }

    #[test]
    fn order_and_value_matter() {
        let of = |words: &[u64]| {
            let mut digest = Digest::default();
            words.iter().for_each(|w| digest.add(*w));
            digest.to_string()
        };
        assert_ne!(of(&[1, 2]), of(&[2, 1]));
        assert_ne!(of(&[0]), of(&[0, 0]));
        assert_ne!(of(&[1]), of(&[1 << 63 | 1]));
        assert_eq!(of(&[1, 2, 3]).len(), 32);
    }
}
