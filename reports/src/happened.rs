//! What happened in a run, in words: texts, Markdown and pages take it from here, so that they say the same.

use core::fmt::Write;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account::{About, Account, ClientAccount, ErrorAccount, FaultAccount, InputAccount, ReasonAccount, Records};
use crate::history::event::StopReason;
use crate::terminal::{one_line, wrapped};
use crate::words::seconds;
use crate::words::{counted, thousands};

/// Rows of a list in a text; JSON has all.
const SHOWN: usize = 8;

/// Answers that belong to every start, rebalance and transaction, and that clients repeat by themselves.
const ROUTINE: [&str; 5] = [
    "CONCURRENT_TRANSACTIONS",
    "COORDINATOR_LOAD_IN_PROGRESS",
    "COORDINATOR_NOT_AVAILABLE",
    "MEMBER_ID_REQUIRED",
    "REBALANCE_IN_PROGRESS",
];

/// What became of one fault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultTold {
    /// What it does and when.
    pub words: String,
    /// What became of it: `fired at 5.000 s`.
    pub fate: String,
    /// Somebody wrote it, counted on it, and it did not happen.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub amiss: bool,
}

/// Why something happened to a client or group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReasonTold {
    /// As a clause.
    pub words: String,
    /// It belongs to a run in which all goes well.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub usual: bool,
}

/// The account of a run in words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Happened {
    /// How many records met with what; empty where no client is known.
    pub records: String,
    /// What each client did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<(String, String)>,
    /// Partitions of which not every record was processed: who reads which, and what became of its records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<(String, String)>,
    /// Faults that somebody wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultTold>,
    /// Faults that were drawn from a seed, all together; empty if there are none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub drawn: String,
    /// Errors that clients were told, but for routine ones; the most frequent first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorAccount>,
    /// Routine ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routine: Vec<ErrorAccount>,
    /// Why transactions were aborted, producers fenced and offsets moved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<ReasonTold>,
}

impl Happened {
    /// An account in words.
    pub fn of(account: &Account) -> Happened {
        let (drawn, written): (Vec<_>, Vec<_>) = account.faults.iter().partition(|fault| fault.drawn);
        // What the application itself was told is never routine: those calls have no request's name.
        let is_routine = |e: &ErrorAccount| {
            ROUTINE.contains(&e.error.as_str()) && e.call.chars().next().is_some_and(char::is_uppercase)
        };
        let (mut routine, mut errors): (Vec<_>, Vec<_>) = account.errors.iter().cloned().partition(is_routine);
        for list in [&mut errors, &mut routine] {
            list.sort_by(|a, b| (b.count, a.first, &a.error).cmp(&(a.count, b.first, &b.error)));
        }
        Happened {
            records: if account.clients.is_empty() { String::new() } else { records(&account.records) },
            clients: account.clients.iter().map(|client| (client.name.clone(), did(client))).collect(),
            inputs: account.inputs.iter().filter(|input| input.processed < input.owed).map(input).collect(),
            faults: written.into_iter().map(fault).collect(),
            drawn: together(&drawn),
            errors,
            routine,
            reasons: account.reasons.iter().map(reason).collect(),
        }
    }

    /// As text: what is nominal is left out, and long lists are cut.
    pub fn text(&self) -> String {
        let mut out = String::new();
        if !self.records.is_empty() {
            wrapped(&mut out, &self.records, "", "  ");
        }
        let mut faults: Vec<String> = self.faults.iter().map(|f| format!("{}: {}", f.words, f.fate)).collect();
        let (rest, drawn) = (faults.split_off(faults.len().min(SHOWN)).len(), &self.drawn);
        faults.extend((!drawn.is_empty()).then(|| drawn.clone()));
        list(&mut out, "faults", &faults, rest);
        self.errors_text(&mut out);
        let unusual = self.reasons.iter().filter(|reason| !reason.usual);
        let mut reasons: Vec<String> = unusual.map(|reason| reason.words.clone()).collect();
        let rest = reasons.split_off(reasons.len().min(SHOWN)).len();
        list(&mut out, "out of the ordinary", &reasons, rest);
        out
    }

