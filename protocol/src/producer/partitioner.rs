//! Which partition a record goes to.

use crate::batch::Blob;
use crate::ids::*;

/// The 32-bit murmur2 hash that Kafka's default partitioner uses.
pub fn murmur2(data: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut h: u32 = 0x9747_b28c ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes(word.try_into().expect("a chunk of four bytes"));
        k = k.wrapping_mul(M);
        k ^= k >> 24;
        k = k.wrapping_mul(M);
        h = h.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (i, byte) in rest.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    (h ^ (h >> 15)) as i32
}

/// Partition of a keyed record, as Kafka's default partitioner has it: `toPositive(murmur2(key)) % partitions`.
///
/// The key of a generated record is hashed as its id in eight little-endian bytes, not as the text that it stands for.
/// `partitions` is at least 1.
pub fn partition_for_key(key: &Blob, partitions: u32) -> u32 {
    let hash = match key {
        Blob::Bytes(bytes) => murmur2(bytes),
        Blob::Generated { id, .. } => murmur2(&id.to_le_bytes()),
    };
    (hash & i32::MAX) as u32 % partitions
}

/// The partition that records without a key stick to until a batch's worth of bytes has gone there; then the next one,
/// round robin. Kafka draws the next one at random.
#[derive(Clone, Debug, Default)]
pub(super) struct StickyPartition {
    current: u32,
    bytes: u32,
}

impl StickyPartition {
    /// Partition for a record of `size` bytes. Partitions without a leader are passed over while another has one.
    pub fn next(&mut self, size: u32, batch_size: u32, leaders: &[Option<NodeId>]) -> u32 {
        let partitions = leaders.len() as u32;
        let full = self.bytes > 0 && self.bytes.saturating_add(size) > batch_size;
        let unavailable = |p: u32| leaders.get(p as usize).is_none_or(Option::is_none);
        if full || self.current >= partitions || unavailable(self.current) {
            let first = if full { self.current + 1 } else { self.current };
            let available = (0..partitions).map(|i| (first + i) % partitions).find(|&p| !unavailable(p));
            let chosen = available.unwrap_or(first % partitions);
            if full || chosen != self.current {
                self.bytes = 0;
            }
            self.current = chosen;
        }
        self.bytes = self.bytes.saturating_add(size);
        self.current
    }

    /// The record of `size` bytes could not be taken after all.
    pub fn undo(&mut self, size: u32) {
        self.bytes = self.bytes.saturating_sub(size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_is_that_of_kafka() {
        // The values that Kafka's own UtilsTest pins.
        assert_eq!(murmur2(b"21"), -973932308);
        assert_eq!(murmur2(b"foobar"), -790332482);
        assert_eq!(murmur2(b"a-little-bit-long-string"), -985981536);
        assert_eq!(murmur2(b"a-little-bit-longer-string"), -1486304829);
        assert_eq!(murmur2(b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8"), -58897971);
        assert_eq!(murmur2(b"abc"), 479470107);
    }

    #[test]
    fn equal_keys_share_a_partition_and_the_sign_is_dropped() {
        assert_eq!(partition_for_key(&"21".into(), 10), ((-973932308i32) & i32::MAX) as u32 % 10);
        let generated = Blob::Generated { id: 7, len: 100 };
        assert_eq!(partition_for_key(&generated, 5), partition_for_key(&Blob::Bytes(7u64.to_le_bytes()[..].into()), 5));
    }

    #[test]
    fn a_sticky_partition_changes_when_a_batch_is_full() {
        let leaders = [Some(NodeId(1)); 3];
        let mut sticky = StickyPartition::default();
        let chosen: Vec<u32> = (0..7).map(|_| sticky.next(40, 100, &leaders)).collect();
        assert_eq!(chosen, [0, 0, 1, 1, 2, 2, 0]);
    }

    #[test]
    fn a_sticky_partition_passes_over_partitions_without_a_leader() {
        let mut sticky = StickyPartition::default();
        assert_eq!(sticky.next(40, 100, &[None, Some(NodeId(1))]), 1);
        assert_eq!(sticky.next(40, 100, &[None, None]), 1);
    }
}
