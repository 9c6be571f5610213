//! The figures as a table, and what they come from.

use core::fmt::Write;

use fencepost_reports::render::thousands;

use super::{Latency, Row};

/// What is often published, as a share of the plain producer's throughput. The sources give no workload that could be run
/// again, so only their ratios can stand beside ours.
pub(super) const PUBLISHED: [(&str, &str); 5] = [
    ("idempotent", "90 to 97 %"),
    ("transactional", "60 to 80 %"),
    ("\"about 1,000 messages/s with transactions against 100,000 without\"", "1 %"),
    ("exactly_once_v2 against at_least_once", "95 to 97 % at Kafka Streams' commit intervals, 50 % in other tables"),
    ("read_committed", "10 to 20 % less throughput, or 100 to 500 ms more latency"),
];

/// What the differences come from.
const WHY: [&str; 6] = [
    "Without acknowledgement (acks=0) nothing waits for replicas, and nothing says what was lost.",
    "Idempotence adds a producer id, an epoch and a sequence to each batch and asks for the id once: no further requests.",
    "A transaction adds, whatever its length: the verification of each partition at its first batch, an EndTxn whose decision \
     is replicated before it is answered, and a marker for each partition. The producer waits for that before it begins the \
     next one. So its cost is a cost per transaction, and the share of it depends on how many records share one.",
    "Most of what a short transaction waits for is the leaders' retry of that verification, 20 ms after the coordinator was busy \
     with the markers of the previous transaction or with another partition of this one (KIP-890; try \
     --set add.partitions.to.txn.retry.backoff.ms=2).",
    "A read_committed reader waits for the marker: its latency grows with the length of the transaction. A read_uncommitted \
     reader of the same records does not wait, and may see what is aborted.",
    "A pipeline's transaction adds its input offsets: AddOffsetsToTxn and TxnOffsetCommit in place of an OffsetCommit.",
];

fn percent(permille: u64) -> String {
    format!("{}.{} %", thousands(permille / 10), permille % 10)
}

fn millis(nanos: u64) -> String {
    format!("{}.{}", thousands(nanos / 1_000_000), nanos / 100_000 % 10)
}

/// The columns of a row after its title.
fn cells(row: &Row) -> [String; 8] {
    let Row { uncommitted: Latency { p50_ns: early50, p99_ns: early99 }, committed, .. } = row;
    [
        thousands(row.per_second),
        percent(row.relative_permille),
        thousands(row.writing_per_1000),
        thousands(row.replicating_per_1000),
        millis(*early50),
        millis(*early99),
        millis(committed.p50_ns),
        millis(committed.p99_ns),
    ]
}

const HEADS: [[&str; 2]; 8] = [
    ["records", "/s"],
    ["", "relative"],
    ["requests/1,000", "writing"],
    ["", "replicas"],
    ["uncommitted", "p50 ms"],
    ["", "p99 ms"],
    ["committed", "p50 ms"],
    ["", "p99 ms"],
];

/// The text that `cost` prints; `models` says for each scenario what its figures rest on.
pub fn text(rows: &[Row], models: &[(String, String)]) -> String {
    let mut out = String::new();
    for (scenario, model) in models {
        let rows: Vec<&Row> = rows.iter().filter(|r| r.scenario == *scenario).collect();
        let width = rows.iter().map(|r| r.title.chars().count()).max().unwrap_or(0);
        writeln!(out, "{scenario}: {model}\n").expect("text grows");
        let body: Vec<[String; 8]> = rows.iter().map(|r| cells(r)).collect();
        let column = |n: usize| {
            let heads = HEADS[n].iter().map(|h| h.len());
            body.iter().map(|b| b[n].chars().count()).chain(heads).max().unwrap_or(0)
        };
        for line in 0..2 {
            let heads = HEADS.iter().enumerate();
            let heads: String = heads.map(|(n, lines)| format!("  {:>1$}", lines[line], column(n))).collect();
            writeln!(out, "{:width$}{heads}", "").expect("text grows");
        }
        for (row, cells) in rows.iter().zip(&body) {
            let cells: String = cells.iter().enumerate().map(|(n, c)| format!("  {c:>0$}", column(n))).collect();
            writeln!(out, "{:width$}{cells}", row.title).expect("text grows");
        }
        out.push('\n');
    }
    out += "Latency is from send() to the reader, with one record each millisecond; throughput and requests are of a producer that\n\
            sends as fast as it can. All of it in virtual time.\n\nWhere it comes from:\n";
    for why in WHY {
        writeln!(out, "- {why}").expect("text grows");
    }
    out += "\nOften published, without a workload that could be run again:\n";
    for (what, share) in PUBLISHED {
        writeln!(out, "- {what}: {share}").expect("text grows");
    }
    out
}

/// The same as Markdown.
pub fn markdown(rows: &[Row], models: &[(String, String)]) -> String {
    let mut out = String::new();
    for (scenario, model) in models {
        writeln!(out, "`{scenario}`: {model}\n").expect("text grows");
        out += "| guarantee | records/s | relative | writing requests per 1,000 | replicas' fetches per 1,000 | uncommitted p50 ms \
                | p99 ms | committed p50 ms | p99 ms |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n";
        for row in rows.iter().filter(|r| r.scenario == *scenario) {
            writeln!(out, "| {} | {} |", row.title, cells(row).join(" | ")).expect("text grows");
        }
        out.push('\n');
    }
    out
}
