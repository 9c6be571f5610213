//! Who runs what: units of (scenario, block), their two halves, and when to stop.
//!
//! Work is handed out in the order of the campaign: unit by unit, within a unit seed by seed. The second half of a unit
//! has to wait for its first half; meanwhile the next unit begins. A failure ends the campaign *at its place*: what comes
//! before is still run, what comes after is not counted, so that the first failure is the same with any number of jobs.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use super::results::{Ran, Results};
use super::shard::Shard;
use crate::fuzz::guided::{Parents, Recorded};
use crate::fuzz::{block_of, is_guided, seeds_of};

/// Which seeds, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Range {
    pub seeds: (u64, u64),
    pub time_ms: Option<u64>,
}

/// Recorded schedules of a unit's parents.
pub type Shelf = Arc<Mutex<Recorded>>;

/// One run to be made.
#[derive(Clone, Debug)]
pub struct Task {
    unit: u64,
    /// The scenario.
    pub place: usize,
    pub seed: u64,
    /// Whether the seed was asked for; others only guide.
    pub counts: bool,
    /// For guided seeds.
    pub parents: Option<Arc<Parents>>,
    pub shelf: Shelf,
}

impl Task {
    /// A seed outside of any campaign.
    pub fn alone(seed: u64) -> Task {
        Task { unit: 0, place: 0, seed, counts: true, parents: None, shelf: Shelf::default() }
    }
}

/// A unit that has begun.
struct Active {
    unit: u64,
    place: usize,
    block: u64,
    first: VecDeque<u64>,
    second: VecDeque<u64>,
    running_first: usize,
    running: usize,
    parents: Option<Arc<Parents>>,
    shelf: Shelf,
    runs: Vec<Ran>,
}

impl Active {
    fn is_done(&self) -> bool {
        self.first.is_empty() && self.second.is_empty() && self.running == 0
    }
}

struct State {
    next_unit: Option<u64>,
    active: VecDeque<Active>,
    /// Unit and seed of the first failure that was found.
    stop: Option<(u64, u64)>,
    /// No more is handed out: time is up, Ctrl-C, or nondeterminism.
    halted: bool,
    results: Results,
}

/// The work of one campaign.
pub struct Board {
    scenarios: u64,
    seeds: RangeInclusive<u64>,
    shard: Shard,
    keep_going: bool,
    /// Units that may have begun at a time: bounds the memory.
    at_a_time: usize,
    state: Mutex<State>,
    changed: Condvar,
}

impl Board {
    /// The work of these results, which are empty.
    pub fn new(results: Results, shard: Shard, range: Range, jobs: usize) -> Board {
        let scenarios = results.scenarios.len() as u64;
        let first_unit = block_of(range.seeds.0) * scenarios;
        let board = Board {
            scenarios,
            seeds: range.seeds.0..=range.seeds.1,
            shard,
            keep_going: results.campaign.keep_going,
            at_a_time: jobs + 1,
            state: Mutex::new(State { next_unit: None, active: VecDeque::new(), stop: None, halted: false, results }),
            changed: Condvar::new(),
        };
        let first = board.own_unit(first_unit);
        board.lock().next_unit = first;
        board
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it holds the board")
    }

    /// The first unit of this shard from `unit` on.
    fn own_unit(&self, unit: u64) -> Option<u64> {
        let last = block_of(*self.seeds.end()).saturating_mul(self.scenarios).saturating_add(self.scenarios - 1);
        self.shard.first_from(unit).filter(|own| *own <= last)
    }

    fn open(&self, unit: u64) -> Active {
        let block = unit / self.scenarios;
        let (first, last) = seeds_of(block);
        let asked = |seed: &u64| self.seeds.contains(seed);
        let (second, mut half): (VecDeque<u64>, VecDeque<u64>) = (first..=last).partition(|seed| is_guided(*seed));
        let second: VecDeque<u64> = second.into_iter().filter(asked).collect();
        if second.is_empty() {
            half.retain(asked);
        }
        Active {
            unit,
            place: (unit % self.scenarios) as usize,
            block,
            first: half,
            second,
            running_first: 0,
            running: 0,
            parents: None,
            shelf: Shelf::default(),
            runs: Vec::new(),
        }
    }

