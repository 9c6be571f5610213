//! Keys of producers, pipelines and readers.

use fencepost_protocol::pipeline::Guarantee;
use fencepost_protocol::time::Span;

use super::form::{Form, Never, SPAN};
use super::limits::{
    LONGEST_MS, MOST_KEYS, MOST_MEMBERS, MOST_PARTITIONS, MOST_RECORDS, MOST_VALUE_BYTES, MOST_WINDOW,
};
use super::section;
use super::words::OffsetsWith;
use crate::plan::{KeyOf, OnUnknown};

pub(super) const RECORDS: Form = Form::Integer(0, MOST_RECORDS);
pub(super) const KEYS: Form = Form::Integer(0, MOST_KEYS);
pub(super) const VALUE_BYTES: Form = Form::Integer(0, MOST_VALUE_BYTES);
pub(super) const MEMBERS: Form = Form::Integer(1, MOST_MEMBERS);
pub(super) const COMMIT_INTERVAL: Form = Form::Integer(0, LONGEST_MS);
pub(super) const ON_UNKNOWN: Form = Form::Words(&["keep", "resend"]);
pub(super) const IDEMPOTENCY_KEY: Form = Form::Words(&["none", "offset", "record"]);
/// A time-out of nothing would never be kept.
pub(super) const TIMEOUT: Form = Form::Span(Span::from_millis(1));

pub(super) const ENABLED_DOC: &str = "`false` leaves the client out";
pub(super) const START_DOC: &str = "when it begins";
pub(super) const RESTART_DOC: &str = "after a crash; or `\"never\"`";
pub(super) const ON_UNKNOWN_DOC: &str = "what became of it is not known: `keep` leaves it, `resend` does it again";

section! {
    /// `[[producer]]`.
    Producer = "[[producer]]", [("", Producer)] {
        name: String = "name", Form::Text, "needed", "of the client";
        enabled: bool = "enabled", Form::Bool, "true", ENABLED_DOC;
        topic: String = "topic", Form::Text, "needed", "where it writes";
        partition: u32 = "partition", Form::Integer(0, MOST_PARTITIONS - 1), "", "a fixed one; else Kafka's partitioner";
        source: String = "source", Form::Text, "", "a file beside the scenario: JSON Lines with `key` and `value`, or CSV with the columns `key` and `value`";
        records: u64 = "records", RECORDS, "", "how many to generate; or the first so many of `source`";
        keys: u64 = "keys", KEYS, "0", "distinct keys of generated records; 0: no keys";
        value_bytes: u32 = "value.bytes", VALUE_BYTES, "100", "length of generated values";
        start: Span = "start", SPAN, "0", START_DOC;
        interval: Span = "interval", SPAN, "0", "the pause between records; 0: as quickly as `window` allows";
        window: u32 = "window", Form::Integer(1, MOST_WINDOW), "1000", "records on their way at a time";
        transaction_records: u32 = "transaction.records", Form::Integer(1, MOST_RECORDS), "100", "records in a transaction, with a `transactional.id`";
        abort_every: u32 = "abort.every", Form::Integer(0, u32::MAX as i64), "0", "the application aborts every n-th transaction";
        abandon_transaction: u32 = "abandon.transaction", Form::Integer(0, u32::MAX as i64), "0", "the application stops for good in the middle of the n-th";
        transaction_pause: Span = "transaction.pause", SPAN, "0", "between the last send and the end of a transaction";
        on_unknown: OnUnknown = "on_unknown", ON_UNKNOWN, "\"keep\"", "a record of unknown outcome: `keep` leaves it, `resend` sends it again";
        restart_after: Never = "restart.after", Form::SpanOrNever, "\"3s\"", RESTART_DOC;
    }
}

section! {
    /// `[[pipeline]]`.
    Pipeline = "[[pipeline]]", [("consumer.", Consumer), ("producer.", Producer)] {
        name: String = "name", Form::Text, "needed", "members are `NAME-1`, `NAME-2`, ...; a single one is `NAME`";
        enabled: bool = "enabled", Form::Bool, "true", ENABLED_DOC;
        members: u32 = "members", MEMBERS, "1", "of its group";
        input: Vec<String> = "input", Form::Texts, "needed", "a topic, or a list of them";
        output: String = "output", Form::Text, "needed", "a topic";
        stage: u16 = "stage", Form::Integer(1, u16::MAX as i64), "its place in the file", "part of the identity of what it writes";
        outputs_per_input: u16 = "outputs.per.input", Form::Integer(0, 1_000), "1", "records that it writes for each";
        function: String = "function", Form::Text, "\"copy\"", "what it makes of a value: `copy`; `append:TEXT`, the value and then TEXT; `hash`, the value's fingerprint ([FNV-1a](history-format.md#conventions)) as 16 hexadecimal digits. A tombstone stays one. An output with another value is a `wrong-value`";
        guarantee: Guarantee = "processing.guarantee", Form::Words(&["at_most_once", "at_least_once", "exactly_once_v2"]), "\"at_least_once\"", "or `\"at_most_once\"`, `\"exactly_once_v2\"`";
        commit_interval_ms: i64 = "commit.interval.ms", COMMIT_INTERVAL, "30000; 100 for exactly once", "0: after each poll";
        processing_time: Span = "processing.time", SPAN, "0", "for each record";
        send_offsets_with: OffsetsWith = "send.offsets.with", Form::Words(&["group_metadata", "group_id"]), "\"group_metadata\"", "or `\"group_id\"`, as before KIP-447";
        on_unknown: OnUnknown = "on_unknown", ON_UNKNOWN, "\"keep\"", ON_UNKNOWN_DOC;
        start: Span = "start", SPAN, "0", START_DOC;
        restart_after: Never = "restart.after", Form::SpanOrNever, "\"3s\"", RESTART_DOC;
        call_to: String = "call.to", Form::Text, "", "a payment API that it calls for each record, before it writes";
        call_key: Option<KeyOf> = "call.idempotency.key", IDEMPOTENCY_KEY, "\"none\"", "`\"record\"`, made from the record; `\"offset\"`, from topic, partition and offset";
        call_timeout: Span = "call.timeout", TIMEOUT, "\"10s\"", "how long it waits for an answer";
        call_backoff: Span = "call.backoff", SPAN, "\"100ms\"", "before it calls again";
        call_on_unknown: OnUnknown = "call.on_unknown", ON_UNKNOWN, "\"resend\"", "`resend`: a call without an answer is made again; or `keep`";
    }
}

section! {
    /// `[[reader]]`.
    Reader = "[[reader]]", [("", Consumer)] {
        name: String = "name", Form::Text, "needed", "members are `NAME-1`, `NAME-2`, ...; a single one is `NAME`";
        enabled: bool = "enabled", Form::Bool, "true", ENABLED_DOC;
        members: u32 = "members", MEMBERS, "1", "several need a `group.id`";
        topics: Vec<String> = "topics", Form::Texts, "needed", "what it reads; without `group.id` all partitions";
        start: Span = "start", SPAN, "0", START_DOC;
    }
}
