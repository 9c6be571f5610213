//! Keys of a relay.

use fencepost_protocol::time::Span;

use super::plan::RelayPlan;
use crate::nearest::choices;
use crate::plan::Plan;
use crate::plan::{Announcing, OnUnknown};
use crate::roles::keys::{ENABLED_DOC, RESTART_DOC, START_DOC, TIMEOUT, written_patience};
use crate::scenario::calls::patience;
use crate::scenario::draft::{Draft, RoleSection, client_name, needs, producer_config, restart_after};
use crate::scenario::fields::Fields;
use crate::scenario::printer::Printer;
use crate::scenario::problem::Complaint;
use crate::scenario::table::form::{Form, Never, SPAN};
use crate::scenario::table::section::section;

/// Pause of a relay that has found nothing, where the scenario does not say.
const POLL_INTERVAL: Span = Span::from_millis(100);

type Result<T> = core::result::Result<T, Complaint>;

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

impl RoleSection for Relay {
    fn assemble(fields: &Fields, _: usize, draft: &mut Draft<'_>) -> Result<()> {
        let Relay {
            name: _,
            enabled: _,
            of,
            start,
            poll_interval,
            poll_rows,
            call_timeout,
            call_backoff,
            restart_after: restart,
        } = Relay::read(fields)?;
        let name = client_name(fields)?;
        let of = of.ok_or_else(|| needs(fields, "of"))?;
        let outboxes = || draft.plan.services.iter().filter(|s| s.announcing == Announcing::Outbox);
        let Some(service) = outboxes().find(|s| s.name == of) else {
            let all = choices(&of, "services with an outbox", outboxes().map(|s| s.name.as_str()));
            let message = format!("there is no service '{of}' with announce = \"outbox\"{all}");
            return Err(fields.complain("of", message));
        };
        let plan = RelayPlan {
            name,
            of,
            database: service.database.clone(),
            table: service.table + 1,
            topic: service.topic.clone(),
            start: start.unwrap_or(Span::ZERO),
            poll_interval: poll_interval.unwrap_or(POLL_INTERVAL),
            batch: poll_rows.unwrap_or(100),
            patience: patience((call_timeout, call_backoff, None), OnUnknown::Resend),
            restart_after: restart_after(restart),
            producer: producer_config(fields, &draft.plan.cluster)?,
        };
        draft.plan.relays.push(plan);
        Ok(())
    }

    fn print(plan: &Plan, out: &mut Printer) {
        for r in &plan.relays {
            let (call_timeout, call_backoff, _) = written_patience(&r.patience);
            out.head("[[relay]]");
            out.keys(&Relay {
                name: Some(r.name.clone()),
                enabled: None,
                of: Some(r.of.clone()),
                start: Some(r.start),
                poll_interval: Some(r.poll_interval),
                poll_rows: Some(r.batch),
                call_timeout,
                call_backoff,
                restart_after: Some(Never(r.restart_after)),
            });
            out.config("", &r.producer.entries());
        }
    }
}
