//! A narrow window on a story: the few messages around what matters, of those that a lesson is about.

use std::collections::BTreeMap;

use super::{BandKind, BatchKind, Fate, Moment, Story};

/// Refusals that every client meets, and gets over by asking again: they and what they answer are not shown.
const ROUTINE: &[&str] = &["COORDINATOR_LOAD_IN_PROGRESS", "MEMBER_ID_REQUIRED", "CONCURRENT_TRANSACTIONS"];
/// Nanoseconds before and after what is shown within which faults still belong to it.
const MARGIN: u64 = 1_000_000_000;

/// What is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Clients whose messages are shown; all if there are none.
    pub clients: Vec<String>,
    /// Kinds of messages, as Kafka calls them; all if there are none. Of each only those that are about applications.
    pub kinds: Vec<String>,
    /// Messages at most.
    pub messages: usize,
}

impl Default for Window {
    fn default() -> Window {
        Window { clients: Vec::new(), kinds: Vec::new(), messages: 12 }
    }
}

impl Window {
    /// The moments of a story that it shows, in the order of time.
    pub fn moments(&self, story: &Story) -> Vec<Moment> {
        let passing = self.passing(story);
        let interest = interest(story, &passing);
        let chosen = self.choose(story, &passing, &interest);
        let mut moments: Vec<(u64, u8, Moment)> =
            chosen.iter().map(|n| (story.messages[*n].sent, 1, Moment::Message(*n))).collect();
        let times = chosen.iter().map(|n| &story.messages[*n]);
        let first = times.clone().map(|m| m.sent).min().unwrap_or(0);
        let last = times.map(|m| m.arrived).max().unwrap_or(story.end);
        let near = |t: u64| t + MARGIN >= first && t <= last + MARGIN;
        let bands = story.bands.iter().enumerate().filter(|(_, b)| near(b.from)).take(8);
        moments.extend(bands.map(|(n, b)| (b.from, if b.kind == BandKind::Event { 2 } else { 0 }, Moment::Band(n))));
        moments.extend(
            story.fences.iter().enumerate().filter(|(_, f)| near(f.t)).take(4).map(|(n, f)| (f.t, 3, Moment::Fence(n))),
        );
        moments.sort_by_key(|(t, order, _)| (*t, *order));
        let mut told = Vec::with_capacity(moments.len());
        let mut next = 0;
        for (_, _, moment) in moments {
            if let Moment::Message(n) = moment {
                let place = passing.partition_point(|m| *m < n);
                if place > next {
                    told.push(Moment::Omitted(place - next));
                }
                next = place + 1;
            }
            told.push(moment);
        }
        if passing.len() > next {
            told.push(Moment::Omitted(passing.len() - next));
        }
        told
    }

    /// Messages that may be shown, by index.
    fn passing(&self, story: &Story) -> Vec<usize> {
        let named = |lane: u32| {
            let lane = &story.lanes[lane as usize];
            !lane.kind.is_client() || self.clients.is_empty() || self.clients.contains(&lane.name)
        };
        let kind = |kind: &String| self.kinds.contains(kind);
        let passes = |n: &usize| {
            let m = &story.messages[*n];
            m.purpose.is_essential() && (self.kinds.is_empty() || kind(&m.kind)) && named(m.from) && named(m.to)
        };
        let mut routine = vec![false; story.messages.len()];
        for (n, m) in story.messages.iter().enumerate() {
            if m.error.as_deref().is_some_and(|error| ROUTINE.contains(&error)) {
                routine[n] = true;
                m.request.into_iter().for_each(|request| routine[request as usize] = true);
            }
        }
        (0..story.messages.len()).filter(|n| !routine[*n]).filter(passes).collect()
    }

    /// First what matters, then what stands next to it.
    fn choose(&self, story: &Story, passing: &[usize], interest: &BTreeMap<usize, u32>) -> Vec<usize> {
        let mut answers: BTreeMap<usize, usize> = BTreeMap::new();
        for (n, m) in story.messages.iter().enumerate() {
            answers.extend(m.request.map(|request| (request as usize, n)));
        }
        let place = |n: usize| passing.binary_search(&n).ok();
        let mut heads: Vec<usize> = passing.iter().copied().filter(|n| interest.contains_key(n)).collect();
        heads.sort_by_key(|n| (core::cmp::Reverse(interest[n]), *n));
        let mut taken: Vec<bool> = vec![false; passing.len()];
        let mut left = self.messages;
        let mut take = |at: usize, left: &mut usize| {
            if !core::mem::replace(&mut taken[at], true) {
                *left = left.saturating_sub(1);
            }
        };
        // Request and answer belong together.
        let pair = |n: usize| [Some(n), story.messages[n].request.map(|r| r as usize), answers.get(&n).copied()];
        for head in &heads {
            if left == 0 {
                break;
            }
            for at in pair(*head).into_iter().flatten().filter_map(place) {
                take(at, &mut left);
            }
        }
        let anchors: Vec<usize> = heads.iter().filter_map(|n| place(*n)).collect();
        for distance in 1..=passing.len() {
            for anchor in anchors.iter().copied().chain(anchors.is_empty().then_some(0)) {
                for at in [anchor.checked_sub(distance), Some(anchor + distance)].into_iter().flatten() {
                    if left > 0 && at < passing.len() {
                        for at in pair(passing[at]).into_iter().flatten().filter_map(place) {
                            take(at, &mut left);
                        }
                    }
                }
            }
            if left == 0 {
                break;
            }
        }
        passing.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(n, _)| *n).collect()
    }
}

