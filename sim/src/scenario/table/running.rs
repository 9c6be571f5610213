//! Keys of what goes wrong, of how a run ends, and of what is expected.

use fencepost_protocol::time::Span;

use super::form::{Form, SPAN};
use super::limits::{MOST_DELIVERIES, MOST_OF_A_FAMILY};
use super::section::section;
use super::{Key, Section};
use crate::plan::FamilyKind;

const PPM: Form = Form::Integer(0, 1_000_000);

section! {
    /// What stands before all sections.
    Top = "the top", [] {
        title: String = "title", Form::Text, "needed", "one line";
        about: String = "about", Form::Text, "", "the story";
        seed: u64 = "seed", Form::Integer(0, i64::MAX), "1", "of `run`";
        seeds: (u64, u64) = "seeds", Form::Seeds, "the seed alone", "of `verify`, both ends included: `\"1..100\"`";
        sometimes: Vec<String> = "sometimes", Form::Texts, "", "what a campaign of `fuzz` must reach; see `[explore]`";
    }
}

section! {
    /// `[chaos]`.
    Chaos = "[chaos]", [] {
        delay_ppm: u64 = "delay.ppm", PPM, "0", "messages delayed, in a million";
        delay_min: Span = "delay.min", SPAN, "\"1ms\"", "by how much, at least";
        delay_max: Span = "delay.max", SPAN, "\"1s\"", "at most";
        late_ppm: u64 = "late.ppm", PPM, "0", "messages delayed for very long, in a million";
        late_max: Span = "late.max", SPAN, "\"100s\"", "by how much at most; at least `delay.max`";
        lose_request_ppm: u64 = "lose.request.ppm", PPM, "0", "connections lost before a request is handled, in a million";
        lose_response_ppm: u64 = "lose.response.ppm", PPM, "0", "connections lost after a request was handled, in a million";
        jitter_max: Span = "jitter.max", SPAN, "0", "every message travels up to this much longer";
        probes: u32 = "probes", Form::Integer(0, 1_000), "0", "so many single messages, at random places, are lost or very late";
    }
}

section! {
    /// `[[chaos.family]]`.
    ChaosFamily = "[[chaos.family]]", [] {
        kind: FamilyKind = "kind", Form::Words(&[
            "broker_crash", "power_loss", "broker_pause", "client_pause", "client_crash", "partition", "rolling_restart",
            "leader_move", "clock_step", "metadata_lag", "slow_node", "job_delay", "sink_crash", "sink_pause",
        ]), "needed", "which";
        count: (u32, u32) = "count", Form::Count(MOST_OF_A_FAMILY), "needed", "how many a run";
        lasts: (Span, Span) = "lasts", Form::SpanRange, "\"1s..5s\"", "how long each";
    }
}

section! {
    /// `[end]`.
    End = "[end]", [] {
        faults_until: Span = "faults.until", SPAN, "\"20s\"", "no drawn fault begins or lasts beyond it";
        bound: Span = "bound", Form::Span(Span::from_millis(1)), "see below", "how long there may be no progress";
        limit: Span = "limit", SPAN, "\"168h\"", "no run takes longer, whatever progress it makes";
        delivery_budget: u64 = "delivery.budget", Form::Integer(1, MOST_DELIVERIES), "20000000", "deliveries that a run may take";
    }
}

section! {
    /// `[[case]]`.
    Case = "[[case]]", [] {
        name: String = "name", Form::Text, "needed", "of `--case`";
        title: String = "title", Form::Text, "", "one line";
        seeds: (u64, u64) = "seeds", Form::Seeds, "the scenario's", "of `verify`";
    }
}

const fn key(name: &'static str, form: Form, default: &'static str, doc: &'static str) -> Key {
    Key { name, form, default, doc }
}

const NTH: Form = Form::Integer(1, u32::MAX as i64);

