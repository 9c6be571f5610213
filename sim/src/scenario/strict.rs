//! What a scenario must not say, and what the refusal tells: each was accepted, and swallowed, once.

use super::*;
use crate::plan::Promise;

const SHOP: &str = r#"title = "A shop"
[cluster]
brokers = 3
[[topic]]
name = "orders"
partitions = 2
[[topic]]
name = "out"
[[producer]]
name = "shop"
topic = "orders"
records = 10
interval = "100ms"
[[pipeline]]
name = "job"
input = "orders"
output = "out"
processing.guarantee = "exactly_once_v2"
[[reader]]
name = "mon"
topics = ["out"]
auto.offset.reset = "earliest"
"#;

fn load_with(text: &str, case: Option<&str>, sets: &[&str]) -> Result<Scenario, String> {
    let choice = Choice { case: case.map(str::to_string), sets: sets.iter().map(|s| s.to_string()).collect() };
    Scenario::load("shop.toml", text, choice, &mut |_| Err("there are no files here".into())).map_err(|p| p.to_string())
}

fn load(more: &str) -> Result<Scenario, String> {
    load_with(&format!("{SHOP}{more}\n"), None, &[])
}

fn refused(more: &str) -> String {
    load(more).expect_err(more)
}

fn fault(text: &str) -> String {
    refused(&format!("[[fault]]\n{text}"))
}

/// Each text is refused, with all of these parts in the message.
fn each(cases: &[(&str, &[&str])], refusal: impl Fn(&str) -> String) {
    for (text, says) in cases {
        let error = refusal(text);
        assert!(says.iter().all(|part| error.contains(part)), "{text}: {error}");
    }
}

fn set(text: &str) -> String {
    load_with(SHOP, None, &[text]).expect_err(text)
}

#[test]
fn settings_that_nothing_knows_are_refused_wherever_they_stand() {
    let cases: [(&str, &[&str]); 6] = [
        ("out.cleanup.policy=compact", &["--set out.cleanup.policy=compact", "does not model", "leave it out"]),
        ("out.min.insync.replica=2", &["did you mean 'min.insync.replicas'?"]),
        ("cluster.foo=1", &["'cluster' does not know 'foo'", "its keys: brokers, "]),
        ("shop.min.insync.replicas=2", &["a key of [cluster], [[topic]]"]),
        ("job.acks", &["KEY=VALUE"]),
        ("end.bond=1s", &["did you mean 'bound'?"]),
    ];
    each(&cases, set);
    for (key, says) in [
        ("out.cleanup.policy", "does not model"),
        ("out.min.insync.replica", "min.insync.replicas"),
        ("cluster.foo", "foo"),
    ] {
        let case = format!("{SHOP}[[case]]\nname = \"c\"\nset = {{ \"{key}\" = \"2\" }}\n");
        // Whichever case is run.
        for chosen in [None, Some("c")] {
            let error = load_with(&case, chosen, &[]).expect_err(key);
            assert!(error.starts_with("shop.toml:25:") && error.contains(says), "{error}");
        }
        let explore = refused(&format!("[explore]\n{key} = [1, 2]"));
        assert!(explore.starts_with("shop.toml:24:") && explore.contains(says), "{explore}");
    }
    let text = refused("[[topic]]\nname = \"t\"\ncleanup.policy = \"compact\"");
    assert!(text.starts_with("shop.toml:25:") && text.contains("of Kafka's topics"), "{text}");
}

#[test]
fn values_of_clients_that_are_left_out_are_looked_at_too() {
    let error = refused("[[producer]]\nname = \"x\"\nenabled = false\ntopic = \"orders\"\nrecords = \"many\"");
    assert!(error.contains("expected a whole number"), "{error}");
    let error = refused("[[producer]]\nname = \"x\"\nenabled = false\ntopic = \"orders\"\nrecords = 1\nacks = \"2\"");
    assert!(error.contains("0, 1 or all"), "{error}");
}

