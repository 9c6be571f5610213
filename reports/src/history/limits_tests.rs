//! Whatever stands in a file, it is refused with its line or judged; nothing panics.

use proptest::prelude::*;

use super::event::*;
use super::limits::*;
use super::{Validator, read};
use crate::Checker;

const HEAD: &str = "{\"history\":{\"version\":2}}\n{\"topic\":{\"id\":0,\"name\":\"o\",\"partitions\":1}}\n\
                    {\"client\":{\"id\":0,\"name\":\"p\",\"kind\":\"producer\",\"outputs\":[0],\"transactional_id\":\"x\"}}\n\
                    {\"group\":{\"id\":0,\"name\":\"g\"}}\n";

/// The error of a history with these lines after the head, which has four.
fn error_of(lines: &str) -> String {
    read(format!("{HEAD}{lines}\n").as_bytes(), &mut Checker::new()).expect_err("a bad history").to_string()
}

#[test]
fn offsets_have_a_limit() {
    for offset in [LARGEST_OFFSET + 1, i64::MAX] {
        let too_far = format!("line 5: offset {offset}: expected at most 4611686018427387903");
        let id = "\"id\":[2147483648,0,0,0,0]";
        for line in [
            format!("{{\"ack\":{{\"t\":0,\"c\":0,\"op\":0,\"at\":[0,0],\"offset\":{offset}}}}}"),
            format!("{{\"read\":{{\"t\":0,\"c\":0,\"at\":[0,0],\"offset\":{offset},{id}}}}}"),
            format!("{{\"position\":{{\"t\":0,\"c\":0,\"at\":[0,0],\"position\":{offset},\"reason\":\"seek\"}}}}"),
            format!("{{\"commit\":{{\"t\":0,\"c\":0,\"op\":0,\"group\":0,\"at\":[0,0],\"next\":{offset}}}}}"),
            format!(
                "{{\"end\":{{\"t\":0,\"at\":[0,0],\"start\":0,\"lso\":{offset},\"hw\":{offset},\"leo\":{offset}}}}}"
            ),
            format!(
                "{{\"appended\":{{\"t\":0,\"at\":[0,0],\"base\":{offset},\"count\":1,\"pid\":0,\"epoch\":0,\"sequence\":0,\
                 \"leader_epoch\":0,\"kind\":\"data\"}}}}"
            ),
        ] {
            assert_eq!(error_of(&line), too_far, "{line}");
        }
    }
    let negative = "{\"end\":{\"t\":0,\"at\":[0,0],\"start\":-9223372036854775808,\"lso\":-5,\"hw\":-5,\"leo\":-5}}";
    assert_eq!(error_of(negative), "line 5: offset -9223372036854775808 is negative");
    let below = "{\"ack\":{\"t\":0,\"c\":0,\"op\":0,\"at\":[0,0],\"offset\":-2}}";
    assert_eq!(error_of(below), "line 5: offset -2 is negative");
}

#[test]
fn times_numbers_and_names_have_limits() {
    let fenced = |t: u64| format!("{{\"fenced\":{{\"t\":{t},\"c\":0,\"error\":\"X\"}}}}");
    assert_eq!(error_of(&fenced(u64::MAX)), "line 5: time 18446744073709551615: expected at most 9223372036854775807");
    assert!(error_of(&fenced(LARGEST_TIME)).contains("ends without its last line"));
    assert!(
        error_of("{\"fenced\":{\"t\":-1,\"c\":0,\"error\":\"X\"}}").starts_with("line 5: column 17: invalid value")
    );
    let end = "{\"end\":{\"t\":0,\"at\":[0,4294967295],\"start\":0,\"lso\":0,\"hw\":0,\"leo\":0}}";
    assert_eq!(error_of(end), "line 5: topic 0 has 1 partition, not 4294967296");
    let topic = |name: String, partitions: u32| {
        format!("{{\"topic\":{{\"id\":1,\"name\":\"{name}\",\"partitions\":{partitions}}}}}")
    };
    assert_eq!(error_of(&topic("n".repeat(65_536), 1)), "line 5: a topic of 65536 bytes: expected at most 32767");
    assert_eq!(
        error_of(&topic("n".into(), LARGEST_NUMBER)),
        "line 5: 1048577 partitions of all topics: expected at most 1048576"
    );
    let pid = "{\"epoch\":{\"t\":0,\"c\":0,\"pid\":-2,\"epoch\":0}}";
    assert_eq!(error_of(pid), "line 5: producer id -2 and epoch 0: expected at least 0, or -1 for none");
    // The longest name is shown without harm.
    let mut checker = Checker::new();
    let text = format!("{HEAD}{}\n{{\"done\":{{\"events\":4}}}}\n", topic("n".repeat(LONGEST_NAME), 1));
    read(text.replace("\"outputs\":[0],", "").as_bytes(), &mut checker).expect("a name of that length may be");
    assert!(!checker.finish().render_text().is_empty());
}

