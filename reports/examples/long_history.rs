//! Writes a long clean history to standard output, to measure `fencepost check` with: records go through a transactional
//! pipeline in transactions of a hundred, and everything that a simulator can see is told.
//!
//! `cargo run --release -p fencepost-reports --example long_history 10000000 > long.jsonl` makes ten million events or a few
//! more; `fencepost check long.jsonl` judges them.

use std::io::Write;

use fencepost_reports::history::event::*;
use fencepost_reports::history::{Event, Header, Identity, Partition, Sink, Writer};

/// Records of a transaction; of a batch.
const TRANSACTION: i64 = 100;
const BATCH: i64 = 10;
const INPUT: Partition = Partition::new(0, 0);
const OUTPUT: Partition = Partition::new(1, 0);

fn main() -> std::io::Result<()> {
    let wanted: u64 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    // Eight events a record, and 28 a transaction.
    let transactions = (wanted / 828 + 1).cast_signed();
    let stdout = std::io::stdout().lock();
    let mut writer = Writer::new(stdout, &Header::new("long_history"));
    write(&mut writer, transactions);
    writer.finish()?.flush()
}

fn write(out: &mut impl Sink, transactions: i64) {
    preamble(out);
    let mut t = 1_000;
    let (mut input_end, mut output_end) = (0, 0);
    for n in 0..transactions {
        t += 1_000_000;
        produce(out, t, &mut input_end);
        process(out, t, n, &mut output_end);
    }
    t += 1_000_000;
    let records = transactions * TRANSACTION;
    let end = |at, leo| Event::End(End { t, at, start: 0, lso: leo, hw: leo, leo });
    let found =
        |at, offset, id, pid, epoch| Event::Final(Final { at, offset, id, pid, epoch, visible: true, value: None });
    out.event(&end(INPUT, records));
    (0..records).for_each(|r| out.event(&found(INPUT, r, Identity::of_workload(0, r), 1, 0)));
    out.event(&end(OUTPUT, output_end));
    for r in 0..records {
        let (pid, epoch) = producer(r / TRANSACTION);
        out.event(&found(OUTPUT, place(r), Identity::of_input(INPUT, r, 1, 0), pid, epoch));
    }
}

/// Where the output for an input stands: a marker follows each transaction.
fn place(input: i64) -> i64 {
    input + input / TRANSACTION
}

/// The pipeline's producer id and epoch in its transaction `n`: after 32,767 epochs a new id.
fn producer(n: i64) -> (i64, i16) {
    (2 + n / 32_000, (n % 32_000) as i16)
}

fn preamble(out: &mut impl Sink) {
    for (id, name) in [(0, "orders"), (1, "invoices")] {
        out.event(&Event::Topic(Topic { id, name: name.into(), partitions: 1, ..Topic::default() }));
    }
    out.event(&Event::Group(Group { id: 0, name: "billing".into() }));
    let shop = Client { name: "shop".into(), idempotent: true, outputs: vec![0], ..Client::default() };
    out.event(&Event::Client(Box::new(shop)));
    out.event(&Event::Client(Box::new(Client {
        id: 1,
        name: "billing-1".into(),
        kind: ClientKind::Pipeline,
        group: Some(0),
        transactional_id: Some("billing-1".into()),
        idempotent: true,
        inputs: vec![0],
        outputs: vec![1],
        stage: 1,
        outputs_per_input: 1,
        ..Client::default()
    })));
    let (kind, inputs) = (ClientKind::Reader, vec![1]);
    out.event(&Event::Client(Box::new(Client { id: 2, name: "audit".into(), kind, inputs, ..Client::default() })));
    (0..3).for_each(|c| out.event(&Event::Started(Started { t: 0, c, i: 0 })));
    out.event(&Event::Epoch(Epoch { t: 0, c: 0, i: 0, pid: 1, epoch: 0 }));
    out.event(&Event::Epoch(Epoch { t: 0, c: 1, i: 0, pid: 2, epoch: 0 }));
    out.event(&Event::Assigned(Assignment { t: 0, c: 1, i: 0, at: INPUT, generation: Some(1) }));
    out.event(&Event::Assigned(Assignment { t: 0, c: 2, i: 0, at: OUTPUT, generation: None }));
    for (c, at) in [(1, INPUT), (2, OUTPUT)] {
        let reason = PositionReason::Reset;
        out.event(&Event::Position(Position { t: 0, c, i: 0, at, position: 0, reason }));
    }
}

