//! A healthy history of the format's second version, which the tests beside this one spoil in one place each.

use crate::Checker;
use crate::history;
use crate::report::{Kind, Report, Verdict};

/// `shop` (0) sends to `orders` (0); `job` (group 0) is a pipeline of `job-1` (1) and `job-2` (2), from `orders` to
/// `invoices` (1), at-least-once; `audit` (3) reads `invoices` without a group.
const PREAMBLE: &str = r#"
{"topic":{"id":0,"name":"orders","partitions":1}}
{"topic":{"id":1,"name":"invoices","partitions":1}}
{"group":{"id":0,"name":"job"}}
{"client":{"id":0,"name":"shop","kind":"producer","outputs":[0]}}
{"client":{"id":1,"name":"job-1","kind":"pipeline","group":0,"inputs":[0],"outputs":[1],"stage":1,"outputs_per_input":1,"guarantee":"at_least_once"}}
{"client":{"id":2,"name":"job-2","kind":"pipeline","group":0,"inputs":[0],"outputs":[1],"stage":1,"outputs_per_input":1,"guarantee":"at_least_once"}}
{"client":{"id":3,"name":"audit","kind":"reader","inputs":[1]}}
{"started":{"t":1,"c":0}}
{"started":{"t":1,"c":1}}
{"started":{"t":1,"c":2}}
{"started":{"t":1,"c":3}}
{"assigned":{"t":2,"c":1,"at":[0,0],"generation":1}}
{"position":{"t":2,"c":1,"at":[0,0],"position":0,"reason":"reset"}}
{"position":{"t":2,"c":3,"at":[1,0],"position":0,"reason":"reset"}}
"#;

/// Records that are sent, processed and read.
pub(super) const N: i64 = 5;

/// The identity of record `r` of `shop`.
pub(super) fn order(r: i64) -> String {
    format!("[2147483648,0,{r},0,0]")
}

/// The identity of the invoice for it.
pub(super) fn invoice(r: i64) -> String {
    format!("[0,0,{r},1,0]")
}

/// The healthy history: [`N`] orders that become invoices, each of them committed past and read.
pub(super) fn healthy() -> String {
    let mut text = PREAMBLE.to_owned();
    for r in 0..N {
        text += &format!("{{\"send\":{{\"t\":3,\"c\":0,\"op\":{r},\"topic\":0,\"id\":{}}}}}\n", order(r));
        text += &format!("{{\"ack\":{{\"t\":4,\"c\":0,\"op\":{r},\"at\":[0,0],\"offset\":{r}}}}}\n");
        text += &format!("{{\"read\":{{\"t\":5,\"c\":1,\"at\":[0,0],\"offset\":{r},\"id\":{}}}}}\n", order(r));
        text += &format!("{{\"send\":{{\"t\":5,\"c\":1,\"op\":{r},\"topic\":1,\"id\":{}}}}}\n", invoice(r));
        text += &format!("{{\"ack\":{{\"t\":5,\"c\":1,\"op\":{r},\"at\":[1,0],\"offset\":{r}}}}}\n");
        text += &format!(
            "{{\"commit\":{{\"t\":6,\"c\":1,\"op\":{r},\"group\":0,\"at\":[0,0],\"next\":{next}}}}}\n\
             {{\"commit_result\":{{\"t\":6,\"c\":1,\"op\":{r},\"outcome\":\"ok\"}}}}\n",
            next = r + 1
        );
        text += &format!("{{\"read\":{{\"t\":7,\"c\":3,\"at\":[1,0],\"offset\":{r},\"id\":{}}}}}\n", invoice(r));
    }
    for (topic, id) in [(0, order as fn(i64) -> String), (1, invoice)] {
        text +=
            &format!("{{\"end\":{{\"t\":99,\"at\":[{topic},0],\"start\":0,\"lso\":{N},\"hw\":{N},\"leo\":{N}}}}}\n");
        for r in 0..N {
            let id = id(r);
            text += &format!("{{\"final\":{{\"at\":[{topic},0],\"offset\":{r},\"id\":{id},\"visible\":true}}}}\n");
        }
    }
    text
}

