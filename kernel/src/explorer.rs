//! Where deviations come from: drawn from named streams, or taken from a written list.

use std::collections::BTreeMap;

use crate::Actor;
use crate::link::{LinkId, LinkTable};
use crate::schedule::{Effect, MessageName};
use crate::stream::{PPM, Stream, mix, scale};
use crate::time::{Instant, Span};
use crate::vocabulary::{Kind as _, Subject as _, Vocabulary};

/// The source of deviations of messages.
#[derive(Clone, Debug)]
pub enum Explorer<V: Vocabulary> {
    /// Nothing deviates.
    Nominal,
    /// Each link draws from its own stream.
    Draw(Box<Draw<V>>),
    /// Deviations are looked up by name.
    Replay(Replay<V>),
    /// They are looked up by name before that instant, and drawn from then on.
    Splice(Replay<V>, Instant, Box<Draw<V>>),
}

impl<V: Vocabulary> Explorer<V> {
    /// Whether messages have to be named.
    pub fn needs_names(&self) -> bool {
        matches!(self, Explorer::Replay(_) | Explorer::Splice(..))
    }
}

/// Draws by link.
#[derive(Clone, Debug)]
pub struct Draw<V: Vocabulary> {
    root: u64,
    chances: Chances,
    until: Instant,
    names: Vec<String>,
    links: LinkTable,
    streams: Vec<Option<Stream>>,
    probes: Probes<V>,
    requests: Shares,
    answers: Shares,
    /// Jitter that every message has that nothing worse befalls.
    jitter: u64,
}

/// How messages deviate that are drawn for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Chances {
    /// Messages delayed, in a million, and by how much at most.
    pub delay_ppm: u64,
    /// Shortest delay.
    pub delay_min: Span,
    /// Longest delay.
    pub delay_max: Span,
    /// Messages delayed for longer than that (late requests of dead connections), in a million.
    pub late_ppm: u64,
    /// Longest of those.
    pub late_max: Span,
    /// Connections lost before a request is handled, in a million requests.
    pub lose_request_ppm: u64,
    /// Connections lost after a request was handled, in a million requests.
    pub lose_response_ppm: u64,
    /// Every message travels up to this much longer; zero for none.
    pub jitter_max: Span,
    /// Large deviations of single messages, at places drawn from the seed.
    pub probes: u32,
}

impl Chances {
    /// What befalls messages in all: in a million of them. Jitter and probes are not counted.
    pub fn shares(&self) -> u64 {
        self.delay_ppm + self.late_ppm + self.lose_request_ppm + self.lose_response_ppm
    }

    /// A network that mostly works: one message in a hundred is late, and some are very late or lost.
    pub const USUAL: Chances = Chances {
        delay_ppm: 10_000,
        delay_min: Span::ZERO,
        delay_max: Span::from_millis(500),
        late_ppm: 1_000,
        late_max: Span::from_secs(3),
        lose_request_ppm: 2_000,
        lose_response_ppm: 2_000,
        jitter_max: Span::from_millis(2),
        probes: 0,
    };
}

/// Few large deviations at random places, in the manner of PCT (Burckhardt et al., 2010): deep orderings need few of
/// them. A place is "the n-th message of a kind from a time on", so that kinds that are rare are hit as often as others.
#[derive(Clone, Debug)]
struct Probes<V: Vocabulary> {
    list: Vec<Probe<V>>,
    /// A bit for each kind that some probe still waits for. (Kinds may share a bit.)
    kinds: u128,
}

#[derive(Clone, Copy, Debug)]
struct Probe<V: Vocabulary> {
    kind: V::Kind,
    after: Instant,
    skip: u64,
    effect: Effect<V>,
}