#[test]
fn a_fault_takes_the_keys_of_its_action_and_no_others() {
    let cases: [(&str, &[&str]); 12] = [
        (
            "at = \"1s\"\naction = \"crash\"\nnode = \"job\"\nspan = \"2s\"",
            &["'span' is no key of action = \"crash\"", "'down'"],
        ),
        (
            "at = \"1s\"\naction = \"pause\"\nnode = \"job\"\ndown = \"2s\"",
            &["'down' is no key of action = \"pause\"", "'span'"],
        ),
        (
            "at = \"1s\"\naction = \"crash\"\nnode = \"job\"\nkeep.ppm = 5",
            &["'keep.ppm' is no key of action = \"crash\""],
        ),
        ("at = \"1s\"\naction = \"pause\"\nnode = \"job\"", &["needs 'span'"]),
        ("at = \"1s\"\naction = \"crash\"\ndown = \"1s\"", &["needs 'node' or 'nodes'"]),
        ("at = \"1s\"\nafter.kind = \"Fetch\"\naction = \"crash\"\nnode = \"job\"", &["not both"]),
        ("action = \"crash\"\nnode = \"job\"", &["needs either 'at' or 'after'"]),
        ("at = \"1s\"\naction = \"crush\"\nnode = \"job\"", &["did you mean 'crash'?"]),
        ("at = \"1s\"\naction = \"crash\"\nnode = \"job\"\nnodes = [\"job\"]", &["say the same"]),
        ("at = \"1s\"\naction = \"crash\"\nnodes = [\"job\", \"job\"]", &["'job' is listed twice"]),
        ("at = \"1s\"\naction = \"block\"\nfrom = \"job\"\nspan = \"1s\"", &["needs 'to'"]),
        ("at = \"1s\"\naction = \"crash\"\nnode = \"job\"\nnod = 1", &["unknown key 'nod'", "'node'"]),
    ];
    each(&cases, fault);
}

#[test]
fn triggers_that_can_never_come_are_refused() {
    let then = "\naction = \"crash\"\nnode = \"broker-1\"";
    let cases: [(&str, &[&str]); 11] = [
        ("after = { kind = \"EndTxn\", from = \"shop\" }", &["shop never sends EndTxn", "no transactional.id"]),
        ("after = { kind = \"TxnOffsetCommit\", from = \"shop\" }", &["never sends TxnOffsetCommit"]),
        ("after = { kind = \"Produce\", from = \"mon\" }", &["mon never sends Produce", "it sends"]),
        ("after = { kind = \"JoinGroup\", from = \"mon\" }", &["it has no group.id"]),
        ("after = { kind = \"OffsetCommit\", from = \"job\" }", &["TxnOffsetCommit"]),
        ("after = { kind = \"Charge\" }", &["nobody in this scenario ever sends Charge"]),
        ("after = { kind = \"Produce\", from = \"broker-1\" }", &["broker-1 never sends Produce"]),
        ("after = { kind = \"Produce\", from = \"shop\", to = \"mon\" }", &["goes to a broker, never to mon"]),
        ("after = { kind = \"Produce\", from = \"shop\", partition = \"out-0\" }", &["shop never sends", "out-0"]),
        ("after = { kind = \"EndTxn\", from = \"job\", partition = \"out-0\" }", &["concerns no partition"]),
        ("after = { kind = \"Produce\", from = \"shop\", partition = \"orders-7\" }", &["partitions 0 to 1"]),
    ];
    each(&cases, |text| fault(&format!("{text}{then}")));
    let error = fault("at = \"1s\"\naction = \"lose_answers\"\nnode = \"shop\"\nkind = \"EndTxn\"\nspan = \"1s\"");
    assert!(error.contains("shop never sends EndTxn"), "{error}");
    for fine in [
        "after = { kind = \"EndTxn\", from = \"job\" }",
        "after = { kind = \"InitProducerId\", from = \"shop\" }",
        "after = { kind = \"Fetch\", from = \"broker-2\", to = \"broker-1\", partition = \"out-0\" }",
        "after = { kind = \"WriteTxnMarkers\" }",
        "after = { kind = \"Produce\", from = \"job\", partition = \"out-0\" }",
    ] {
        load(&format!("[[fault]]\n{fine}{then}")).unwrap_or_else(|error| panic!("{fine}: {error}"));
    }
}

