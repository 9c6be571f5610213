//! What the sections of clients say of sinks.

use fencepost_protocol::time::Span;

use super::fields::Fields;
use super::problem::Complaint;
use crate::nearest::choices;
use crate::plan::{DatabasePlan, OnUnknown, Patience, Plan};

type Result<T> = core::result::Result<T, Complaint>;

/// Time-out of a call where the scenario does not say.
const TIMEOUT: Span = Span::from_secs(10);
/// Pause before a call is repeated where the scenario does not say.
const BACKOFF: Span = Span::from_millis(100);

/// Which kind of sink a name means.
pub(crate) enum Place {
    Database(usize),
    PaymentApi,
}

/// The sink of that name.
pub(crate) fn find(plan: &Plan, fields: &Fields, path: &str, name: &str) -> Result<Place> {
    if let Some(place) = plan.databases.iter().position(|d| d.name == name) {
        return Ok(Place::Database(place));
    }
    if plan.payments.iter().any(|p| p.name == name) {
        return Ok(Place::PaymentApi);
    }
    let all = choices(name, "sinks", plan.sinks());
    let message = format!("there is no sink '{name}'{all}; sinks are declared with [[database]] and [[payment_api]]");
    Err(fields.complain(path, message))
}

/// The database of that name.
pub(crate) fn database<'p>(
    plan: &'p mut Plan,
    fields: &Fields,
    path: &str,
    name: &str,
) -> Result<&'p mut DatabasePlan> {
    match find(plan, fields, path, name)? {
        Place::Database(place) => Ok(&mut plan.databases[place]),
        Place::PaymentApi => Err(fields.complain(path, format!("'{name}' is a payment API, not a database"))),
    }
}

/// The keys `call.timeout`, `call.backoff` and `call.on_unknown`.
pub(crate) type PatienceKeys = (Option<Span>, Option<Span>, Option<OnUnknown>);

/// How patient a caller is; `usual` is what it does with an unknown outcome where the scenario does not say.
pub(crate) fn patience((timeout, backoff, on_unknown): PatienceKeys, usual: OnUnknown) -> Patience {
    Patience {
        timeout: timeout.unwrap_or(TIMEOUT),
        backoff: backoff.unwrap_or(BACKOFF),
        on_unknown: on_unknown.unwrap_or(usual),
    }
}

/// Name of a table: what SQL takes without quotes.
pub(crate) fn table_name(fields: &Fields, usual: &str) -> Result<String> {
    let given = fields.text("table")?;
    let name = given.clone().unwrap_or_else(|| usual.replace(|c: char| !c.is_ascii_alphanumeric(), "_"));
    let legal = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if legal {
        Ok(name)
    } else {
        Err(fields.complain("table", format!("'{name}' is no name of a table: letters, digits and '_'")))
    }
}
