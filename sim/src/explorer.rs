//! Where deviations come from: drawn from named streams, or taken from a written list.

use std::collections::BTreeMap;

use fencepost_protocol::message::ApiKey;
use fencepost_protocol::time::{Instant, Span};

use crate::message::Kind;
use crate::plan::ChaosPlan;
use crate::schedule::{Actor, Effect, MessageName, Subject};
use crate::stream::{PPM, Stream, mix, scale};
use crate::world::{LinkId, LinkTable};

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
    links: LinkTable,
    streams: Vec<Option<Stream>>,
    probes: Probes,
    requests: Shares,
    answers: Shares,
    /// Jitter that every message has that nothing worse befalls.
    jitter: u64,
}

/// Kinds of messages that probes aim at: all that the protocol of transactions, groups and replication rests on. Kinds
/// that come more than once are hit more often.
const AIMS: [ApiKey; 24] = [
    ApiKey::Produce,
    ApiKey::Produce,
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::Fetch,
    ApiKey::InitProducerId,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddPartitionsToTxn,
    ApiKey::AddOffsetsToTxn,
    ApiKey::EndTxn,
    ApiKey::EndTxn,
    ApiKey::EndTxn,
    ApiKey::WriteTxnMarkers,
    ApiKey::WriteTxnMarkers,
    ApiKey::TxnOffsetCommit,
    ApiKey::TxnOffsetCommit,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::JoinGroup,
    ApiKey::SyncGroup,
    ApiKey::Heartbeat,
    ApiKey::Metadata,
    ApiKey::AlterPartition,
    ApiKey::MetadataFetch,
];

/// Few large deviations at random places, in the manner of PCT (Burckhardt et al., 2010): deep orderings need few of
/// them. A place is "the n-th message of a kind from a time on", so that kinds that are rare are hit as often as others.
#[derive(Clone, Debug, Default)]
struct Probes {
    list: Vec<Probe>,
    /// Bit `kind` is set for kinds that some probe still waits for; kinds outside 0 to 127 are not looked up.
    kinds: u128,
}

#[derive(Clone, Copy, Debug)]
struct Probe {
    kind: ApiKey,
    after: Instant,
    skip: u64,
    effect: Effect,
}

impl Probes {
    fn new(root: u64, chaos: &ChaosPlan, until: Instant) -> Probes {
        let mut stream = Stream::new(root, "probes");
        let mut list = Vec::new();
        for _ in 0..chaos.probes {
            let kind = AIMS[stream.below(AIMS.len() as u64) as usize];
            let after = Instant(stream.between(0, until.0));
            let skip = stream.below(4);
            // Spans from 1 ms to the longest late message, all orders of magnitude alike.
            let longest = chaos.late_max.0.max(2_000_000);
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

    fn take(&mut self, now: Instant, kind: ApiKey, is_request: bool) -> Option<Effect> {
        if self.kinds & bit(kind) == 0 {
            return None;
        }
        let of_answer = |effect: Effect| matches!(effect, Effect::DelayResponse(_));
        let fits = |p: &Probe| p.kind == kind && now >= p.after && of_answer(p.effect) != is_request;
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

const fn bit(kind: ApiKey) -> u128 {
    let key = kind as i16;
    // The model's own kinds are negative: they take the places at the end.
    1 << (if key < 0 { 128 + key } else { key } & 127)
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
    fn new(chaos: &ChaosPlan, is_request: bool) -> Shares {
        let share = |ppm: u64| if is_request { ppm } else { 0 };
        let lose_request = share(chaos.lose_request_ppm);
        let lose = lose_request + share(chaos.lose_response_ppm);
        let late = lose + chaos.late_ppm;
        let delay = late + chaos.delay_ppm;
        Shares { lose_request, lose, late, delay, none: delay + chaos.jitter_max.0 == 0 }
    }
}

impl Draw {
    /// Draws for the nodes of these names and the links between them, until faults stop.
    pub(crate) fn new(root: u64, chaos: ChaosPlan, until: Instant, names: Vec<String>, links: LinkTable) -> Draw {
        let probes = Probes::new(root, &chaos, until);
        let (requests, answers, jitter) = (Shares::new(&chaos, true), Shares::new(&chaos, false), chaos.jitter_max.0);
        let streams = vec![None; links.len()];
        Draw { root, chaos, until, names, links, streams, probes, requests, answers, jitter }
    }

    #[inline]
    fn stream(&mut self, link: LinkId) -> &mut Stream {
        let slot = &mut self.streams[link as usize];
        slot.get_or_insert_with(|| new_stream(self.root, &self.names, self.links.ends(link)))
    }

    /// What happens to a message that is sent now.
    #[inline(always)]
    pub fn draw(&mut self, now: Instant, link: LinkId, kind: Kind, is_request: bool) -> Option<Effect> {
        if now >= self.until {
            return None;
        }
        if self.probes.kinds != 0
            && let Kind::Kafka(kind) = kind
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
            () if r < shares.late => (self.chaos.delay_max.0, self.chaos.late_max.0),
            () if r < shares.delay => (self.chaos.delay_min.0, self.chaos.delay_max.0),
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
#[derive(Clone, Debug, Default)]
pub struct Replay {
    effects: BTreeMap<MessageName, Vec<(Effect, bool)>>,
    /// For each sender a bit for each kind of which a message deviates. (Kinds may share a bit.)
    kinds: Vec<u128>,
    /// A bit for each sender, kind and subject. (They may share a bit, too.)
    subjects: [u128; 8],
}

impl Replay {
    /// The effects of a list.
    pub fn new(list: impl IntoIterator<Item = (MessageName, Effect)>) -> Replay {
        let mut effects: BTreeMap<MessageName, Vec<(Effect, bool)>> = BTreeMap::new();
        for (name, effect) in list {
            effects.entry(name).or_default().push((effect, false));
        }
        let mut replay = Replay { effects, ..Replay::default() };
        for name in replay.effects.keys() {
            let from = usize::from(name.from);
            replay.kinds.resize(replay.kinds.len().max(from + 1), 0);
            replay.kinds[from] |= Replay::bit(name.kind);
            let (word, bit) = Replay::place(name.from, name.kind, name.subject);
            replay.subjects[word] |= bit;
        }
        replay
    }

    fn place(from: Actor, kind: Kind, subject: Subject) -> (usize, u128) {
        let (what, number) = subject.words();
        let hash = mix(mix(what ^ kind.word() << 40 ^ u64::from(from) << 16) ^ number);
        ((hash % 8) as usize, 1 << (hash >> 8 & 127))
    }

    fn bit(kind: Kind) -> u128 {
        1 << (kind.word() % 127)
    }

    /// Whether some message of that sender, kind and subject may deviate. What does not need not be named.
    #[inline]
    pub fn concerns_subject(&self, from: Actor, kind: Kind, subject: Subject) -> bool {
        let (word, bit) = Replay::place(from, kind, subject);
        self.subjects[word] & bit != 0
    }

    /// Whether some message of that sender and kind may deviate.
    #[inline]
    pub fn concerns(&self, from: Actor, kind: Kind) -> bool {
        self.kinds.get(usize::from(from)).is_some_and(|kinds| kinds & Replay::bit(kind) != 0)
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