#[test]
fn faults_that_contradict_each_other_are_refused() {
    let two = |first: &str, second: &str| refused(&format!("[[fault]]\n{first}\n[[fault]]\n{second}"));
    let crash = |at: &str| format!("at = \"{at}\"\naction = \"crash\"\nnode = \"broker-1\"\ndown = \"3s\"");
    let error = two(&crash("1s"), &crash("2s"));
    assert!(error.contains("broker-1 is down from 1s to 4s (the fault on line 23)"), "{error}");
    let pause = "at = \"1s\"\naction = \"pause\"\nnode = \"job\"\nspan = \"5s\"";
    let error = two(pause, "at = \"2s\"\naction = \"crash\"\nnode = \"job\"");
    assert!(error.contains("job stands still from 1s to 6s"), "{error}");
    let rolling = |at: &str| format!("at = \"{at}\"\naction = \"rolling_restart\"\ndown = \"1s\"");
    assert!(two(&rolling("1s"), &rolling("2s")).contains("one at a time"));
    let moved = |to: &str| format!("at = \"1s\"\naction = \"move_leader\"\npartition = \"out-0\"\nto = \"{to}\"");
    assert!(two(&moved("broker-1"), &moved("broker-2")).contains("at the same time"));
    let after = "after = { kind = \"EndTxn\", from = \"job\" }\naction = \"crash\"\nnode = \"job\"";
    assert!(two(after, after).contains("at the same moment"));
    for (first, second) in [(crash("1s"), crash("4s")), (rolling("1s"), rolling("9s"))] {
        load(&format!("[[fault]]\n{first}\n[[fault]]\n{second}")).unwrap();
    }
}

#[test]
fn a_fault_after_the_end_of_everything_is_refused() {
    let late = |at: &str| format!("[[fault]]\nat = \"{at}\"\naction = \"pause\"\nnode = \"job\"\nspan = \"1s\"");
    let error = refused(&late("2h"));
    assert!(error.contains("everything is over") && error.contains("[end] bound"), "{error}");
    load(&late("60s")).unwrap();
    // One who is still at work then can be hit.
    load_with(&format!("{SHOP}{}", late("2h")), None, &["shop.interval=15m"]).unwrap();
    let before = refused(
        "[[reader]]\nname = \"late\"\ntopics = \"out\"\nstart = \"20s\"\n[[fault]]\nat = \"2s\"\naction = \"crash\"\nnode = \"late\"",
    );
    assert!(before.contains("late begins to run at 20s"), "{before}");
}

#[test]
fn two_of_one_name_are_refused() {
    let cases: [(&str, &[&str]); 7] = [
        (
            "[[pipeline]]\nname = \"job\"\ninput = \"orders\"\noutput = \"out\"\nmembers = 2",
            &["named 'job'", "'members'"],
        ),
        ("[[reader]]\nname = \"shop\"\ntopics = \"out\"", &["two clients named 'shop'"]),
        (
            "[[reader]]\nname = \"r\"\nmembers = 2\ngroup.id = \"g\"\ntopics = \"out\"\n[[reader]]\nname = \"r-2\"\ntopics = \"out\"",
            &["named 'r-2'"],
        ),
        ("[[topic]]\nname = \"out\"", &["two topics named 'out'"]),
        ("[[case]]\nname = \"c\"\n[[case]]\nname = \"c\"", &["a case named 'c' already"]),
        ("[[database]]\nname = \"mon\"", &["named 'mon'"]),
        ("[[reader]]\nname = \"out\"\ntopics = \"out\"", &["a topic is named 'out' already", "out.KEY"]),
    ];
    each(&cases, refused);
}

