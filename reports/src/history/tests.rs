use super::event::*;
use super::*;

/// Keeps what it is given.
#[derive(Default)]
struct Kept(Vec<Event<'static>>);

impl Sink for Kept {
    fn event(&mut self, event: &Event<'_>) {
        let text = serde_json::to_string(event).expect("serializes");
        self.0.push(serde_json::from_str(Box::leak(text.into_boxed_str())).expect("is read back"));
    }
}

/// Every kind of event, with and without what may be absent.
pub(crate) fn one_of_each() -> Vec<Event<'static>> {
    let at = Partition::new(0, 1);
    let id = Identity::of_input(Partition::new(0, 0), 7, 2, 1);
    vec![
        Event::Topic(Topic { id: 0, name: "orders".into(), partitions: 2, ..Topic::default() }),
        Event::Topic(Topic {
            id: 1,
            name: "__consumer_offsets".into(),
            partitions: 1,
            internal: true,
            may_be_empty: true,
            deletes: true,
            compacted: true,
            max_sequence: 63,
            forgets_after: 10_000_000_000,
        }),
        Event::Group(Group { id: 0, name: "a \"quoted\" \\ name\n".into() }),
        Event::Sink(ExternalSink { id: 0, name: "bank".into(), kind: SinkKind::Charges, announced_in: None }),
        Event::Sink(ExternalSink { id: 1, name: "db.orders".into(), kind: SinkKind::Rows, announced_in: Some(0) }),
        Event::Client(Box::new(Client { id: 0, name: "p".into(), ..Client::default() })),
        Event::Client(Box::new(Client {
            id: 1,
            name: "enrich-1".into(),
            kind: ClientKind::Pipeline,
            isolation: Isolation::ReadUncommitted,
            group: Some(0),
            transactional_id: Some("t-1".into()),
            idempotent: true,
            transaction_version: 1,
            inputs: vec![0],
            outputs: vec![0],
            sinks: vec![0, 1],
            stage: 1,
            outputs_per_input: 2,
            may_skip: true,
            guarantee: Guarantee::AtLeastOnce,
            function: Some("append:!".into()),
            records: Some(7),
        })),
        Event::Promise(Promise::default()),
        Event::Promise(Promise {
            topic: Some(0),
            sink: None,
            client: None,
            guarantee: Guarantee::AtMostOnce,
            allow: vec!["epoch-bump-duplicate".into()],
        }),
        Event::Promise(Promise { sink: Some(1), ..Promise::default() }),
        Event::Promise(Promise { client: Some(1), ..Promise::default() }),
        Event::Fault(Fault { id: 0, words: "broker-1 crashes at 5 s".into(), ..Fault::default() }),
        Event::Fault(Fault {
            id: 1,
            words: "enrich-1 pauses after the 3rd EndTxn".into(),
            counts: Some("EndTxn".into()),
            nth: 3,
            optional: true,
            drawn: true,
        }),
        Event::Started(Started { t: 1, c: 0, i: 0 }),
        Event::Fired(Fired { t: 1, fault: 1 }),
        Event::Told(Told { t: 1, c: 0, i: 0, call: "Produce".into(), error: "NOT_LEADER_OR_FOLLOWER".into() }),
        Event::Stopped(Stopped { t: 1, c: 0, i: 0, reason: StopReason::Killed, text: "".into() }),
        Event::Stopped(Stopped { t: 1, c: 0, i: 1, reason: StopReason::Panicked, text: "index out of bounds".into() }),
        Event::FaultEnd(FaultEnd { fault: 1, seen: 2 }),
        Event::Send(Send {
            t: 1,
            c: 0,
            i: 0,
            op: 0,
            topic: 0,
            partition: None,
            id: Identity::of_workload(0, 3),
            n: None,
            value: None,
        }),
        Event::Send(Send {
            t: 2,
            c: 1,
            i: 3,
            op: 1 << 40,
            topic: 0,
            partition: Some(1),
            id,
            n: Some(4),
            value: Some(u64::MAX),
        }),
        Event::Ack(Ack { t: 3, c: 0, i: 0, op: 0, at, offset: -1 }),
        Event::Ack(Ack { t: 3, c: 1, i: 3, op: 1 << 40, at, offset: 9 }),
        Event::Fail(SendError { t: 3, c: 0, i: 1, op: 1, error: "INVALID_RECORD".into() }),
        Event::Unknown(SendError { t: 3, c: 0, i: 1, op: 2, error: "TIMEOUT".into() }),
        Event::Begin(Begin { t: 4, c: 1, i: 0, n: 0 }),
        Event::TxnOffsets(TxnOffsets { t: 4, c: 1, i: 0, n: 0, group: 0, at, next: 5 }),
        Event::Ending(Ending { t: 4, c: 1, i: 0, n: 0, commit: true }),
        Event::Ended(Ended { t: 4, c: 1, i: 0, n: 0, commit: true, outcome: Outcome::Ok, error: "".into() }),
        Event::Ended(Ended {
            t: 4,
            c: 1,
            i: 0,
            n: 1,
            commit: false,
            outcome: Outcome::Unknown,
            error: "TIMEOUT".into(),
        }),
        Event::Fenced(Fenced { t: 5, c: 1, i: 0, error: "PRODUCER_FENCED".into() }),
        Event::Epoch(Epoch { t: 5, c: 1, i: 1, pid: 1000, epoch: 3 }),
        Event::Apply(Apply { t: 5, c: 1, i: 1, op: 0, sink: 0, id }),
        Event::Applied(Applied { t: 5, c: 1, i: 1, op: 0, outcome: Outcome::Ok, already: true, error: "".into() }),
        Event::Applied(Applied {
            t: 5,
            c: 1,
            i: 1,
            op: 1,
            outcome: Outcome::Unknown,
            already: false,
            error: "the time-out has passed".into(),
        }),
        Event::Commit(Commit { t: 5, c: 1, i: 1, op: 0, group: 0, at, next: 4 }),
        Event::CommitResult(CommitResult {
            t: 5,
            c: 1,
            i: 1,
            op: 0,
            outcome: Outcome::Fail,
            error: "ILLEGAL_GENERATION".into(),
        }),
        Event::Assigned(Assignment { t: 6, c: 1, i: 1, at, generation: Some(2) }),
        Event::Revoked(Assignment { t: 6, c: 1, i: 1, at, generation: None }),
        Event::Position(Position { t: 6, c: 1, i: 1, at, position: 0, reason: PositionReason::Rewind }),
        Event::Read(Read { t: 6, c: 1, i: 1, at, offset: 0, id, value: Some(7) }),
        Event::Skipped(Skipped { t: 6, c: 1, i: 1, at, offset: 0 }),
        Event::OffsetMoved(OffsetMoved {
            t: 7,
            group: 0,
            at,
            offset: 4,
            cause: MoveCause::Commit { c: 1, i: 1, generation: Some(2) },
        }),
        Event::OffsetMoved(OffsetMoved {
            t: 7,
            group: 0,
            at,
            offset: 4,
            cause: MoveCause::Commit { c: 1, i: 1, generation: None },
        }),
        Event::OffsetMoved(OffsetMoved {
            t: 7,
            group: 0,
            at,
            offset: 4,
            cause: MoveCause::Marker { pid: 1000, epoch: 4 },
        }),
        Event::OffsetMoved(OffsetMoved { t: 7, group: 0, at, offset: -1, cause: MoveCause::Tombstone }),
        Event::OffsetMoved(OffsetMoved { t: 7, group: 0, at, offset: 4, cause: MoveCause::Reload }),
        Event::Decided(Decided { t: 7, c: 1, pid: 1000, epoch: 3, commit: true, cause: DecisionCause::Timeout }),
        Event::Divergence(Divergence { t: 7, what: "group g".into(), expected: "3".into(), found: "4".into() }),
        Event::Replica(Replica { t: 7, at, offset: 4, replica: 2, leader_epoch: 1, fingerprint: u64::MAX }),
        Event::Appended(Appended {
            t: 7,
            at,
            base: 4,
            count: 2,
            pid: 1000,
            epoch: 3,
            sequence: 0,
            leader_epoch: 1,
            kind: BatchKind::TxnData,
        }),
        Event::End(End { t: 8, at, start: 0, lso: 5, hw: 6, leo: 7 }),
        Event::Final(Final { at, offset: 0, id, pid: -1, epoch: -1, visible: true, value: Some(8) }),
        Event::Final(Final { at, offset: 1, id, pid: 1000, epoch: 3, visible: false, value: None }),
        Event::SinkEnd(SinkEnd { t: 8, sink: 0 }),
        Event::SinkFinal(SinkFinal { sink: 0, n: 0, id, done: Some(6), c: Some(1) }),
        Event::SinkFinal(SinkFinal { sink: 0, n: 1, id, done: None, c: None }),
        Event::SinkOffset(SinkOffset { t: 8, sink: 0, at, next: 4 }),
        Event::OpenTransaction(OpenTransaction {
            t: 9,
            c: Some(1),
            pid: 1000,
            epoch: 3,
            since: Some(4),
            culprit: "nobody".into(),
        }),
        Event::OpenTransaction(OpenTransaction {
            t: 9,
            c: None,
            pid: 1000,
            epoch: 3,
            since: None,
            culprit: "nobody".into(),
        }),
        Event::Stalled(Stalled { t: 9, at, lso: 5, hw: 6, culprit: "1000".into() }),
        Event::Undrained(Undrained { t: 9, c: 1, at, position: 4, end: 6, culprit: "enrich-1".into() }),
        Event::Stuck(Stuck { t: 9, culprit: "broker-1".into() }),
    ]
}

