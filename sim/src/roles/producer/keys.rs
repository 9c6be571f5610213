//! Keys of a producer.

use fencepost_protocol::time::Span;
use fencepost_reports::render::counted;

use super::plan::ProducerPlan;
use crate::plan::OnUnknown;
use crate::plan::Plan;
use crate::roles::keys::{ENABLED_DOC, KEYS, ON_UNKNOWN, RECORDS, RESTART_DOC, START_DOC, VALUE_BYTES, written_source};
use crate::scenario::draft::{Draft, RoleSection, client_name, needs, producer_config, restart_after};
use crate::scenario::fields::Fields;
use crate::scenario::printer::Printer;
use crate::scenario::problem::Complaint;
use crate::scenario::table::form::{Form, Never, SPAN};
use crate::scenario::table::limits::{MOST_PARTITIONS, MOST_RECORDS, MOST_WINDOW};
use crate::scenario::table::section::section;

type Result<T> = core::result::Result<T, Complaint>;

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

impl RoleSection for Producer {
    fn assemble(fields: &Fields, _: usize, draft: &mut Draft<'_>) -> Result<()> {
        let Producer {
            name: _,
            enabled: _,
            topic,
            partition,
            source: file,
            records,
            keys,
            value_bytes,
            start,
            interval,
            window,
            transaction_records,
            abort_every,
            abandon_transaction,
            transaction_pause,
            on_unknown,
            restart_after: restart,
        } = Producer::read(fields)?;
        let name = client_name(fields)?;
        let topic = topic.ok_or_else(|| needs(fields, "topic"))?;
        draft.known_topic(fields, "topic", &topic)?;
        let partitions = draft.plan.topics.iter().find(|t| t.name == topic).map_or(0, |t| t.partitions);
        if let Some(partition) = partition.filter(|p| *p >= partitions) {
            let message = format!("topic '{topic}' has partitions 0 to {}, not {partition}", partitions - 1);
            return Err(fields.complain("partition", message));
        }
        let config = producer_config(fields, &draft.plan.cluster)?;
        let transactional = config.transactional_id.is_some();
        for path in ["transaction.records", "abort.every", "abandon.transaction", "transaction.pause"] {
            if !transactional && fields.has(path) {
                return Err(fields.complain(path, format!("'{path}' needs a transactional.id")));
            }
        }
        let source = draft.source(fields, (file, records, keys, value_bytes))?;
        let transaction_records = if transactional { transaction_records.unwrap_or(100) } else { 0 };
        check_abandoned(fields, abandon_transaction.unwrap_or(0), transaction_records, source.len())?;
        draft.plan.producers.push(ProducerPlan {
            source,
            name,
            topic,
            partition,
            start: start.unwrap_or(Span::ZERO),
            interval: interval.unwrap_or(Span::ZERO),
            window: window.unwrap_or(1_000),
            transaction_records,
            abort_every: abort_every.unwrap_or(0),
            abandon_transaction: abandon_transaction.unwrap_or(0),
            transaction_pause: transaction_pause.unwrap_or(Span::ZERO),
            on_unknown: on_unknown.unwrap_or(OnUnknown::Keep),
            restart_after: restart_after(restart),
            config,
        });
        Ok(())
    }

    fn print(plan: &Plan, out: &mut Printer) {
        for p in &plan.producers {
            let transactional = p.config.transactional_id.is_some();
            let (source, records, keys, value_bytes) = written_source(&p.source);
            out.head("[[producer]]");
            out.keys(&Producer {
                name: Some(p.name.clone()),
                enabled: None,
                topic: Some(p.topic.clone()),
                partition: p.partition,
                source,
                records,
                keys,
                value_bytes,
                start: Some(p.start),
                interval: Some(p.interval),
                window: Some(p.window),
                transaction_records: transactional.then_some(p.transaction_records),
                abort_every: transactional.then_some(p.abort_every),
                abandon_transaction: transactional.then_some(p.abandon_transaction),
                transaction_pause: transactional.then_some(p.transaction_pause),
                on_unknown: Some(p.on_unknown),
                restart_after: Some(Never(p.restart_after)),
            });
            out.config("", &p.config.entries());
        }
    }
}

/// Whoever wants a transaction abandoned wants to see what comes of it: there must be so many.
fn check_abandoned(fields: &Fields, abandoned: u32, transaction_records: u32, records: u64) -> Result<()> {
    let transactions = records.div_ceil(u64::from(transaction_records.max(1)));
    if u64::from(abandoned) <= transactions {
        return Ok(());
    }
    let message = format!(
        "there is no transaction {abandoned} to abandon: {} of {transaction_records} in each make {}",
        counted(records, "record"),
        counted(transactions, "transaction")
    );
    Err(fields.complain("abandon.transaction", message))
}