    /// One row for each code and call, however many clients were told it.
    fn errors_text(&self, out: &mut String) {
        let rows = joined(&self.errors);
        if !rows.is_empty() {
            let cells: Vec<[String; 5]> = rows.iter().take(SHOWN).map(cells).collect();
            let heads = ["error", "call", "client", "times", "first"].map(str::to_owned);
            let width =
                |n: usize| cells.iter().chain([&heads]).map(|row| row[n].chars().count()).max().unwrap_or_default();
            let widths: [usize; 5] = core::array::from_fn(width);
            out.push_str("errors that clients were told:\n");
            for row in core::iter::once(&heads).chain(&cells) {
                let [error, call, client, times, first] = row;
                let [a, b, c, d, _] = widths;
                let _ = writeln!(out, "  {error:a$}  {call:b$}  {client:c$}  {times:>d$}  {first}");
            }
            more(out, rows.len().saturating_sub(SHOWN));
        }
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for error in &self.routine {
            *counts.entry(&error.error).or_default() += error.count;
        }
        if !counts.is_empty() {
            let counts = counts.iter().map(|(error, count)| format!("{error} {}", thousands(*count)));
            let text = format!("routine errors: {}", counts.collect::<Vec<_>>().join(", "));
            wrapped(out, &text, "", "  ");
        }
    }
}

fn more(out: &mut String, rest: usize) {
    if rest > 0 {
        let _ = writeln!(out, "  ... and {} more (--json has all)", thousands(rest as u64));
    }
}

fn list(out: &mut String, head: &str, lines: &[String], rest: usize) {
    if lines.is_empty() {
        return;
    }
    let _ = writeln!(out, "{head}:");
    for line in lines {
        wrapped(out, line, "  ", "    ");
    }
    more(out, rest);
}

/// Parts that are not zero, in words.
fn parts(parts: &[(u64, &str)]) -> Vec<String> {
    parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", thousands(*n))).collect()
}

fn sent(sent: u64, acknowledged: u64, failed: u64, unknown: u64) -> String {
    let outcomes = parts(&[(acknowledged, "acknowledged"), (failed, "failed"), (unknown, "of unknown outcome")]);
    match outcomes.as_slice() {
        [] => format!("sent {}", thousands(sent)),
        [_] if acknowledged == sent => format!("sent {}, all acknowledged", thousands(sent)),
        _ => format!("sent {}: {}", thousands(sent), outcomes.join(", ")),
    }
}

fn records(r: &Records) -> String {
    let mut text = sent(r.sent, r.acknowledged, r.failed, r.unknown);
    let _ = write!(text, "; visible {}", thousands(r.visible));
    let of_inputs = [("processed", r.processed), ("skipped", r.skipped), ("unprocessed", r.unprocessed)];
    let of_inputs: Vec<String> =
        of_inputs.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{what} {}", thousands(*n))).collect();
    if !of_inputs.is_empty() {
        let _ = write!(text, "; {}", of_inputs.join(", "));
    }
    text
}

fn did(client: &ClientAccount) -> String {
    let mut said = Vec::new();
    if client.incarnations == 0 {
        said.push("never ran".to_owned());
    }
    if client.sent > 0 {
        said.push(sent(client.sent, client.acknowledged, client.failed, client.unknown));
    }
    if client.read > 0 {
        said.push(format!("read {}", thousands(client.read)));
    }
    if client.incarnations > 1 {
        said.push(format!("started {} times", thousands(client.incarnations.into())));
    }
    if let Some((t, reason)) = &client.stopped {
        let how = match reason {
            StopReason::Killed => "killed",
            StopReason::Ended => "ended",
            StopReason::Panicked => "panicked",
        };
        said.push(format!("{how} at {}", seconds(*t)));
    }
    if said.is_empty() { "ran".to_owned() } else { said.join("; ") }
}

fn input(input: &InputAccount) -> (String, String) {
    let who = format!("{}, {}-{}", input.group, input.topic, input.partition);
    let mut words = format!("{} of {} processed", thousands(input.processed), counted(input.owed, "record"));
    for part in parts(&[(input.skipped, "skipped"), (input.unprocessed, "unprocessed")]) {
        let _ = write!(words, ", {part}");
    }
    (who, words)
}

