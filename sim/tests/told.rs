//! What the history of a run tells besides what was sent and read: who ran, what clients were told, what went wrong and
//! whether it did, why an offset moved; and that every call has an outcome.

mod kept;

use std::collections::{BTreeMap, BTreeSet};

use fencepost_reports::Kind;
use fencepost_sim::capsule::{Capsule, PROGRAM};
use fencepost_sim::run::Course;
use fencepost_sim::scenario::{Choice, Scenario};
use fencepost_sim::schedule::Schedule;
use kept::{Kept, keep, plan_of};
use serde_json::Value;

const SHOP: &str = "title = 't'\n[[topic]]\nname = 'orders'\n[[producer]]\nname = 'shop'\ntopic = 'orders'\n\
                    records = 100\ninterval = '100ms'\n";

fn ran(text: &str) -> Kept {
    keep(&plan_of(text), Course::Seed(1)).1
}

fn built_in(name: &str) -> Scenario {
    Scenario::load_built_in(name, Choice::default()).unwrap_or_else(|p| panic!("{name}: {p}"))
}

/// Client, incarnation and number of an operation.
fn key(event: &Value, number: &str) -> (u64, u64, u64) {
    let field = |name: &str| event.get(name).and_then(Value::as_u64).unwrap_or(0);
    (field("c"), field("i"), field(number))
}

/// Panics where a call has no outcome, or two, or something was done by a client that does not run.
fn look_at_calls(kept: &Kept, of: &str) -> usize {
    let invocations = [("send", "op"), ("ending", "n"), ("commit", "op"), ("apply", "op")];
    let outcomes = [
        ("ack", "send", "op"),
        ("fail", "send", "op"),
        ("unknown", "send", "op"),
        ("ended", "ending", "n"),
        ("commit_result", "commit", "op"),
        ("applied", "apply", "op"),
    ];
    let mut open: BTreeSet<(&str, (u64, u64, u64))> = BTreeSet::new();
    let mut running: BTreeMap<u64, bool> = BTreeMap::new();
    let mut calls = 0;
    for (kind, event) in &kept.0 {
        if let Some((kind, number)) = invocations.iter().find(|(k, _)| k == kind) {
            let call = (*kind, key(event, number));
            let is_new = open.insert(call);
            assert!(is_new || *kind == "commit", "{of}: {call:?} twice");
            assert_eq!(running.get(&call.1.0), Some(&true), "{of}: {event} by a client that does not run");
            calls += 1;
        }
        if let Some((_, call, number)) = outcomes.iter().find(|(k, ..)| k == kind) {
            let call = (*call, key(event, number));
            assert!(open.remove(&call), "{of}: {kind} {event} without a call");
        }
        match kind.as_str() {
            "started" => drop(running.insert(key(event, "op").0, true)),
            "stopped" => drop(running.insert(key(event, "op").0, false)),
            _ => {}
        }
    }
    assert!(open.is_empty(), "{of}: {open:?} have no outcome");
    calls
}

#[test]
fn every_call_has_one_outcome_and_is_made_by_a_client_that_runs() {
    let mut calls = 0;
    for name in ["chaos/everything", "chaos/sinks", "chaos/zombies", "chaos/crashes", "examples/outbox"] {
        let plan = built_in(name).plan;
        for seed in 1..=25 {
            calls += look_at_calls(&keep(&plan, Course::Seed(seed)).1, &format!("{name} seed {seed}"));
        }
    }
    assert!(calls > 50_000, "only {calls} calls were looked at");
}

#[test]
fn every_call_has_an_outcome_where_a_run_ends_at_its_bound() {
    let text = format!(
        "{SHOP}transactional.id = 's'\n[[fault]]\nat = '3s'\naction = 'block'\nfrom = 'shop'\nto = '*'\n\
                        span = '10m'\n[end]\nlimit = '20s'\n"
    );
    let kept = ran(&text);
    assert!(look_at_calls(&kept, "blocked") > 20);
    let words: BTreeSet<&str> = kept.all("unknown").filter_map(|e| e["error"].as_str()).collect();
    assert_eq!(words, BTreeSet::from(["the run ended"]));
}