#[test]
fn sizes_and_durations_have_limits_that_are_said() {
    let cases: [(&str, &[&str]); 14] = [
        ("shop.records=10000000000", &["between 0 and 10000000"]),
        ("shop.start=99999999999h", &["at most 10000h"]),
        ("shop.interval=10001h", &["at most 10000h"]),
        ("shop.interval=9999h", &["the last record is sent at"]),
        ("orders.partitions=10001", &["between 1 and 10000"]),
        ("brokers=101", &["between 1 and 100"]),
        ("job.members=1001", &["between 1 and 1000"]),
        ("shop.value.bytes=1000000000", &["between 0 and 104857600"]),
        ("shop.window=1000001", &["between 1 and 1000000"]),
        ("shop.keys=99999999999", &["between 0 and 1000000000"]),
        ("chaos.client_crash.count=0..4294967295", &["at most 1000"]),
        ("chaos.client_crash.lasts=1s..99999h", &["at most 10000h"]),
        ("offsets.topic.num.partitions=4000000000", &["more than Fencepost takes, 1000"]),
        ("end.bound=99999999999h", &["at most 10000h"]),
    ];
    each(&cases, set);
    let family = refused("[[chaos.family]]\nkind = \"client_crash\"\ncount = \"0..4294967295\"\nlasts = \"1s..2s\"");
    assert!(family.starts_with("shop.toml:25:") && family.contains("at most 1000"), "{family}");
    let topics: String = (0..3).map(|n| format!("[[topic]]\nname = \"t{n}\"\npartitions = 4000\n")).collect();
    assert!(refused(&topics).contains("all topics together have 12003 partitions"));
    let producers: String =
        (0..2).map(|n| format!("[[producer]]\nname = \"p{n}\"\ntopic = \"out\"\nrecords = 6000000\n")).collect();
    assert!(refused(&producers).contains("all clients together send 12000010 records"));
    let readers: String = (0..21)
        .map(|n| format!("[[reader]]\nname = \"r{n}\"\ntopics = \"out\"\ngroup.id = \"g{n}\"\nmembers = 1000\n"))
        .collect();
    assert!(refused(&readers).contains("at most 20000"));
}

/// The history of a run, as JSON Lines.
fn history(scenario: &Scenario) -> String {
    use fencepost_reports::history::{Header, Writer};
    let mut writer = Writer::new(Vec::new(), &Header::new("a test"));
    let keep = crate::world::Keep::default();
    crate::run::run(&scenario.plan, crate::run::Course::Seed(1), keep, Some(&mut writer), None);
    String::from_utf8(writer.finish().expect("memory takes it")).expect("text")
}

#[test]
fn a_reader_may_be_promised_what_was_not_committed() {
    let scenario = load("[promise]\nmon = \"read_uncommitted\"").unwrap();
    assert_eq!(scenario.plan.promises, [("mon".to_string(), Promise::ReadUncommitted)]);
    let told = history(&scenario);
    let client = told.lines().find(|l| l.contains("\"name\":\"mon\"")).expect("mon is declared");
    let id = client.split("\"id\":").nth(1).and_then(|rest| rest.split(',').next()).expect("it has a number");
    let promise = format!("\"client\":{id}");
    let line = told.lines().find(|l| l.starts_with("{\"promise\"")).expect("the promise is told");
    assert!(
        line.contains(&promise) && line.contains("aborted-visible") && line.contains("uncommitted-visible"),
        "{line}"
    );
    let again = scenario.resolved();
    assert!(again.contains("\"mon\" = \"read_uncommitted\""), "{again}");

    let cases: [(&str, &[&str]); 4] = [
        ("mon = \"at-least-once\"", &["expected one of read_uncommitted"]),
        ("out = \"read_uncommitted\"", &["expected one of exactly-once"]),
        ("job = \"read_uncommitted\"", &["there is no topic, no sink and no reader 'job'"]),
        ("mom = \"read_uncommitted\"", &["did you mean 'mon'?"]),
    ];
    each(&cases, |text| refused(&format!("[promise]\n{text}")));
    let committed = load_with(
        &format!("{SHOP}[promise]\nmon = \"read_uncommitted\"\n"),
        None,
        &["mon.isolation.level=read_committed"],
    );
    assert!(committed.unwrap_err().contains("isolation.level=read_committed"));
}

