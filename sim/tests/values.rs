//! Values from end to end: what clients write has the value that the named function gives, histories and dumps say so, and
//! a pipeline that slips once is found.

use std::collections::BTreeMap;
use std::sync::Arc;

use fencepost_reports::function::{Function, fingerprint_of};
use fencepost_reports::history::event::{Event, Identity, Sink};
use fencepost_reports::report::{Kind, Report, Verdict};
use fencepost_sim::plan::Plan;
use fencepost_sim::run::{Course, run};
use fencepost_sim::scenario::{Choice, Scenario};
use fencepost_sim::world::Keep;

/// Two pipelines in a row, the first one with a process that crashes in the middle.
const TWO_HOPS: &str = r#"
title = "Two hops"

[cluster]
brokers = 3

[[topic]]
name = "orders"
partitions = 2

[[topic]]
name = "marked"
partitions = 2

[[topic]]
name = "hashed"

[[producer]]
name = "shop"
topic = "orders"
records = 60
interval = "20ms"

[[pipeline]]
name = "mark"
input = "orders"
output = "marked"
processing.guarantee = "exactly_once_v2"
function = "append: (marked)"
restart.after = "500ms"

[[pipeline]]
name = "hash"
input = "marked"
output = "hashed"
processing.guarantee = "exactly_once_v2"
function = "hash"

[[reader]]
name = "reader"
topics = ["hashed"]
isolation.level = "read_committed"
auto.offset.reset = "earliest"

[[fault]]
at = "600ms"
action = "crash"
node = "mark"
down = "500ms"
"#;

fn plan(sets: &[&str]) -> Plan {
    let sets = sets.iter().map(ToString::to_string).collect();
    let mut read = |_: &str| panic!("no file is read");
    let choice = Choice { sets, ..Choice::default() };
    let scenario = Scenario::load("test", TWO_HOPS, choice, &mut read).unwrap_or_else(|problem| panic!("{problem}"));
    Plan::clone(&scenario.plan)
}

/// Values in the final read, by topic, partition and offset.
#[derive(Default)]
struct Finals(BTreeMap<(u32, u32, i64), (Identity, Option<u64>)>, BTreeMap<u32, String>, Vec<Option<String>>);

impl Sink for Finals {
    fn event(&mut self, event: &Event<'_>) {
        match event {
            Event::Topic(t) => {
                self.1.insert(t.id, t.name.to_string());
            }
            Event::Client(c) => self.2.push(c.function.as_ref().map(ToString::to_string)),
            Event::Final(f) if f.visible => {
                self.0.insert((f.at.topic, f.at.partition, f.offset), (f.id, f.value));
            }
            _ => {}
        }
    }
}

fn judged(plan: Plan) -> (Report, Finals) {
    let mut finals = Finals::default();
    let report = run(&Arc::new(plan), Course::Seed(1), Keep::default(), Some(&mut finals), None).report;
    (report, finals)
}

#[test]
fn values_in_a_history_are_those_that_the_functions_give() {
    let (report, Finals(finals, topics, functions)) = judged(plan(&[]));
    assert_eq!(report.verdict, Verdict::Clean, "{}", report.render_text());
    let mut named: Vec<_> = functions.iter().flatten().map(String::as_str).collect();
    named.sort_unstable();
    assert_eq!(named, ["append: (marked)", "hash"]);
    let mut counts = BTreeMap::new();
    for ((topic, ..), (id, value)) in &finals {
        let topic = topics[topic].as_str();
        let function = match topic {
            "marked" => Function::from_name("append: (marked)"),
            "hashed" => Function::from_name("hash"),
            _ => None,
        };
        *counts.entry(topic).or_insert(0) += 1;
        if let Some(function) = function {
            let (_, input) = finals[&(id.source, id.partition, id.offset)];
            assert_eq!(*value, input.map(|input| function.apply(input)), "{topic}: {id:?}");
        }
    }
    assert_eq!(counts, BTreeMap::from([("orders", 60), ("marked", 60), ("hashed", 60)]));
}

#[test]
fn a_pipeline_that_slips_once_is_found_with_its_record() {
    let mut plan = plan(&["mark.function=copy"]);
    plan.faults.clear();
    let slipping = plan.pipelines.iter_mut().find(|p| p.name == "mark").expect("it is in the text");
    slipping.slip_at = Some(17);
    let (report, Finals(finals, topics, _)) = judged(plan);
    assert_eq!(report.verdict, Verdict::Violated);
    let [wrong] = &report.violations[..] else { panic!("{}", report.render_text()) };
    assert_eq!((wrong.kind, wrong.count), (Kind::WrongValue, 1), "{}", report.render_text());
    // The record that has the value of the slip, and no other.
    let slip = fingerprint_of("a slip");
    let slipped: Vec<_> = finals.iter().filter(|(_, (_, value))| *value == Some(slip)).collect();
    let [((topic, partition, offset), (id, _))] = slipped[..] else { panic!("{slipped:?}") };
    assert_eq!(topics[topic], "marked");
    assert_eq!(wrong.proof.record, Some(*id));
    assert_eq!(wrong.proof.offsets, [(*partition, *offset)]);
    let sentence = &wrong.proof.sentence;
    assert!(sentence.contains(&format!("{slip:016x}")) && sentence.contains("copy of record"), "{sentence}");
}

#[test]
fn a_pipeline_copies_where_nothing_is_said() {
    let resolved = Scenario::load_built_in("lessons/rolling-restart", Choice::default()).expect("a lesson").resolved();
    assert!(resolved.contains("function = \"copy\""), "{resolved}");
}

#[test]
fn a_function_that_does_not_exist_is_refused() {
    let mut read = |_: &str| panic!("no file is read");
    let choice = Choice { sets: vec!["mark.function=reverse".to_owned()], ..Choice::default() };
    let problem =
        Scenario::load("test", TWO_HOPS, choice, &mut read).expect_err("there is no such function").to_string();
    assert!(problem.contains("unknown function 'reverse'"), "{problem}");
}
