//! White box: which offsets belong to transactions that their log's markers left open or aborted (§2.7, §2.9).

use super::evidence::Evidence;
use super::state::OpenTxn;
use crate::history::event::{Appended, BatchKind, Decided, DecisionCause};

/// A leader appended a batch; the transaction that its producer had open there before.
pub(crate) fn appended(ev: &mut Evidence, e: &Appended) -> Option<OpenTxn> {
    let log = ev.log(e.at);
    let log = &mut ev.logs[log as usize];
    let end = e.base + i64::from(e.count);
    if e.base < log.open.end {
        // The log was truncated before this.
        log.log_aborted.clear_range(e.base, log.open.end);
        log.open.truncate(e.base);
    }
    log.open.end = end;
    let before = log.open.of(e.pid).copied();
    match e.kind {
        BatchKind::Data => {}
        BatchKind::TxnData => log.open.extend(e, end),
        BatchKind::CommitMarker => {
            log.open.close(e.pid);
        }
        BatchKind::AbortMarker => {
            for (start, end) in log.open.close(e.pid) {
                log.log_aborted.set_range(start, end);
            }
        }
    }
    before
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
