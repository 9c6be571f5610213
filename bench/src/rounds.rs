//! Interleaved rounds: whoever is compared runs in the same minutes, on the same machine, in changing order.

use crate::clock::Taken;

/// One of those compared.
pub struct Contender<'a> {
    /// Name, for the table.
    pub name: &'a str,
    /// How often it runs in a round: the quick ones several times, so that a round takes each about as long.
    pub repeat: u32,
    /// Runs once with the seed that it is given; returns what that took and the number of deliveries.
    pub run: Box<dyn FnMut(u64) -> (Taken, u64) + 'a>,
}

/// What one contender did in one round.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    /// Time of all its runs.
    pub taken: Taken,
    /// Deliveries of all its runs.
    pub deliveries: u64,
}

impl Score {
    /// Deliveries per second of processor time.
    pub fn rate(&self) -> f64 {
        self.deliveries as f64 / self.taken.core.as_secs_f64()
    }
}

/// One run of each to warm up, then `rounds` rounds, every other one in reverse order. `scores[round][contender]`.
pub fn interleave(contenders: &mut [Contender<'_>], rounds: u32) -> Vec<Vec<Score>> {
    for contender in contenders.iter_mut() {
        (contender.run)(0);
    }
    let mut all = Vec::new();
    let mut seed = 0;
    for round in 0..rounds {
        let mut scores = vec![Score::default(); contenders.len()];
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for index in order {
            for _ in 0..contenders[index].repeat {
                seed += 1;
                let (taken, deliveries) = (contenders[index].run)(seed);
                scores[index].taken += taken;
                scores[index].deliveries += deliveries;
            }
        }
        all.push(scores);
    }
    all
}

/// The middle value; of an even number of values the mean of the two in the middle.
///
/// # Panics
/// If there are none.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let (upper, n) = (values.len() / 2, values.len());
    assert!(n > 0, "a median needs values");
    if n % 2 == 1 { values[upper] } else { (values[upper - 1] + values[upper]) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median([3.0, 1.0, 100.0]), 3.0);
        assert_eq!(median([4.0, 1.0, 100.0, 2.0]), 3.0);
    }

    #[test]
    fn every_other_round_runs_in_reverse() {
        let order = std::cell::RefCell::new(String::new());
        let contender = |name: &'static str, repeat| Contender {
            name,
            repeat,
            run: Box::new(|_| {
                order.borrow_mut().push_str(name);
                (Taken::default(), 1)
            }),
        };
        let scores = interleave(&mut [contender("a", 1), contender("b", 2)], 2);
        assert_eq!(scores[1][1].deliveries, 2);
        drop(scores);
        assert_eq!(order.into_inner(), "ababbbba");
    }
}
