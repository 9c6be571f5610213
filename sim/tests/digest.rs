//! The digest covers what messages say: runs in which one field of one message differs, and nothing that follows from it,
//! have two digests.

use std::collections::BTreeMap;
use std::sync::Arc;

use fencepost_sim::message::Kind;
use fencepost_sim::plan::Plan;
use fencepost_sim::run::{Course, run};
use fencepost_sim::scenario::{Choice, Scenario};
use fencepost_sim::world::{Keep, Traced, TracedEvent};

/// No chance, no fault: what a setting changes are fields of messages.
const QUIET: &str = r#"
title = "Two hops"

[cluster]
brokers = 3

[[topic]]
name = "in"

[[topic]]
name = "out"

[[producer]]
name = "source"
topic = "in"
records = 20
interval = "10ms"

[[pipeline]]
name = "copy"
input = "in"
output = "out"
commit.interval.ms = 50

[[reader]]
name = "reader"
topics = ["out"]
group.id = "readers"
auto.offset.reset = "earliest"
"#;

/// A transaction in limbo, whose producer is told of it by one error code or by another one, according to its version.
const LIMBO: &str = r#"
title = "A transaction in limbo until the next message comes, half an hour later"

[cluster]
brokers = 3

[[topic]]
name = "in"

[[topic]]
name = "out"

[[producer]]
name = "source"
topic = "in"
records = 100
interval = "100ms"

[[producer]]
name = "next"
topic = "in"
records = 1
start = "1800s"

[[pipeline]]
name = "stream"
input = "in"
output = "out"
processing.guarantee = "exactly_once_v2"
commit.interval.ms = 100
[pipeline.producer]
client.protocol = "librdkafka"
transaction.timeout.ms = 10000
delivery.timeout.ms = 60000
request.timeout.ms = 10000

[[reader]]
name = "reader"
topics = ["out"]
isolation.level = "read_committed"
auto.offset.reset = "earliest"

[[fault]]
after = { kind = "Produce", phase = "handled", from = "stream", nth = 20 }
action = "block"
from = "stream"
to = "*"
both.ways = true
span = "40s"
"#;

fn plan(text: &str, sets: &[&str]) -> Arc<Plan> {
    let sets = sets.iter().map(ToString::to_string).collect();
    let mut read = |_: &str| panic!("no file is read");
    let choice = Choice { sets, ..Choice::default() };
    Scenario::load("test", text, choice, &mut read).unwrap_or_else(|problem| panic!("{problem}")).plan
}

/// The digest of a run, and what its trace shows: a line for each message that was delivered.
fn digest_and_trace(plan: &Arc<Plan>, seed: u64) -> (String, Vec<String>) {
    let mut lines = Vec::new();
    let mut tracer = |traced: &Traced<'_>| {
        let Traced { at, from, to, what, .. } = traced;
        match what {
            TracedEvent::Request(request) => lines.push(format!("{at} {from} {to} {request:?}")),
            TracedEvent::Response(response) => lines.push(format!("{at} {from} {to} {response:?}")),
            _ => {}
        }
    };
    let keep = Keep { trace: true, ..Keep::default() };
    let digest = run(plan, Course::Seed(seed), keep, None, Some(&mut tracer)).outcome.digest.to_string();
    (digest, lines)
}

/// Asserts that two runs have two digests although their messages are the same but for fields.
fn told_apart(one: (String, Vec<String>), other: (String, Vec<String>)) {
    assert_eq!(one.1.len(), other.1.len(), "the runs differ in more than fields");
    assert_ne!(one.1, other.1, "the runs do not differ");
    assert_ne!(one.0, other.0, "the runs differ in fields, and have one digest");
}

#[test]
fn the_code_of_an_error_is_in_the_digest() {
    let of = |sets: &[&str]| digest_and_trace(&plan(LIMBO, sets), 1);
    let (one, other) = (of(&[]), of(&["client.protocol=java-4", "transaction.version=1"]));
    let differ = one.1.iter().zip(&other.1).filter(|(a, b)| a != b).count();
    assert!(differ > 100, "{differ} messages differ");
    told_apart(one, other);
}

#[test]
fn one_error_code_in_one_answer_is_in_the_digest() {
    for (kind, from, codes) in [
        ("FindCoordinator", "reader", ["NOT_COORDINATOR", "COORDINATOR_NOT_AVAILABLE"]),
        ("Produce", "source", ["NOT_LEADER_OR_FOLLOWER", "LEADER_NOT_AVAILABLE"]),
    ] {
        let [one, other] = codes.map(|code| {
            let fault = format!(
                "[[fault]]\nafter = {{ kind = \"{kind}\", phase = \"sending\", from = \"{from}\" }}\n\
                 action = \"error_after\"\nerror = \"{code}\"\n"
            );
            digest_and_trace(&plan(&format!("{QUIET}\n{fault}"), &[]), 1)
        });
        let differ = one.1.iter().zip(&other.1).filter(|(a, b)| a != b).count();
        assert_eq!(differ, 1, "{kind}");
        told_apart(one, other);
    }
}

#[test]
fn fields_of_requests_that_nothing_follows_from_are_in_the_digest() {
    let of = |sets: &[&str]| digest_and_trace(&plan(QUIET, sets), 1);
    let base = of(&[]);
    for set in [
        "source.request.timeout.ms=20000",
        "reader.fetch.max.bytes=40000000",
        "reader.max.poll.interval.ms=200000",
        "reader.session.timeout.ms=20000",
    ] {
        told_apart(base.clone(), of(&[set]));
    }
}

#[test]
fn the_contents_of_records_are_in_the_digest() {
    let of = |sets: &[&str], seed| digest_and_trace(&plan(QUIET, sets), seed);
    let base = of(&[], 1);
    // Of another seed are other values; nothing else here is drawn.
    told_apart(base.clone(), of(&[], 2));
    told_apart(base.clone(), of(&["source.value.bytes=101"], 1));
    told_apart(base, of(&["source.keys=4"], 1));
}

/// The numbers that the digest is given tell messages apart as well as what the trace shows of them: two messages of a kind
/// have one number if and only if they look the same.
#[test]
fn what_looks_different_in_a_trace_has_another_number() {
    for name in ["chaos/everything", "chaos/sinks", "chaos/zombies"] {
        let plan = Scenario::load_built_in(name, Choice::default()).unwrap_or_else(|p| panic!("{name}: {p}")).plan;
        let mut numbers: BTreeMap<(Kind, bool, u64), String> = BTreeMap::new();
        let mut texts: BTreeMap<(Kind, bool, String), u64> = BTreeMap::new();
        let mut tracer = |traced: &Traced<'_>| {
            let (kind, is_answer, number, text) = match &traced.what {
                TracedEvent::Request(r) => (r.kind(), false, r.content(), format!("{r:?}")),
                TracedEvent::Response(r) => (r.kind(), true, r.content(), format!("{r:?}")),
                _ => return,
            };
            let shown = numbers.entry((kind, is_answer, number)).or_insert_with(|| text.clone());
            assert_eq!(*shown, text, "{name}: two messages have one number");
            let known = *texts.entry((kind, is_answer, text)).or_insert(number);
            assert_eq!(known, number, "{name}: one message has two numbers");
        };
        let keep = Keep { trace: true, ..Keep::default() };
        for seed in 1..=4 {
            run(&plan, Course::Seed(seed), keep, None, Some(&mut tracer));
        }
        assert!(numbers.len() > 5_000, "{name}: only {} messages were looked at", numbers.len());
    }
}
