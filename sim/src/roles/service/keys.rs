//! Keys of a service.

use fencepost_protocol::config::ProducerConfig;
use fencepost_protocol::time::Span;

use super::plan::{Announcing, ServicePlan};
use crate::plan::OnUnknown;
use crate::plan::Plan;
use crate::roles::keys::{
    ENABLED_DOC, KEYS, ON_UNKNOWN, RECORDS, RESTART_DOC, START_DOC, TIMEOUT, VALUE_BYTES, written_patience,
    written_source,
};
use crate::scenario::calls::{database as database_of, patience, table_name};
use crate::scenario::draft::{Draft, RoleSection, client_name, needs, producer_config, restart_after};
use crate::scenario::fields::Fields;
use crate::scenario::printer::Printer;
use crate::scenario::problem::Complaint;
use crate::scenario::table::form::{Form, Never, SPAN};
use crate::scenario::table::section::section;

type Result<T> = core::result::Result<T, Complaint>;

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

impl RoleSection for Service {
    fn assemble(fields: &Fields, _: usize, draft: &mut Draft<'_>) -> Result<()> {
        let Service {
            name: _,
            enabled: _,
            database,
            table: _,
            topic,
            announce,
            source: file,
            records,
            keys,
            value_bytes,
            start,
            interval,
            call_timeout,
            call_backoff,
            call_on_unknown,
            restart_after: restart,
        } = Service::read(fields)?;
        let name = client_name(fields)?;
        let topic = topic.ok_or_else(|| needs(fields, "topic"))?;
        draft.known_topic(fields, "topic", &topic)?;
        let announcing = announce.unwrap_or(Announcing::Outbox);
        let database = database.ok_or_else(|| needs(fields, "database"))?;
        let table = table_name(fields, "orders")?;
        let tables = &mut database_of(&mut draft.plan, fields, "database", &database)?.tables;
        if tables.contains(&table) {
            let message =
                format!("'{database}' has a table '{table}' already, of another client; name this one's 'table'");
            return Err(fields.complain(if fields.has("table") { "table" } else { "name" }, message));
        }
        let number = tables.len() as u16;
        tables.push(table.clone());
        if announcing == Announcing::Outbox {
            tables.push(format!("{table}_outbox"));
        }
        let producer = producer_config(fields, &draft.plan.cluster)?;
        if announcing == Announcing::Outbox
            && let Some(path) = fields.paths().find(|path| ProducerConfig::KEYS.contains(path))
        {
            let message =
                format!("'{path}' is a producer's: with an outbox the relay sends, so it goes into [[relay]]");
            return Err(fields.complain(path, message));
        }
        if producer.transactional_id.is_some() {
            let message = "a service sends outside transactions: what must be atomic is Kafka and its database, and no \
                           transactional.id does that";
            return Err(fields.complain("transactional.id", message));
        }
        let source = draft.source(fields, (file, records, keys, value_bytes))?;
        draft.plan.services.push(ServicePlan {
            source,
            name,
            database,
            table: number,
            topic,
            announcing,
            start: start.unwrap_or(Span::ZERO),
            interval: interval.unwrap_or(Span::ZERO),
            patience: patience((call_timeout, call_backoff, call_on_unknown), OnUnknown::Keep),
            restart_after: restart_after(restart),
            producer,
        });
        Ok(())
    }

    fn print(plan: &Plan, out: &mut Printer) {
        for s in &plan.services {
            let (source, records, keys, value_bytes) = written_source(&s.source);
            let (call_timeout, call_backoff, call_on_unknown) = written_patience(&s.patience);
            out.head("[[service]]");
            out.keys(&Service {
                name: Some(s.name.clone()),
                enabled: None,
                database: Some(s.database.clone()),
                table: Some(plan.table_name(&s.database, s.table).to_string()),
                topic: Some(s.topic.clone()),
                announce: Some(s.announcing),
                source,
                records,
                keys,
                value_bytes,
                start: Some(s.start),
                interval: Some(s.interval),
                call_timeout,
                call_backoff,
                call_on_unknown,
                restart_after: Some(Never(s.restart_after)),
            });
            if s.announcing != Announcing::Outbox {
                out.config("", &s.producer.entries());
            }
        }
    }
}
