//! What is told of a run is what happened, and telling it changes nothing.

use fencepost_reports::story::{Fate, Flaw, Fortune, LaneKind, Link, Story};
use fencepost_sim::run::{Course, Run, run};
use fencepost_sim::scenario::{Choice, Scenario};
use fencepost_sim::story::Teller;
use fencepost_sim::world::{Keep, Tracer};

fn scenario(name: &str, case: Option<&str>) -> Scenario {
    let choice = Choice { case: case.map(str::to_string), ..Choice::default() };
    Scenario::load_built_in(name, choice).expect("a built-in scenario")
}

fn told(scenario: &Scenario, seed: u64) -> (Run, Story) {
    let teller = Teller::new(&scenario.plan);
    let mut sink = teller.sink();
    let mut trace = |traced: &fencepost_sim::world::Traced<'_>| teller.trace(traced);
    let tracer: Tracer<'_> = &mut trace;
    let keep = Keep { schedule: true, trace: true, ..Keep::default() };
    let run = run(&scenario.plan, Course::Seed(seed), keep, Some(&mut sink), Some(tracer));
    let story = teller.tell(&run);
    (run, story)
}

fn plain(scenario: &Scenario, seed: u64) -> Run {
    run(&scenario.plan, Course::Seed(seed), Keep::default(), None, None)
}

#[test]
fn telling_a_run_does_not_change_it() {
    for name in ["lessons/zombie", "lessons/rolling-restart", "chaos/everything"] {
        let scenario = scenario(name, None);
        let (told, story) = told(&scenario, 3);
        let plain = plain(&scenario, 3);
        assert_eq!(told.outcome.digest, plain.outcome.digest, "{name}");
        assert_eq!(told.figures, plain.figures, "{name}");
        assert!(story.messages.is_sorted_by_key(|m| m.sent), "{name}: messages are in the order of sending");
        let early = story.messages.iter().find(|m| m.arrived < m.sent);
        assert_eq!(early, None, "{name}: nothing arrives before it was sent");
    }
}

#[test]
fn a_lost_answer_its_retry_and_the_copy_are_told() {
    let (_, story) = told(&scenario("lessons/lost-ack", None), 1);
    let lost: Vec<_> = story.messages.iter().filter(|m| m.fate == Fate::Lost && m.kind == "Produce").collect();
    assert_eq!(lost.len(), 1);
    assert!(lost[0].answer && lost[0].request.is_some());
    let strip = &story.strips[0];
    assert_eq!(strip.batches.len(), 2);
    assert_eq!((strip.flaws[0].flaw, strip.flaws[0].first, strip.flaws[0].last), (Flaw::Duplicate, 10, 19));
    assert_eq!(strip.flaws[0].of, Some((0, 0)));
    for batch in &strip.batches {
        let message = &story.messages[batch.message.expect("its request is known") as usize];
        assert_eq!((message.kind.as_str(), message.arrived), ("Produce", batch.t));
    }
    let links: Vec<_> = story.judgement.findings[0].proofs[0].iter().filter_map(|part| part.link).collect();
    let till = story.lanes.iter().position(|lane| lane.name == "till").expect("it has a lane") as u32;
    assert_eq!(links, [Link::Lane(till), Link::Record(0, 0), Link::Record(0, 10)]);
    assert_eq!(story.figures.total.retries, 1);
    assert_eq!(story.figures.total.absorbed, 0);
    assert_eq!(story.script.len(), 1);
}

#[test]
fn what_the_broker_recognised_is_counted_as_absorbed() {
    let run = plain(&scenario("lessons/lost-ack", Some("fixed")), 1);
    assert_eq!((run.figures.total.retries, run.figures.total.absorbed), (1, 10));
    let broker = run.figures.nodes.iter().find(|n| n.tally.absorbed > 0).expect("a broker absorbed them");
    assert!(broker.name.starts_with("broker-"));
}

#[test]
fn an_open_transaction_holds_the_last_stable_offset_and_the_figures_say_how_far() {
    let (run, story) = told(&scenario("lessons/open-transaction", Some("fixed")), 1);
    let forgotten = story.transactions.iter().find(|x| x.fortune == Fortune::Aborted).expect("it times out");
    let levels = &story.strips[0].levels;
    let during: Vec<_> =
        levels.iter().filter(|l| l.t > forgotten.begin && Some(l.t) < forgotten.end).map(|l| l.lso).collect();
    assert!(during.len() > 10 && during.iter().all(|lso| *lso == 0), "readers wait at the beginning");
    let largest = levels.iter().map(|l| (l.hw - l.lso) as u64).max();
    assert_eq!(Some(run.figures.total.largest_lso_lag), largest);
    assert!(run.figures.total.largest_lso_lag >= 50);
}

