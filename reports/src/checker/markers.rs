//! White box: which offsets belong to transactions that their log's markers left open or aborted (§2.7, §2.9).

use super::evidence::{Evidence, OpenInLog};
use crate::history::event::{Appended, BatchKind, Decided, DecisionCause};

pub(crate) fn appended(ev: &mut Evidence, e: &Appended) {
    let log = ev.log(e.at);
    let log = &mut ev.logs[log as usize];
    let end = e.base + i64::from(e.count);
    if e.base < log.appended_end {
        // The log was truncated before this.
        log.log_aborted.clear_range(e.base, log.appended_end);
        for txn in &mut log.open {
            txn.ranges.retain_mut(|(start, end)| {
                *end = (*end).min(e.base);
                start < end
            });
        }
        log.open.retain(|txn| !txn.ranges.is_empty());
    }
    log.appended_end = end;
    let open = log.open.iter().position(|txn| txn.pid == e.pid);
    match (e.kind, open) {
        (BatchKind::Data, _) | (BatchKind::CommitMarker | BatchKind::AbortMarker, None) => {}
        (BatchKind::TxnData, None) => log.open.push(OpenInLog { pid: e.pid, ranges: vec![(e.base, end)] }),
        (BatchKind::TxnData, Some(open)) => {
            let ranges = &mut log.open[open].ranges;
            match ranges.last_mut() {
                Some(last) if last.1 == e.base => last.1 = end,
                _ => ranges.push((e.base, end)),
            }
        }
        (BatchKind::CommitMarker, Some(open)) => {
            log.open.swap_remove(open);
        }
        (BatchKind::AbortMarker, Some(open)) => {
            for (start, end) in log.open.swap_remove(open).ranges {
                log.log_aborted.set_range(start, end);
            }
        }
    }
}

/// A coordinator decided a transaction. More decisions on request than requests: one of them came late and hit the next
/// transaction, which only clients below transaction version 2 are open to (§10, KIP-890).
pub(crate) fn decided(ev: &mut Evidence, e: &Decided) {
    let Some(scope) = ev.client(e.c).scope else { return };
    if e.cause == DecisionCause::Request {
        let (way, now) = (usize::from(!e.commit), ev.now);
        let scope = &mut ev.scopes[scope as usize];
        scope.decided[way] += 1;
        if scope.decided[way] > scope.asked[way] {
            scope.late.get_or_insert(now);
        }
    }
}