#[test]
fn a_topic_may_be_declared_empty_and_a_vacuous_run_may_be_expected() {
    let scenario = load("[[topic]]\nname = \"spare\"\nmay_be_empty = true\n[expect]\nverdict = \"vacuous\"").unwrap();
    let told = history(&scenario);
    let line =
        |name: &str| told.lines().find(|l| l.starts_with("{\"topic\"") && l.contains(name)).expect(name).to_string();
    assert!(line("\"spare\"").contains("\"may_be_empty\":true") && !line("\"out\"").contains("may_be_empty"));
    assert_eq!(scenario.expect.verdict, Some(fencepost_reports::report::Verdict::Vacuous));
    assert!(scenario.resolved().contains("may_be_empty = true"));
    assert!(refused("[expect]\nverdict = \"vacuos\"").contains("did you mean 'vacuous'?"));
}

#[test]
fn a_run_whose_every_writer_is_left_out_proves_nothing() {
    let verdict = |more: &str, sets: &[&str]| {
        let text = format!(
            "title = 't'\n[[topic]]\nname = 'orders'\n[[topic]]\nname = 'invoices'\n[[producer]]\nname = 'shop'\ntopic = 'orders'\n\
             records = 10\n[[pipeline]]\nname = 'job'\ninput = 'orders'\noutput = 'invoices'\n\
             processing.guarantee = 'exactly_once_v2'\n{more}"
        );
        let scenario = load_with(&text, None, sets).unwrap();
        let keep = crate::world::Keep::default();
        let run = crate::run::run(&scenario.plan, crate::run::Course::Seed(1), keep, None, None);
        (run.report.verdict.name(), run.report.untested.join("; "))
    };
    assert_eq!(verdict("", &[]).0, "clean");
    let (name, why) = verdict("", &["shop.enabled=false"]);
    assert_eq!(name, "vacuous");
    assert!(why.contains("nobody sent a record"), "{why}");
    // What is left out beside others that work stays left out.
    let other = "[[topic]]\nname = 'spare'\n[[producer]]\nname = 'till'\ntopic = 'spare'\nrecords = 3\n";
    assert_eq!(verdict(other, &["shop.enabled=false"]).0, "clean");
}

#[test]
fn a_topic_whose_relay_is_left_out_may_be_empty_and_one_that_never_had_a_relay_not() {
    let service = "[[topic]]\nname = 'news'\n[[database]]\nname = 'db'\n[[service]]\nname = 'desk'\ndatabase = 'db'\ntopic = 'news'\nrecords = 2\n";
    let relay = "[[relay]]\nname = 'post'\nof = 'desk'\n";
    let empty = |more: &str, sets: &[&str]| {
        let scenario = load_with(&format!("{SHOP}{service}{more}"), None, sets).unwrap();
        scenario.plan.topics.iter().find(|t| t.name == "news").map(|t| t.may_be_empty)
    };
    assert_eq!(empty(relay, &[]), Some(false));
    assert_eq!(empty(relay, &["post.enabled=false"]), Some(true));
    assert_eq!(empty(relay, &["post.enabled=false", "desk.enabled=false"]), Some(true));
    assert_eq!(empty("", &[]), Some(false));
}

#[test]
fn pipelines_that_take_each_others_place_are_refused() {
    let twin = |more: &str| format!("[[pipeline]]\nname = \"twin\"\ninput = \"orders\"\noutput = \"out\"\n{more}\n");
    let cases: [(String, &[&str]); 3] = [
        (twin("stage = 1"), &["'job' reads 'orders' with stage 1, too", "another 'stage'"]),
        (twin("consumer.group.id = \"job\""), &["group.id 'job', too", "written alike"]),
        (twin("stage = 1\nconsumer.group.id = \"job\"\noutputs.per.input = 2"), &["group.id 'job', too"]),
    ];
    for (text, says) in cases {
        let error = refused(&text);
        assert!(says.iter().all(|part| error.contains(part)), "{text}: {error}");
    }
    // Members of one group that are written one by one.
    load(&twin("stage = 1\nconsumer.group.id = \"job\"\nprocessing.guarantee = \"exactly_once_v2\"")).unwrap();
    load(&twin("")).unwrap();
}