#[test]
fn faults_are_bands_and_moved_leaders_are_offices() {
    let (run, story) = told(&scenario("lessons/rolling-restart", None), 1);
    let restarts = story.bands.iter().filter(|b| b.words.ends_with("restarts")).count();
    assert_eq!(restarts, 3);
    let leaders: Vec<_> = story.offices.iter().filter(|o| o.name == "leader of enriched-0").map(|o| o.t).collect();
    assert!(leaders.len() >= 2 && leaders[0] == 0, "the first one, and the one that it moved to");
    assert!(run.figures.total.leader_moves >= 1);
}

#[test]
fn the_logs_of_internal_topics_say_how_a_transaction_went() {
    let scenario = scenario("lessons/zombie", Some("fixed"));
    let (_, story) = told(&scenario, 1);
    let records: Vec<&str> = story
        .strips
        .iter()
        .filter(|strip| strip.name.starts_with("__transaction_state"))
        .flat_map(|strip| &strip.batches)
        .map(|batch| batch.words.as_str())
        .filter(|words| words.starts_with("billing-2: "))
        .collect();
    let state = |words: &str| words.split([':', ',']).nth(1).expect("a state").trim().to_string();
    let states: Vec<String> = records.iter().map(|words| state(words)).collect();
    // It is under way when it gets its group's offsets, and once more when it gets its output.
    let expected = ["Empty", "Ongoing", "Ongoing", "PrepareCommit", "CompleteCommit"];
    assert_eq!(states[..5], expected, "{:?}", &records[..5]);
    assert!(records[2].ends_with("pid 1000 e0, __consumer_offsets-9, invoices-0"), "{}", records[2]);
    let offsets = story.strips.iter().filter(|strip| strip.name.starts_with("__consumer_offsets"));
    let mut pending = 0;
    for strip in offsets {
        assert!(strip.internal);
        let ends: Vec<i64> = strip.batches.iter().filter(|b| b.gone.is_none()).map(|b| b.base).collect();
        assert!(ends.is_sorted(), "{}: {ends:?}", strip.name);
        pending += strip.batches.iter().filter(|b| b.decided.is_some_and(|(_, commit)| commit)).count();
    }
    assert!(pending > 0, "offsets that a commit marker made good");
    let first = story.strips.iter().position(|strip| strip.internal).expect("there are internal strips");
    assert!(story.strips[first..].iter().all(|strip| strip.internal), "they stand after those of applications");
}

/// Readers and pipelines whose names begin alike, with several members and with one.
const ALIKE: &str = r#"
title = "Names that begin alike"

[cluster]
brokers = 1

[[topic]]
name = "orders"
replication.factor = 1
min.insync.replicas = 1

[[topic]]
name = "enriched"
replication.factor = 1
min.insync.replicas = 1

[[producer]]
name = "till"
topic = "orders"
records = 3

[[pipeline]]
name = "enrich"
input = "orders"
output = "enriched"

[[reader]]
name = "enrich-audit"
topics = ["enriched"]

[[reader]]
name = "till-audit"
members = 2
topics = ["orders"]
group.id = "audit"
"#;

#[test]
fn what_a_node_is_its_plan_says_and_not_its_name() {
    let mut nothing = |path: &str| Err(format!("{path} is no file"));
    let scenario = Scenario::load("alike", ALIKE, Choice::default(), &mut nothing).expect("a scenario");
    let (_, story) = told(&scenario, 1);
    let kind = |name: &str| story.lanes.iter().find(|lane| lane.name == name).expect("it has a lane").kind;
    assert_eq!(kind("enrich"), LaneKind::Pipeline);
    assert_eq!(kind("enrich-audit"), LaneKind::Reader);
    assert_eq!(kind("till-audit-2"), LaneKind::Reader);
    assert_eq!(kind("till"), LaneKind::Producer);
    assert_eq!(kind("broker-1"), LaneKind::Broker);
}
