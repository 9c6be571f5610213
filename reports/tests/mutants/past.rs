//! A history in memory, with an index: what a mutation needs to find its site.

use std::collections::BTreeMap;

use fencepost_reports::history::event::*;

/// The operations of one incarnation of a client, or its transactions: client, incarnation, number.
pub type Key = (u32, u32, u64);

/// Where a call was answered, and how; none if it was not.
pub type Answer = Option<(usize, Outcome)>;

/// A record that was handed to `send()`, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub key: Key,
    pub id: Identity,
    pub n: Option<u64>,
    /// Where in the history it was sent, and answered.
    pub send: usize,
    pub outcome: Option<usize>,
    /// Where its acknowledgement says that it is.
    pub place: Option<(Partition, i64)>,
    /// Where in the history the final read has it there, and whether it is visible.
    pub found: Option<usize>,
    pub visible: bool,
}

/// A transaction.
#[derive(Clone, Debug, Default)]
pub struct Txn {
    pub begin: usize,
    pub sends: Vec<usize>,
    pub offsets: Vec<usize>,
    pub ending: Option<usize>,
    pub ended: Option<usize>,
    pub commit: bool,
    /// It returned `ok`.
    pub ok: bool,
}

/// A history and its index.
#[derive(Clone, Debug, Default)]
pub struct Past {
    pub name: String,
    pub events: Vec<Event<'static>>,
    pub topics: BTreeMap<u32, Topic<'static>>,
    pub clients: BTreeMap<u32, Client<'static>>,
    pub groups: BTreeMap<u32, Group<'static>>,
    pub sinks: BTreeMap<u32, ExternalSink<'static>>,
    pub promises: Vec<Promise<'static>>,
    pub sent: Vec<Sent>,
    pub txns: BTreeMap<Key, Txn>,
    pub ends: BTreeMap<Partition, (usize, End)>,
    pub finals: BTreeMap<Partition, Vec<(usize, Final)>>,
    pub reads: BTreeMap<(u32, Partition), Vec<(usize, Read)>>,
    pub appended: BTreeMap<Partition, Vec<(usize, Appended)>>,
    pub decided: Vec<(usize, Decided)>,
    pub moved: BTreeMap<(u32, Partition), Vec<(usize, OffsetMoved)>>,
    pub epochs: Vec<(usize, Epoch)>,
    pub assigned: Vec<(usize, Assignment)>,
    /// Plain commits, with where they were answered, and how.
    pub commits: Vec<(usize, Commit, Answer)>,
    pub applies: Vec<(usize, Apply, Answer)>,
    pub rows: BTreeMap<u32, Vec<(usize, SinkFinal)>>,
    pub sink_ends: BTreeMap<u32, usize>,
    pub sink_offsets: Vec<(usize, SinkOffset)>,
    /// Where in the history the final read begins: nothing that a client does comes later.
    pub closing: usize,
    pub has_values: bool,
}

impl Past {
    /// Whether it tells decisions after their markers, as a producer shows of which a marker comes before any decision; none
    /// if it tells no decision.
    pub fn decides_last(&self) -> Option<bool> {
        let mut firsts: BTreeMap<i64, usize> = BTreeMap::new();
        for (at, decided) in &self.decided {
            let first = firsts.entry(decided.pid).or_insert(*at);
            *first = (*first).min(*at);
        }
        let of_marker = |e: &Appended| matches!(e.kind, BatchKind::CommitMarker | BatchKind::AbortMarker);
        let markers = self.appended.values().flatten().filter(|(_, e)| of_marker(e));
        let earlier = |(at, e): &(usize, Appended)| firsts.get(&e.pid).is_some_and(|first| at < first);
        (!firsts.is_empty()).then(|| markers.into_iter().any(earlier))
    }

