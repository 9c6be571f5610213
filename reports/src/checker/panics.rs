//! Programs under test that panicked.

use super::evidence::Evidence;
use super::findings::Findings;
use crate::history::event::{StopReason, Stopped};
use crate::report::{Kind, Proof};
use crate::words::seconds;

pub(crate) fn stopped(ev: &Evidence, findings: &mut Findings, e: &Stopped<'_>) {
    if e.reason != StopReason::Panicked {
        return;
    }
    findings.add(&ev.promises, Kind::Panicked, None, 1, || {
        let name = &ev.client(e.c).name;
        let text = if e.text.is_empty() { String::new() } else { format!(": {}", e.text) };
        Proof {
            sentence: format!("{name} panicked at {}{text}", seconds(e.t)),
            clients: vec![(name.clone(), e.i)],
            times: vec![e.t],
            ..Proof::default()
        }
    });
}

#[cfg(test)]
mod tests {
    use crate::checker::Checker;
    use crate::history::event::{Client, Event, Sink, Started, StopReason, Stopped};
    use crate::report::{Kind, Report};

    fn report(reason: StopReason) -> Report {
        let mut checker = Checker::new();
        checker.event(&Event::Client(Box::new(Client { name: "sender".into(), ..Client::default() })));
        checker.event(&Event::Started(Started { t: 0, c: 0, i: 0 }));
        checker.event(&Event::Stopped(Stopped {
            t: 1_500_000_000,
            c: 0,
            i: 0,
            reason,
            text: "no (at a.rs:1:2)".into(),
        }));
        checker.finish()
    }

    #[test]
    fn a_program_that_panicked_is_a_finding_and_one_that_ended_or_was_killed_is_none() {
        let found = report(StopReason::Panicked);
        assert_eq!(found.count(Kind::Panicked), 1);
        assert_eq!(found.violations[0].proof.sentence, "sender panicked at 1.500 s: no (at a.rs:1:2)");
        for reason in [StopReason::Killed, StopReason::Ended] {
            assert_eq!(report(reason).count(Kind::Panicked), 0);
        }
    }
}