#[test]
fn a_transaction_that_always_times_out_is_refused_as_kafka_streams_does() {
    let error = set("job.commit.interval.ms=10001");
    assert!(
        error.contains("IllegalArgumentException") && error.contains("10001") && error.contains("(10000)"),
        "{error}"
    );
    assert!(set("job.transaction.timeout.ms=99").contains("commit.interval.ms of 100 is longer"));
    for fine in
        [&["job.commit.interval.ms=10000"][..], &["job.commit.interval.ms=20000", "job.transaction.timeout.ms=20000"]]
    {
        load_with(SHOP, None, fine).unwrap();
    }
    let plain = ["job.processing.guarantee=at_least_once", "job.commit.interval.ms=60000"];
    load_with(SHOP, None, &plain).unwrap();
}

#[test]
fn pipelines_that_come_back_to_their_input_are_refused() {
    let back =
        |from: &str, to: &str| format!("[[pipeline]]\nname = \"b-{from}\"\ninput = \"{from}\"\noutput = \"{to}\"\n");
    let error = refused(&back("out", "orders"));
    assert!(error.contains("would never end") && error.contains("'job', 'b-out', 'job'"), "{error}");
    let third = format!("[[topic]]\nname = \"third\"\n{}{}", back("out", "third"), back("third", "orders"));
    assert!(refused(&third).contains("'job', 'b-out', 'b-third', 'job'"));
    let chain = format!("[[topic]]\nname = \"third\"\n{}", back("out", "third"));
    load(&chain).unwrap();
}

#[test]
fn faults_that_would_do_nothing_are_refused() {
    let cases: [(&str, &[&str]); 12] = [
        ("action = \"block\"\nfrom = \"shop\"\nto = \"shop\"\nspan = \"1s\"", &["there is no link between these"]),
        ("action = \"block\"\nlinks = []\nspan = \"1s\"", &["there is no link"]),
        ("action = \"block\"\nlinks = [\"shop -> shop\"]\nspan = \"1s\"", &["shop sends nothing to itself"]),
        ("action = \"pause\"\nnode = \"shop\"\nspan = \"0s\"", &["lasts for no time"]),
        ("action = \"block\"\nfrom = \"shop\"\nto = \"*\"\nspan = \"0s\"", &["lasts for no time"]),
        ("action = \"slow\"\nfrom = \"shop\"\nto = \"*\"\nspan = \"1s\"\nby = \"0s\"", &["any later by 0s"]),
        ("action = \"slow_node\"\nnode = \"shop\"\nspan = \"1s\"\nby = \"0s\"", &["any later by 0s"]),
        ("action = \"postpone_job\"\nnode = \"broker-1\"\njob = \"isr_check\"\nby = \"0s\"", &["any later by 0s"]),
        ("action = \"step_clock\"\nnode = \"broker-1\"\nby = \"0s\"", &["stays where it is"]),
        ("action = \"drift_clock\"\nnode = \"broker-1\"\ndrift.ppm = 0", &["the clock runs as it did"]),
        ("action = \"set_transaction_version\"\nversion = 2", &["transaction.version is 2 already"]),
        ("action = \"hold_metadata\"\nnode = \"broker-1\"\nspan = \"0s\"", &["lasts for no time"]),
    ];
    each(&cases, |text| fault(&format!("at = \"1s\"\n{text}")));
    let version =
        |at: &str, n: u8| format!("[[fault]]\nat = \"{at}\"\naction = \"set_transaction_version\"\nversion = {n}\n");
    load(&(version("1s", 1) + &version("2s", 2))).unwrap();
    assert!(refused(&(version("1s", 1) + &version("2s", 1))).contains("transaction.version is 1 already"));
    let drift = |at: &str, n: i32| {
        format!("[[fault]]\nat = \"{at}\"\naction = \"drift_clock\"\nnode = \"broker-1\"\ndrift.ppm = {n}\n")
    };
    load(&(drift("1s", 500) + &drift("2s", 0))).unwrap();
}