impl<V: Vocabulary> Probes<V> {
    fn new(root: u64, chances: &Chances, until: Instant) -> Probes<V> {
        let mut stream = Stream::new(root, "probes");
        let mut list = Vec::new();
        for _ in 0..if V::AIMS.is_empty() { 0 } else { chances.probes } {
            let kind = V::AIMS[stream.below(V::AIMS.len() as u64) as usize];
            let after = Instant(stream.between(0, until.0));
            let skip = stream.below(4);
            // Spans from 1 ms to the longest late message, all orders of magnitude alike.
            let longest = chances.late_max.0.max(2_000_000);
            let magnitude = stream.below(u64::from((longest / 1_000_000).ilog2()) + 1);
            let low = 1_000_000u64 << magnitude;
            let span = Span(stream.between(low, (low * 2).min(longest)));
            let effect = match stream.below(8) {
                0 | 1 => Effect::LoseRequest,
                2 | 3 => Effect::LoseResponse,
                4..=6 => Effect::DelayRequest(span),
                _ => Effect::DelayResponse(span),
            };
            list.push(Probe { kind, after, skip, effect });
        }
        let mut probes = Probes { list, kinds: 0 };
        probes.index();
        probes
    }

    fn index(&mut self) {
        self.kinds = self.list.iter().fold(0, |kinds, p| kinds | bit(p.kind));
    }

    fn take(&mut self, now: Instant, kind: V::Kind, is_request: bool) -> Option<Effect<V>> {
        if self.kinds & bit(kind) == 0 {
            return None;
        }
        let of_answer = |effect: Effect<V>| matches!(effect, Effect::DelayResponse(_));
        let fits = |p: &Probe<V>| p.kind == kind && now >= p.after && of_answer(p.effect) != is_request;
        let index = self.list.iter().position(fits)?;
        if self.list[index].skip > 0 {
            self.list[index].skip -= 1;
            return None;
        }
        let effect = self.list.swap_remove(index).effect;
        self.index();
        Some(effect)
    }
}

fn bit<K: crate::vocabulary::Kind>(kind: K) -> u128 {
    1 << (kind.word() & 127)
}

/// What befalls messages of one direction, as shares of a million, one after the other: a lost request, a lost answer,
/// very late, late; then jitter or nothing.
#[derive(Clone, Copy, Debug)]
struct Shares {
    lose_request: u64,
    lose: u64,
    late: u64,
    delay: u64,
    /// Nothing does.
    none: bool,
}

impl Shares {
    fn new(chances: &Chances, is_request: bool) -> Shares {
        let share = |ppm: u64| if is_request { ppm } else { 0 };
        let lose_request = share(chances.lose_request_ppm);
        let lose = lose_request + share(chances.lose_response_ppm);
        let late = lose + chances.late_ppm;
        let delay = late + chances.delay_ppm;
        Shares { lose_request, lose, late, delay, none: delay + chances.jitter_max.0 == 0 }
    }
}

impl<V: Vocabulary> Draw<V> {
    /// Draws for the nodes of these names and the links between them, until faults stop.
    pub fn new(root: u64, chances: Chances, until: Instant, names: Vec<String>, links: LinkTable) -> Draw<V> {
        let probes = Probes::new(root, &chances, until);
        let (requests, answers, jitter) =
            (Shares::new(&chances, true), Shares::new(&chances, false), chances.jitter_max.0);
        let streams = vec![None; links.count()];
        Draw { root, chances, until, names, links, streams, probes, requests, answers, jitter }
    }

    #[inline]
    fn stream(&mut self, link: LinkId) -> &mut Stream {
        let slot = &mut self.streams[link as usize];
        slot.get_or_insert_with(|| new_stream(self.root, &self.names, self.links.ends(link)))
    }

