//! Which few messages tell the story: for renderings that have no room for all of them.

use std::collections::BTreeMap;

use super::{BandKind, Fate, Link, Purpose, Story};

/// Refusals that every client meets when it starts, and gets over by asking again.
const ROUTINE: &[&str] = &["COORDINATOR_LOAD_IN_PROGRESS", "MEMBER_ID_REQUIRED"];

/// Something worth a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// A message, by index.
    Message(usize),
    /// A band begins, by index.
    Band(usize),
    /// A producer is fenced, by index.
    Fence(usize),
    /// So many messages of applications that are left out here.
    Omitted(usize),
}

impl Story {
    /// The time that a reader should see first: where the first thing that is wrong came about.
    pub fn focus(&self) -> u64 {
        let flawed = self.strips.iter().filter_map(|strip| {
            let flaw = strip.flaws.first()?;
            Some(strip.batches[strip.batch_at(flaw.first)?].t)
        });
        // A proof ends with what went wrong: the second charge, the reader that was given too much.
        let proof = {
            let times = |p: &super::Part| if let Some(Link::Time(t)) = p.link { Some(t) } else { None };
            let proofs = self.judgement.findings.iter().filter(|f| !f.allowed).flat_map(|f| f.proofs.first());
            proofs.map(|parts| parts.iter().filter_map(times).max()).next().flatten()
        };
        let fence = || self.fences.first().map(|f| f.t);
        let band = || self.bands.first().map(|b| b.from);
        let first = || self.messages.iter().find(|m| m.purpose.is_essential()).map(|m| m.sent);
        let lag = || {
            let levels = self.strips.iter().filter(|strip| !strip.internal).flat_map(|strip| &strip.levels);
            let worst = levels.max_by_key(|level| (level.hw - level.lso, core::cmp::Reverse(level.t)))?;
            (worst.hw - worst.lso > 0 && self.transactions.iter().any(|x| x.end.is_none_or(|end| end > worst.t)))
                .then_some(worst.t)
        };
        flawed.chain(proof).min().or_else(fence).or_else(band).or_else(lag).or_else(first).unwrap_or(0)
    }

    /// How much each message tells; 0 for those of no interest.
    fn weights(&self) -> Vec<u32> {
        // The first time that a request is refused in some way is news, the tenth is not.
        let mut refusals: BTreeMap<(&str, &str), u32> = BTreeMap::new();
        // Where something is wrong, waiting for the markers of the previous transaction is none of it.
        let wrong = self.judgement.findings.iter().any(|f| !f.allowed);
        let routine = |error: &str| ROUTINE.contains(&error) || wrong && error == "CONCURRENT_TRANSACTIONS";
        let mut weights: Vec<u32> = self
            .messages
            .iter()
            .map(|m| {
                let base = match m.purpose {
                    Purpose::Transaction => 5,
                    Purpose::Produce => 4,
                    Purpose::Consume => 2,
                    Purpose::Group => 1,
                    Purpose::Sink => 5,
                    Purpose::Replication | Purpose::Cluster | Purpose::Idle => return 0,
                };
                let fate = match m.fate {
                    Fate::Lost | Fate::Late => 10,
                    Fate::Delivered | Fate::Underway => 0,
                };
                let refusal = m.error.as_deref().filter(|error| !routine(error)).map_or(0, |error| {
                    let times = refusals.entry((&m.kind, error)).or_default();
                    *times += 1;
                    if *times <= 2 { 6 } else { 0 }
                });
                base + fate + refusal
            })
            .collect();
        for strip in &self.strips {
            for flaw in strip.flaws.iter().take(4) {
                let original = flaw.of.map(|(s, offset)| (&self.strips[s as usize], offset));
                for (strip, offset) in core::iter::once((strip, flaw.first)).chain(original) {
                    let batch = strip.batch_at(offset).map(|n| &strip.batches[n]);
                    if let Some(message) = batch.and_then(|b| b.message) {
                        weights[message as usize] += 20;
                    }
                }
            }
        }
        // What the proofs name: records, and times at which something was asked or answered.
        let proofs = self.judgement.findings.iter().filter(|f| !f.allowed).flat_map(|f| f.proofs.iter().take(2));
        for link in proofs.flatten().filter_map(|part| part.link) {
            match link {
                Link::Record(strip, offset) => {
                    let strip = &self.strips[strip as usize];
                    let batch = strip.batch_at(offset).map(|n| &strip.batches[n]);
                    if let Some(message) = batch.and_then(|b| b.message) {
                        weights[message as usize] += 20;
                    }
                }
                Link::Time(t) => {
                    for (message, weight) in self.messages.iter().zip(&mut weights) {
                        if *weight > 0 && (message.sent == t || message.arrived == t) {
                            *weight += 10;
                        }
                    }
                }
                Link::Lane(_) => {}
            }
        }
        // Request and answer belong together.
        for (n, message) in self.messages.iter().enumerate() {
            let Some(request) = message.request.map(|request| request as usize) else { continue };
            let larger = weights[n].max(weights[request]);
            if larger >= 9 && weights[request] > 0 {
                weights[n] = weights[n].max(larger - 3);
                weights[request] = weights[request].max(larger - 1);
            }
        }
        weights
    }
}

