//! Sinks outside Kafka, from their sections to the plan.

use fencepost_protocol::time::Span;

use super::calls::table_name;
use super::document::Document;
use super::draft::client_name;
use super::problem::Complaint;
use super::table;
use super::table::form::Never;
use crate::plan::{DatabasePlan, PaymentsPlan, Plan};

type Result<T> = core::result::Result<T, Complaint>;

/// After that an open transaction in which nothing happens is rolled back, where the scenario does not say.
const IDLE: Span = Span::from_secs(60);
/// Pause before a crashed sink runs again where the scenario does not say.
const RESTART_AFTER: Span = Span::from_secs(3);

/// Reads the declared sinks into the plan; tables come with the clients that name them.
pub(super) fn read(document: &Document, plan: &mut Plan) -> Result<()> {
    for fields in &document.databases {
        let table::Database { name: _, service_time, restart_after, idle_timeout } = table::Database::read(fields)?;
        plan.databases.push(DatabasePlan {
            name: client_name(fields)?,
            service_time: service_time.unwrap_or(Span::ZERO),
            restart_after: restart_after.unwrap_or(RESTART_AFTER),
            idle_timeout: idle_timeout.unwrap_or(IDLE),
            tables: Vec::new(),
        });
    }
    for fields in &document.payments {
        let table::PaymentApi { name: _, service_time, restart_after, keys_expire } = table::PaymentApi::read(fields)?;
        plan.payments.push(PaymentsPlan {
            name: client_name(fields)?,
            service_time: service_time.unwrap_or(Span::ZERO),
            restart_after: restart_after.unwrap_or(RESTART_AFTER),
            keys_expire: keys_expire.and_then(|Never(after)| after),
        });
    }
    Ok(())
}

/// Names of all accounts that the scenario may have, whichever of its clients are left out.
pub(super) fn accounts(document: &Document) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for fields in &document.payments {
        names.extend(fields.text("name")?);
    }
    for fields in &document.clients.connectors {
        let input = fields.texts("input")?.and_then(|list| list.first().cloned()).unwrap_or_default();
        let table = table_name(fields, &input)?;
        names.extend(fields.text("to")?.map(|to| format!("{to}.{table}")));
    }
    for fields in &document.clients.services {
        let table = table_name(fields, "orders")?;
        names.extend(fields.text("database")?.map(|database| format!("{database}.{table}")));
    }
    Ok(names)
}
