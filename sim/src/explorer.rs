//! Where deviations come from: drawn from named streams, or taken from a written list.

use std::collections::BTreeMap;

use fencepost_protocol::time::{Instant, Span};

use crate::plan::ChaosPlan;
use crate::schedule::{Actor, Effect, MessageName};
use crate::stream::{PPM, Stream};

/// The source of deviations of messages.
#[derive(Clone, Debug)]
pub enum Explorer {
    /// Nothing deviates.
    Nominal,
    /// Each link draws from its own stream.
    Draw(Box<Draw>),
    /// Deviations are looked up by name.
    Replay(Replay),
    /// They are looked up by name before that instant, and drawn from then on.
    Splice(Replay, Instant, Box<Draw>),
}

impl Explorer {
    /// Whether messages have to be named.
    pub fn needs_names(&self) -> bool {
        matches!(self, Explorer::Replay(_) | Explorer::Splice(..))
    }
}

/// Draws by link.
#[derive(Clone, Debug)]
pub struct Draw {
    root: u64,
    chaos: ChaosPlan,
    until: Instant,
    names: Vec<String>,
    streams: Vec<Option<Stream>>,
}

impl Draw {
    /// Draws for the nodes of these names, until faults stop.
    pub fn new(root: u64, chaos: ChaosPlan, until: Instant, names: Vec<String>) -> Draw {
        let links = names.len() * names.len();
        Draw { root, chaos, until, names, streams: vec![None; links] }
    }

    fn stream(&mut self, from: Actor, to: Actor) -> &mut Stream {
        let n = self.names.len();
        let slot = &mut self.streams[from as usize * n + to as usize];
        slot.get_or_insert_with(|| {
            let name = format!("link {} -> {}", self.names[from as usize], self.names[to as usize]);
            Stream::new(self.root, &name)
        })
    }

    /// What happens to a message that is sent now.
    #[inline]
    pub fn draw(&mut self, now: Instant, from: Actor, to: Actor, is_request: bool) -> Option<Effect> {
        if now >= self.until {
            return None;
        }
        // Shares of a million, one after the other: a lost request, a lost answer, very late, late, nothing.
        let lose_request = if is_request { self.chaos.lose_request_ppm } else { 0 };
        let lose = lose_request + if is_request { self.chaos.lose_response_ppm } else { 0 };
        let late = lose + self.chaos.late_ppm;
        let delay = late + self.chaos.delay_ppm;
        if delay == 0 {
            return None;
        }
        let (min, max, late_max) = (self.chaos.delay_min.0, self.chaos.delay_max.0, self.chaos.late_max.0);
        let stream = self.stream(from, to);
        let r = stream.below(PPM);
        if r >= delay {
            return None;
        }
        if r < lose {
            return Some(if r < lose_request { Effect::LoseRequest } else { Effect::LoseResponse });
        }
        let span = Span(if r < late { stream.between(max, late_max) } else { stream.between(min, max) });
        Some(if is_request { Effect::DelayRequest(span) } else { Effect::DelayResponse(span) })
    }
}

/// A written list, by name.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    effects: BTreeMap<MessageName, Vec<(Effect, bool)>>,
}

impl Replay {
    /// The effects of a list.
    pub fn new(list: impl IntoIterator<Item = (MessageName, Effect)>) -> Replay {
        let mut effects: BTreeMap<MessageName, Vec<(Effect, bool)>> = BTreeMap::new();
        for (name, effect) in list {
            effects.entry(name).or_default().push((effect, false));
        }
        Replay { effects }
    }

    /// What happens to the message of that name; remembers that it occurred.
    pub fn take(&mut self, name: &MessageName) -> impl Iterator<Item = Effect> + '_ {
        self.effects.get_mut(name).into_iter().flatten().map(|(effect, used)| {
            *used = true;
            *effect
        })
    }

    /// What did not occur: these deviations no longer apply.
    pub fn unused(&self) -> Vec<(MessageName, Effect)> {
        self.effects
            .iter()
            .flat_map(|(name, list)| list.iter().filter(|(_, used)| !used).map(|(effect, _)| (*name, *effect)))
            .collect()
    }
}
