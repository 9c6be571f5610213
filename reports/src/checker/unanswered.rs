//! Calls without an outcome, not even an unknown one: sends, commits, ends of transactions, effects.

use super::evidence::Evidence;
use super::findings::Findings;
use super::lives::Lives;
use crate::report::{Kind, Proof};
use crate::words::counted;
use crate::words::seconds;

/// To be called before what has no answer is settled.
pub(crate) fn close(ev: &Evidence, findings: &mut Findings, lives: &Lives) {
    for (number, session) in ev.sessions.iter().enumerate() {
        let asks = Asks { ev, lives, session: number as u32 };
        let open = || session.ops.iter().filter(|op| !op.done);
        if let Some(first) = open().next() {
            let (record, topic) = ev.records.identity(first.slot);
            let what = format!("{}, which it sent to {}", ev.record_name(record), ev.topic_name(topic));
            let proof = || Proof {
                record: Some(record),
                topic: Some(ev.topic_name(topic).to_owned()),
                ..asks.proof(&what, open().count() as u64, "send")
            };
            findings.add(&ev.promises, Kind::Unanswered, Some(topic), open().count() as u64, proof);
        }
        let mut commits: Vec<u64> = session.commits.keys().map(|(op, _)| *op).collect();
        commits.dedup();
        if let (Some(first), Some((group, _))) = (commits.first(), session.commits.values().next()) {
            let what = format!("its offset commit {first} to group {}", ev.groups[*group as usize].name);
            let n = commits.len() as u64;
            findings.add(&ev.promises, Kind::Unanswered, None, n, || asks.proof(&what, n, "offset commit"));
        }
        if let Some(slot) = session.applies.values().next() {
            let (record, sink) = ev.effects.identity(*slot);
            let what = format!("the effect of {}, for which it asked", ev.record_name(record));
            let n = session.applies.len() as u64;
            findings.add_of_sink(&ev.promises, Kind::Unanswered, sink, n, || Proof {
                record: Some(record),
                ..asks.proof(&what, n, "effect")
            });
        }
    }
    for txn in ev.txns.iter().filter(|txn| txn.waits.is_some()) {
        let asks = Asks { ev, lives, session: txn.session };
        let call = if txn.waits == Some(true) { "commit" } else { "abort" };
        findings.add(&ev.promises, Kind::Unanswered, None, 1, || Proof {
            transaction: Some(txn.ordinal),
            times: vec![txn.at],
            ..asks.proof(&format!("the {call} of transaction {} at {}", txn.ordinal, seconds(txn.at)), 1, call)
        });
    }
}

struct Asks<'a> {
    ev: &'a Evidence,
    lives: &'a Lives,
    session: u32,
}

impl Asks<'_> {
    fn proof(&self, what: &str, n: u64, noun: &str) -> Proof {
        let session = &self.ev.sessions[self.session as usize];
        let more = if n > 1 { format!(" (and {})", counted(n - 1, &format!("further {noun}"))) } else { String::new() };
        let stop = self.lives.stop_of(session.client, session.incarnation);
        let when = stop.map_or(String::new(), |stop| format!(", although it runs no more since {}", seconds(stop.t)));
        Proof {
            sentence: format!(
                "{} was never told what became of {what}{more}{when}: neither an answer nor an unknown outcome",
                self.ev.session_name(self.session)
            ),
            clients: vec![self.ev.session_id(self.session)],
            ..Proof::default()
        }
    }
}
