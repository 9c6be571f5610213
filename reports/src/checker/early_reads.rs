//! Nobody is given a record before it was sent, and no two effects in a sink have one number.

use super::evidence::Evidence;
use super::findings::Findings;
use super::paged::Bits;
use super::registry::{NONE, SENT};
use crate::history::event::{Read, Send, SinkFinal};
use crate::report::{Kind, Proof};
use crate::words::seconds;

/// What was seen too early, or twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct EarlyReads {
    /// Records that were given to a reader when nobody had sent them.
    unsent: Bits,
    /// Numbers of the effects in each sink.
    effects: Vec<Bits>,
}

impl EarlyReads {
    /// A reader was given a record.
    #[inline]
    pub(crate) fn read(&mut self, ev: &mut Evidence, e: &Read) {
        let slot = ev.records.slot(e.id, e.at.topic);
        if !ev.records.cell(slot).is(SENT) {
            self.unsent.set(i64::from(slot));
        }
    }

    /// To be told before the send is.
    #[inline]
    pub(crate) fn sent(&mut self, ev: &mut Evidence, findings: &mut Findings, e: &Send) {
        if self.unsent.is_empty() {
            return;
        }
        let slot = ev.records.slot(e.id, e.topic);
        if !self.unsent.get(i64::from(slot)) || ev.records.cell(slot).is(SENT) {
            return;
        }
        let ev = &*ev;
        findings.add(&ev.promises, Kind::Contradiction, Some(e.topic), 1, || {
            let topic = &ev.topics[e.topic as usize];
            // Looks through the logs: for proofs only.
            let place = (topic.first_log..topic.first_log + topic.partitions).find_map(|log| {
                ev.logs[log as usize].entries.pages().find_map(|(first, page)| {
                    let within = page.iter().position(|entry| entry.slot != NONE && entry.slot == slot)?;
                    Some((log, first + within as i64))
                })
            });
            let reader = place.and_then(|(log, offset)| {
                let given = |cursor: &&super::state::Cursor| cursor.log == log && cursor.read.get(offset);
                ev.cursors.iter().find(given).map(|cursor| ev.incarnation_name(cursor.client, cursor.incarnation))
            });
            let at = place.map(|(log, offset)| format!(" at {}", ev.place(log, offset))).unwrap_or_default();
            let sentence = format!(
                "{} was first sent at {}, by {}, but {} had been given it{at} before",
                ev.slot_name(slot),
                seconds(e.t),
                ev.incarnation_name(e.c, e.i),
                reader.unwrap_or_else(|| "a reader".to_owned())
            );
            let mut proof = ev.proof(slot, place.as_slice(), sentence);
            proof.clients = vec![(ev.client(e.c).name.clone(), e.i)];
            proof.times = vec![e.t];
            proof
        });
    }

    /// A sink has an effect in the end.
    pub(crate) fn sink(&mut self, ev: &Evidence, findings: &mut Findings, e: &SinkFinal) {
        let sink = e.sink as usize;
        if self.effects.len() <= sink {
            self.effects.resize_with(sink + 1, Bits::default);
        }
        // Larger ones than any sink can have are told apart no more.
        let number = i64::try_from(e.n).unwrap_or(i64::MAX);
        if number == i64::MAX || self.effects[sink].set(number) {
            return;
        }
        findings.add_of_sink(&ev.promises, Kind::Contradiction, e.sink, 1, || {
            let name = ev.sinks[sink].as_ref().map(|info| info.name.clone());
            let sentence = format!(
                "{} has two effects with number {}; the second one is for {}",
                name.as_deref().unwrap_or("a sink"),
                e.n,
                ev.record_name(e.id)
            );
            Proof { sentence, record: Some(e.id), sink: name, effects: vec![e.n], ..Proof::default() }
        });
    }
}
