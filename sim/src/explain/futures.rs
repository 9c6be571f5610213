//! How the chance of a violation rises along a run: what happened before an instant is kept, the rest is drawn afresh.

use fencepost_protocol::time::Instant;

/// Where futures branch off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// What happens before this is kept.
    pub at: Instant,
    /// How many deviations that is.
    pub kept: usize,
}

/// The points of a run: its beginning, the moment after each of its deviations, `end`, after which nothing is drawn, and
/// some in between. `times` are those of the deviations; about `limit` points at most.
pub fn points(times: &[Instant], end: Instant, limit: usize) -> Vec<Point> {
    let mut after: Vec<Instant> = times.iter().map(|at| Instant(at.0 + 1)).collect();
    after.sort_unstable();
    after.dedup();
    let mut moments = vec![Instant::ZERO];
    // Of many deviations every so-maniest, the last one always.
    let room = limit.saturating_sub(2).max(1);
    let step = after.len().div_ceil(room).max(1);
    let mut chosen: Vec<Instant> = after.iter().rev().step_by(step).copied().collect();
    chosen.reverse();
    moments.extend(chosen);
    if moments.last().is_none_or(|last| *last < end) {
        moments.push(end);
    }
    // One in between where the pause is longest, as long as there is room.
    while moments.len() < limit.min(2 * after.len() + 3) {
        let gap = (1..moments.len()).max_by_key(|i| (moments[*i].0 - moments[*i - 1].0, usize::MAX - i));
        let Some(gap) = gap.filter(|i| moments[*i].0 - moments[*i - 1].0 > 200_000_000) else { break };
        let middle = (moments[gap - 1].0 + moments[gap].0) / 2 / 1_000_000 * 1_000_000;
        moments.insert(gap, Instant(middle));
    }
    moments.into_iter().map(|at| Point { at, kept: times.iter().filter(|t| **t < at).count() }).collect()
}

/// A share with its interval, in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The share that was seen.
    pub seen: u64,
    /// Lower end.
    pub low: u64,
    /// Upper end.
    pub high: u64,
}

/// Wilson's score interval at 95 % for `hits` of `runs`, in integers, so that it is the same on every machine (Wilson,
/// "Probable inference, the law of succession, and statistical inference", 1927).
pub fn wilson(hits: u32, runs: u32) -> Interval {
    if runs == 0 {
        return Interval { seen: 0, low: 0, high: 1_000_000 };
    }
    const PPM: u128 = 1_000_000;
    // z = 1.96: z^2 in millionths. The bounds are (k + z^2/2 -+ z sqrt(k (n - k) / n + z^2/4)) / (n + z^2).
    const Z2: u128 = 3_841_600;
    let (k, n) = (u128::from(hits), u128::from(runs));
    let middle = k * PPM + Z2 / 2;
    let under_root = k * (n - k) * PPM / n + Z2 / 4;
    let spread = (Z2 * under_root).isqrt();
    let whole = n * PPM + Z2;
    let share = |part: u128| (part * PPM / whole) as u64;
    Interval {
        seen: (k * PPM / n) as u64,
        low: share(middle.saturating_sub(spread)),
        high: share(middle + spread).min(1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_is_that_of_the_textbook() {
        // 10 of 100: 5.52 % to 17.44 %.
        let interval = wilson(10, 100);
        assert_eq!(interval.seen, 100_000);
        assert!((55_000..55_400).contains(&interval.low), "{interval:?}");
        assert!((174_200..174_600).contains(&interval.high), "{interval:?}");
    }

    #[test]
    fn never_and_always_leave_room_for_doubt_on_one_side() {
        let never = wilson(0, 200);
        assert_eq!((never.seen, never.low), (0, 0));
        assert!((18_000..19_000).contains(&never.high), "{never:?}");
        let always = wilson(200, 200);
        assert_eq!((always.seen, always.high), (1_000_000, 1_000_000));
        assert!(always.low > 981_000, "{always:?}");
        assert_eq!(wilson(0, 0).high, 1_000_000);
    }

    fn seconds(at: u64) -> Instant {
        Instant(at * 1_000_000_000)
    }

    fn shape(points: &[Point]) -> Vec<(u64, usize)> {
        points.iter().map(|p| (p.at.0, p.kept)).collect()
    }

    #[test]
    fn a_point_follows_each_deviation_and_counts_what_is_kept() {
        let points = points(&[seconds(5), seconds(7)], seconds(20), 4);
        assert_eq!(shape(&points), [(0, 0), (5_000_000_001, 1), (7_000_000_001, 2), (20_000_000_000, 2)]);
    }

    #[test]
    fn room_is_used_for_points_in_the_longest_pauses() {
        let some = points(&[seconds(8)], seconds(12), 4);
        assert_eq!(shape(&some), [(0, 0), (4_000_000_000, 0), (8_000_000_001, 1), (12_000_000_000, 1)]);
        let many: Vec<Instant> = (1..100).map(|i| Instant(i * 1_000_000)).collect();
        let points = points(&many, seconds(1), 12);
        assert!(points.len() <= 12, "{}", points.len());
        assert_eq!(points.last().map(|p| p.kept), Some(99));
    }
}
