//! Sizes of the numeric domains, shrinkable so that wrap-around and exhaustion are reached in short runs.

use crate::ids::*;

/// Largest sequence, largest epoch and size of the duplicate window. Kafka's values are the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Domains {
    /// Largest sequence number; after it comes 0 (§2.1). Kafka: 2^31 - 1.
    pub max_sequence: Sequence,
    /// Largest producer epoch, `MAXE` of the reference; clients of transactions get at most one less. Kafka: 32767.
    pub max_epoch: ProducerEpoch,
    /// Batches that a partition remembers for each producer (§2.2). Kafka: 5.
    pub batch_window: u32,
}

impl Default for Domains {
    fn default() -> Self {
        Domains { max_sequence: i32::MAX, max_epoch: i16::MAX, batch_window: 5 }
    }
}

impl Domains {
    /// `sequence + delta`, wrapping from the largest sequence to 0; [`NO_SEQUENCE`] stays.
    pub fn add(&self, sequence: Sequence, delta: i32) -> Sequence {
        if sequence == NO_SEQUENCE {
            return NO_SEQUENCE;
        }
        let modulus = i64::from(self.max_sequence) + 1;
        ((i64::from(sequence) + i64::from(delta)) % modulus) as Sequence
    }

    /// `sequence - delta`, wrapping from 0 to the largest sequence.
    pub fn sub(&self, sequence: Sequence, delta: i32) -> Sequence {
        let modulus = i64::from(self.max_sequence) + 1;
        (i64::from(sequence) - i64::from(delta)).rem_euclid(modulus) as Sequence
    }

    /// `EXH` of the reference: the highest epoch ever handed to a transactional client.
    pub fn exhausted_epoch(&self) -> ProducerEpoch {
        self.max_epoch - 1
    }

    /// Whether a transactional producer with this epoch needs a new producer id before its next epoch.
    pub fn is_exhausted(&self, epoch: ProducerEpoch) -> bool {
        epoch >= self.exhausted_epoch()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_wrap_from_the_largest_to_zero() {
        let kafka = Domains::default();
        assert_eq!(kafka.add(i32::MAX, 1), 0);
        assert_eq!(kafka.add(2147483637, 20), 9); // the reference's example: 21 records straddle the wrap
        assert_eq!(kafka.sub(0, 1), i32::MAX);
        assert_eq!(kafka.add(NO_SEQUENCE, 5), NO_SEQUENCE);
        let small = Domains { max_sequence: 63, ..kafka };
        assert_eq!(small.add(60, 5), 1);
        assert_eq!(small.sub(1, 5), 60);
    }
}
