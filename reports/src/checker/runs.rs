//! What an incarnation does, it does while it runs: not after its `stopped`, and it is `started` once.
//!
//! Answers may still be written when a process is gone (that nobody will hear them is what `unknown` says); calls and what an
//! application was given may not. Of who never says that it started nothing is judged.

use indexmap::IndexMap;

use super::evidence::Evidence;
use super::findings::Findings;
use crate::fast::Fast;
use crate::history::Event;
use crate::history::event::Started;
use crate::report::{Kind, Proof};
use crate::words::seconds;

/// One incarnation that was started.
#[derive(Clone, Copy, Debug)]
struct Run {
    started: u64,
    stopped: Option<u64>,
    reported: bool,
}

/// Every incarnation that was started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Runs {
    runs: IndexMap<(u32, u32), Run, Fast>,
    /// Some incarnation has stopped: before that nothing can come too late.
    any_stopped: bool,
}

impl Runs {
    #[inline]
    pub(crate) fn event(&mut self, ev: &Evidence, findings: &mut Findings, event: &Event<'_>) {
        let (c, i, what) = match event {
            Event::Started(e) => return self.started(ev, findings, e),
            Event::Stopped(e) => {
                self.any_stopped = true;
                if let Some(run) = self.runs.get_mut(&(e.c, e.i)) {
                    run.stopped.get_or_insert(e.t);
                }
                return;
            }
            _ if !self.any_stopped => return,
            Event::Send(e) => (e.c, e.i, "sent a record"),
            Event::Begin(e) => (e.c, e.i, "began a transaction"),
            Event::TxnOffsets(e) => (e.c, e.i, "made offsets part of a transaction"),
            Event::Ending(e) => (e.c, e.i, "asked to end a transaction"),
            Event::Commit(e) => (e.c, e.i, "asked to commit an offset"),
            Event::Apply(e) => (e.c, e.i, "asked a sink for an effect"),
            Event::Read(e) => (e.c, e.i, "was given a record"),
            Event::Skipped(e) => (e.c, e.i, "declared to skip a record"),
            _ => return,
        };
        let Some(run) = self.runs.get_mut(&(c, i)) else { return };
        let Some(stopped) = run.stopped.filter(|_| !run.reported) else { return };
        // One case for each incarnation, however much it does.
        run.reported = true;
        let now = ev.now;
        report(ev, findings, c, i, vec![stopped, now], || {
            format!("stopped at {}, but {what} at {}", seconds(stopped), seconds(now))
        });
    }

    fn started(&mut self, ev: &Evidence, findings: &mut Findings, e: &Started) {
        match self.runs.get(&(e.c, e.i)) {
            Some(run) => {
                let first = run.started;
                report(ev, findings, e.c, e.i, vec![first, e.t], || {
                    format!("began to run at {} and again at {}, as one incarnation", seconds(first), seconds(e.t))
                });
            }
            None => {
                self.runs.insert((e.c, e.i), Run { started: e.t, stopped: None, reported: false });
            }
        }
    }
}

#[cold]
fn report(ev: &Evidence, findings: &mut Findings, c: u32, i: u32, times: Vec<u64>, what: impl Fn() -> String) {
    findings.add(&ev.promises, Kind::Contradiction, None, 1, || Proof {
        sentence: format!("{} {}", ev.incarnation_name(c, i), what()),
        clients: vec![(ev.client(c).name.clone(), i)],
        times,
        ..Proof::default()
    });
}
