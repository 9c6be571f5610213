//! White box: what leaders appended, held against what the final read found and what was acknowledged.
//!
//! Judged is a log whose batches are told from offset 0 without a hole. Records may go from its beginning, or be replaced;
//! what stands at an offset is still of the batch that was appended there last. What a deposed leader appended may be
//! acknowledged and truncated after that, which is loss and no contradiction.

use super::evidence::Evidence;
use super::findings::Findings;
use super::registry::{NONE, Slot};
use crate::history::event::{Appended, BatchKind};
use crate::report::{Kind, Proof};

/// Adjoining batches of one producer and epoch that hold records, or adjoining markers.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    base: i64,
    end: i64,
    pid: i64,
    epoch: i16,
    marker: bool,
}

impl Stretch {
    /// Whether a record of that producer id and epoch may be in it; -1 and -1 where the record does not tell.
    fn may_hold(&self, writer: (i64, i16)) -> bool {
        !self.marker && (writer == (-1, -1) || writer == (self.pid, self.epoch))
    }
}

/// One log, as its leaders wrote it.
#[derive(Clone, Debug)]
struct Told {
    stretches: Vec<Stretch>,
    /// What stood there before a leader appended at a lower offset. A later leader may have it all the same: one of those in
    /// between lacked it, and what that one appended went no further.
    former: Vec<Stretch>,
    /// The furthest end that it ever had.
    reached: i64,
    /// The lowest offset that it was ever truncated to.
    cut: i64,
    /// Part of it was not told, or not by leaders one after the other.
    holes: bool,
    leader_epoch: i32,
}

impl Told {
    fn end(&self) -> i64 {
        self.stretches.last().map_or(0, |last| last.end)
    }

    fn at(&self, offset: i64) -> Option<&Stretch> {
        let index = self.stretches.partition_point(|stretch| stretch.end <= offset);
        self.stretches.get(index).filter(|stretch| stretch.base <= offset)
    }

    /// Whether a batch of that producer stood at an offset before a leader that lacked it.
    fn stood(&self, offset: i64, writer: (i64, i16)) -> bool {
        self.former.iter().any(|former| (former.base..former.end).contains(&offset) && former.may_hold(writer))
    }
}

/// Every log of which anything was told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Batches {
    logs: Vec<Option<Told>>,
}

impl Batches {
    /// A leader appended a batch.
    pub(crate) fn appended(&mut self, ev: &Evidence, e: &Appended) {
        if ev.topics[e.at.topic as usize].internal {
            return;
        }
        let log = ev.log(e.at) as usize;
        if self.logs.len() <= log {
            self.logs.resize_with(log + 1, || None);
        }
        let fresh = || Told {
            stretches: Vec::new(),
            former: Vec::new(),
            reached: 0,
            cut: i64::MAX,
            holes: false,
            leader_epoch: -1,
        };
        let told = self.logs[log].get_or_insert_with(fresh);
        let before = told.end();
        told.holes |= e.base > before || e.leader_epoch < told.leader_epoch;
        told.leader_epoch = e.leader_epoch;
        if e.base < before {
            told.cut = told.cut.min(e.base);
            while let Some(gone) = told.stretches.pop_if(|last| last.base >= e.base) {
                told.former.push(gone);
            }
            if let Some(last) = told.stretches.last_mut().filter(|last| last.end > e.base) {
                told.former.push(Stretch { base: e.base, ..*last });
                last.end = e.base;
            }
        }
        let end = e.base.saturating_add(i64::from(e.count));
        told.reached = told.reached.max(end);
        let marker = matches!(e.kind, BatchKind::CommitMarker | BatchKind::AbortMarker);
        match told.stretches.last_mut() {
            Some(last) if (last.end, last.pid, last.epoch, last.marker) == (e.base, e.pid, e.epoch, marker) => {
                last.end = end;
            }
            _ => told.stretches.push(Stretch { base: e.base, end, pid: e.pid, epoch: e.epoch, marker }),
        }
    }

    /// The furthest end that a log ever had, as far as it was told; 0 where nothing was.
    pub(crate) fn reached(&self, log: u32) -> i64 {
        self.logs.get(log as usize).and_then(Option::as_ref).map_or(0, |told| told.reached)
    }

    /// In the end.
    pub(crate) fn close(&self, ev: &Evidence, findings: &mut Findings) {
        for (log, told) in self.logs.iter().enumerate() {
            let Some(told) = told.as_ref().filter(|told| !told.holes) else { continue };
            let log = log as u32;
            found(ev, findings, log, told);
            acknowledged(ev, findings, log, told);
        }
    }
}

/// What the final read found.
fn found(ev: &Evidence, findings: &mut Findings, log: u32, told: &Told) {
    let info = &ev.logs[log as usize];
    for offset in info.present.iter() {
        let slot = info.entries.get(offset).slot;
        let writer @ (pid, epoch) = ev.writer_of(log, offset);
        if told.at(offset).is_some_and(|stretch| stretch.may_hold(writer)) || told.stood(offset, writer) {
            continue;
        }
        let but = match told.at(offset) {
            None => format!("no leader appended a batch there: {} ends at {}", ev.partition_name(log), told.end()),
            Some(stretch) if stretch.marker => {
                format!("a marker of producer id {} and epoch {} was appended there", stretch.pid, stretch.epoch)
            }
            Some(stretch) => {
                let found = format!("of producer id {pid} and epoch {epoch}");
                let batch =
                    format!("the batch there was appended by producer id {} and epoch {}", stretch.pid, stretch.epoch);
                let what = format!("the final read has {} {found}", name(ev, slot));
                report(ev, findings, log, offset, slot, &what, &batch);
                continue;
            }
        };
        report(ev, findings, log, offset, slot, &format!("the final read has {}", name(ev, slot)), &but);
    }
}

/// What was acknowledged.
fn acknowledged(ev: &Evidence, findings: &mut Findings, log: u32, told: &Told) {
    for (first, page) in ev.logs[log as usize].entries.pages() {
        for (n, entry) in page.iter().enumerate() {
            let offset = first + n as i64;
            if entry.session == NONE {
                continue;
            }
            let but = match told.at(offset) {
                _ if offset >= told.reached => {
                    format!("leaders appended to {} up to offset {} only", ev.partition_name(log), told.reached)
                }
                Some(stretch) if stretch.marker && offset < told.cut => {
                    format!("a marker of producer id {} and epoch {} was appended there", stretch.pid, stretch.epoch)
                }
                _ => continue,
            };
            let what = format!("{} was told that {} is stored", ev.session_name(entry.session), name(ev, entry.slot));
            report(ev, findings, log, offset, entry.slot, &what, &but);
        }
    }
}

fn name(ev: &Evidence, slot: Slot) -> String {
    if slot == NONE { "a record".to_owned() } else { ev.slot_name(slot) }
}

#[cold]
fn report(ev: &Evidence, findings: &mut Findings, log: u32, offset: i64, slot: Slot, what: &str, but: &str) {
    let topic = ev.logs[log as usize].at.topic;
    findings.add(&ev.promises, Kind::Contradiction, Some(topic), 1, || {
        let sentence = format!("{what} at {}, but {but}", ev.place(log, offset));
        if slot == NONE {
            Proof { times: Vec::new(), ..ev.proof_at(log, &[offset], sentence) }
        } else {
            ev.proof(slot, &[(log, offset)], sentence)
        }
    });
}
