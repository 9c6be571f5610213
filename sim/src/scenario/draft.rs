//! A plan that is being made: what the sections of clients need to read themselves into it.

use std::collections::BTreeMap;

use fencepost_protocol::batch::Value;
use fencepost_protocol::config::{ConfigError, ConsumerConfig, ProducerConfig};
use fencepost_protocol::time::Span;

use super::fields::Fields;
use super::lines;
use super::printer::Printer;
use super::problem::Complaint;
use super::table::form::Never;
use super::table::limits::{LONGEST_NAME, MOST_RECORDS};
use super::table::section::ONCE;
use crate::nearest::choices;
use crate::plan::{ClusterPlan, Plan, Source};

type Result<T> = core::result::Result<T, Complaint>;
/// Reads a file that a scenario names; the message says why it cannot be read.
pub type ReadFile<'r> = &'r mut dyn FnMut(&str) -> core::result::Result<String, String>;

/// Pause before a crashed client runs again where the scenario does not say.
const RESTART_AFTER: Span = Span::from_secs(3);

/// The plan, and the users' files that it takes lines from.
pub(crate) struct Draft<'r> {
    /// What there is of it.
    pub plan: Plan,
    /// Reads a user's file.
    pub read: ReadFile<'r>,
    /// By path, as much of the text as is used.
    pub files: BTreeMap<String, String>,
}

/// A section of clients of one role.
pub(crate) trait RoleSection {
    /// Reads one of them, which stands at that place of its list, into the plan.
    fn assemble(fields: &Fields, index: usize, draft: &mut Draft<'_>) -> Result<()>;

    /// Prints those of a plan.
    fn print(plan: &Plan, out: &mut Printer);
}

impl Draft<'_> {
    /// Complains about a topic that is not there.
    pub fn known_topic(&self, fields: &Fields, path: &str, name: &str) -> Result<()> {
        let known = || self.plan.topics.iter().map(|t| t.name.as_str());
        if known().any(|topic| topic == name) {
            return Ok(());
        }
        let all = choices(name, "topics", known());
        Err(fields.complain(path, format!("there is no topic '{name}'{all}; topics are declared with [[topic]]")))
    }

    /// The topics that a client reads: declared, and each once.
    pub fn known_inputs(&self, fields: &Fields, path: &str, inputs: &[String]) -> Result<()> {
        for (place, input) in inputs.iter().enumerate() {
            self.known_topic(fields, path, input)?;
            if inputs[..place].contains(input) {
                return Err(fields.complain(path, format!("'{input}' is listed twice")));
            }
        }
        Ok(())
    }

    /// Where the records of a client come from.
    pub fn source(&mut self, fields: &Fields, (path, records, keys, value_bytes): SourceKeys) -> Result<Source> {
        let Some(path) = path else {
            let Some(records) = records else {
                let message = format!("{} needs 'records' (how many to generate) or 'source' (a file)", fields.what);
                return Err(Complaint::new(&fields.place, message));
            };
            return Ok(Source::Generated { records, keys: keys.unwrap_or(0), value_bytes: value_bytes.unwrap_or(100) });
        };
        for path in ["keys", "value.bytes"] {
            if fields.has(path) {
                return Err(fields.complain(path, format!("'{path}' is for generated records; these come from a file")));
            }
        }
        let text = (self.read)(&path).map_err(|m| fields.complain("source", format!("cannot read '{path}': {m}")))?;
        let lines = lines::read(&path, &text, records.unwrap_or(MOST_RECORDS as u64 + 1))
            .map_err(|m| fields.complain("source", format!("'{path}': {m}")))?;
        if let Some(wanted) = records.filter(|wanted| *wanted > lines.records.len() as u64) {
            let message = format!("'{path}' has {} records, not {wanted}", lines.records.len());
            return Err(fields.complain("records", message));
        }
        // Two clients may use different lengths of one file: the longer one serves both.
        let kept = self.files.entry(path.clone()).or_default();
        if kept.len() < lines.used.len() {
            *kept = lines.used;
        }
        let records = lines.records.into_iter().map(|(key, value)| (key, value.map(Value::from))).collect();
        Ok(Source::Lines { path, records })
    }
}

/// The keys `source`, `records`, `keys` and `value.bytes`.
pub(crate) type SourceKeys = (Option<String>, Option<u64>, Option<u64>, Option<u32>);

pub(crate) fn needs(fields: &Fields, key: &str) -> Complaint {
    Complaint::new(&fields.place, format!("{} needs '{key}'", fields.what))
}

