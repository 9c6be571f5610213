//! What did not finish (V1, V2): hanging transactions, stalled last stable offsets, undrained pipelines.

use super::evidence::Evidence;
use super::findings::Findings;
use super::naming::seconds;
use crate::history::event::{OpenTransaction, Stalled, Stuck, Undrained};
use crate::report::{Kind, Proof};

pub(crate) fn open_transaction(ev: &Evidence, findings: &mut Findings, e: &OpenTransaction<'_>) {
    findings.add(&ev.promises, Kind::HangingTransaction, None, 1, || {
        let since = e.since.map(|since| format!(" since {}", seconds(since))).unwrap_or_default();
        let of = e.c.map(|c| format!(" of {}", ev.client(c).name)).unwrap_or_default();
        Proof {
            sentence: format!(
                "the transaction{of} with producer id {} and epoch {} is open{since}, at {}: {}",
                e.pid,
                e.epoch,
                seconds(e.t),
                e.culprit
            ),
            clients: e.c.map(|c| (ev.client(c).name.clone(), 0)).into_iter().collect(),
            times: e.since.into_iter().chain([e.t]).collect(),
            ..Proof::default()
        }
    });
}

pub(crate) fn stalled(ev: &Evidence, findings: &mut Findings, e: &Stalled<'_>) {
    let log = ev.log(e.at);
    findings.add(&ev.promises, Kind::StalledLso, Some(e.at.topic), 1, || {
        let (name, at) = (ev.partition_name(log), seconds(e.t));
        let sentence = if e.lso < e.hw {
            format!(
                "the last stable offset of {name} is {}, its high watermark {}, at {at}: {}",
                e.lso, e.hw, e.culprit
            )
        } else {
            format!("the high watermark of {name} is {} and below its end, at {at}: {}", e.hw, e.culprit)
        };
        ev.proof_at(log, &[e.lso, e.hw], sentence)
    });
}

pub(crate) fn undrained(ev: &Evidence, findings: &mut Findings, e: &Undrained<'_>) {
    let log = ev.log(e.at);
    findings.add(&ev.promises, Kind::Unprocessed, Some(e.at.topic), 1, || {
        let client = &ev.client(e.c).name;
        let sentence = format!(
            "{client} has committed offset {} of {}, whose end is {}, at {}: {}",
            e.position,
            ev.partition_name(log),
            e.end,
            seconds(e.t),
            e.culprit
        );
        Proof { clients: vec![(client.clone(), 0)], ..ev.proof_at(log, &[e.position, e.end], sentence) }
    });
}

pub(crate) fn stuck(ev: &Evidence, findings: &mut Findings, e: &Stuck<'_>) {
    findings.add(&ev.promises, Kind::StuckRun, None, 1, || Proof {
        sentence: format!("the run did not end: {} ({})", e.culprit, seconds(e.t)),
        times: vec![e.t],
        ..Proof::default()
    });
}

/// Partitions whose final state shows a stall that no event named.
pub(crate) fn close(ev: &Evidence, findings: &mut Findings, named: &super::paged::Bits) {
    for (number, log) in ev.logs.iter().enumerate() {
        let Some(end) = log.end else { continue };
        if (end.lso < end.hw || end.hw < end.leo) && !named.get(number as i64) {
            let culprit = match log.open.oldest() {
                _ if end.lso == end.hw => {
                    format!("not all in-sync replicas have what is there, up to offset {}", end.leo)
                }
                Some(pid) => format!("the open transaction of producer id {pid}"),
                None => "no open transaction is known there".to_owned(),
            };
            stalled(ev, findings, &Stalled { t: end.t, at: log.at, lso: end.lso, hw: end.hw, culprit: culprit.into() });
        }
    }
}