#[test]
fn what_strikes_nobody_is_refused() {
    let family = refused("[[chaos.family]]\nkind = \"sink_crash\"\ncount = 1");
    assert!(family.contains("there are none"), "{family}");
    assert!(set("chaos.sink_pause.count=1").contains("there are none"));
    load_with(SHOP, None, &["chaos.sink_pause.count=0"]).unwrap();
    let cases = fault("at = \"1s\"\naction = \"crash\"\nnode = \"job\"\ncases = []");
    assert!(cases.contains("'cases' names no case"), "{cases}");
    let sets = ["shop.transactional.id=s", "shop.transaction.records=4", "shop.abandon.transaction=4"];
    let error = load_with(SHOP, None, &sets).unwrap_err();
    assert!(
        error.contains("no transaction 4") && error.contains("10 records of 4 in each make 3 transactions"),
        "{error}"
    );
    load_with(SHOP, None, &[sets[0], sets[1], "shop.abandon.transaction=3"]).unwrap();
}

#[test]
fn requests_that_need_transactions_are_refused_where_nobody_has_any() {
    let then = "\naction = \"crash\"\nnode = \"broker-1\"\n";
    let plain = ["job.processing.guarantee=at_least_once"];
    for kind in ["WriteTxnMarkers", "AddPartitionsToTxn", "EndTxn", "TxnOffsetCommit"] {
        let text = format!("{SHOP}[[fault]]\nafter = {{ kind = \"{kind}\" }}{then}");
        let error = load_with(&text, None, &plain).expect_err(kind);
        assert!(error.contains(&format!("nobody in this scenario ever sends {kind}")), "{error}");
        load_with(&text, None, &[]).unwrap();
    }
    let text = format!(
        "{SHOP}[[fault]]\nat = \"1s\"\naction = \"lose_answers\"\nnode = \"broker-1\"\nkind = \"WriteTxnMarkers\"\nspan = \"1s\"\n"
    );
    assert!(load_with(&text, None, &plain).unwrap_err().contains("there are no transactions"));
}

#[test]
fn names_have_a_limit_and_messages_stay_within_a_line() {
    let named = |name: &str| format!("[[reader]]\nname = \"{name}\"\ntopics = \"out\"");
    assert!(refused(&named(&"x".repeat(250))).contains("a name of 250 characters: at most 249"));
    load(&named(&"x".repeat(249))).unwrap();
    let error = refused(&named("a\\u001b[31m\\nb"));
    assert!(!error.contains(char::is_control) && error.contains("\\u{1b}[31m\\nb"), "{error}");
}

#[test]
fn a_fault_on_a_client_that_a_case_leaves_out_says_so() {
    let text = format!(
        "{SHOP}[[fault]]\nat = \"1s\"\naction = \"crash\"\nnode = \"mon\"\n[[case]]\nname = \"dark\"\nset = {{ mon.enabled = false }}\n"
    );
    load_with(&text, None, &[]).unwrap();
    let error = load_with(&text, Some("dark"), &[]).unwrap_err();
    assert!(error.contains("mon is left out in the case 'dark'") && error.contains("'cases'"), "{error}");
    assert!(set("end.bound=0s").contains("at least 1ms"));
}