fn fate(fault: &FaultAccount) -> String {
    let at = fault.first.map_or_else(String::new, |t| format!(" at {}", seconds(t)));
    match (fault.fired, &fault.counts) {
        (0, Some(counts)) => {
            format!("never: {} of {} {counts} seen", thousands(fault.seen), thousands(fault.nth.into()))
        }
        (0, None) => "never".to_owned(),
        (1, _) => format!("fired{at}"),
        (n, _) => format!("fired {} times, first{at}", thousands(n)),
    }
}

fn fault(fault: &FaultAccount) -> FaultTold {
    FaultTold { words: fault.words.clone(), fate: fate(fault), amiss: is_amiss(fault) }
}

/// Somebody wrote the fault, counted on it, and it did not happen.
fn is_amiss(fault: &FaultAccount) -> bool {
    fault.fired == 0 && !fault.optional && !fault.drawn
}

impl Account {
    /// Faults that somebody wrote and counted on, and that did not happen: a sentence for each.
    pub fn faults_that_never_began(&self) -> Vec<String> {
        let reached = |fault: &FaultAccount| match fault.counts {
            Some(_) => fate(fault).trim_start_matches("never").to_owned(),
            None => String::new(),
        };
        let missing = self.faults.iter().filter(|fault| is_amiss(fault));
        missing.map(|fault| format!("fault '{}' never began{}", fault.words, reached(fault))).collect()
    }
}

fn together(drawn: &[&FaultAccount]) -> String {
    if drawn.is_empty() {
        return String::new();
    }
    let fired = drawn.iter().filter(|fault| fault.fired > 0).count();
    let text = format!("{} drawn from the seed", counted(drawn.len() as u64, "fault"));
    let first = drawn.iter().filter_map(|fault| fault.first).min();
    match (fired, first) {
        (0, _) => format!("{text}, none fired"),
        (_, None) => format!("{text}, {} fired", thousands(fired as u64)),
        (n, Some(t)) if n == drawn.len() => format!("{text}, all fired, first at {}", seconds(t)),
        (n, Some(t)) => format!("{text}, {} fired, first at {}", thousands(n as u64), seconds(t)),
    }
}

/// Errors of one code and call, all clients together.
struct Row<'e> {
    error: &'e str,
    call: &'e str,
    clients: Vec<&'e str>,
    count: u64,
    first: u64,
}

fn joined(errors: &[ErrorAccount]) -> Vec<Row<'_>> {
    let mut rows: BTreeMap<(&str, &str), Row<'_>> = BTreeMap::new();
    for e in errors {
        let row = rows.entry((&e.error, &e.call)).or_insert_with(|| Row {
            error: &e.error,
            call: &e.call,
            clients: Vec::new(),
            count: 0,
            first: e.first,
        });
        row.clients.push(&e.client);
        row.count += e.count;
        row.first = row.first.min(e.first);
    }
    let mut rows: Vec<Row<'_>> = rows.into_values().collect();
    rows.sort_by_key(|row| (core::cmp::Reverse(row.count), row.first));
    rows
}

fn cells(row: &Row<'_>) -> [String; 5] {
    let client = match row.clients.as_slice() {
        [one] => (*one).to_owned(),
        several => counted(several.len() as u64, "client"),
    };
    [row.error, row.call, &client, &thousands(row.count), &seconds(row.first)].map(one_line)
}

