//! A report as text for a terminal.

use core::fmt::Write;

use crate::happened::Happened;
use crate::report::{Report, SinkAccount, TopicAccount, Verdict, Violation};
use crate::terminal::{one_line, wrapped};
pub use crate::words::{counted, thousands};

/// Heads of the columns of accounts; the first one is `topic`, or `topic or sink` where there are sinks.
const COLUMNS: [&str; 5] = ["input", "visible", "duplicates", "lost", "leaked"];

impl Report {
    /// The verdict as a sentence, a table of the output topics, what happened as far as it is worth telling, what was found
    /// with its proofs, and what else its reader should know.
    pub fn render_text(&self) -> String {
        let mut out = String::new();
        wrapped(&mut out, &self.sentence(), "", "  ");
        if !self.topics.is_empty() || !self.sinks.is_empty() {
            out.push('\n');
            out.push_str(&self.table());
        }
        let happened = Happened::of(&self.account).text();
        if !happened.is_empty() {
            out.push('\n');
            out.push_str(&happened);
        }
        for violation in &self.violations {
            out.push('\n');
            found(&mut out, violation, "");
        }
        for violation in &self.allowed {
            out.push('\n');
            found(&mut out, violation, ", allowed by the promise");
        }
        // A vacuous verdict has said it already.
        let untested = if self.verdict == Verdict::Vacuous { &[][..] } else { &self.untested };
        let untested = untested.iter().map(|sentence| ("not put to the test", sentence));
        let warnings = self.warnings.iter().map(|sentence| ("warning", sentence));
        let remarks: Vec<_> = untested.chain(warnings).chain(self.notes.iter().map(|note| ("note", note))).collect();
        if !remarks.is_empty() {
            out.push('\n');
        }
        for (head, sentence) in &remarks {
            wrapped(&mut out, &format!("{head}: {sentence}"), "", "  ");
        }
        out
    }

    /// The output topics as a table, with a line for the names of the columns.
    pub fn table(&self) -> String {
        let mut out = String::new();
        table(&mut out, &self.topics, &self.sinks);
        out
    }

    /// The verdict as a sentence.
    pub fn sentence(&self) -> String {
        let kinds = || {
            let list = self.violations.iter().map(|v| v.kind.counted(v.count));
            list.collect::<Vec<_>>().join(", ")
        };
        match self.verdict {
            Verdict::Clean => "verdict: clean: what should be there is there once, and nothing else is".to_owned(),
            Verdict::Vacuous => {
                format!(
                    "verdict: vacuous: nothing wrong was seen, but not all was put to the test: {}",
                    self.untested.join("; ")
                )
            }
            Verdict::Stuck => {
                format!("verdict: stuck: nothing wrong was seen, but not everything finished: {}", kinds())
            }
            Verdict::Violated => format!("verdict: violated: {}", kinds()),
        }
    }
}

fn found(out: &mut String, violation: &Violation, remark: &str) {
    let _ = writeln!(out, "{}: {}{remark}", violation.kind, thousands(violation.count));
    for proof in core::iter::once(&violation.proof).chain(&violation.further) {
        wrapped(out, &proof.sentence, "  - ", "    ");
    }
    // One proof may stand for several cases (copies of one record).
    let shown = 1 + violation.further.len() as u64;
    if violation.count > shown && !violation.further.is_empty() {
        let _ = writeln!(out, "  - ...");
    }
}