#[test]
fn what_a_killed_process_had_under_way_is_told_in_the_same_words_by_all_clients() {
    let words = ["the process ended"];
    let mut seen = BTreeSet::new();
    for name in ["chaos/crashes", "chaos/sinks"] {
        let plan = built_in(name).plan;
        for seed in 1..=40 {
            let kept = keep(&plan, Course::Seed(seed)).1;
            // What is told at the time of a kill, by whoever was killed.
            for stopped in kept.all("stopped").filter(|s| s["reason"] == "killed") {
                let unknown = kept.0.iter().filter(|(_, e)| e["t"] == stopped["t"] && e["c"] == stopped["c"]);
                for (kind, event) in unknown.filter(|(k, e)| k == "unknown" || e["outcome"] == "unknown") {
                    assert!(words.contains(&event["error"].as_str().unwrap_or("")), "{name} {seed}: {kind} {event}");
                    seen.insert(kind.clone());
                }
            }
        }
    }
    let all = ["applied", "commit_result", "ended", "unknown"].map(str::to_string);
    assert!(all.iter().filter(|k| seen.contains(*k)).count() >= 3, "only {seen:?}");
}

#[test]
fn a_client_starts_and_stops_once_for_each_of_its_processes() {
    let text = format!("{SHOP}[[fault]]\nat = '3s'\naction = 'crash'\nnode = 'shop'\ndown = '2s'\n");
    let kept = ran(&text);
    let told: Vec<(String, u64, u64)> = kept
        .0
        .iter()
        .filter(|(k, _)| k == "started" || k == "stopped")
        .map(|(k, e)| (k.clone(), e["t"].as_u64().unwrap_or(0) / 1_000_000_000, key(e, "op").1))
        .collect();
    let expected = [("started", 0, 0), ("stopped", 3, 0), ("started", 5, 1), ("stopped", 11, 1)];
    let told: Vec<(&str, u64, u64)> = told.iter().map(|(k, t, i)| (k.as_str(), *t, *i)).collect();
    assert_eq!(told[..3], expected[..3], "{told:?}");
    assert_eq!((told[3].0, told[3].2, told.len()), ("stopped", 1, 4), "{told:?}");
    let reasons: Vec<&Value> = kept.all("stopped").map(|s| &s["reason"]).collect();
    assert_eq!(reasons, ["killed", "ended"]);
}

#[test]
fn a_client_that_never_starts_is_never_said_to() {
    let reader = "[[reader]]\nname = 'late'\ntopics = ['orders']\nstart = '1h'\n[end]\nlimit = '30s'\n";
    let kept = ran(&format!("{SHOP}{reader}"));
    let c = kept.client("late");
    assert_eq!(kept.all("started").filter(|s| s["c"] == c).count(), 0);
}

#[test]
fn every_error_that_a_client_is_told_is_in_the_history_and_nothing_else() {
    let fault = "[[fault]]\nafter = { kind = 'Produce', nth = 3 }\naction = 'error_before'\n\
                 error = 'NOT_LEADER_OR_FOLLOWER'\n";
    let kept = ran(&format!("{SHOP}{fault}"));
    let c = kept.client("shop");
    let of_produce: Vec<&Value> = kept.all("told").filter(|t| t["call"] == "Produce").collect();
    assert_eq!(of_produce.len(), 1, "{of_produce:?}");
    assert_eq!(
        (of_produce[0]["error"].as_str(), of_produce[0]["c"].as_u64()),
        (Some("NOT_LEADER_OR_FOLLOWER"), Some(c))
    );
    assert!(kept.all("told").all(|t| t["error"] != "NONE"));
}

#[test]
fn what_a_database_has_no_transaction_for_is_told() {
    let text = format!(
        "{SHOP}[[database]]\nname = 'db'\nidle.in.transaction.timeout = '2s'\n\
         [[connector]]\nname = 'sink'\ninput = 'orders'\nto = 'db'\ntable = 'rows'\n\
         [[fault]]\nafter = {{ kind = 'SqlCommit', nth = 2 }}\naction = 'delay_request'\nby = '4s'\n"
    );
    let kept = ran(&text);
    let sink = kept.client("sink");
    let told: Vec<&Value> = kept.all("told").filter(|t| t["error"] == "NO_ACTIVE_SQL_TRANSACTION").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0]["call"].as_str(), told[0]["c"].as_u64()), (Some("SqlCommit"), Some(sink)));
}