    /// The next run; none if there is nothing left to do.
    pub fn next(&self) -> Option<Task> {
        let mut state = self.lock();
        loop {
            if state.halted {
                return None;
            }
            if let Some(task) = self.pick(&mut state) {
                return Some(task);
            }
            let may_open = state.active.len() < self.at_a_time && state.stop.is_none();
            match state.next_unit.filter(|_| may_open) {
                Some(unit) => {
                    state.next_unit = self.own_unit(unit + 1);
                    let active = self.open(unit);
                    state.active.push_back(active);
                }
                None if state.active.iter().all(Active::is_done)
                    && (state.next_unit.is_none() || state.stop.is_some()) =>
                {
                    self.changed.notify_all();
                    return None;
                }
                None => state = self.changed.wait(state).expect("nothing panics while it holds the board"),
            }
        }
    }

    fn pick(&self, state: &mut State) -> Option<Task> {
        for active in &mut state.active {
            let (seed, guided) = if let Some(seed) = active.first.pop_front() {
                active.running_first += 1;
                (seed, false)
            } else if active.parents.is_some() || active.running_first == 0 {
                let Some(seed) = active.second.pop_front() else { continue };
                (seed, true)
            } else {
                continue;
            };
            active.running += 1;
            if guided && active.parents.is_none() {
                active.runs.sort_unstable_by_key(|r| r.seed);
                let half = active.runs.iter().map(|r| (r.seed, r.points.as_slice()));
                active.parents = Some(Arc::new(Parents::choose(half)));
            }
            return Some(Task {
                unit: active.unit,
                place: active.place,
                seed,
                counts: self.seeds.contains(&seed),
                parents: active.parents.clone().filter(|_| guided),
                shelf: active.shelf.clone(),
            });
        }
        None
    }

    /// A run is over.
    pub fn done(&self, task: &Task, ran: Ran) {
        let mut state = self.lock();
        if task.counts && ran.failure.is_some() && !self.keep_going {
            let here = (task.unit, task.seed);
            let stop = state.stop.map_or(here, |stop| stop.min(here));
            state.stop = Some(stop);
            for active in &mut state.active {
                let unit = active.unit;
                active.first.retain(|seed| (unit, *seed) < stop || (unit == stop.0 && is_guided(stop.1)));
                active.second.retain(|seed| (unit, *seed) < stop);
            }
        }
        if let Some(active) = state.active.iter_mut().find(|a| a.unit == task.unit) {
            active.running -= 1;
            if !is_guided(task.seed) {
                active.running_first -= 1;
            }
            active.runs.push(ran);
        }
        // In the order of units, so that a stop leaves nothing counted that comes after it.
        while state.active.front().is_some_and(Active::is_done) {
            let active = state.active.pop_front().expect("it was just seen");
            self.count(&mut state, active);
        }
        drop(state);
        self.changed.notify_all();
    }

    fn count(&self, state: &mut State, active: Active) {
        let stop = state.stop.unwrap_or((u64::MAX, u64::MAX));
        let mut runs = active.runs;
        runs.retain(|r| self.seeds.contains(&r.seed) && (active.unit, r.seed) <= stop);
        runs.sort_unstable_by_key(|r| r.seed);
        state.results.add(active.place, active.block, runs);
    }

    /// Nothing more is handed out.
    pub fn halt(&self) {
        self.lock().halted = true;
        self.changed.notify_all();
    }

    /// Two runs of one seed differed.
    pub fn nondeterminism(&self, what: String) {
        self.lock().results.nondeterminism.get_or_insert(what);
        self.halt();
    }

    /// Everything that was counted. After a halt that includes units that were not finished.
    pub fn results(self, interrupted: bool) -> Results {
        let mut state = self.state.into_inner().expect("nothing panics while it holds the board");
        let unfinished = std::mem::take(&mut state.active);
        let (seeds, stop) = (self.seeds, state.stop.unwrap_or((u64::MAX, u64::MAX)));
        for active in unfinished {
            let mut runs = active.runs;
            runs.retain(|r| seeds.contains(&r.seed) && (active.unit, r.seed) <= stop);
            runs.sort_unstable_by_key(|r| r.seed);
            state.results.add(active.place, active.block, runs);
        }
        state.results.complete = !interrupted;
        state.results
    }
}