fn reason(r: &ReasonAccount) -> ReasonTold {
    let (n, t) = (r.count, seconds(r.first));
    let when = if n == 1 { format!("at {t}") } else { format!("first at {t}") };
    let times = |what: &str| if n == 1 { what.to_owned() } else { format!("{what} {} times", thousands(n)) };
    let ReasonAccount { whom, why, .. } = r;
    let (words, usual) = match r.about {
        About::Abort => {
            let what = counted(n, "transaction");
            (format!("{whom}: {what} aborted ({why}), {when}"), why == "at its own request")
        }
        About::Fencing => (format!("{whom}: {} ({why}), {when}", times("fenced")), false),
        // Whoever commits, by itself or in a transaction, moves offsets: that is what commits are for.
        About::OffsetMove => {
            let usual = ["a commit of ", "a transaction of "].iter().any(|start| why.starts_with(start));
            (format!("{whom}: {} ({why}), {when}", times("a committed offset moved")), usual)
        }
        About::OffsetGone => (format!("{whom}: {} ({why}), {when}", times("a committed offset went")), false),
    };
    ReasonTold { words, usual }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::history::event::ClientKind;

    /// A run in which much is out of the ordinary.
    pub(crate) fn eventful() -> Account {
        let error = |error: &str, call: &str, client: &str, count, first| ErrorAccount {
            error: error.into(),
            call: call.into(),
            client: client.into(),
            count,
            first,
        };
        let reason = |about, whom: &str, why: &str, count, first| ReasonAccount {
            about,
            whom: whom.into(),
            why: why.into(),
            count,
            first,
        };
        let client = ClientAccount {
            name: "shop".into(),
            kind: ClientKind::Producer,
            incarnations: 2,
            stopped: Some((9_000_000_000, StopReason::Killed)),
            sent: 4000,
            acknowledged: 3121,
            failed: 877,
            unknown: 2,
            read: 0,
        };
        let idle = ClientAccount { name: "audit".into(), kind: ClientKind::Reader, ..ClientAccount::default() };
        Account {
            records: Records {
                sent: 4000,
                acknowledged: 3121,
                failed: 877,
                unknown: 2,
                visible: 3121,
                processed: 3000,
                skipped: 12,
                unprocessed: 109,
            },
            clients: vec![client, idle],
            inputs: Vec::new(),
            faults: vec![
                FaultAccount {
                    words: "broker-2 is down for 4s, at 1.5s".into(),
                    fired: 1,
                    first: Some(1_500_000_000),
                    ..FaultAccount::default()
                },
                FaultAccount {
                    words: "the answer to a Produce is lost".into(),
                    fired: 3,
                    first: Some(8_200_000_000),
                    ..FaultAccount::default()
                },
                FaultAccount {
                    words: "shop is down, after the 3rd EndTxn was handled".into(),
                    counts: Some("EndTxn".into()),
                    seen: 1,
                    nth: 3,
                    ..FaultAccount::default()
                },
                FaultAccount { words: "anything".into(), optional: true, ..FaultAccount::default() },
                FaultAccount {
                    words: "drawn".into(),
                    drawn: true,
                    fired: 1,
                    first: Some(2_000_000_000),
                    ..FaultAccount::default()
                },
                FaultAccount { words: "drawn, too".into(), drawn: true, ..FaultAccount::default() },
            ],
            errors: vec![
                error("COORDINATOR_LOAD_IN_PROGRESS", "InitProducerId", "shop", 2, 4_000_000),
                error("NOT_ENOUGH_REPLICAS", "Produce", "shop", 1520, 2_000_000_000),
                error("NOT_ENOUGH_REPLICAS", "Produce", "till", 2, 1_900_000_000),
                error("NOT_ENOUGH_REPLICAS", "send()", "shop", 760, 2_100_000_000),
                error("OUT_OF_ORDER_SEQUENCE_NUMBER", "send()", "shop", 117, 3_000_000_000),
            ],
            reasons: vec![
                reason(About::Abort, "shop", "at its own request", 20, 1),
                reason(
                    About::Abort,
                    "shop",
                    "open for longer than transaction.timeout.ms, so its coordinator ended it",
                    1,
                    65_000_000_000,
                ),
                reason(About::Fencing, "shop", "by shop-2, which has its transactional id", 2, 66_000_000_000),
                reason(About::OffsetMove, "billing", "a commit of billing-1", 40, 1),
                reason(About::OffsetMove, "billing", "who asked is not known", 1, 67_000_000_000),
                reason(About::OffsetGone, "billing", "it expired", 1, 68_000_000_000),
            ],
        }
    }

    #[test]
    fn what_happened_reads_like_this() {
        let expected = "\
sent 4,000: 3,121 acknowledged, 877 failed, 2 of unknown outcome; visible 3,121;
  processed 3,000, skipped 12, unprocessed 109
faults:
  broker-2 is down for 4s, at 1.5s: fired at 1.500 s
  the answer to a Produce is lost: fired 3 times, first at 8.200 s
  shop is down, after the 3rd EndTxn was handled: never: 1 of 3 EndTxn seen
  anything: never
  2 faults drawn from the seed, 1 fired, first at 2.000 s
errors that clients were told:
  error                         call     client     times  first
  NOT_ENOUGH_REPLICAS           Produce  2 clients  1,522  1.900 s
  NOT_ENOUGH_REPLICAS           send()   shop         760  2.100 s
  OUT_OF_ORDER_SEQUENCE_NUMBER  send()   shop         117  3.000 s
routine errors: COORDINATOR_LOAD_IN_PROGRESS 2
out of the ordinary:
  shop: 1 transaction aborted (open for longer than transaction.timeout.ms, so
    its coordinator ended it), at 65.000 s
  shop: fenced 2 times (by shop-2, which has its transactional id), first at
    66.000 s
  billing: a committed offset moved (who asked is not known), at 67.000 s
  billing: a committed offset went (it expired), at 68.000 s
";
        let text = Happened::of(&eventful()).text();
        assert_eq!(text, expected);
        assert!(text.lines().all(|line| line.chars().count() <= crate::terminal::WIDTH));
    }

    #[test]
    fn a_run_in_which_all_goes_well_takes_a_line() {
        let eventful = eventful();
        let account = Account {
            records: Records { sent: 10, acknowledged: 10, visible: 10, ..Records::default() },
            clients: eventful.clients,
            reasons: eventful.reasons.into_iter().filter(|r| r.count > 2).collect(),
            ..Account::default()
        };
        assert_eq!(Happened::of(&account).text(), "sent 10, all acknowledged; visible 10\n");
        assert_eq!(Happened::of(&Account::default()).text(), "", "of a history that tells nothing nothing is said");
    }

    #[test]
    fn long_lists_are_cut_and_say_by_how_much() {
        let error = |n: u64| ErrorAccount { error: format!("ERROR_{n}"), call: "send()".into(), ..Default::default() };
        let fault = |n: u64| FaultAccount { words: format!("fault {n}"), ..Default::default() };
        let account = Account {
            errors: (1..=11).map(error).collect(),
            faults: (1..=9).map(fault).collect(),
            ..Account::default()
        };
        let text = Happened::of(&account).text();
        assert!(text.contains("  fault 8: never\n  ... and 1 more (--json has all)\n"), "{text}");
        assert!(text.ends_with("  ... and 3 more (--json has all)\n"), "{text}");
        assert_eq!(Happened::of(&account).errors.len(), 11);
    }

    #[test]
    fn what_the_application_is_told_is_never_routine() {
        let error = |call: &str| ErrorAccount {
            error: "CONCURRENT_TRANSACTIONS".into(),
            call: call.into(),
            count: 1,
            ..Default::default()
        };
        let account = Account { errors: vec![error("InitProducerId"), error("commit")], ..Account::default() };
        let happened = Happened::of(&account);
        assert_eq!((happened.errors.len(), happened.routine.len()), (1, 1));
        assert_eq!(happened.errors[0].call, "commit");
    }

    #[test]
    fn a_fault_that_somebody_counted_on_and_that_never_began_is_named_with_how_far_it_got() {
        let expected =
            ["fault 'shop is down, after the 3rd EndTxn was handled' never began: 1 of 3 EndTxn seen".to_owned()];
        assert_eq!(eventful().faults_that_never_began(), expected);
    }

    #[test]
    fn partitions_are_told_of_which_not_all_was_processed() {
        let input = |partition, owed, processed, unprocessed| InputAccount {
            group: "billing".into(),
            topic: "orders".into(),
            partition,
            owed,
            processed,
            unprocessed,
            ..InputAccount::default()
        };
        let account = Account { inputs: vec![input(0, 100, 100, 0), input(1, 100, 49, 51)], ..Account::default() };
        let told = ("billing, orders-1".into(), "49 of 100 records processed, 51 unprocessed".into());
        assert_eq!(Happened::of(&account).inputs, [told]);
    }

    #[test]
    fn clients_are_told_with_how_they_ended() {
        let clients = Happened::of(&eventful()).clients;
        let shop =
            "sent 4,000: 3,121 acknowledged, 877 failed, 2 of unknown outcome; started 2 times; killed at 9.000 s";
        assert_eq!(clients, [("shop".into(), shop.into()), ("audit".into(), "never ran".into())]);
    }
}