#[test]
fn operation_numbers_increase_within_an_incarnation() {
    let send = |i: u32, op: u64| {
        format!("{{\"send\":{{\"t\":0,\"c\":0,\"i\":{i},\"op\":{op},\"topic\":0,\"id\":[2147483648,0,0,0,0]}}}}\n")
    };
    assert_eq!(
        error_of(&(send(0, 0) + &send(0, 0))),
        "line 6: send 0 of client 0 comes after send 0: within one incarnation 'op' increases from each to the next; number the \
         sends 0, 1, 2 and so on"
    );
    assert!(error_of(&(send(0, 3) + &send(0, 2))).starts_with("line 6: send 2 of client 0 comes after send 3"));
    let commit =
        |op: u64| format!("{{\"commit\":{{\"t\":0,\"c\":0,\"op\":{op},\"group\":0,\"at\":[0,0],\"next\":0}}}}\n");
    assert!(error_of(&(commit(4) + &commit(3))).starts_with("line 6: commit 3 of client 0 comes after commit 4"));
    // Numbers may be left out; every incarnation counts anew; a commit has a line for each partition.
    let good = send(0, 0) + &send(0, 7) + &send(1, 0) + &send(0, u64::MAX) + &commit(0) + &commit(0) + &commit(2);
    assert!(error_of(&good).contains("ends without its last line"));
}

#[test]
fn a_partition_has_one_end() {
    let end = "{\"end\":{\"t\":0,\"at\":[0,0],\"start\":0,\"lso\":0,\"hw\":0,\"leo\":0}}\n";
    assert_eq!(error_of(&end.repeat(2)), "line 6: partition (0, 0) has an 'end' line already");
}

/// Numbers at which something could go over.
const EDGES: [i64; 22] = [
    0,
    1,
    2,
    3,
    5,
    62,
    63,
    64,
    127,
    128,
    8191,
    -1,
    -2,
    i32::MAX as i64,
    i16::MAX as i64,
    u32::MAX as i64,
    1 << 20,
    LARGEST_OFFSET - 1,
    LARGEST_OFFSET,
    LARGEST_OFFSET + 1,
    i64::MAX,
    i64::MIN,
];