/// The moments of a story that tell most, at most `limit` messages, in the order of time.
pub fn moments(story: &Story, limit: usize) -> Vec<Moment> {
    let weights = story.weights();
    let focus = story.focus();
    let mut chosen: Vec<usize> = (0..weights.len()).filter(|n| weights[*n] > 0).collect();
    let total = chosen.len();
    chosen.sort_by_key(|n| (core::cmp::Reverse(weights[*n]), story.messages[*n].sent.abs_diff(focus)));
    chosen.truncate(limit);
    chosen.sort_unstable();
    let mut moments: Vec<(u64, u8, Moment)> =
        chosen.iter().map(|n| (story.messages[*n].sent, 1, Moment::Message(*n))).collect();
    let whole = total == chosen.len();
    let bands = story.bands.iter().enumerate().filter(|(_, b)| whole || b.kind != BandKind::Event).take(12);
    moments.extend(bands.map(|(n, b)| (b.from, 0, Moment::Band(n))));
    moments.extend(story.fences.iter().enumerate().take(8).map(|(n, f)| (f.t, 2, Moment::Fence(n))));
    moments.sort_by_key(|(t, order, _)| (*t, *order));

    let mut told = Vec::with_capacity(moments.len());
    let mut next = 0;
    for (_, _, moment) in moments {
        if let Moment::Message(n) = moment {
            let skipped = (next..n).filter(|m| weights[*m] > 0).count();
            if skipped > 0 {
                told.push(Moment::Omitted(skipped));
            }
            next = n + 1;
        }
        told.push(moment);
    }
    let skipped = (next..weights.len()).filter(|m| weights[*m] > 0).count();
    if skipped > 0 {
        told.push(Moment::Omitted(skipped));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Batch, Finding, Flaw, Flawed, Judgement, Message, Part, Strip};

    #[test]
    fn a_story_opens_at_the_end_of_its_first_proof_or_at_a_flaw_that_is_earlier() {
        let part = |t| Part { text: String::new(), link: Some(Link::Time(t)) };
        let finding =
            |times: &[u64]| Finding { proofs: vec![times.iter().copied().map(part).collect()], ..Finding::default() };
        let mut story = Story::default();
        story.judgement.findings = vec![finding(&[4, 14]), finding(&[2])];
        assert_eq!(story.focus(), 14);
        story.judgement.findings[0].allowed = true;
        assert_eq!(story.focus(), 2);
        story.judgement.findings[0].allowed = false;
        let batch = Batch { t: 9, base: 0, count: 10, ..Batch::default() };
        let flaw = Flawed { flaw: Flaw::Duplicate, first: 5, last: 9, of: None };
        story.strips = vec![Strip { batches: vec![batch], flaws: vec![flaw], ..Strip::default() }];
        assert_eq!(story.focus(), 9);
    }

    #[test]
    fn what_a_proof_names_is_chosen_before_refusals_that_everybody_meets() {
        let message = |sent, error: Option<&str>| Message {
            sent,
            arrived: sent,
            purpose: Purpose::Produce,
            error: error.map(str::to_string),
            ..Message::default()
        };
        let part = |link| Part { text: String::new(), link: Some(link) };
        let finding =
            Finding { proofs: vec![vec![part(Link::Time(3)), part(Link::Record(0, 7))]], ..Finding::default() };
        let batch = Batch { base: 0, count: 10, message: Some(4), ..Batch::default() };
        let story = Story {
            messages: vec![
                message(1, Some("COORDINATOR_LOAD_IN_PROGRESS")),
                message(2, Some("CONCURRENT_TRANSACTIONS")),
                message(3, None),
                message(4, None),
                message(5, None),
            ],
            strips: vec![Strip { batches: vec![batch], ..Strip::default() }],
            judgement: Judgement { findings: vec![finding], ..Judgement::default() },
            ..Story::default()
        };
        let expected = [Moment::Omitted(2), Moment::Message(2), Moment::Omitted(1), Moment::Message(4)];
        assert_eq!(moments(&story, 2), expected);
    }

    #[test]
    fn what_was_lost_is_chosen_before_what_arrived_and_the_rest_is_counted() {
        let message = |sent, purpose, fate| Message { sent, purpose, fate, ..Message::default() };
        let story = Story {
            messages: vec![
                message(1, Purpose::Consume, Fate::Delivered),
                message(2, Purpose::Idle, Fate::Lost),
                message(3, Purpose::Consume, Fate::Delivered),
                message(4, Purpose::Produce, Fate::Lost),
                message(5, Purpose::Consume, Fate::Delivered),
            ],
            ..Story::default()
        };
        let expected = [Moment::Omitted(2), Moment::Message(3), Moment::Omitted(1)];
        assert_eq!(moments(&story, 1), expected);
    }
}
