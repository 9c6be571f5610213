//! Keys of a connector.

use fencepost_protocol::config::{ConsumerConfig, ProducerConfig};
use fencepost_protocol::pipeline::{Function, Guarantee};
use fencepost_protocol::time::Span;

use crate::plan::Plan;
use crate::plan::{CallPlan, Doing, KeyOf, OnUnknown, PipelinePlan};
use crate::roles::keys::{
    COMMIT_INTERVAL, ENABLED_DOC, IDEMPOTENCY_KEY, MEMBERS, ON_UNKNOWN, RESTART_DOC, START_DOC, TIMEOUT,
    written_patience,
};
use crate::scenario::calls::{Place, find, patience, table_name};
use crate::scenario::draft::{
    Draft, RoleSection, check_consumer, client_name, configure, conflict, needs, restart_after,
};
use crate::scenario::fields::Fields;
use crate::scenario::printer::Printer;
use crate::scenario::problem::Complaint;
use crate::scenario::streams;
use crate::scenario::table::form::{Form, Never, SPAN};
use crate::scenario::table::section::section;
use crate::scenario::table::words::Mode;

type Result<T> = core::result::Result<T, Complaint>;

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

impl RoleSection for Connector {
    fn assemble(fields: &Fields, _: usize, draft: &mut Draft<'_>) -> Result<()> {
        let Connector {
            name: _,
            enabled: _,
            members,
            input,
            to,
            table: _,
            mode,
            unique_key,
            call_key,
            guarantee,
            commit_interval_ms,
            call_timeout,
            call_backoff,
            call_on_unknown,
            start,
            restart_after: restart,
        } = Connector::read(fields)?;
        let name = client_name(fields)?;
        let inputs = input.filter(|list| !list.is_empty()).ok_or_else(|| needs(fields, "input"))?;
        draft.known_inputs(fields, "input", &inputs)?;
        let guarantee = guarantee.unwrap_or(Guarantee::AtLeastOnce);
        let to = to.ok_or_else(|| needs(fields, "to"))?;
        let given = Given { mode, unique_key, call_key, guarantee };
        let doing = doing(fields, &to, &inputs[0], given, &mut draft.plan)?;
        let mut consumer = streams::consumer(&name, false);
        consumer.max_poll_records = ConsumerConfig::default().max_poll_records;
        configure(fields, "", ConsumerConfig::KEYS, |key, text| consumer.set(key, text))?;
        check_consumer(fields, "", &consumer, &draft.plan.cluster)?;
        if consumer.enable_auto_commit {
            let message = "a connector commits its offsets itself: leave enable.auto.commit at false";
            return Err(fields.complain("enable.auto.commit", message));
        }
        let producer = ProducerConfig::default().resolve().map_err(|e| conflict(fields, "", &e))?;
        let patience = patience((call_timeout, call_backoff, call_on_unknown), OnUnknown::Resend);
        draft.plan.pipelines.push(PipelinePlan {
            members: members.unwrap_or(1),
            stage: 0,
            outputs_per_input: 0,
            function: Function::Copy,
            slip_at: None,
            commit_interval: Span::from_millis(commit_interval_ms.unwrap_or(0)),
            processing_time: Span::ZERO,
            group_id_only: false,
            on_unknown: OnUnknown::Keep,
            start: start.unwrap_or(Span::ZERO),
            restart_after: restart_after(restart),
            name,
            inputs,
            output: None,
            call: Some(CallPlan { to, doing, patience }),
            guarantee,
            consumer,
            producer,
        });
        Ok(())
    }

    fn print(plan: &Plan, out: &mut Printer) {
        for p in plan.pipelines.iter().filter(|p| p.output.is_none()) {
            print_one(plan, p, out);
        }
    }
}

/// What the keys say of what it does with a record.
struct Given {
    mode: Option<Mode>,
    unique_key: Option<Option<KeyOf>>,
    call_key: Option<Option<KeyOf>>,
    guarantee: Guarantee,
}

/// What it does with each record; a table that nobody named before is added to its database.
fn doing(fields: &Fields, to: &str, input: &str, given: Given, plan: &mut Plan) -> Result<Doing> {
    let Given { mode, unique_key, call_key, guarantee } = given;
    match find(plan, fields, "to", to)? {
        Place::Database(place) => {
            if fields.has("call.idempotency.key") {
                let message =
                    "'call.idempotency.key' is for payment APIs; a table has mode = \"on_conflict_do_nothing\"";
                return Err(fields.complain("call.idempotency.key", message));
            }
            let mode = mode.unwrap_or(Mode::Insert);
            if unique_key.is_some() && mode != Mode::OnConflictDoNothing {
                let message = "'unique.key' is for mode = \"on_conflict_do_nothing\"";
                return Err(fields.complain("unique.key", message));
            }
            if mode == Mode::OffsetsInTransaction && guarantee != Guarantee::AtLeastOnce {
                let message = "with offsets in the database nothing is committed to the group: leave \
                               processing.guarantee at at_least_once";
                return Err(fields.complain("processing.guarantee", message));
            }
            let table = table_name(fields, input)?;
            let tables = &mut plan.databases[place].tables;
            let number = tables.iter().position(|t| *t == table).unwrap_or_else(|| {
                tables.push(table);
                tables.len() - 1
            });
            let key = (mode == Mode::OnConflictDoNothing).then(|| unique_key.flatten().unwrap_or(KeyOf::Offset));
            Ok(Doing::Insert { table: number as u16, key, offsets: mode == Mode::OffsetsInTransaction })
        }
        Place::PaymentApi => {
            for path in ["mode", "table", "unique.key"] {
                if fields.has(path) {
                    return Err(
                        fields.complain(path, format!("'{path}' is for databases, and '{to}' is a payment API"))
                    );
                }
            }
            Ok(Doing::Charge { key: call_key.flatten() })
        }
    }
}

fn print_one(plan: &Plan, p: &PipelinePlan, out: &mut Printer) {
    let call = p.call.as_ref().expect("a connector calls a sink");
    let (mut table, mut mode, mut unique_key, mut call_key) = (None, None, None, None);
    match call.doing {
        Doing::Insert { table: number, key, offsets } => {
            table = Some(plan.table_name(&call.to, number).to_string());
            mode = Some(match (offsets, key) {
                (true, _) => Mode::OffsetsInTransaction,
                (false, Some(_)) => Mode::OnConflictDoNothing,
                (false, None) => Mode::Insert,
            });
            unique_key = key.map(Some);
        }
        Doing::Charge { key } => call_key = Some(key),
    }
    let (call_timeout, call_backoff, call_on_unknown) = written_patience(&call.patience);
    out.head("[[connector]]");
    out.keys(&Connector {
        name: Some(p.name.clone()),
        enabled: None,
        members: Some(p.members),
        input: Some(p.inputs.clone()),
        to: Some(call.to.clone()),
        table,
        mode,
        unique_key,
        call_key,
        guarantee: Some(p.guarantee),
        commit_interval_ms: Some(p.commit_interval.as_millis() as i64),
        call_timeout,
        call_backoff,
        call_on_unknown,
        start: Some(p.start),
        restart_after: Some(Never(p.restart_after)),
    });
    out.config("", &p.consumer.entries());
}