/// `text` without the lines that have all of `parts` in them, of which there must be some.
#[track_caller]
pub(super) fn without(text: &str, parts: &[&str]) -> String {
    let is_it = |line: &&str| parts.iter().all(|part| line.contains(part));
    assert!(text.lines().any(|line| is_it(&line)), "no line has {parts:?}");
    text.lines().filter(|line| !is_it(line)).map(|line| format!("{line}\n")).collect()
}

/// `text` with `lines` before the first one that has `part` in it.
#[track_caller]
pub(super) fn before(text: &str, part: &str, lines: &str) -> String {
    let at = text.find(part).unwrap_or_else(|| panic!("no line has {part}"));
    let at = text[..at].rfind('\n').map_or(0, |n| n + 1);
    format!("{}{}\n{}", &text[..at], lines.trim_end(), &text[at..])
}

/// `text` with `lines` before the final read.
pub(super) fn at_the_end(text: &str, lines: &str) -> String {
    before(text, "{\"end\"", lines)
}

/// The healthy history in which nobody does anything with order `from` or later ones.
pub(super) fn stops_at(from: i64) -> String {
    let mut text = healthy();
    for r in from..N {
        for parts in [
            ["{\"read\"", "\"c\":1,", &order(r)],
            ["{\"send\"", "\"c\":1,", &invoice(r)],
            ["{\"ack\"", "\"c\":1,", &format!("\"op\":{r},")],
            ["{\"commit\"", "\"c\":1,", &format!("\"op\":{r},")],
            ["{\"commit_result\"", "\"c\":1,", &format!("\"op\":{r},")],
            ["{\"read\"", "\"c\":3,", &invoice(r)],
            ["{\"final\"", "[1,0]", &invoice(r)],
        ] {
            text = without(&text, &parts);
        }
    }
    text.replace(
        &format!("\"at\":[1,0],\"start\":0,\"lso\":{N},\"hw\":{N},\"leo\":{N}"),
        &format!("\"at\":[1,0],\"start\":0,\"lso\":{from},\"hw\":{from},\"leo\":{from}"),
    )
}

/// Judges lines of a version of the format. Times in the tests are rough: none is earlier than the one before.
#[track_caller]
pub(super) fn judge_version(version: u32, text: &str) -> Report {
    let mut now = 0;
    let lines: Vec<String> =
        text.lines().filter(|line| !line.trim().is_empty()).map(|line| super::later(line, &mut now)).collect();
    let file = format!(
        "{{\"history\":{{\"version\":{version}}}}}\n{}\n{{\"done\":{{\"events\":{}}}}}\n",
        lines.join("\n"),
        lines.len()
    );
    let mut checker = Checker::new();
    history::read(file.as_bytes(), &mut checker).unwrap_or_else(|error| panic!("{error}\n{file}"));
    checker.finish()
}

#[track_caller]
pub(super) fn judge(text: &str) -> Report {
    judge_version(2, text)
}

/// Exactly these kinds are found, with these counts.
#[track_caller]
pub(super) fn finds(text: &str, expected: &[(Kind, u64)]) -> Report {
    let report = judge(text);
    let found: Vec<(Kind, u64)> = report.violations.iter().map(|v| (v.kind, v.count)).collect();
    assert_eq!(found, expected, "\n{}", report.render_text());
    report
}

/// Nothing is found, and everything was put to the test.
#[track_caller]
pub(super) fn clean(text: &str) -> Report {
    let report = finds(text, &[]);
    assert_eq!(report.verdict, Verdict::Clean, "{}", report.render_text());
    report
}

/// The first proof of a kind.
#[track_caller]
pub(super) fn proof(report: &Report, kind: Kind) -> &str {
    let found = report.violations.iter().find(|v| v.kind == kind);
    &found.unwrap_or_else(|| panic!("no {kind}:\n{}", report.render_text())).proof.sentence
}

#[test]
fn the_healthy_history_is_clean() {
    let report = clean(&healthy());
    assert_eq!((report.warnings.len(), report.notes.len(), report.untested.len()), (0, 0, 0));
}
