//! Keys of what stands outside Kafka, and of the clients that only that has.

use fencepost_protocol::pipeline::Guarantee;
use fencepost_protocol::time::Span;

use super::clients::{
    COMMIT_INTERVAL, ENABLED_DOC, IDEMPOTENCY_KEY, KEYS, MEMBERS, ON_UNKNOWN, RECORDS, RESTART_DOC, START_DOC, TIMEOUT,
    VALUE_BYTES,
};
use super::form::{Form, Never, SPAN};
use super::section;
use super::words::Mode;
use crate::plan::{Announcing, KeyOf, OnUnknown};

section! {
    /// `[[database]]`.
    Database = "[[database]]", [] {
        name: String = "name", Form::Text, "needed", "of the node";
        service_time: Span = "service.time", SPAN, "0", "for each request";
        restart_after: Span = "restart.after", SPAN, "\"3s\"", "after a crash";
        idle_timeout: Span = "idle.in.transaction.timeout", SPAN, "\"60s\"", "an open transaction in which nothing happens for so long is rolled back";
    }
}

section! {
    /// `[[payment_api]]`.
    PaymentApi = "[[payment_api]]", [] {
        name: String = "name", Form::Text, "needed", "of the node";
        service_time: Span = "service.time", SPAN, "0", "for each request";
        restart_after: Span = "restart.after", SPAN, "\"3s\"", "after a crash";
        keys_expire: Never = "keys.expire", Form::SpanOrNever, "\"never\"", "how long it remembers an idempotency key";
    }
}

section! {
    /// `[[connector]]`.
    Connector = "[[connector]]", [("", Consumer)] {
        name: String = "name", Form::Text, "needed", "members are `NAME-1`, `NAME-2`, ...; a single one is `NAME`";
        enabled: bool = "enabled", Form::Bool, "true", ENABLED_DOC;
        members: u32 = "members", MEMBERS, "1", "of its group";
        input: Vec<String> = "input", Form::Texts, "needed", "a topic, or a list of them";
        to: String = "to", Form::Text, "needed", "a database or a payment API";
        table: String = "table", Form::Text, "the input's name", "of a database";
        mode: Mode = "mode", Form::Words(&["insert", "on_conflict_do_nothing", "offsets_in_transaction"]), "\"insert\"", "of a database: each poll's rows in a transaction; `\"on_conflict_do_nothing\"`; `\"offsets_in_transaction\"`, where it goes on after a restart from the offsets in the database";
        unique_key: Option<KeyOf> = "unique.key", Form::Words(&["offset", "record"]), "\"offset\"", "of `on_conflict_do_nothing`: topic, partition and offset; or `\"record\"`, which a copy at another offset has, too";
        call_key: Option<KeyOf> = "call.idempotency.key", IDEMPOTENCY_KEY, "\"none\"", "of a payment API: `\"record\"`, made from the record; `\"offset\"`, from topic, partition and offset";
        guarantee: Guarantee = "processing.guarantee", Form::Words(&["at_most_once", "at_least_once"]), "\"at_least_once\"", "or `\"at_most_once\"`: the offset first";
        commit_interval_ms: i64 = "commit.interval.ms", COMMIT_INTERVAL, "0", "0: after each poll";
        call_timeout: Span = "call.timeout", TIMEOUT, "\"10s\"", "how long it waits for an answer";
        call_backoff: Span = "call.backoff", SPAN, "\"100ms\"", "before it calls again";
        call_on_unknown: OnUnknown = "call.on_unknown", ON_UNKNOWN, "\"resend\"", "`resend`: a call without an answer is made again; or `keep`";
        start: Span = "start", SPAN, "0", START_DOC;
        restart_after: Never = "restart.after", Form::SpanOrNever, "\"3s\"", RESTART_DOC;
    }
}

section! {
    /// `[[service]]`.
    Service = "[[service]]", [("", Producer)] {
        name: String = "name", Form::Text, "needed", "of the client";
        enabled: bool = "enabled", Form::Bool, "true", ENABLED_DOC;
        database: String = "database", Form::Text, "needed", "where it writes rows";
        table: String = "table", Form::Text, "\"orders\"", "its outbox is the table `TABLE_outbox`";
        topic: String = "topic", Form::Text, "needed", "where each row is announced";
        announce: Announcing = "announce", Form::Words(&["outbox", "database_then_kafka", "kafka_then_database"]), "\"outbox\"", "a row of the outbox in the same transaction; or the dual writes `\"database_then_kafka\"` and `\"kafka_then_database\"`, which take every producer configuration key";
        source: String = "source", Form::Text, "", "a file, as for producers";
        records: u64 = "records", RECORDS, "", "how many to generate; or the first so many of `source`";
        keys: u64 = "keys", KEYS, "0", "distinct keys of generated records; 0: no keys";
        value_bytes: u32 = "value.bytes", VALUE_BYTES, "100", "length of generated values";
        start: Span = "start", SPAN, "0", START_DOC;
        interval: Span = "interval", SPAN, "0", "the pause between records";
        call_timeout: Span = "call.timeout", TIMEOUT, "\"10s\"", "how long it waits for the database";
        call_backoff: Span = "call.backoff", SPAN, "\"100ms\"", "before it calls again";
        call_on_unknown: OnUnknown = "call.on_unknown", ON_UNKNOWN, "\"keep\"", "a transaction of unknown outcome: `keep` leaves it, `resend` makes it again";
        restart_after: Never = "restart.after", Form::SpanOrNever, "\"3s\"", RESTART_DOC;
    }
}

section! {
    /// `[[relay]]`.
    Relay = "[[relay]]", [("", Producer)] {
        name: String = "name", Form::Text, "needed", "of the client";
        enabled: bool = "enabled", Form::Bool, "true", ENABLED_DOC;
        of: String = "of", Form::Text, "needed", "the service whose outbox it sends";
        start: Span = "start", SPAN, "0", START_DOC;
        poll_interval: Span = "poll.interval", SPAN, "\"100ms\"", "after a look that found nothing";
        poll_rows: u32 = "poll.rows", Form::Integer(1, 100_000), "100", "rows that it takes at a time";
        call_timeout: Span = "call.timeout", TIMEOUT, "\"10s\"", "how long it waits for the database";
        call_backoff: Span = "call.backoff", SPAN, "\"100ms\"", "before it calls again";
        restart_after: Never = "restart.after", Form::SpanOrNever, "\"3s\"", RESTART_DOC;
    }
}