fn written(events: &[Event<'_>]) -> String {
    let mut writer = Writer::new(Vec::new(), &Header::new("test"));
    events.iter().for_each(|event| writer.event(event));
    String::from_utf8(writer.finish().expect("memory does not fail")).expect("JSON is text")
}

fn error_of(text: &str) -> String {
    read(text.as_bytes(), &mut Kept::default()).expect_err("a bad history").to_string()
}

#[test]
fn every_event_round_trips() {
    let events = one_of_each();
    let text = written(&events);
    let mut kept = Kept::default();
    let header = read(text.as_bytes(), &mut kept).expect("own output is read back");
    assert_eq!(header, Header::new("test"));
    assert_eq!(kept.0, events);
    assert_eq!(written(&kept.0), text);
}

#[test]
fn a_line_is_short() {
    let text = written(&one_of_each());
    let ack = text.lines().find(|line| line.contains("\"ack\"")).expect("there is one");
    assert_eq!(ack, r#"{"ack":{"t":3,"c":0,"op":0,"at":[0,1],"offset":-1}}"#);
}

#[test]
fn a_foreign_file_is_refused() {
    assert!(error_of("").starts_with("line 1: the file is empty"));
    assert!(error_of("hello\nworld\n").starts_with("line 1: not a history: expected a header like"));
    assert!(error_of("{\"topic\":{}}\n").contains("not a history"));
    assert!(error_of("\u{0}\u{1}binary").contains("not a history"));
}

#[test]
fn another_version_is_refused() {
    let error = error_of("{\"history\":{\"version\":3,\"new\":true}}\n");
    assert_eq!(error, "line 1: history format version 3; expected one from 1 to 2");
}

#[test]
fn a_cut_file_is_noticed_wherever_it_is_cut() {
    let text = written(&one_of_each());
    for cut in 0..text.len() - 1 {
        let Some(part) = text.get(..cut) else { continue };
        assert!(read(part.as_bytes(), &mut ()).is_err(), "cut at {cut} went unnoticed");
    }
    let middle = text.find("\"ack\"").expect("there is one") + 9;
    assert_eq!(error_of(&text[..middle]), "line 23: the last line ends in its middle: the history is truncated");
    let boundary = text.find("{\"done\"").expect("there is one");
    assert!(error_of(&text[..boundary]).contains("ends without its last line"));
}

#[test]
fn a_missing_line_is_noticed() {
    let text = written(&one_of_each());
    let without: String =
        text.lines().filter(|line| !line.contains("divergence")).flat_map(|line| [line, "\n"]).collect();
    assert!(error_of(&without).contains("events, found"));
}

#[test]
fn a_bad_line_names_its_number_and_what_was_expected() {
    let head = "{\"history\":{\"version\":1}}\n{\"topic\":{\"id\":0,\"name\":\"a\",\"partitions\":1}}\n";
    let client = "{\"client\":{\"id\":0,\"name\":\"p\",\"kind\":\"producer\"}}\n";
    let bad = |line: &str| error_of(&format!("{head}{client}{line}\n"));
    assert!(bad("{\"sent\":{}}").starts_with("line 4: column 7: unknown variant `sent`, expected one of `topic`"));
    assert!(bad("{\"ack\":{\"t\":1,\"c\":0,\"op\":1,\"at\":[0,0]}}").contains("missing field `offset`"));
    assert!(
        bad("{\"ack\":{\"t\":1,\"c\":0,\"op\":1,\"at\":[0,0],\"off\":1}}").contains("unknown field `off`, expected")
    );
    assert_eq!(bad("{\"begin\":{\"t\":1,\"c\":7,\"n\":1}}"), "line 4: client 7 is not declared");
    assert_eq!(
        bad("{\"end\":{\"t\":1,\"at\":[0,3],\"start\":0,\"lso\":0,\"hw\":0,\"leo\":0}}"),
        "line 4: topic 0 has 1 partition, not 4"
    );
    assert!(
        bad("{\"final\":{\"at\":[0,0],\"offset\":0,\"id\":[0,0,0,0,0],\"visible\":true}}")
            .contains("no 'end' line before")
    );
    assert!(
        bad("{\"begin\":{\"t\":9,\"c\":0,\"n\":1}}\n{\"begin\":{\"t\":8,\"c\":0,\"n\":1}}")
            .starts_with("line 5: time goes back from 9 to 8")
    );
    assert!(
        bad("{\"done\":{\"events\":2}}\n{\"begin\":{\"t\":9,\"c\":0,\"n\":1}}")
            .contains("nothing after the 'done' line")
    );
}

#[test]
fn a_promise_that_allows_what_is_no_kind_of_finding_is_refused() {
    let head = "{\"history\":{\"version\":1}}\n{\"topic\":{\"id\":0,\"name\":\"a\",\"partitions\":1}}\n";
    let promise = |kind: &str| format!("{head}{{\"promise\":{{\"topic\":0,\"allow\":[\"{kind}\"]}}}}\n");
    let all: Vec<&str> = crate::Kind::ALL.iter().map(|kind| kind.name()).collect();
    let kinds = format!("(kinds: {})", all.join(", "));
    let refused = "line 3: a promise allows 'duplicates', which is no kind of finding; 'duplicate' is one";
    assert_eq!(error_of(&promise("duplicates")), format!("{refused} {kinds}"));
    assert_eq!(
        error_of(&promise("xyz")),
        format!("line 3: a promise allows 'xyz', which is no kind of finding {kinds}")
    );
    for kind in crate::Kind::ALL.iter().map(|kind| kind.name()).chain(["undrained-pipeline"]) {
        let text = promise(kind) + "{\"done\":{\"events\":2}}\n";
        read(text.as_bytes(), &mut ()).unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
    assert_eq!(
        error_of(&promise("loss").replace("\"topic\":0,\"allow\"", "\"topic\":7,\"allow\"")),
        "line 3: topic 7 is not declared"
    );
}

#[test]
fn an_error_of_the_file_below_is_returned_at_the_end() {
    #[derive(Debug)]
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("disk full"))
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut writer = Writer::new(Full, &Header::new("test"));
    one_of_each().iter().for_each(|event| writer.event(event));
    assert_eq!(writer.finish().expect_err("the disk is full").to_string(), "disk full");
}

#[test]
fn the_example_of_the_documentation_is_a_history() {
    let page = include_str!("../../../docs/history-format.md");
    let example = page.split("```").nth(1).expect("the page begins with an example").trim_start();
    let mut checker = crate::Checker::new();
    read(example.as_bytes(), &mut checker).expect("the example is read");
    assert_eq!(checker.finish().verdict, crate::Verdict::Clean);
    let names = one_of_each().into_iter().map(|event| {
        let json = serde_json::to_string(&event).expect("serializes");
        json.split('"').nth(1).expect("a key").to_owned()
    });
    for name in names.chain(crate::Kind::ALL.iter().map(|kind| kind.name().to_owned())) {
        assert!(page.contains(&format!("`{name}`")), "{name} is not documented");
    }
}