    /// What happens to a message that is sent now.
    #[inline(always)]
    pub fn draw(&mut self, now: Instant, link: LinkId, kind: V::Kind, is_request: bool) -> Option<Effect<V>> {
        if now >= self.until {
            return None;
        }
        if self.probes.kinds != 0
            && let Some(effect) = self.probes.take(now, kind, is_request)
        {
            return Some(effect);
        }
        let (none, delay) = match is_request {
            true => (self.requests.none, self.requests.delay),
            false => (self.answers.none, self.answers.delay),
        };
        if none {
            return None;
        }
        let (r, rest) = self.stream(link).below_with_rest(PPM);
        if r >= delay && self.jitter == 0 {
            return None;
        }
        let (lost, span) = self.deviation(if is_request { &self.requests } else { &self.answers }, r, rest);
        Some(match is_request {
            true if lost => {
                if r < self.requests.lose_request {
                    Effect::LoseRequest
                } else {
                    Effect::LoseResponse
                }
            }
            true => Effect::DelayRequest(span),
            false => Effect::DelayResponse(span),
        })
    }

    /// Whether the message is lost, else how long it is delayed.
    #[inline]
    fn deviation(&self, shares: &Shares, r: u64, rest: u64) -> (bool, Span) {
        let (min, max) = match () {
            () if r < shares.late => (self.chances.delay_max.0, self.chances.late_max.0),
            () if r < shares.delay => (self.chances.delay_min.0, self.chances.delay_max.0),
            () => (0, self.jitter),
        };
        (r < shares.lose, Span(scale(rest, min, max)))
    }
}

#[cold]
#[inline(never)]
fn new_stream(root: u64, names: &[String], (from, to): (Actor, Actor)) -> Stream {
    Stream::new(root, &format!("link {} -> {}", names[from as usize], names[to as usize]))
}

/// A written list, by name.
#[derive(Clone, Debug)]
pub struct Replay<V: Vocabulary> {
    effects: BTreeMap<MessageName<V>, Vec<(Effect<V>, bool)>>,
    /// For each sender a bit for each kind of which a message deviates. (Kinds may share a bit.)
    kinds: Vec<u128>,
    /// A bit for each sender, kind and subject. (They may share a bit, too.)
    subjects: [u128; 8],
}

impl<V: Vocabulary> Replay<V> {
    /// The effects of a list.
    pub fn new(list: impl IntoIterator<Item = (MessageName<V>, Effect<V>)>) -> Replay<V> {
        let mut effects: BTreeMap<MessageName<V>, Vec<(Effect<V>, bool)>> = BTreeMap::new();
        for (name, effect) in list {
            effects.entry(name).or_default().push((effect, false));
        }
        let mut replay = Replay { effects, kinds: Vec::new(), subjects: [0; 8] };
        for name in replay.effects.keys() {
            let from = usize::from(name.from);
            replay.kinds.resize(replay.kinds.len().max(from + 1), 0);
            replay.kinds[from] |= Self::bit(name.kind);
            let (word, bit) = Self::place(name.from, name.kind, name.subject);
            replay.subjects[word] |= bit;
        }
        replay
    }

    fn place(from: Actor, kind: V::Kind, subject: V::Subject) -> (usize, u128) {
        let (what, number) = subject.words();
        let hash = mix(mix(what ^ kind.word() << 40 ^ u64::from(from) << 16) ^ number);
        ((hash % 8) as usize, 1 << (hash >> 8 & 127))
    }

    fn bit(kind: V::Kind) -> u128 {
        1 << (kind.word() % 127)
    }

    /// Whether some message of that sender, kind and subject may deviate. What does not need not be named.
    #[inline]
    pub fn concerns_subject(&self, from: Actor, kind: V::Kind, subject: V::Subject) -> bool {
        let (word, bit) = Self::place(from, kind, subject);
        self.subjects[word] & bit != 0
    }

    /// Whether some message of that sender and kind may deviate.
    #[inline]
    pub fn concerns(&self, from: Actor, kind: V::Kind) -> bool {
        self.kinds.get(usize::from(from)).is_some_and(|kinds| kinds & Self::bit(kind) != 0)
    }

