//! Keys of a pipeline.

use fencepost_protocol::config::{ConsumerConfig, ProducerConfig};
use fencepost_protocol::pipeline::{Function, Guarantee};
use fencepost_protocol::time::Span;

use super::plan::PipelinePlan;
use crate::plan::Plan;
use crate::plan::{CallPlan, ClusterPlan, Doing, KeyOf, OnUnknown};
use crate::roles::keys::{
    COMMIT_INTERVAL, ENABLED_DOC, IDEMPOTENCY_KEY, MEMBERS, ON_UNKNOWN, ON_UNKNOWN_DOC, RESTART_DOC, START_DOC,
    TIMEOUT, written_patience,
};
use crate::scenario::calls::{PatienceKeys, Place, find, patience};
use crate::scenario::draft::{
    Draft, RoleSection, check_consumer, check_transaction_timeout, client_name, configure, conflict, needs,
    restart_after,
};
use crate::scenario::fields::Fields;
use crate::scenario::printer::Printer;
use crate::scenario::problem::Complaint;
use crate::scenario::streams;
use crate::scenario::table::form::{Form, Never, SPAN};
use crate::scenario::table::section::section;
use crate::scenario::table::words::OffsetsWith;

type Result<T> = core::result::Result<T, Complaint>;

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

impl RoleSection for Pipeline {
    fn assemble(fields: &Fields, index: usize, draft: &mut Draft<'_>) -> Result<()> {
        let Pipeline {
            name: _,
            enabled: _,
            members,
            input,
            output,
            stage,
            outputs_per_input,
            function: function_name,
            guarantee,
            commit_interval_ms,
            processing_time,
            send_offsets_with,
            on_unknown,
            start,
            restart_after: restart,
            call_to,
            call_key,
            call_timeout,
            call_backoff,
            call_on_unknown,
        } = Pipeline::read(fields)?;
        let name = client_name(fields)?;
        let inputs = input.filter(|list| !list.is_empty()).ok_or_else(|| needs(fields, "input"))?;
        draft.known_inputs(fields, "input", &inputs)?;
        let output = output.ok_or_else(|| needs(fields, "output"))?;
        draft.known_topic(fields, "output", &output)?;
        if inputs.contains(&output) {
            return Err(fields.complain("output", format!("'{output}' is also an input: the pipeline would never end")));
        }
        let guarantee = guarantee.unwrap_or(Guarantee::AtLeastOnce);
        let exactly_once = guarantee == Guarantee::ExactlyOnceV2;
        let mut consumer = streams::consumer(&name, exactly_once);
        configure(fields, "consumer.", ConsumerConfig::KEYS, |key, text| consumer.set(key, text))?;
        check_consumer(fields, "consumer.", &consumer, &draft.plan.cluster)?;
        if consumer.enable_auto_commit {
            let message = "a pipeline commits its offsets itself: leave enable.auto.commit at false";
            return Err(fields.complain("consumer.enable.auto.commit", message));
        }
        let producer = producer(fields, &name, exactly_once, &draft.plan.cluster)?;
        let commit_interval_ms = commit_interval_ms.unwrap_or(streams::commit_interval_ms(exactly_once));
        if exactly_once {
            check_commit_interval(fields, commit_interval_ms, i64::from(producer.transaction_timeout_ms))?;
        }
        let patience = (call_timeout, call_backoff, call_on_unknown);
        let plan = PipelinePlan {
            members: members.unwrap_or(1),
            stage: stage.unwrap_or(index as u16 + 1),
            outputs_per_input: outputs_per_input.unwrap_or(1),
            function: function(fields, function_name)?,
            slip_at: None,
            commit_interval: Span::from_millis(commit_interval_ms),
            processing_time: processing_time.unwrap_or(Span::ZERO),
            group_id_only: send_offsets_with == Some(OffsetsWith::GroupId),
            on_unknown: on_unknown.unwrap_or(OnUnknown::Keep),
            start: start.unwrap_or(Span::ZERO),
            restart_after: restart_after(restart),
            name,
            inputs,
            output: Some(output),
            call: call(&draft.plan, fields, call_to, call_key, patience)?,
            guarantee,
            consumer,
            producer,
        };
        draft.plan.pipelines.push(plan);
        Ok(())
    }

