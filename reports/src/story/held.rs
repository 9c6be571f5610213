//! How long readers were held back: a last stable offset that stands still below its high watermark.

use super::Story;

impl Story {
    /// The longest time for which the last stable offset of a partition stood still below its high watermark, in nanoseconds;
    /// none if it never did.
    pub fn held(&self) -> Option<u64> {
        let mut longest = None;
        for strip in &self.strips {
            let mut since: Option<(i64, u64)> = None;
            for level in &strip.levels {
                if let Some((lso, from)) = since
                    && (level.lso != lso || level.hw <= level.lso)
                {
                    longest = longest.max(Some(level.t - from));
                    since = None;
                }
                if since.is_none() && level.lso < level.hw {
                    since = Some((level.lso, level.t));
                }
            }
            if let Some((_, from)) = since {
                longest = longest.max(Some(self.end.saturating_sub(from)));
            }
        }
        longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Level, Strip};

    fn held(levels: &[(u64, i64, i64)], end: u64) -> Option<u64> {
        let levels = levels.iter().map(|(t, hw, lso)| Level { t: *t, hw: *hw, lso: *lso }).collect();
        Story { strips: vec![Strip { levels, ..Strip::default() }], end, ..Story::default() }.held()
    }

    #[test]
    fn time_counts_from_when_the_offset_falls_behind_until_it_moves() {
        assert_eq!(held(&[(0, 0, 0), (5, 10, 0), (7, 20, 0), (30, 21, 21)], 99), Some(25));
        assert_eq!(held(&[(0, 0, 0), (5, 10, 0), (20, 20, 10), (30, 20, 20)], 99), Some(15));
    }

    #[test]
    fn what_never_ends_lasts_until_the_run_does_and_what_never_lags_is_none() {
        assert_eq!(held(&[(0, 0, 0), (5, 10, 0)], 99), Some(94));
        assert_eq!(held(&[(0, 0, 0), (5, 10, 10)], 99), None);
    }
}