    /// Reads the index off the events.
    pub fn new(name: String, events: Vec<Event<'static>>) -> Past {
        let mut past = Past { name, ..Past::default() };
        let mut answers: BTreeMap<Key, (usize, Option<(Partition, i64)>)> = BTreeMap::new();
        let mut committed: BTreeMap<Key, (usize, Outcome)> = BTreeMap::new();
        let mut applied: BTreeMap<Key, (usize, Outcome)> = BTreeMap::new();
        past.closing = events.len();
        for (at, event) in events.iter().enumerate() {
            match event {
                Event::Topic(e) => drop(past.topics.insert(e.id, e.clone())),
                Event::Group(e) => drop(past.groups.insert(e.id, e.clone())),
                Event::Sink(e) => drop(past.sinks.insert(e.id, e.clone())),
                Event::Client(e) => drop(past.clients.insert(e.id, (**e).clone())),
                Event::Promise(e) => past.promises.push(e.clone()),
                Event::Send(e) => {
                    past.has_values |= e.value.is_some();
                    if let Some(n) = e.n {
                        past.txns.entry((e.c, e.i, n)).or_default().sends.push(past.sent.len());
                    }
                    past.sent.push(Sent {
                        key: (e.c, e.i, e.op),
                        id: e.id,
                        n: e.n,
                        send: at,
                        outcome: None,
                        place: None,
                        found: None,
                        visible: false,
                    });
                }
                Event::Ack(e) => {
                    let place = (e.offset >= 0).then_some((e.at, e.offset));
                    answers.insert((e.c, e.i, e.op), (at, place));
                }
                Event::Fail(e) | Event::Unknown(e) => drop(answers.insert((e.c, e.i, e.op), (at, None))),
                Event::Begin(e) => past.txns.entry((e.c, e.i, e.n)).or_default().begin = at,
                Event::TxnOffsets(e) => past.txns.entry((e.c, e.i, e.n)).or_default().offsets.push(at),
                Event::Ending(e) => {
                    let txn = past.txns.entry((e.c, e.i, e.n)).or_default();
                    (txn.ending, txn.commit) = (Some(at), e.commit);
                }
                Event::Ended(e) => {
                    let txn = past.txns.entry((e.c, e.i, e.n)).or_default();
                    (txn.ended, txn.ok) = (Some(at), e.outcome == Outcome::Ok && e.commit == txn.commit);
                }
                Event::Epoch(e) => past.epochs.push((at, *e)),
                Event::Commit(e) => past.commits.push((at, *e, None)),
                Event::CommitResult(e) => drop(committed.insert((e.c, e.i, e.op), (at, e.outcome))),
                Event::Assigned(e) => past.assigned.push((at, *e)),
                Event::Read(e) => past.reads.entry((e.c, e.at)).or_default().push((at, *e)),
                Event::Apply(e) => past.applies.push((at, *e, None)),
                Event::Applied(e) => drop(applied.insert((e.c, e.i, e.op), (at, e.outcome))),
                Event::OffsetMoved(e) => past.moved.entry((e.group, e.at)).or_default().push((at, *e)),
                Event::Decided(e) => past.decided.push((at, *e)),
                Event::Appended(e) => past.appended.entry(e.at).or_default().push((at, *e)),
                Event::End(e) => {
                    past.closing = past.closing.min(at);
                    past.ends.insert(e.at, (at, *e));
                }
                Event::Final(e) => past.finals.entry(e.at).or_default().push((at, *e)),
                Event::SinkEnd(e) => {
                    past.closing = past.closing.min(at);
                    past.sink_ends.insert(e.sink, at);
                }
                Event::SinkFinal(e) => past.rows.entry(e.sink).or_default().push((at, *e)),
                Event::SinkOffset(e) => {
                    past.closing = past.closing.min(at);
                    past.sink_offsets.push((at, *e));
                }
                _ => {}
            }
        }
        for sent in &mut past.sent {
            let Some((at, place)) = answers.get(&sent.key) else { continue };
            (sent.outcome, sent.place) = (Some(*at), *place);
            let Some((at, offset)) = place else { continue };
            let Some(finals) = past.finals.get(at) else { continue };
            if let Ok(n) = finals.binary_search_by_key(offset, |(_, f)| f.offset) {
                let (index, found) = &finals[n];
                (sent.found, sent.visible) = (Some(*index), found.visible);
            }
        }
        past.commits.iter_mut().for_each(|(_, e, result)| *result = committed.get(&(e.c, e.i, e.op)).copied());
        past.applies.iter_mut().for_each(|(_, e, result)| *result = applied.get(&(e.c, e.i, e.op)).copied());
        past.events = events;
        past
    }

    /// The time that an event has that is put in front of the one at `at`.
    pub fn time(&self, at: usize) -> u64 {
        self.events[..at].iter().rev().find_map(Event::time).unwrap_or(0)
    }

    pub fn topic_name(&self, topic: u32) -> String {
        self.topics[&topic].name.to_string()
    }

    pub fn client_name(&self, c: u32) -> String {
        self.clients[&c].name.to_string()
    }

    /// Topics that are judged as outputs.
    pub fn outputs(&self) -> Vec<u32> {
        self.topics.values().filter(|t| !t.internal && !t.deletes && !t.compacted).map(|t| t.id).collect()
    }

    /// Whether a pipeline, or another member of a group, reads it.
    pub fn is_grouped(&self, topic: u32) -> bool {
        self.clients
            .values()
            .any(|c| c.inputs.contains(&topic) && (c.group.is_some() || c.kind == ClientKind::Pipeline))
    }

    /// Readers of a topic that are in no group.
    pub fn loners(&self, topic: u32) -> Vec<u32> {
        let is = |c: &&Client<'_>| c.kind == ClientKind::Reader && c.group.is_none() && c.inputs.contains(&topic);
        self.clients.values().filter(is).map(|c| c.id).collect()
    }

    /// Whether a sink's rows must be announced in the topic.
    pub fn is_announcing(&self, topic: u32) -> bool {
        self.sinks.values().any(|s| s.announced_in == Some(topic))
    }