    /// What happens to the message of that name; remembers that it occurred.
    pub fn take(&mut self, name: &MessageName<V>) -> impl Iterator<Item = Effect<V>> + '_ {
        self.effects.get_mut(name).into_iter().flatten().map(|(effect, used)| {
            *used = true;
            *effect
        })
    }

    /// What did not occur: these deviations no longer apply.
    pub fn unused(&self) -> Vec<(MessageName<V>, Effect<V>)> {
        self.effects
            .iter()
            .flat_map(|(name, list)| list.iter().filter(|(_, used)| !used).map(|(effect, _)| (*name, *effect)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Numbers, One};

    const UNTIL: Instant = Instant(1_000_000_000);

    fn draw(seed: u64, chances: Chances) -> Draw<Numbers> {
        let names = ["a", "b", "c"].map(str::to_string).to_vec();
        Draw::new(seed, chances, UNTIL, names, LinkTable::new(3, |node| node > 0))
    }

    /// What becomes of a thousand messages of one link.
    fn effects(draw: &mut Draw<Numbers>, link: LinkId, is_request: bool) -> Vec<Option<Effect<Numbers>>> {
        (0..1000).map(|n| draw.draw(Instant(n), link, One, is_request)).collect()
    }

    #[test]
    fn each_link_has_a_stream_of_its_own() {
        let (mut one, mut two) = (draw(1, Chances::USUAL), draw(1, Chances::USUAL));
        let first = effects(&mut one, 0, true);
        let _ = effects(&mut two, 1, true);
        assert_eq!(first, effects(&mut two, 0, true), "what another link drew before changes nothing");
        assert_ne!(first, effects(&mut one, 1, true));
    }

    #[test]
    fn nothing_is_drawn_once_faults_stop_and_answers_are_only_delayed() {
        let chances = Chances { lose_request_ppm: 100_000, lose_response_ppm: 100_000, ..Chances::USUAL };
        let mut draw = draw(1, chances);
        assert_eq!(draw.draw(UNTIL, 0, One, true), None);
        let requests = effects(&mut draw, 0, true);
        let count = |wanted| requests.iter().filter(|effect| **effect == Some(wanted)).count();
        assert!((50..150).contains(&count(Effect::LoseRequest)) && (50..150).contains(&count(Effect::LoseResponse)));
        let answers = effects(&mut draw, 0, false);
        assert!(answers.iter().flatten().all(|effect| matches!(effect, Effect::DelayResponse(_))));
    }

    #[test]
    fn probes_strike_as_often_as_there_are_and_leave_the_rest_alone() {
        let chances = Chances { probes: 5, late_max: Span::from_secs(10), ..Chances::default() };
        for seed in 0..100 {
            let mut draw = draw(seed, chances);
            let instants = (0..1000).map(|n| Instant(n * 999_999));
            let effects = instants.flat_map(|at| [draw.draw(at, 0, One, true), draw.draw(at, 0, One, false)]);
            let struck: Vec<_> = effects.flatten().collect();
            assert!((3..=5).contains(&struck.len()), "seed {seed}: {struck:?}"); // some wait for more than there is
        }
    }

    #[test]
    fn a_replay_knows_what_may_be_meant_and_what_was() {
        let name = |subject| MessageName { from: 1, incarnation: 0, to: None, kind: One, subject, attempt: 0 };
        let mut replay: Replay<Numbers> =
            Replay::new([(name(7), Effect::LoseRequest), (name(8), Effect::LoseResponse)]);
        assert!(replay.concerns(1, One) && !replay.concerns(0, One) && !replay.concerns(9, One));
        assert!(replay.concerns_subject(1, One, 7));
        assert!((100..200).any(|other| !replay.concerns_subject(1, One, other)));
        assert_eq!(replay.take(&name(7)).collect::<Vec<_>>(), [Effect::LoseRequest]);
        assert_eq!(replay.take(&name(9)).count(), 0);
        assert_eq!(replay.unused(), [(name(8), Effect::LoseResponse)]);
    }
}