/// An event made of raw numbers: mostly small ones, and those at the edges.
fn event(kind: u8, n: [u8; 8], now: &mut u64) -> Event<'static> {
    let edge = |k: usize| EDGES[usize::from(n[k]) % EDGES.len()];
    let small = |k: usize| u32::from(n[k] % 3);
    let flag = |k: usize| n[k] % 2 == 1;
    *now = now.saturating_add(if n[7] == 255 { u64::MAX / 2 } else { u64::from(n[7]) });
    let t = *now;
    let (c, i) = (small(0), if n[1] > 250 { edge(1) as u32 } else { u32::from(n[1] % 2) });
    let at = Partition::new(small(2), if n[3] > 250 { u32::MAX } else { u32::from(n[3] % 2) });
    let id = if flag(4) {
        Identity::of_workload(small(5), edge(4))
    } else {
        Identity::of_input(Partition::new(small(5), small(6)), edge(4), u16::from(n[6] % 3), u16::from(n[5] % 2))
    };
    let (op, ordinal) = (edge(5) as u64, u64::from(n[6] % 4));
    let outcome = [Outcome::Ok, Outcome::Fail, Outcome::Unknown][usize::from(n[4]) % 3];
    let (pid, epoch) = (edge(5), edge(6) as i16);
    let error = || if n[5] > 240 { "e".repeat(40_000).into() } else { Text::from("E") };
    match kind % 34 {
        0 => Event::Started(Started { t, c, i }),
        1 => {
            let reason = [StopReason::Killed, StopReason::Ended, StopReason::Panicked][usize::from(n[4]) % 3];
            Event::Stopped(Stopped { t, c, i, reason, text: error() })
        }
        2 => Event::Told(Told { t, c, i, call: error(), error: "E".into() }),
        3 | 4 => {
            let (n, value) = (flag(6).then_some(ordinal), flag(7).then_some(op));
            Event::Send(Send { t, c, i, op, topic: at.topic, partition: flag(5).then_some(at.partition), id, n, value })
        }
        5 | 6 => Event::Ack(Ack { t, c, i, op, at, offset: edge(4) }),
        7 => Event::Fail(SendError { t, c, i, op, error: error() }),
        8 => Event::Unknown(SendError { t, c, i, op, error: error() }),
        9 => Event::Begin(Begin { t, c, i, n: ordinal }),
        10 => Event::TxnOffsets(TxnOffsets { t, c, i, n: ordinal, group: small(5), at, next: edge(4) }),
        11 => Event::Ending(Ending { t, c, i, n: ordinal, commit: flag(4) }),
        12 => Event::Ended(Ended { t, c, i, n: ordinal, commit: flag(5), outcome, error: error() }),
        13 => Event::Fenced(Fenced { t, c, i, error: error() }),
        14 => Event::Epoch(Epoch { t, c, i, pid, epoch }),
        15 => Event::Commit(Commit { t, c, i, op, group: small(6), at, next: edge(4) }),
        16 => Event::CommitResult(CommitResult { t, c, i, op, outcome, error: error() }),
        17 => Event::Assigned(Assignment { t, c, i, at, generation: flag(4).then_some(edge(5) as i32) }),
        18 => Event::Revoked(Assignment { t, c, i, at, generation: flag(4).then_some(edge(5) as i32) }),
        19 => {
            let reasons =
                [PositionReason::Committed, PositionReason::Reset, PositionReason::Seek, PositionReason::Rewind];
            Event::Position(Position { t, c, i, at, position: edge(4), reason: reasons[usize::from(n[5]) % 4] })
        }
        20 | 21 => Event::Read(Read { t, c, i, at, offset: edge(6), id, value: None }),
        22 => Event::Skipped(Skipped { t, c, i, at, offset: edge(4) }),
        23 => Event::Apply(Apply { t, c, i, op, sink: small(6), id }),
        24 => {
            let already = flag(6);
            Event::Applied(Applied { t, c, i, op, outcome, already, error: error() })
        }
        25 => {
            let cause = match n[5] % 6 {
                0 => MoveCause::Commit { c, i, generation: flag(6).then_some(edge(7) as i32) },
                1 => MoveCause::Marker { pid: edge(6), epoch: edge(7) as i16 },
                2 => MoveCause::Tombstone,
                3 => MoveCause::Expired,
                4 => MoveCause::Unknown,
                _ => MoveCause::Reload,
            };
            Event::OffsetMoved(OffsetMoved { t, group: small(1), at, offset: edge(4), cause })
        }
        26 => {
            let cause = [DecisionCause::Request, DecisionCause::Timeout, DecisionCause::Init][usize::from(n[4]) % 3];
            Event::Decided(Decided { t, c, pid, epoch, commit: flag(3), cause })
        }
        27 => {
            let (replica, leader_epoch) = (edge(5) as i32, edge(6) as i32);
            Event::Replica(Replica { t, at, offset: edge(4), replica, leader_epoch, fingerprint: u64::from(n[7]) })
        }
        28..=30 => {
            let kinds = [BatchKind::Data, BatchKind::TxnData, BatchKind::CommitMarker, BatchKind::AbortMarker];
            let (count, sequence, leader_epoch) = (u32::from(n[0] % 4), edge(1) as i32, i32::from(n[7] % 3));
            let kind = kinds[usize::from(n[1]) % 4];
            Event::Appended(Appended { t, at, base: edge(4), count, pid, epoch, sequence, leader_epoch, kind })
        }
        31 => {
            let mut ends = [edge(4), edge(5), edge(6), edge(7)];
            ends[1..].sort_unstable();
            Event::End(End { t, at, start: ends[0], lso: ends[1], hw: ends[2], leo: ends[3] })
        }
        32 => Event::Final(Final {
            at,
            offset: edge(5),
            id,
            pid: edge(6),
            epoch: edge(7) as i16,
            visible: flag(3),
            value: None,
        }),
        _ => match n[0] % 5 {
            0 => Event::SinkEnd(SinkEnd { t, sink: small(1) }),
            1 => Event::SinkFinal(SinkFinal { sink: small(1), n: op, id, done: Some(op), c: flag(2).then_some(c) }),
            2 => Event::SinkOffset(SinkOffset { t, sink: small(1), at, next: edge(4) }),
            3 => Event::Undrained(Undrained { t, c, at, position: edge(4), end: edge(5), culprit: "x".into() }),
            _ => Event::Stalled(Stalled { t, at, lso: edge(4), hw: edge(5), culprit: "x".into() }),
        },
    }
}

