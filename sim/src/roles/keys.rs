//! What keys of several roles take, and what is said of them.

use fencepost_protocol::time::Span;

use crate::plan::{Patience, Source};
use crate::scenario::calls::PatienceKeys;
use crate::scenario::draft::SourceKeys;
use crate::scenario::table::form::Form;
use crate::scenario::table::limits::{LONGEST_MS, MOST_KEYS, MOST_MEMBERS, MOST_RECORDS, MOST_VALUE_BYTES};

pub(crate) const RECORDS: Form = Form::Integer(0, MOST_RECORDS);
pub(crate) const KEYS: Form = Form::Integer(0, MOST_KEYS);
pub(crate) const VALUE_BYTES: Form = Form::Integer(0, MOST_VALUE_BYTES);
pub(crate) const MEMBERS: Form = Form::Integer(1, MOST_MEMBERS);
pub(crate) const COMMIT_INTERVAL: Form = Form::Integer(0, LONGEST_MS);
pub(crate) const ON_UNKNOWN: Form = Form::Words(&["keep", "resend"]);
pub(crate) const IDEMPOTENCY_KEY: Form = Form::Words(&["none", "offset", "record"]);
/// A time-out of nothing would never be kept.
pub(crate) const TIMEOUT: Form = Form::Span(Span::from_millis(1));

pub(crate) const ENABLED_DOC: &str = "`false` leaves the client out";
pub(crate) const START_DOC: &str = "when it begins";
pub(crate) const RESTART_DOC: &str = "after a crash; or `\"never\"`";
pub(crate) const ON_UNKNOWN_DOC: &str = "what became of it is not known: `keep` leaves it, `resend` does it again";

/// As the keys of a section say it.
pub(crate) fn written_source(source: &Source) -> SourceKeys {
    match source {
        Source::Generated { records, keys, value_bytes } => (None, Some(*records), Some(*keys), Some(*value_bytes)),
        Source::Lines { path, records } => (Some(path.clone()), Some(records.len() as u64), None, None),
    }
}

/// As the keys of a section say it.
pub(crate) fn written_patience(patience: &Patience) -> PatienceKeys {
    (Some(patience.timeout), Some(patience.backoff), Some(patience.on_unknown))
}