#[cfg(test)]
mod tests {
    use super::super::results::Campaign;
    use super::*;
    use crate::fuzz::{Explorer, group};

    fn campaign(keep_going: bool) -> Campaign {
        Campaign { profile: "swarm".into(), seeds: None, scenarios: vec![], sets: vec![], keep_going }
    }

    fn board(keep_going: bool, seeds: (u64, u64), shard: Shard) -> Board {
        let scenario = crate::scenario::Scenario::load_built_in("lost-ack", Default::default()).unwrap();
        let results = Results::new(&campaign(keep_going), shard, &[scenario]);
        Board::new(results, shard, Range { seeds, time_ms: None }, 2)
    }

    fn ran(seed: u64, fails: bool) -> Ran {
        let failure = fails.then(|| super::super::results::Failure {
            key: group::Key { kind: "duplicate".into(), rule: "a rule".into() },
            severity: group::Severity::Safety,
            sentence: String::new(),
            capsule: None,
            deviations: 0,
        });
        Ran {
            seed,
            explorer: Explorer::Noise,
            deliveries: 1,
            virtual_ms: 1,
            digest: 7,
            points: vec![seed as u32 % 9],
            untested: None,
            failure,
        }
    }

    #[test]
    fn the_second_half_waits_for_the_first_and_the_next_unit_begins_meanwhile() {
        let board = board(true, (1, 3000), Shard::WHOLE);
        let first: Vec<Task> = (0..=512).map(|_| board.next().unwrap()).collect();
        let expected: Vec<u64> = (0..=512).collect();
        assert_eq!(first.iter().map(|t| t.seed).collect::<Vec<_>>(), expected);
        assert!(!first[0].counts && first[1].counts, "seed 0 was not asked for and only guides");
        let other = board.next().unwrap();
        assert_eq!(other.seed, 1025);
        first.iter().for_each(|t| board.done(t, ran(t.seed, false)));
        let guided = board.next().unwrap();
        assert_eq!(guided.seed, 513);
        assert!(guided.parents.is_some());
    }

    #[test]
    fn a_failure_ends_the_campaign_at_its_place_whatever_else_has_run() {
        for order in [[1usize, 2, 3, 4], [4, 3, 2, 1], [3, 4, 1, 2]] {
            let board = board(false, (1, 100), Shard::WHOLE);
            let tasks: Vec<Task> = (0..4).map(|_| board.next().unwrap()).collect();
            for index in order {
                let task = &tasks[index - 1];
                board.done(task, ran(task.seed, task.seed >= 2));
            }
            assert!(board.next().is_none());
            let results = board.results(false);
            assert_eq!(results.scenarios[0].runs, 2);
            assert_eq!(results.groups[0].first[0].seed, 2);
            assert_eq!(results.groups[0].count, 1);
        }
    }

    #[test]
    fn seeds_of_the_second_half_alone_run_the_first_half_for_its_guidance() {
        let board = board(true, (600, 601), Shard::WHOLE);
        let mut counted = Vec::new();
        let mut all = 0;
        while let Some(task) = board.next() {
            all += 1;
            if task.counts {
                counted.push(task.seed);
            }
            board.done(&task, ran(task.seed, true));
        }
        assert_eq!((all, counted), (515, vec![600, 601]));
        assert_eq!(board.results(false).scenarios[0].runs, 2);
    }

    #[test]
    fn shards_take_whole_units_and_all_of_them_together_take_everything() {
        let mut runs = 0;
        for index in 0..3 {
            let board = board(true, (1, 4096), Shard { index, count: 3 });
            let mut own = 0;
            while let Some(task) = board.next() {
                own += u64::from(task.counts);
                board.done(&task, ran(task.seed, false));
            }
            assert_eq!(own % 1024, 0);
            assert_eq!(board.results(false).scenarios[0].runs, own);
            runs += own;
        }
        assert_eq!(runs, 4096);
    }
}