/// Two topics, a group, a sink, and clients that each do everything.
fn preamble() -> Vec<Event<'static>> {
    let client = |id: u32, kind: ClientKind, isolation: Isolation| {
        Event::Client(Box::new(Client {
            id,
            name: format!("c{id}").into(),
            kind,
            isolation,
            group: (id > 0).then_some(0),
            transactional_id: (id < 2).then(|| "t".into()),
            idempotent: true,
            transaction_version: 1 + id as u8 % 2,
            inputs: vec![0],
            outputs: vec![1],
            sinks: vec![0],
            stage: 1,
            outputs_per_input: 2,
            ..Client::default()
        }))
    };
    vec![
        Event::Topic(Topic { name: "a".into(), partitions: 2, max_sequence: 63, ..Topic::default() }),
        Event::Topic(Topic { id: 1, name: "b".into(), partitions: 1, deletes: true, ..Topic::default() }),
        Event::Group(Group { id: 0, name: "g".into() }),
        Event::Sink(ExternalSink { name: "s".into(), announced_in: Some(1), ..ExternalSink::default() }),
        client(0, ClientKind::Producer, Isolation::ReadCommitted),
        client(1, ClientKind::Pipeline, Isolation::ReadUncommitted),
        client(2, ClientKind::Reader, Isolation::ReadCommitted),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_events_is_refused_or_judged(
        raw in prop::collection::vec((any::<u8>(), any::<[u8; 8]>()), 1..120)
    ) {
        let (mut validator, mut checker, mut now) = (Validator::default(), Checker::new(), 0);
        let events = raw.into_iter().map(|(kind, n)| event(kind, n, &mut now)).collect::<Vec<_>>();
        for event in preamble().iter().chain(&events) {
            if validator.check(event).is_ok() {
                Sink::event(&mut checker, event);
            }
        }
        let report = checker.finish();
        prop_assert!(!report.render_text().is_empty());
    }
}

#[test]
fn two_of_one_name_and_none_of_no_name_are_refused_with_their_line() {
    let second = [
        ("topic", "{\"topic\":{\"id\":1,\"name\":\"NAME\",\"partitions\":1}}", "o"),
        ("client", "{\"client\":{\"id\":1,\"name\":\"NAME\",\"kind\":\"reader\"}}", "p"),
        ("group", "{\"group\":{\"id\":1,\"name\":\"NAME\"}}", "g"),
    ];
    for (what, line, taken) in second {
        let of = |name: &str| error_of(&line.replace("NAME", name));
        assert_eq!(of(taken), format!("line 5: there is a {what} named '{taken}' already"));
        assert_eq!(of(""), format!("line 5: a {what} without a name: expected at least one character"));
        assert!(of("another").contains("ends without its last line"), "{}", of("another"));
    }
    let sink = |id: u32, name: &str| format!("{{\"sink\":{{\"id\":{id},\"name\":\"{name}\",\"kind\":\"rows\"}}}}");
    let two = error_of(&format!("{}\n{}", sink(0, "s"), sink(1, "s")));
    assert_eq!(two, "line 6: there is a sink named 's' already");
    assert_eq!(error_of(&sink(0, "")), "line 5: a sink without a name: expected at least one character");
    // A process that comes later may have the name of one that is gone.
    let later = "{\"started\":{\"t\":1,\"c\":0,\"i\":0}}\n{\"client\":{\"id\":1,\"name\":\"p\",\"kind\":\"producer\"}}";
    assert!(error_of(later).contains("ends without its last line"), "{}", error_of(later));
    let error = error_of(&format!("{{\"fenced\":{{\"t\":1,\"c\":0,\"error\":\"{}\"}}}}", "x".repeat(40_000)));
    assert!(error.starts_with("line 5: an error of 40000 bytes"), "{error}");
}

#[test]
fn a_byte_order_mark_is_taken_and_utf_16_is_named() {
    let text = format!("{HEAD}{{\"done\":{{\"events\":3}}}}\n");
    let marked = [b"\xef\xbb\xbf", text.as_bytes()].concat();
    assert!(read(&marked[..], &mut Checker::new()).is_ok());
    let wide: Vec<u8> = [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let error = read(&wide[..], &mut Checker::new()).expect_err("UTF-16").to_string();
    assert_eq!(error, "line 1: it is UTF-16 text; save it as UTF-8");
}
