//! Which clients ran, and how they ended.

use super::evidence::Evidence;
use super::registry::NONE;
use crate::history::event::{Started, StopReason, Stopped};
use crate::words::seconds;

/// How an incarnation ended.
#[derive(Clone, Debug)]
pub(crate) struct Stop {
    pub(crate) t: u64,
    pub(crate) incarnation: u32,
    pub(crate) reason: StopReason,
    text: String,
}

/// One client, through all its incarnations.
#[derive(Clone, Debug, Default)]
struct Life {
    /// Incarnations that began to run.
    begun: u32,
    /// The latest of them.
    latest: u32,
    /// The latest end.
    stopped: Option<Stop>,
}

/// Every client's life, as far as the history tells it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lives {
    lives: Vec<Life>,
    /// The history says who began to run: who is not in it never ran.
    told: bool,
}

impl Lives {
    fn life(&mut self, client: u32) -> &mut Life {
        if self.lives.len() <= client as usize {
            self.lives.resize_with(client as usize + 1, Life::default);
        }
        &mut self.lives[client as usize]
    }

    pub(crate) fn started(&mut self, e: &Started) {
        self.told = true;
        let life = self.life(e.c);
        life.begun += 1;
        life.latest = life.latest.max(e.i);
    }

    pub(crate) fn stopped(&mut self, e: &Stopped<'_>) {
        let stop = Stop { t: e.t, incarnation: e.i, reason: e.reason, text: e.text.to_string() };
        self.life(e.c).stopped = Some(stop);
    }

    /// Whether the history says who began to run.
    pub(crate) fn told(&self) -> bool {
        self.told
    }

    /// How many incarnations of a client the history says began.
    pub(crate) fn begun(&self, client: u32) -> u32 {
        self.lives.get(client as usize).map_or(0, |life| life.begun)
    }

    /// It never began to run, for certain.
    pub(crate) fn never_ran(&self, client: u32) -> bool {
        self.told && self.begun(client) == 0
    }

    /// How it ended, unless it runs.
    pub(crate) fn gone(&self, client: u32) -> Option<&Stop> {
        let life = self.lives.get(client as usize)?;
        life.stopped.as_ref().filter(|stop| stop.incarnation >= life.latest)
    }

    /// It runs in the end, for certain.
    pub(crate) fn runs(&self, client: u32) -> bool {
        self.begun(client) > 0 && self.gone(client).is_none()
    }

    /// Whether an incarnation was stopped, and how.
    pub(crate) fn stop_of(&self, client: u32, incarnation: u32) -> Option<&Stop> {
        let stopped = self.lives.get(client as usize)?.stopped.as_ref();
        stopped.filter(|stop| stop.incarnation == incarnation)
    }

    /// What became of a client that does not run, as a sentence: `job was killed at 5.000 s and did not come back`.
    pub(crate) fn fate(&self, ev: &Evidence, client: u32) -> Option<String> {
        let name = &ev.client(client).name;
        if self.never_ran(client) {
            return Some(format!("{name} never ran"));
        }
        let stop = self.gone(client)?;
        let how = match stop.reason {
            StopReason::Killed => "was killed",
            StopReason::Ended => "ended",
            StopReason::Panicked => "panicked",
        };
        let text = if stop.text.is_empty() { String::new() } else { format!(" ({})", stop.text) };
        Some(format!("{name} {how} at {}{text} and did not come back", seconds(stop.t)))
    }
}

/// How many incarnations of each client did anything.
pub(crate) fn incarnations(ev: &Evidence, lives: &Lives) -> Vec<u32> {
    let mut counts: Vec<u32> = (0..ev.clients.len() as u32).map(|client| lives.begun(client)).collect();
    if lives.told() {
        return counts;
    }
    // Who does not say it is counted by what it did.
    let seen = ev.sessions.iter().map(|s| (s.client, s.incarnation));
    for (client, incarnation) in seen.chain(ev.cursors.iter().map(|c| (c.client, c.incarnation))) {
        if client != NONE {
            let count = &mut counts[client as usize];
            *count = (*count).max(incarnation.saturating_add(1));
        }
    }
    counts
}