/// Messages that matter, and how much; `passing` are those that may be shown.
fn interest(story: &Story, passing: &[usize]) -> BTreeMap<usize, u32> {
    let mut found: BTreeMap<usize, u32> = BTreeMap::new();
    let mut note = |n: usize, weight: u32| {
        let known = found.entry(n).or_default();
        *known = weight.max(*known);
    };
    for strip in &story.strips {
        for flaw in strip.flaws.iter().take(2) {
            let original = flaw.of.map(|(s, offset)| (&story.strips[s as usize], offset));
            for (strip, offset) in core::iter::once((strip, flaw.first)).chain(original) {
                let message = strip.batch_at(offset).and_then(|n| strip.batches[n].message);
                if let Some(message) = message {
                    note(message as usize, 40);
                }
            }
        }
    }
    for strip in &story.strips {
        let in_doubt = strip
            .batches
            .iter()
            .filter(|b| b.kind == BatchKind::Transactional && b.decided.is_none_or(|(_, commit)| !commit));
        for message in in_doubt.take(2).filter_map(|b| b.message) {
            note(message as usize, 12);
        }
    }
    let mut refusals: BTreeMap<(&str, &str), u32> = BTreeMap::new();
    for (n, m) in story.messages.iter().enumerate() {
        if matches!(m.fate, Fate::Lost | Fate::Late) {
            note(n, 35);
        }
        if let Some(error) = m.error.as_deref() {
            let times = refusals.entry((&m.kind, error)).or_default();
            *times += 1;
            if *times <= 2 {
                note(n, 30 - *times);
            }
        }
        if !m.answer && m.label.starts_with("abort") {
            note(n, 15);
        }
    }
    for band in &story.bands {
        for t in [band.from, band.to] {
            let after = passing.partition_point(|n| story.messages[*n].sent < t);
            let around = [after.checked_sub(1), Some(after)].into_iter().flatten();
            around.filter_map(|place| passing.get(place)).for_each(|n| note(*n, 5));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Lane, LaneKind, Message, Purpose};

    fn story() -> Story {
        let lane = |name: &str, kind| Lane { name: name.into(), kind };
        let lanes = vec![
            lane("till", LaneKind::Producer),
            lane("other", LaneKind::Producer),
            lane("broker-1", LaneKind::Broker),
        ];
        let mut messages = Vec::new();
        for n in 0..20u64 {
            let from = u32::from(n % 2 == 1);
            let purpose = Purpose::Produce;
            let asked = Message { from, to: 2, kind: "Produce".into(), purpose, sent: 10 * n, ..Message::default() };
            messages.push(asked);
            let request = Some(2 * n as u32);
            let fate = if n == 10 { Fate::Lost } else { Fate::Delivered };
            let (to, kind, sent) = (from, "Produce".into(), 10 * n + 5);
            messages.push(Message {
                from: 2,
                to,
                kind,
                purpose,
                answer: true,
                request,
                sent,
                fate,
                ..Message::default()
            });
        }
        Story { lanes, messages, ..Story::default() }
    }

    #[test]
    fn what_was_lost_is_shown_with_its_neighbours_of_the_clients_that_are_named() {
        let window = Window { clients: vec!["till".into()], kinds: vec!["Produce".into()], messages: 6 };
        let shown = window.moments(&story());
        // Requests 8, 10 and 12 of the till, each with its answer; ten pairs are the till's.
        let expected = [16, 17, 20, 21, 24, 25].map(Moment::Message);
        assert_eq!(shown[1..7], expected);
        assert_eq!((shown[0], shown[7]), (Moment::Omitted(8), Moment::Omitted(6)));
    }

    #[test]
    fn a_story_in_which_nothing_happens_is_shown_from_its_beginning() {
        let mut story = story();
        story.messages.iter_mut().for_each(|m| m.fate = Fate::Delivered);
        let window = Window { messages: 4, ..Window::default() };
        let first: Vec<Moment> = (0..4).map(Moment::Message).collect();
        assert_eq!(window.moments(&story)[..4], first);
    }
}
