//! What logs and coordinators tell, and what the final read says of itself: for every check a history that has the anomaly
//! and near misses that have not.

mod appends;
mod commits;
mod decisions;
mod final_read;
mod proofs;

use super::Checker;
use crate::history;
use crate::report::{Kind, Proof, Report};

/// Two partitions of `in`, one of `out`; 0 `plain`; 1 `idem`, idempotent; 2 `txn`, transactional, and 8 `heir`, with its
/// transactional id; 3 `old`, at transaction version 1; 4 `rc`, a reader of `in` in group 0; 5 `eos`, a pipeline in group 1.
const PREAMBLE: &str = r#"
{"topic":{"id":0,"name":"in","partitions":2}}
{"topic":{"id":1,"name":"out","partitions":1}}
{"group":{"id":0,"name":"readers"}}
{"group":{"id":1,"name":"eos"}}
{"sink":{"id":0,"name":"db","kind":"rows"}}
{"client":{"id":0,"name":"plain","kind":"producer","outputs":[0]}}
{"client":{"id":1,"name":"idem","kind":"producer","idempotent":true,"outputs":[0]}}
{"client":{"id":2,"name":"txn","kind":"producer","idempotent":true,"transactional_id":"t","outputs":[0]}}
{"client":{"id":3,"name":"old","kind":"producer","idempotent":true,"transactional_id":"o","transaction_version":1,"outputs":[0]}}
{"client":{"id":4,"name":"rc","kind":"reader","group":0,"inputs":[0]}}
{"client":{"id":5,"name":"eos","kind":"pipeline","group":1,"transactional_id":"e","idempotent":true,"inputs":[0],"outputs":[1],"stage":1,"outputs_per_input":1,"guarantee":"exactly_once"}}
{"client":{"id":6,"name":"loader","kind":"reader","inputs":[0],"sinks":[0]}}
{"client":{"id":7,"name":"idem-2","kind":"producer","idempotent":true,"outputs":[0]}}
{"client":{"id":8,"name":"heir","kind":"producer","idempotent":true,"transactional_id":"t","outputs":[0]}}
"#;

/// Judges the events of a test after a preamble. Each event is a millisecond after the one before it: `T` stands for that.
pub(super) fn judge_after(preamble: &str, events: &str) -> Report {
    let lines = preamble.lines().chain(events.lines()).map(str::trim).filter(|line| !line.is_empty());
    let lines: Vec<String> =
        lines.enumerate().map(|(n, line)| line.replace("\"t\":T", &format!("\"t\":{}", n * 1_000_000))).collect();
    let head = "{\"history\":{\"version\":2}}";
    let text = format!("{head}\n{}\n{{\"done\":{{\"events\":{}}}}}\n", lines.join("\n"), lines.len());
    let mut checker = Checker::new();
    history::read(text.as_bytes(), &mut checker).unwrap_or_else(|error| panic!("{error}\n{text}"));
    checker.finish()
}

fn judge(events: &str) -> Report {
    judge_after(PREAMBLE, events)
}

/// What was found, but for what these small histories leave undone.
fn kinds(report: &Report) -> Vec<(Kind, u64)> {
    let undone = |kind: Kind| matches!(kind, Kind::Unprocessed | Kind::Unowned | Kind::Unanswered);
    report.violations.iter().map(|v| (v.kind, v.count)).filter(|(kind, _)| !undone(*kind)).collect()
}

/// Exactly this is found; the first proof of the first kind.
#[track_caller]
fn finds(events: &str, expected: &[(Kind, u64)]) -> Proof {
    let report = judge(events);
    assert_eq!(kinds(&report), expected, "\n{}", report.render_text());
    let first = report.violations.iter().find(|v| v.kind == expected[0].0).expect("it is among them");
    first.proof.clone()
}

#[track_caller]
fn nothing(events: &str) {
    let report = judge(events);
    assert_eq!(kinds(&report), [], "\n{}", report.render_text());
}

fn w(r: i64) -> String {
    format!("[2147483648,0,{r},0,0]")
}

fn batch(base: i64, count: u32, (pid, epoch): (i64, i16), sequence: i32, leader_epoch: i32, kind: &str) -> String {
    format!(
        "{{\"appended\":{{\"t\":T,\"at\":[0,0],\"base\":{base},\"count\":{count},\"pid\":{pid},\"epoch\":{epoch},\
         \"sequence\":{sequence},\"leader_epoch\":{leader_epoch},\"kind\":\"{kind}\"}}}}\n"
    )
}

/// One record of producer 7 at epoch 0.
fn data(base: i64, sequence: i32) -> String {
    batch(base, 1, (7, 0), sequence, 0, "data")
}

fn marker(base: i64, pid: i64, epoch: i16, kind: &str) -> String {
    batch(base, 1, (pid, epoch), -1, 0, kind)
}

fn epoch(c: u32, pid: i64, epoch: i16) -> String {
    format!("{{\"epoch\":{{\"t\":T,\"c\":{c},\"pid\":{pid},\"epoch\":{epoch}}}}}\n")
}

fn decided(c: u32, pid: i64, epoch: i16, commit: bool, cause: &str) -> String {
    format!(
        "{{\"decided\":{{\"t\":T,\"c\":{c},\"pid\":{pid},\"epoch\":{epoch},\"commit\":{commit},\"cause\":\"{cause}\"}}}}\n"
    )
}

fn begin(c: u32, n: u64) -> String {
    format!("{{\"begin\":{{\"t\":T,\"c\":{c},\"n\":{n}}}}}\n")
}

fn send(c: u32, op: i64, r: i64, n: Option<u64>) -> String {
    let n = n.map(|n| format!(",\"n\":{n}")).unwrap_or_default();
    format!("{{\"send\":{{\"t\":T,\"c\":{c},\"op\":{op},\"topic\":0,\"id\":{}{n}}}}}\n", w(r))
}

fn ack(c: u32, op: i64, offset: i64) -> String {
    format!("{{\"ack\":{{\"t\":T,\"c\":{c},\"op\":{op},\"at\":[0,0],\"offset\":{offset}}}}}\n")
}

/// Commit or abort was invoked and returned.
fn end(c: u32, n: u64, commit: bool, outcome: &str) -> String {
    format!("{{\"ending\":{{\"t\":T,\"c\":{c},\"n\":{n},\"commit\":{commit}}}}}\n")
        + &format!("{{\"ended\":{{\"t\":T,\"c\":{c},\"n\":{n},\"commit\":{commit},\"outcome\":\"{outcome}\"}}}}\n")
}

/// The final read of `in`-0: its end, then offset, record, visible.
fn log(end: i64, records: &[(i64, i64, bool)]) -> String {
    log_at([0, end, end, end], records)
}

fn log_at([start, lso, hw, leo]: [i64; 4], records: &[(i64, i64, bool)]) -> String {
    let end =
        format!("{{\"end\":{{\"t\":T,\"at\":[0,0],\"start\":{start},\"lso\":{lso},\"hw\":{hw},\"leo\":{leo}}}}}\n");
    let rest = "{\"end\":{\"t\":T,\"at\":[0,1],\"start\":0,\"lso\":0,\"hw\":0,\"leo\":0}}\n";
    let record = |(offset, r, visible): &(i64, i64, bool)| {
        format!("{{\"final\":{{\"at\":[0,0],\"offset\":{offset},\"id\":{},\"visible\":{visible}}}}}\n", w(*r))
    };
    end + &records.iter().map(record).collect::<String>() + rest
}