    /// Whether everything that may be found in the topic is held against the verdict.
    pub fn is_strict(&self, topic: u32) -> bool {
        let of =
            |p: &&Promise<'_>| p.topic == Some(topic) || (p.topic.is_none() && p.sink.is_none() && p.client.is_none());
        self.promises.iter().filter(of).all(|p| p.guarantee == Guarantee::ExactlyOnce)
    }

    /// The same of a sink.
    pub fn is_strict_sink(&self, sink: u32) -> bool {
        let of =
            |p: &&Promise<'_>| p.sink == Some(sink) || (p.topic.is_none() && p.sink.is_none() && p.client.is_none());
        self.promises.iter().filter(of).all(|p| p.guarantee == Guarantee::ExactlyOnce)
    }

    /// Partitions that were read to their end, of topics that are judged.
    pub fn settled(&self) -> Vec<Partition> {
        let judged = self.outputs();
        let is = |(_, e): &(usize, End)| e.lso == e.leo && e.hw == e.leo && judged.contains(&e.at.topic);
        self.ends.values().filter(|e| is(e)).map(|(_, e)| e.at).collect()
    }

    /// Records that were acknowledged and are visible where the acknowledgement says.
    pub fn acked(&self) -> impl Iterator<Item = &Sent> {
        let settled = self.settled();
        self.sent.iter().filter(move |s| s.visible && s.place.is_some_and(|(at, _)| settled.contains(&at)))
    }

    /// How often a record is in the final read, visible or not.
    pub fn copies(&self, id: Identity) -> usize {
        self.finals.values().flatten().filter(|(_, f)| f.id == id).count()
    }

    /// Reads of the record at that place.
    pub fn reads_at(&self, at: Partition, offset: i64) -> Vec<(usize, Read)> {
        let here = self.reads.iter().filter(|((_, p), _)| *p == at);
        here.flat_map(|(_, reads)| reads).filter(|(_, r)| r.offset == offset).copied().collect()
    }

    pub fn final_at(&self, at: Partition, offset: i64) -> Option<(usize, Final)> {
        let finals = self.finals.get(&at)?;
        finals.binary_search_by_key(&offset, |(_, f)| f.offset).ok().map(|n| finals[n])
    }

    /// The batch in the log, in the end, that holds that offset.
    pub fn batch_at(&self, at: Partition, offset: i64) -> Option<(usize, Appended)> {
        let log = self.appended.get(&at)?;
        let holds = |b: &&(usize, Appended)| b.1.base <= offset && offset < b.1.base + i64::from(b.1.count);
        log.iter().rev().find(holds).copied()
    }

    /// Whether a partition's log was ever truncated.
    pub fn is_whole(&self, at: Partition) -> bool {
        let Some(log) = self.appended.get(&at) else { return false };
        log.windows(2).all(|w| w[0].1.base + i64::from(w[0].1.count) == w[1].1.base)
    }

    /// The records of a transaction.
    pub fn records(&self, txn: &Txn) -> Vec<Sent> {
        txn.sends.iter().map(|s| self.sent[*s]).collect()
    }

    /// Transactions whose commit returned `ok`, with records, all of which are visible where they were acknowledged.
    pub fn committed(&self) -> Vec<(Key, Txn)> {
        let whole = |t: &Txn| !t.sends.is_empty() && t.sends.iter().all(|s| self.sent[*s].visible);
        self.txns.iter().filter(|(_, t)| t.commit && t.ok && whole(t)).map(|(k, t)| (*k, t.clone())).collect()
    }

    /// Transactions that their client aborted, with records that the final read has, invisible, and no copy of them.
    pub fn aborted(&self) -> Vec<(Key, Txn)> {
        let hidden = |s: &Sent| s.found.is_some() && !s.visible && self.copies(s.id) == 1;
        let some = |t: &Txn| t.sends.iter().any(|s| hidden(&self.sent[*s]));
        let all = |t: &Txn| t.sends.iter().all(|s| self.sent[*s].found.is_none() || hidden(&self.sent[*s]));
        let is = |t: &Txn| t.ending.is_some() && !t.commit && t.ok && some(t) && all(t);
        self.txns.iter().filter(|(_, t)| is(t)).map(|(k, t)| (*k, t.clone())).collect()
    }

    /// The last incarnation of a client that is in the history.
    pub fn last_incarnation(&self, c: u32) -> u32 {
        let of = |e: &Event<'_>| match e {
            Event::Started(e) if e.c == c => e.i,
            Event::Epoch(e) if e.c == c => e.i,
            _ => 0,
        };
        self.events.iter().map(of).max().unwrap_or(0)
    }
}

impl Past {
    /// Whether nothing but one marker follows that offset in a partition.
    pub fn is_quiet_end(&self, at: Partition, last: i64) -> bool {
        self.ends[&at].1.leo == last + 2
    }
}
