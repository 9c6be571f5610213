//! Truncations of a log, so that what depends on its end can be taken back when it is next looked at.
//!
//! What is kept for each producer of a log would else have to be gone through at every truncation.

/// Truncations, in the order in which they happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cuts {
    taken: u64,
    /// Number and offset of those that no later one undercuts: offsets increase.
    lowest: Vec<(u64, i64)>,
}

impl Cuts {
    /// The log was truncated to `offset`.
    pub(crate) fn cut(&mut self, offset: i64) {
        while self.lowest.last().is_some_and(|(_, other)| *other >= offset) {
            self.lowest.pop();
        }
        self.lowest.push((self.taken, offset));
        self.taken += 1;
    }

    /// How many there were: what [`Cuts::since`] wants to be told later.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// The lowest offset that the log was truncated to since there were `taken` truncations.
    pub(crate) fn since(&self, taken: u64) -> Option<i64> {
        let index = self.lowest.partition_point(|(number, _)| *number < taken);
        self.lowest.get(index).map(|(_, offset)| *offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_truncation_since_then_is_told() {
        let mut cuts = Cuts::default();
        let mut all: Vec<i64> = Vec::new();
        for offset in [9, 20, 15, 30, 4, 7, 7, 50, 40] {
            cuts.cut(offset);
            all.push(offset);
            for since in 0..=all.len() {
                assert_eq!(cuts.since(since as u64), all[since..].iter().min().copied(), "{all:?} since {since}");
            }
        }
        assert_eq!(cuts.taken(), 9);
    }
}