#[test]
fn a_fault_is_declared_in_words_and_fires_when_it_does() {
    let faults = "[[fault]]\nat = '3s'\naction = 'pause'\nnode = 'shop'\nspan = '1s'\n\
                  [[fault]]\nafter = { kind = 'Produce', nth = 4 }\naction = 'move_leader'\npartition = 'orders-0'\n\
                  [[fault]]\nafter = { kind = 'Heartbeat', from = 'late', nth = 3 }\naction = 'crash'\nnode = 'shop'\n\
                  optional = true\n\
                  [[fault]]\nat = '60s'\naction = 'pause'\nnode = 'broker-1'\nspan = '1s'\n\
                  [[reader]]\nname = 'late'\ntopics = ['orders']\ngroup.id = 'g'\nstart = '40s'\n[end]\nlimit = '30s'\n";
    let kept = ran(&format!("{SHOP}{faults}"));
    let declared: Vec<&Value> = kept.all("fault").collect();
    assert_eq!(declared.len(), 4);
    assert_eq!(declared[0]["words"], "at 3s: shop stands still for 1s");
    assert_eq!((declared[1]["counts"].as_str(), declared[1]["nth"].as_u64()), (Some("Produce"), Some(4)));
    assert_eq!((declared[2]["optional"].as_bool(), declared[1].get("optional")), (Some(true), None));
    assert!(declared.iter().all(|f| f.get("drawn").is_none()));
    let fired: Vec<(u64, u64)> = kept.all("fired").map(|f| (key(f, "fault").2, f["t"].as_u64().unwrap_or(0))).collect();
    assert_eq!(fired.len(), 2, "{fired:?}");
    assert_eq!(fired.iter().find(|(n, _)| *n == 0).map(|f| f.1), Some(3_000_000_000));
    // What a trigger counts is counted on when it has fired, and where it never does.
    let seen: BTreeMap<u64, u64> = kept.all("fault_end").map(|f| (key(f, "fault").2, key(f, "seen").2)).collect();
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [1, 2]);
    assert!(seen[&1] > 50, "{seen:?}");
    assert_eq!(seen[&2], 0);
}

#[test]
fn a_fault_that_cannot_be_done_has_not_fired() {
    let faults = "[[fault]]\nat = '3s'\naction = 'crash'\nnode = 'shop'\ndown = '5s'\n\
                  [[fault]]\nafter = { kind = 'Produce', nth = 1, pause = '3800ms' }\naction = 'crash'\nnode = 'shop'\n\
                  down = '5s'\n\
                  [[fault]]\nat = '5s'\naction = 'move_leader'\npartition = 'orders-0'\n";
    let text = format!("{SHOP}{faults}")
        .replace("name = 'orders'\n[[p", "name = 'orders'\nreplication.factor = 1\nmin.insync.replicas = 1\n[[p");
    let kept = ran(&text);
    assert_eq!(kept.all("fault").count(), 3);
    assert_eq!(kept.all("fired").map(|f| key(f, "fault").2).collect::<Vec<_>>(), [0]);
}

#[test]
fn drawn_faults_are_declared_as_such_when_they_begin() {
    let plan = built_in("chaos/everything").plan;
    let mut drawn = 0;
    for seed in 1..=20 {
        let kept = keep(&plan, Course::Seed(seed)).1;
        let declared: Vec<u64> = kept.all("fault").map(|f| key(f, "id").2).collect();
        assert!(kept.all("fault").all(|f| f["drawn"] == true), "seed {seed}");
        let fired: Vec<u64> = kept.all("fired").map(|f| key(f, "fault").2).collect();
        assert_eq!(declared, fired, "seed {seed}");
        drawn += fired.len();
    }
    assert!(drawn > 60, "{drawn}");
}