/// `[[fault]]`; which of them an action takes is in the table of actions.
pub const FAULT: &Section = &Section {
    head: "[[fault]]",
    keys: &[
        key("at", SPAN, "", "when"),
        key("after.kind", Form::Text, "", "a request of Kafka or of a sink"),
        key(
            "after.phase",
            Form::Words(&["sending", "handled", "answered", "received"]),
            "\"handled\"",
            "`sending` (about to be sent), `handled` (taken by the receiver: a batch is appended), `answered` (the answer was sent) or `received` (the answer arrived)",
        ),
        key("after.from", Form::Text, "", "only those of this sender"),
        key("after.to", Form::Text, "", "only those to this receiver"),
        key("after.partition", Form::Text, "", "only those that concern it"),
        key("after.nth", NTH, "1", "counts from 1 among the messages that fit"),
        key("after.pause", SPAN, "0", "so much later"),
        key(
            "cases",
            Form::Texts,
            "all",
            "`[\"base\", \"fixed\"]` limits it to some cases; `base` is the scenario as it stands",
        ),
        key("optional", Form::Bool, "false", "nobody is warned if it does not begin"),
        key("action", Form::Text, "needed", "what"),
        key("node", Form::Texts, "", "whom it hits"),
        key("nodes", Form::Texts, "", "several, in place of `node`"),
        key("span", SPAN, "", "how long it lasts"),
        key("down", SPAN, "", "how long the process is away"),
        key("keep.ppm", PPM, "0", "of what was not flushed so many parts per million survive"),
        key("from", Form::Texts, "", "names or `\"*\"`; of `move_leader` not"),
        key("to", Form::Texts, "", "names or `\"*\"`; of `move_leader` a broker"),
        key("both.ways", Form::Bool, "false", "and back"),
        key("links", Form::Texts, "", "`[\"a -> b\"]`, in place of `from` and `to`"),
        key("by", Form::SignedSpan, "", "by how much"),
        key("kind", Form::Text, "", "a request"),
        key("partition", Form::Text, "", "`orders-0`"),
        key("drift.ppm", Form::Integer(-1_000_000, 1_000_000), "", "so much too fast"),
        key("job", Form::Text, "", "such as `transaction_sweep`"),
        key("version", Form::Integer(0, 2), "", "of transactions"),
        key("error", Form::Text, "", "an error code of Kafka"),
    ],
    kafka: &[],
};

const NUMBER: Form = Form::Integer(i64::MIN, i64::MAX);

/// A message's deviation in a capsule.
pub const MESSAGE: &Section = &Section {
    head: "a deviation",
    keys: &[
        key("message", Form::Text, "needed", "its kind"),
        key("from", Form::Text, "needed", "its sender"),
        key("incarnation", Form::Integer(0, u32::MAX as i64), "0", "of the sender"),
        key("to", Form::Text, "", "its receiver"),
        key("partition", Form::Text, "", "what it is about"),
        key("batch.epoch", Form::Integer(-1, i16::MAX as i64), "-1", "producer epoch of its first batch"),
        key("batch.number", NUMBER, "", "number of its first record"),
        key("position", NUMBER, "", "from where it reads"),
        key("transaction.id", NUMBER, "", "producer id"),
        key("transaction.epoch", Form::Integer(-1, i16::MAX as i64), "-1", "producer epoch"),
        key("generation", Form::Integer(i32::MIN as i64, i32::MAX as i64), "", "of the group"),
        key("row", NUMBER, "", "number of a row"),
        key("attempt", NTH, "1", "which of those that are otherwise alike"),
        key("effect", Form::Text, "needed", "what happens to it"),
        key("by", SPAN, "", "by how much"),
        key("error", Form::Text, "", "an error code of Kafka"),
    ],
    kafka: &[],
};

const BOUND: Form = Form::Else("a number or a bound such as \">=1\", \"<=5\" or \"10..20\"");
const BELOW: Form = Form::Else("keys below it");

/// `[expect]`, and that of a case. What stands below a key is a name.
pub const EXPECT: &Section = &Section {
    head: "[expect]",
    keys: &[
        key(
            "verdict",
            Form::Words(&["clean", "violated", "stuck", "vacuous"]),
            "\"clean\"",
            "`violated`, `stuck`, `vacuous`",
        ),
        key(
            "violations",
            BELOW,
            "",
            "`violations.KIND`: how many; once a kind is named, kinds that are not named must not occur",
        ),
        key("allowed", BELOW, "", "`allowed.KIND`: how many that the promise allows"),
        key("topics", BELOW, "", "`topics.NAME.COLUMN`: `input`, `visible`, `duplicates`, `lost`, `leaked`"),
        key("sinks", BELOW, "", "`sinks.NAME.COLUMN`, likewise"),
        key("virtual_ms", BOUND, "", "virtual time at the end"),
        key("deliveries", BOUND, "", "messages handed over and timers fired"),
        key("faults", BOUND, "", "faults that took effect"),
        key("figures", BELOW, "", "`figures.NAME`: of the whole run, as `--json` names them"),
        key("reached", Form::Texts, "", "points of the protocol that the run must reach, as in `sometimes`"),
        key("never", Form::Texts, "", "points that it must not reach"),
    ],
    kafka: &[],
};