fn table(out: &mut String, topics: &[TopicAccount], sinks: &[SinkAccount]) {
    let row = |name: &str, numbers: [u64; 5]| {
        let [input, visible, duplicates, lost, leaked] = numbers.map(thousands);
        [one_line(name), input, visible, duplicates, lost, leaked]
    };
    let topic = |t: &TopicAccount| row(&t.name, [t.input, t.visible, t.duplicates, t.lost, t.leaked]);
    let sink = |s: &SinkAccount| row(&s.title(), [s.input, s.visible, s.duplicates, s.lost, s.leaked]);
    let rows: Vec<[String; 6]> = topics.iter().map(topic).chain(sinks.iter().map(sink)).collect();
    let [input, visible, duplicates, lost, leaked] = COLUMNS;
    let first = if sinks.is_empty() { "topic" } else { "topic or sink" };
    let heads = [first, input, visible, duplicates, lost, leaked];
    let width = |n: usize| {
        let widest = rows.iter().map(|row| row[n].chars().count()).max().unwrap_or(0);
        widest.max(heads[n].len())
    };
    let widths: [usize; 6] = core::array::from_fn(width);
    let mut line = |cells: [&str; 6]| {
        let _ = write!(out, "{:<width$}", cells[0], width = widths[0]);
        for (cell, width) in cells.iter().zip(widths).skip(1) {
            let _ = write!(out, "  {cell:>width$}");
        }
        out.push('\n');
    };
    line(heads);
    for row in &rows {
        line(core::array::from_fn(|n| row[n].as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Kind, Proof};

    #[test]
    fn a_report_reads_like_this() {
        let proof = |sentence: &str| Proof { sentence: sentence.into(), ..Proof::default() };
        let report = Report {
            untested: vec!["nobody reads audit".into()],
            account: crate::happened::tests::eventful(),
            warnings: vec!["five".into()],
            verdict: Verdict::Violated,
            violations: vec![Violation {
                kind: Kind::Duplicate,
                count: 3000,
                proof: proof("one"),
                further: vec![proof("two")],
            }],
            allowed: vec![Violation { kind: Kind::LateRequest, count: 1, proof: proof("three"), further: vec![] }],
            sinks: vec![SinkAccount {
                name: "bank".into(),
                input: 2,
                visible: 3,
                duplicates: 1,
                ..SinkAccount::default()
            }],
            topics: vec![
                TopicAccount { name: "orders".into(), input: 3000, visible: 3000, ..TopicAccount::default() },
                TopicAccount { name: "out".into(), input: 3000, visible: 6000, duplicates: 3000, lost: 0, leaked: 7 },
            ],
            notes: vec!["four".into()],
            events: 9,
        };
        let before = "\
verdict: violated: 3,000 duplicates

topic or sink  input  visible  duplicates  lost  leaked
orders         3,000    3,000           0     0       0
out            3,000    6,000       3,000     0       7
bank (rows)        2        3           1     0       0
";
        let after = "\
duplicate: 3,000
  - one
  - two
  - ...

late-request: 1, allowed by the promise
  - three

not put to the test: nobody reads audit
warning: five
note: four
";
        let happened = Happened::of(&report.account).text();
        assert_eq!(report.render_text(), format!("{before}\n{happened}\n{after}"));
        let json = serde_json::to_string(&report).expect("serializes");
        assert!(json.starts_with(r#"{"verdict":"violated","violations":[{"kind":"duplicate","count":3000,"proof":{"#));
        assert_eq!(serde_json::from_str::<Report>(&json).expect("is read back"), report);
    }

    #[test]
    fn a_vacuous_verdict_says_what_was_not_put_to_the_test_and_says_it_once() {
        let report = Report {
            verdict: Verdict::Vacuous,
            violations: Vec::new(),
            allowed: Vec::new(),
            topics: Vec::new(),
            sinks: Vec::new(),
            untested: vec!["nothing is owed to topic orders".into(), "nobody reads audit".into()],
            account: Default::default(),
            warnings: vec!["fault 'x' never began".into()],
            notes: Vec::new(),
            events: 0,
        };
        let expected = "\
verdict: vacuous: nothing wrong was seen, but not all was put to the test:
  nothing is owed to topic orders; nobody reads audit

warning: fault 'x' never began
";
        assert_eq!(report.render_text(), expected);
    }

    #[test]
    fn digits_are_grouped() {
        assert_eq!([0, 999, 1000, 1234567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
    }

    #[test]
    fn one_is_one_and_more_are_many() {
        assert_eq!([0, 1, 3000].map(|n| counted(n, "fault")), ["0 faults", "1 fault", "3,000 faults"]);
        assert_eq!(Kind::AbortedVisible.counted(1), "1 aborted record visible");
        assert_eq!(Kind::AbortedVisible.counted(20), "20 aborted records visible");
        assert_eq!(Kind::Phantom.counted(2), "2 phantoms");
        for kind in Kind::ALL {
            assert_ne!(kind.counted(1).trim_start_matches('1'), kind.counted(2).trim_start_matches('2'), "{kind}");
        }
    }

    fn found_in(kind: Kind, sentence: &str) -> Report {
        let proof = Proof { sentence: sentence.into(), ..Proof::default() };
        Report {
            verdict: Verdict::Violated,
            violations: vec![Violation { kind, count: 1, proof, further: Vec::new() }],
            allowed: Vec::new(),
            topics: vec![TopicAccount { name: "or\u{1b}[2Jders\nverdict: clean".into(), ..TopicAccount::default() }],
            sinks: Vec::new(),
            untested: Vec::new(),
            account: crate::account::Account::default(),
            warnings: vec![["the fault"; 20].join(" ")],
            notes: Vec::new(),
            events: 0,
        }
    }

    #[test]
    fn no_line_is_wider_than_a_terminal_and_the_verdict_begins_one() {
        let mut report = found_in(Kind::Duplicate, &["record 7 of shop"; 12].join(", "));
        let found = |kind: Kind| Violation { kind, ..report.violations[0].clone() };
        report.violations = Kind::ALL[..9].iter().map(|kind| found(*kind)).collect();
        report.topics.clear();
        let text = report.render_text();
        assert!(text.starts_with("verdict: violated: 1 duplicate, 1 record lost, "), "{text}");
        let wide = text.lines().find(|line| line.chars().count() > crate::terminal::WIDTH);
        assert_eq!(wide, None);
        let unwrapped = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(unwrapped.contains(&report.sentence()) && unwrapped.contains(&report.violations[0].proof.sentence));
        assert!(!report.sentence().contains('\n'), "what JSON and pages say is one line");
    }

    #[test]
    fn names_from_a_history_neither_reach_the_terminal_nor_make_lines() {
        let report = found_in(Kind::Loss, "record 1 of sh\u{9b}op\nverdict: clean: \u{202e} is lost");
        let text = report.render_text();
        assert!(text.chars().all(|c| c == '\n' || !crate::terminal::is_obeyed(c)), "{text:?}");
        assert_eq!(text.lines().filter(|line| line.starts_with("verdict: ")).count(), 1, "{text}");
    }
}