/// The same events, whether a run is drawn, or its schedule is applied, or its capsule is read back first.
#[test]
fn a_replay_writes_the_same_history() {
    for name in ["chaos/everything", "chaos/sinks", "lessons/zombie", "lessons/rolling-restart", "lessons/lost-ack"] {
        let scenario = built_in(name);
        for seed in 1..=6 {
            let (run, drawn) = keep(&scenario.plan, Course::Seed(seed));
            let schedule = Schedule { deviations: run.outcome.recorded };
            let (_, replayed) = keep(&scenario.plan, Course::Schedule(seed, &schedule));
            assert!(drawn.0 == replayed.0, "{name} seed {seed}: {:?}", first_difference(&drawn, &replayed));
            let capsule = Capsule {
                program: PROGRAM.into(),
                scenario: scenario.clone(),
                seed,
                verdict: "clean".into(),
                kinds: Vec::new(),
                digest: None,
                remedy: Vec::new(),
                schedule: Some(schedule),
            };
            let read = Capsule::from_json(&capsule.to_json()).expect("what was written is read");
            let schedule = read.schedule.expect("it has one");
            let (_, again) = keep(&read.scenario.plan, Course::Schedule(seed, &schedule));
            assert!(drawn.0 == again.0, "{name} seed {seed}: {:?}", first_difference(&drawn, &again));
        }
    }
}

fn first_difference(a: &Kept, b: &Kept) -> Option<String> {
    a.0.iter().zip(&b.0).find(|(a, b)| a != b).map(|(a, b)| format!("{a:?} and {b:?}"))
}

#[test]
fn a_replay_tells_of_a_fault_that_never_fired_what_the_run_told() {
    let fault = "transactional.id = 's'\ntransaction.records = 40\n[[fault]]\nafter = { kind = 'EndTxn', nth = 9 }\n\
                 action = 'crash'\nnode = 'shop'\n";
    let plan = plan_of(&format!("{SHOP}{fault}"));
    let (run, drawn) = keep(&plan, Course::Seed(1));
    let schedule = Schedule { deviations: run.outcome.recorded };
    let (_, replayed) = keep(&plan, Course::Schedule(1, &schedule));
    assert!(drawn.0 == replayed.0, "{:?}", first_difference(&drawn, &replayed));
    assert_eq!(drawn.all("fault_end").map(|f| key(f, "seen").2).collect::<Vec<_>>(), [3]);
}

#[test]
fn an_offset_that_moves_by_a_commit_says_whose_and_of_which_generation() {
    let mut of_commits = 0;
    for name in ["chaos/zombies", "chaos/sinks"] {
        let plan = built_in(name).plan;
        for seed in 1..=20 {
            let kept = keep(&plan, Course::Seed(seed)).1;
            for moved in kept.all("offset_moved") {
                assert_ne!(moved["cause"], "unknown", "{name} seed {seed}: {moved}");
                let commit = &moved["cause"]["commit"];
                if commit.is_object() {
                    assert!(commit["generation"].as_i64().is_some_and(|g| g > 0), "{name} seed {seed}: {moved}");
                    of_commits += 1;
                }
            }
        }
    }
    assert!(of_commits > 100, "{of_commits}");
}

/// A member that was put out asks for the value that the partition's new owner has asked for, and is refused.
#[test]
fn who_was_refused_is_not_said_to_have_moved_an_offset() {
    let plan = built_in("chaos/sinks").plan;
    for seed in [589, 927] {
        let report = keep(&plan, Course::Seed(seed)).0.report;
        assert_eq!(report.count(Kind::FencedEffect), 0, "seed {seed}: {}", report.render_text());
    }
}

#[test]
fn an_offset_that_was_deleted_for_its_age_says_so() {
    let text = format!(
        "{SHOP}[cluster]\noffsets.retention.minutes = 1\noffsets.retention.check.interval.ms = 10000\n\
         [[topic]]\nname = 'out'\n[[pipeline]]\nname = 'job'\ninput = 'orders'\noutput = 'out'\ncommit.interval.ms = 100\n\
         restart.after = 'never'\n\
         [[fault]]\nat = '15s'\naction = 'crash'\nnode = 'job'\n\
         [[producer]]\nname = 'later'\ntopic = 'orders'\nrecords = 1\nstart = '5m'\n"
    );
    let kept = ran(&text);
    let last = kept.all("offset_moved").last().expect("the group has committed");
    assert_eq!((last["offset"].as_i64(), last["cause"].as_str()), (Some(-1), Some("expired")), "{last}");
}
