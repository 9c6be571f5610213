//! Keys of what stands outside Kafka.

use fencepost_protocol::time::Span;

use super::form::{Form, Never, SPAN};
use super::section::section;

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