fn batch(
    t: u64,
    at: Partition,
    base: i64,
    count: i64,
    producer: (i64, i16),
    sequence: i64,
    kind: BatchKind,
) -> Event<'static> {
    let ((pid, epoch), leader_epoch) = (producer, 0);
    let (count, sequence) = (count as u32, sequence as i32);
    Event::Appended(Appended { t, at, base, count, pid, epoch, sequence, leader_epoch, kind })
}

/// The next hundred inputs.
fn produce(out: &mut impl Sink, t: u64, end: &mut i64) {
    let records = *end..*end + TRANSACTION;
    for r in records.clone() {
        let (op, id) = (r.cast_unsigned(), Identity::of_workload(0, r));
        out.event(&Event::Send(Send { t, c: 0, i: 0, op, topic: 0, partition: None, id, n: None, value: None }));
    }
    for base in records.clone().step_by(BATCH as usize) {
        out.event(&batch(t, INPUT, base, BATCH, (1, 0), base, BatchKind::Data));
    }
    for r in records {
        out.event(&Event::Ack(Ack { t, c: 0, i: 0, op: r.cast_unsigned(), at: INPUT, offset: r }));
    }
    *end += TRANSACTION;
}

/// Their outputs, in one transaction.
fn process(out: &mut impl Sink, t: u64, n: i64, end: &mut i64) {
    let (c, i, ordinal) = (1, 0, n.cast_unsigned());
    let inputs = n * TRANSACTION..(n + 1) * TRANSACTION;
    let (next, own) = (inputs.end, producer(n));
    out.event(&Event::Begin(Begin { t, c, i, n: ordinal }));
    for r in inputs.clone() {
        let (op, id) = (r.cast_unsigned(), Identity::of_workload(0, r));
        out.event(&Event::Read(Read { t, c, i, at: INPUT, offset: r, id, value: None }));
        let id = Identity::of_input(INPUT, r, 1, 0);
        out.event(&Event::Send(Send { t, c, i, op, topic: 1, partition: None, id, n: Some(ordinal), value: None }));
    }
    for base in (0..TRANSACTION).step_by(BATCH as usize) {
        out.event(&batch(t, OUTPUT, *end + base, BATCH, own, base, BatchKind::TxnData));
    }
    for r in inputs.clone() {
        out.event(&Event::Ack(Ack { t, c, i, op: r.cast_unsigned(), at: OUTPUT, offset: place(r) }));
    }
    *end += TRANSACTION;
    out.event(&Event::TxnOffsets(TxnOffsets { t, c, i, n: ordinal, group: 0, at: INPUT, next }));
    let (commit, outcome, error) = (true, Outcome::Ok, Text::from(""));
    out.event(&Event::Ending(Ending { t, c, i, n: ordinal, commit }));
    let marker = (own.0, own.1 + 1);
    out.event(&batch(t, OUTPUT, *end, 1, marker, -1, BatchKind::CommitMarker));
    *end += 1;
    let (pid, epoch) = marker;
    let cause = MoveCause::Marker { pid, epoch };
    out.event(&Event::OffsetMoved(OffsetMoved { t, group: 0, at: INPUT, offset: next, cause }));
    let (pid, epoch) = producer(n + 1);
    out.event(&Event::Epoch(Epoch { t, c, i, pid, epoch }));
    out.event(&Event::Ended(Ended { t, c, i, n: ordinal, commit, outcome, error }));
    let ((pid, epoch), cause) = (marker, DecisionCause::Request);
    out.event(&Event::Decided(Decided { t, c, pid, epoch, commit, cause }));
    for r in inputs {
        let id = Identity::of_input(INPUT, r, 1, 0);
        out.event(&Event::Read(Read { t, c: 2, i: 0, at: OUTPUT, offset: place(r), id, value: None }));
    }
}