    fn print(plan: &Plan, out: &mut Printer) {
        for p in plan.pipelines.iter().filter(|p| p.output.is_some()) {
            let (mut call_to, mut call_key, mut patience) = (None, None, (None, None, None));
            if let Some(CallPlan { to, doing: Doing::Charge { key }, patience: given }) = &p.call {
                (call_to, call_key, patience) = (Some(to.clone()), Some(*key), written_patience(given));
            }
            out.head("[[pipeline]]");
            out.keys(&Pipeline {
                name: Some(p.name.clone()),
                enabled: None,
                members: Some(p.members),
                input: Some(p.inputs.clone()),
                output: p.output.clone(),
                stage: Some(p.stage),
                outputs_per_input: Some(p.outputs_per_input),
                function: Some(p.function.name().to_string()),
                guarantee: Some(p.guarantee),
                commit_interval_ms: Some(p.commit_interval.as_millis() as i64),
                processing_time: Some(p.processing_time),
                send_offsets_with: Some(if p.group_id_only {
                    OffsetsWith::GroupId
                } else {
                    OffsetsWith::GroupMetadata
                }),
                on_unknown: Some(p.on_unknown),
                start: Some(p.start),
                restart_after: Some(Never(p.restart_after)),
                call_to,
                call_key,
                call_timeout: patience.0,
                call_backoff: patience.1,
                call_on_unknown: patience.2,
            });
            out.config("consumer.", &p.consumer.entries());
            out.config("producer.", &p.producer.entries());
        }
    }
}

/// The configuration of its producer.
fn producer(fields: &Fields, name: &str, exactly_once: bool, cluster: &ClusterPlan) -> Result<ProducerConfig> {
    let mut producer = streams::producer(name, exactly_once);
    configure(fields, "producer.", ProducerConfig::KEYS, |key, text| producer.set(key, text))?;
    if !exactly_once && producer.transactional_id.is_some() {
        let message = "a transactional.id is for processing.guarantee = \"exactly_once_v2\"";
        return Err(fields.complain("producer.transactional.id", message));
    }
    if exactly_once && producer.transactional_id.is_none() {
        let message = "processing.guarantee = \"exactly_once_v2\" needs a transactional.id; leave the key out for the pipeline's name";
        return Err(fields.complain("producer.transactional.id", message));
    }
    let producer = producer.resolve().map_err(|e| conflict(fields, "producer.", &e))?;
    check_transaction_timeout(fields, "producer.transaction.timeout.ms", &producer, cluster)?;
    Ok(producer)
}

fn check_commit_interval(fields: &Fields, commit_interval_ms: i64, timeout_ms: i64) -> Result<()> {
    if timeout_ms < commit_interval_ms {
        let message = format!(
            "commit.interval.ms of {commit_interval_ms} is longer than transaction.timeout.ms ({timeout_ms}), so that each transaction would \
             time out: Kafka Streams refuses it with an IllegalArgumentException (\"Transaction timeout {timeout_ms} was set lower than \
             streams commit interval {commit_interval_ms}\"); lower commit.interval.ms or raise producer.transaction.timeout.ms"
        );
        let path =
            if fields.has("commit.interval.ms") { "commit.interval.ms" } else { "producer.transaction.timeout.ms" };
        return Err(fields.complain(path, message));
    }
    Ok(())
}

fn function(fields: &Fields, name: Option<String>) -> Result<Function> {
    let Some(name) = name else { return Ok(Function::Copy) };
    Function::from_name(&name).ok_or_else(|| {
        let message = format!("unknown function '{name}': it is \"copy\", \"append:TEXT\" or \"hash\"");
        fields.complain("function", message)
    })
}

/// What a pipeline calls for each record, if it does.
fn call(
    plan: &Plan,
    fields: &Fields,
    to: Option<String>,
    key: Option<Option<KeyOf>>,
    given: PatienceKeys,
) -> Result<Option<CallPlan>> {
    let Some(to) = to else {
        let orphan = fields.paths().find(|path| path.starts_with("call."));
        return match orphan {
            Some(path) => Err(fields.complain(path, format!("'{path}' needs 'call.to', a payment API"))),
            None => Ok(None),
        };
    };
    match find(plan, fields, "call.to", &to)? {
        Place::PaymentApi => {}
        Place::Database(_) => {
            let message = format!("'{to}' is a database: a pipeline calls a payment API; rows are for a [[connector]]");
            return Err(fields.complain("call.to", message));
        }
    }
    let doing = Doing::Charge { key: key.flatten() };
    Ok(Some(CallPlan { to, doing, patience: patience(given, OnUnknown::Resend) }))
}
