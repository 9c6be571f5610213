//! Events that are kept until it is known what the records in them are made of.

use std::borrow::Cow;

use fencepost_reports::history::Identity;
use fencepost_reports::history::event as h;

fn text<'a>(text: &h::Text<'a>) -> h::Text<'static> {
    // Most are constants, which stay what they are only where the compiler can see it: here each is a copy.
    Cow::Owned(text.to_string())
}

fn send_error(e: &h::SendError<'_>) -> h::SendError<'static> {
    h::SendError { t: e.t, c: e.c, i: e.i, op: e.op, error: text(&e.error) }
}

fn topic(e: &h::Topic<'_>) -> h::Topic<'static> {
    h::Topic {
        id: e.id,
        name: text(&e.name),
        partitions: e.partitions,
        internal: e.internal,
        may_be_empty: e.may_be_empty,
        deletes: e.deletes,
        compacted: e.compacted,
        max_sequence: e.max_sequence,
        forgets_after: e.forgets_after,
    }
}

fn client(e: &h::Client<'_>) -> h::Client<'static> {
    h::Client {
        id: e.id,
        name: text(&e.name),
        kind: e.kind,
        isolation: e.isolation,
        group: e.group,
        transactional_id: e.transactional_id.as_ref().map(text),
        idempotent: e.idempotent,
        transaction_version: e.transaction_version,
        inputs: e.inputs.clone(),
        outputs: e.outputs.clone(),
        sinks: e.sinks.clone(),
        stage: e.stage,
        outputs_per_input: e.outputs_per_input,
        may_skip: e.may_skip,
        guarantee: e.guarantee,
        function: e.function.as_ref().map(text),
        records: e.records,
    }
}

fn promise(e: &h::Promise<'_>) -> h::Promise<'static> {
    h::Promise {
        topic: e.topic,
        sink: e.sink,
        client: e.client,
        guarantee: e.guarantee,
        allow: e.allow.iter().map(text).collect(),
    }
}

fn fault(e: &h::Fault<'_>) -> h::Fault<'static> {
    h::Fault {
        id: e.id,
        words: text(&e.words),
        counts: e.counts.as_ref().map(text),
        nth: e.nth,
        optional: e.optional,
        drawn: e.drawn,
    }
}

fn ended(e: &h::Ended<'_>) -> h::Ended<'static> {
    h::Ended { t: e.t, c: e.c, i: e.i, n: e.n, commit: e.commit, outcome: e.outcome, error: text(&e.error) }
}

fn commit_result(e: &h::CommitResult<'_>) -> h::CommitResult<'static> {
    h::CommitResult { t: e.t, c: e.c, i: e.i, op: e.op, outcome: e.outcome, error: text(&e.error) }
}

fn applied(e: &h::Applied<'_>) -> h::Applied<'static> {
    h::Applied { t: e.t, c: e.c, i: e.i, op: e.op, outcome: e.outcome, already: e.already, error: text(&e.error) }
}

fn divergence(e: &h::Divergence<'_>) -> h::Divergence<'static> {
    h::Divergence { t: e.t, what: text(&e.what), expected: text(&e.expected), found: text(&e.found) }
}

fn open_transaction(e: &h::OpenTransaction<'_>) -> h::OpenTransaction<'static> {
    h::OpenTransaction { t: e.t, c: e.c, pid: e.pid, epoch: e.epoch, since: e.since, culprit: text(&e.culprit) }
}

fn undrained(e: &h::Undrained<'_>) -> h::Undrained<'static> {
    h::Undrained { t: e.t, c: e.c, at: e.at, position: e.position, end: e.end, culprit: text(&e.culprit) }
}

/// The event, on its own.
pub(super) fn keep(event: &h::Event<'_>) -> h::Event<'static> {
    use h::Event as E;
    match event {
        E::Topic(e) => E::Topic(topic(e)),
        E::Group(e) => E::Group(h::Group { id: e.id, name: text(&e.name) }),
        E::Sink(e) => {
            E::Sink(h::ExternalSink { id: e.id, name: text(&e.name), kind: e.kind, announced_in: e.announced_in })
        }
        E::Client(e) => E::Client(Box::new(client(e))),
        E::Promise(e) => E::Promise(promise(e)),
        E::Fault(e) => E::Fault(fault(e)),
        E::Started(e) => E::Started(*e),
        E::Stopped(e) => E::Stopped(h::Stopped { t: e.t, c: e.c, i: e.i, reason: e.reason, text: text(&e.text) }),
        E::Told(e) => E::Told(h::Told { t: e.t, c: e.c, i: e.i, call: text(&e.call), error: text(&e.error) }),
        E::Fired(e) => E::Fired(*e),
        E::FaultEnd(e) => E::FaultEnd(*e),
        E::Send(e) => E::Send(*e),
        E::Ack(e) => E::Ack(*e),
        E::Fail(e) => E::Fail(send_error(e)),
        E::Unknown(e) => E::Unknown(send_error(e)),
        E::Begin(e) => E::Begin(*e),
        E::TxnOffsets(e) => E::TxnOffsets(*e),
        E::Ending(e) => E::Ending(*e),
        E::Ended(e) => E::Ended(ended(e)),
        E::Fenced(e) => E::Fenced(h::Fenced { t: e.t, c: e.c, i: e.i, error: text(&e.error) }),
        E::Epoch(e) => E::Epoch(*e),
        E::Commit(e) => E::Commit(*e),
        E::CommitResult(e) => E::CommitResult(commit_result(e)),
        E::Assigned(e) => E::Assigned(*e),
        E::Revoked(e) => E::Revoked(*e),
        E::Position(e) => E::Position(*e),
        E::Read(e) => E::Read(*e),
        E::Skipped(e) => E::Skipped(*e),
        E::Apply(e) => E::Apply(*e),
        E::Applied(e) => E::Applied(applied(e)),
        E::OffsetMoved(e) => E::OffsetMoved(*e),
        E::Decided(e) => E::Decided(*e),
        E::Divergence(e) => E::Divergence(divergence(e)),
        E::Replica(e) => E::Replica(*e),
        E::Appended(e) => E::Appended(*e),
        E::End(e) => E::End(*e),
        E::Final(e) => E::Final(*e),
        E::SinkEnd(e) => E::SinkEnd(*e),
        E::SinkFinal(e) => E::SinkFinal(*e),
        E::SinkOffset(e) => E::SinkOffset(*e),
        E::OpenTransaction(e) => E::OpenTransaction(open_transaction(e)),
        E::Stalled(e) => E::Stalled(h::Stalled { t: e.t, at: e.at, lso: e.lso, hw: e.hw, culprit: text(&e.culprit) }),
        E::Undrained(e) => E::Undrained(undrained(e)),
        E::Stuck(e) => E::Stuck(h::Stuck { t: e.t, culprit: text(&e.culprit) }),
    }
}

/// The record that an event is about.
pub fn record_of<'e>(event: &'e mut h::Event<'static>) -> Option<&'e mut Identity> {
    match event {
        h::Event::Send(e) => Some(&mut e.id),
        h::Event::Read(e) => Some(&mut e.id),
        h::Event::Apply(e) => Some(&mut e.id),
        h::Event::Final(e) => Some(&mut e.id),
        h::Event::SinkFinal(e) => Some(&mut e.id),
        _ => None,
    }
}