#[test]
fn of_two_with_one_name_both_are_shown_and_how_to_mend_it() {
    let text = format!("{SHOP}[[reader]]\nname = \"shop\"\ntopics = \"out\"\n");
    let lines_of = |text: &str, line: &str| -> Vec<usize> {
        text.lines().enumerate().filter(|(_, l)| l.replace('\'', "\"") == line).map(|(n, _)| n + 1).collect()
    };
    let [first, second] = lines_of(&text, "name = \"shop\"")[..] else { panic!("two of that name: {text}") };
    let error = load_with(&text, None, &[]).unwrap_err();
    for part in [format!("[[producer]] on line {first}"), format!("[[reader]] on line {second}")] {
        assert!(error.contains(&part), "{part}: {error}");
    }
    assert!(error.contains("give one of them another name"), "{error}");
    for more in [
        "[[producer]]\nname = \"shop\"\ntopic = \"out\"\nrecords = 1",
        "[[topic]]\nname = \"out\"",
        "[[case]]\nname = \"c\"\n[[case]]\nname = \"c\"",
        "[[database]]\nname = \"mon\"",
    ] {
        let error = refused(more);
        assert!(error.contains("give one of them another name"), "{more}: {error}");
        let lines = error.matches(" on line").count();
        assert!(error.contains("(on lines ") && error.contains(" and ") || lines == 2, "{more}: {error}");
    }
}

#[test]
fn ranges_that_run_backwards_are_told_alike_wherever_they_stand() {
    let words = "the range ends at 3, before it begins at 9: write 3..9";
    assert_eq!(super::parse_seeds("9..3").unwrap_err(), words);
    let top = format!("seeds = \"9..3\"\n{SHOP}");
    assert!(load_with(&top, None, &[]).unwrap_err().contains(words));
    for more in [
        "[[chaos.family]]\nkind = \"broker_crash\"\ncount = \"9..3\"",
        "[explore]\nshop.records = \"9..3\"",
        "[expect]\nfaults = \"9..3\"",
        "[expect]\ntopics.out.lost = \"9..3\"",
    ] {
        let error = refused(more);
        assert!(error.contains(words), "{more}: {error}");
    }
    assert!(set("chaos.broker_crash.count=9..3").contains(words));
    let lasts = refused("[[chaos.family]]\nkind = \"broker_crash\"\ncount = 1\nlasts = \"9s..3s\"");
    assert!(lasts.contains("the range ends at 3s, before it begins at 9s: write 3s..9s"), "{lasts}");
}

#[test]
fn a_word_of_a_closed_list_is_refused_with_the_nearest_and_all_of_them() {
    let fault = |keys: &str| format!("[[fault]]\nat = \"1s\"\n{keys}\n");
    let after = "after = { kind = \"EndTxm\" }\naction = \"crash\"\nnode = \"job\"";
    let cases: [(&str, &[&str]); 13] = [
        ("[expect]\nverdict = \"claen\"", &["'clean'", "violated", "stuck", "vacuous"]),
        ("[expect]\nfigures.fnced = 1", &["'fenced'", "figures: committed, aborted", "coordinator_moves"]),
        ("[expect]\nviolations.dupliacte = 1", &["'duplicate'", "kinds: duplicate, loss", "stuck-run"]),
        ("[expect]\nallowed.dupliacte = 1", &["'duplicate'", "kinds: duplicate, loss"]),
        ("[expect]\ntopics.out.lsot = 1", &["'lost'", "columns: input, visible, duplicates, lost, leaked"]),
        ("[expect]\ntopics.uot.lost = 1", &["'out'", "topics: orders, out"]),
        ("[expect]\nfault = 1", &["'faults'", "keys: "]),
        ("[expect]\nreached = \"EndTxm\"", &["EndTxn", "inputs: "]),
        ("[promise]\nuot = \"exactly-once\"", &["'out'", "topics, sinks and readers: orders, out"]),
        ("[promise]\nout = \"exactly_once\"", &["one of exactly-once", "'exactly-once'"]),
        (&fault("action = \"crahs\"\nnode = \"job\""), &["'crash'", "actions: "]),
        (&format!("[[fault]]\n{after}\n"), &["'EndTxn'", "requests: Produce"]),
        ("[[reader]]\nname = \"r\"\ntopics = \"uot\"", &["'out'", "topics: orders, out"]),
    ];
    each(&cases, refused);
    assert!(set("variant=no-epoch-chek").contains("(variants: "));
}