pub(crate) fn configure(
    fields: &Fields,
    prefix: &str,
    keys: &[&'static str],
    mut set: impl FnMut(&str, &str) -> core::result::Result<(), ConfigError>,
) -> Result<()> {
    for (path, item) in fields.iter() {
        let Some(key) = path.strip_prefix(prefix) else { continue };
        if keys.contains(&key) {
            set(key, &fields.config_text(path, item)?).map_err(|e| Complaint::new(&item.place, e.to_string()))?;
        }
    }
    Ok(())
}

pub(crate) fn client_name(fields: &Fields) -> Result<String> {
    let name = fields.needed_text("name")?;
    if name.is_empty() || !name.chars().all(is_name_character) {
        return Err(fields.complain("name", format!("'{name}' is no name: letters, digits, '.', '_' and '-'")));
    }
    if name.len() > LONGEST_NAME {
        let message = format!("a name of {} characters: at most {}", name.len(), LONGEST_NAME);
        return Err(fields.complain("name", message));
    }
    let reserved = ONCE.contains(&name.as_str()) || ["client", "broker", "controller"].contains(&name.as_str());
    if reserved || name.starts_with("broker-") {
        return Err(fields.complain("name", format!("'{name}' means something else; choose another name")));
    }
    Ok(name)
}

/// When a crashed client runs again.
pub(crate) fn restart_after(given: Option<Never>) -> Option<Span> {
    given.map_or(Some(RESTART_AFTER), |Never(after)| after)
}

/// A complaint about a configuration as a whole, placed at the key that it names first, if that was given.
pub(crate) fn conflict(fields: &Fields, prefix: &str, error: &ConfigError) -> Complaint {
    let message = error.to_string();
    let given = fields.paths().filter_map(|path| path.strip_prefix(prefix).map(|key| (path, key)));
    let place = given
        .filter(|(_, key)| message.contains(key))
        .min_by_key(|(_, key)| message.find(key))
        .map_or(&fields.place, |(path, _)| fields.place_of(path));
    Complaint::new(place, format!("{}: {message} (Kafka refuses this with a ConfigException)", fields.what))
}

pub(crate) fn check_transaction_timeout(
    fields: &Fields,
    path: &str,
    config: &ProducerConfig,
    cluster: &ClusterPlan,
) -> Result<()> {
    let cap = cluster.config.transaction_max_timeout_ms;
    if config.transactional_id.is_some() && config.transaction_timeout_ms > cap {
        let message = format!(
            "transaction.timeout.ms of {} is above the brokers' transaction.max.timeout.ms ({cap}): Kafka refuses it with \
             INVALID_TRANSACTION_TIMEOUT; lower the one or raise the other",
            config.transaction_timeout_ms
        );
        return Err(fields.complain(path, message));
    }
    Ok(())
}

pub(crate) fn check_consumer(
    fields: &Fields,
    prefix: &str,
    config: &ConsumerConfig,
    cluster: &ClusterPlan,
) -> Result<()> {
    let complain = |key: &str, message: String| Err(fields.complain(&format!("{prefix}{key}"), message));
    if config.group_id.is_none() {
        if config.group_instance_id.is_some() {
            return complain("group.instance.id", "group.instance.id needs a group.id".into());
        }
        return Ok(());
    }
    let (session, heartbeat) = (config.session_timeout_ms, config.heartbeat_interval_ms);
    if heartbeat >= session {
        return complain(
            "heartbeat.interval.ms",
            format!(
                "heartbeat.interval.ms ({heartbeat}) must be below session.timeout.ms ({session}), as Kafka requires"
            ),
        );
    }
    let (min, max) = (cluster.config.group_min_session_timeout_ms, cluster.config.group_max_session_timeout_ms);
    if session < min || session > max {
        return complain(
            "session.timeout.ms",
            format!(
                "session.timeout.ms of {session} is not between the brokers' group.min.session.timeout.ms ({min}) and \
                 group.max.session.timeout.ms ({max}): Kafka refuses it with INVALID_SESSION_TIMEOUT; change the one or the other"
            ),
        );
    }
    Ok(())
}

/// The configuration of a plain producer.
pub(crate) fn producer_config(fields: &Fields, cluster: &ClusterPlan) -> Result<ProducerConfig> {
    let mut config = ProducerConfig::default();
    configure(fields, "", ProducerConfig::KEYS, |key, text| config.set(key, text))?;
    let config = config.resolve().map_err(|e| conflict(fields, "", &e))?;
    check_transaction_timeout(fields, "transaction.timeout.ms", &config, cluster)?;
    Ok(config)
}

pub(super) fn is_name_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}
