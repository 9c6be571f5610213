//! `--set KEY=VALUE`, and the `set` of a case: which keys of which sections a setting means.
//!
//! A bare key goes to every client that knows it, or to the brokers. A key that both know needs `client.` or `broker.`
//! before it. `NAME.KEY` goes to one client, topic or section.

use fencepost_protocol::config::{BrokerVariant, ProducerVariant};

use super::document::Document;
use super::fields::{Fields, Item, Value};
use super::problem::{Complaint, Place};
use super::table::{self, Kafka, Section};
use crate::nearest::{choices, hint};
use crate::roles::sections;
use crate::roles::service::keys::Service;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Key, perhaps with a name or a role before it.
    pub key: String,
    /// Value as text.
    pub value: String,
    /// Where it comes from.
    pub place: Place,
}

impl Setting {
    /// Reads `KEY=VALUE`.
    ///
    /// # Errors
    /// There is no `=`, or no key before it.
    pub fn parse(text: &str) -> Result<Setting, Complaint> {
        let place = Place::Set(format!("--set {text}"));
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                Ok(Setting { key: key.trim().to_string(), value: value.trim().to_string(), place })
            }
            _ => Err(Complaint::new(&place, "expected KEY=VALUE, such as enable.idempotence=true")),
        }
    }

    fn item(&self) -> Item {
        Item { value: Value::Raw(self.value.clone()), place: self.place.clone() }
    }

    fn complain<T>(&self, message: String) -> Result<T, Complaint> {
        Err(Complaint::new(&self.place, message))
    }
}

/// Sections of those that a bare key is meant for.
fn client_sections() -> Vec<&'static Section> {
    let mut sections = sections::SECTIONS.to_vec();
    sections.extend([table::Database::SECTION, table::PaymentApi::SECTION]);
    sections
}

fn is_of_a_client(section: &Section) -> bool {
    client_sections().iter().any(|client| client.head == section.head)
}

fn clients(document: &mut Document) -> Vec<(&'static Section, &mut Fields)> {
    let named = document.named_mut().into_iter();
    named.filter(|(_, section, _)| is_of_a_client(section)).map(|(_, section, fields)| (section, fields)).collect()
}

fn known_to_clients(key: &str) -> bool {
    client_sections().iter().any(|section| !section.paths(key).is_empty())
}

fn known_to_brokers(key: &str) -> bool {
    table::Cluster::SECTION.knows(key)
}

/// Applies a setting.
///
/// # Errors
/// Nothing knows the key; or both clients and brokers do and it does not say which is meant.
pub fn apply(document: &mut Document, setting: &Setting) -> Result<(), Complaint> {
    let key = setting.key.as_str();
    if key == "variant" {
        return to_variants(document, setting);
    }
    match (known_to_clients(key), known_to_brokers(key)) {
        (true, true) => setting.complain(format!(
            "both clients and brokers know '{key}': write client.{key} for the clients or broker.{key} for the brokers"
        )),
        (true, false) => to_clients(document, key, setting),
        (false, true) => to_brokers(document, key, setting),
        (false, false) => to_named(document, setting),
    }
}

/// `variant=NAMES`: each name says for itself whether it is a bug of brokers, of producers or of both. No names: no bugs.
fn to_variants(document: &mut Document, setting: &Setting) -> Result<(), Complaint> {
    let (mut brokers, mut producers) = (Vec::new(), Vec::new());
    for name in setting.value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let (of_brokers, of_producers) = (BrokerVariant::from_name(name), ProducerVariant::from_name(name));
        brokers.extend(of_brokers.map(|variant| variant.name()));
        producers.extend(of_producers.map(|variant| variant.name()));
        if of_brokers.is_none() && of_producers.is_none() {
            let all = BrokerVariant::ALL.iter().map(|v| v.name()).chain(ProducerVariant::ALL.iter().map(|v| v.name()));
            return setting.complain(format!("there is no variant '{name}'{}", choices(name, "variants", all)));
        }
    }
    let none = brokers.is_empty() && producers.is_empty();
    if none || !brokers.is_empty() {
        to_brokers(document, "variant", &Setting { value: brokers.join(","), ..setting.clone() })?;
    }
    if none && clients(document).iter().all(|(section, _)| section.paths("variant").is_empty()) {
        return Ok(()); // nobody has any
    }
    if none || !producers.is_empty() {
        to_clients(document, "variant", &Setting { value: producers.join(","), ..setting.clone() })?;
    }
    Ok(())
}

/// Whether a service leaves what it has to say in its database, as it does unless it is told otherwise.
fn has_outbox(service: &Fields) -> bool {
    match service.get("announce").map(|item| &item.value) {
        Some(Value::Text(how)) => how == "outbox",
        _ => true,
    }
}

fn to_clients(document: &mut Document, key: &str, setting: &Setting) -> Result<(), Complaint> {
    let mut known = false;
    for (section, fields) in clients(document) {
        if section.head == Service::SECTION.head && Kafka::Producer.keys().contains(&key) && has_outbox(fields) {
            continue; // its relay is the producer
        }
        for path in section.paths(key) {
            fields.replace(path, setting.item());
            known = true;
        }
    }
    if known {
        return Ok(());
    }
    if known_to_clients(key) {
        return setting.complain(format!("no client of this scenario knows '{key}'"));
    }
    let all: Vec<String> = client_sections().iter().flat_map(|section| section.names(true)).collect();
    let advice = advice(key, &client_sections()).unwrap_or_else(|| hint(key, all.iter().map(String::as_str)));
    setting.complain(format!("no client knows '{key}'{advice}"))
}

fn to_brokers(document: &mut Document, key: &str, setting: &Setting) -> Result<(), Complaint> {
    if !known_to_brokers(key) {
        return setting.complain(format!("no broker knows '{key}'{}", table::Cluster::SECTION.advice(key)));
    }
    document.cluster.replace(key, setting.item());
    Ok(())
}

/// What the table says of a key that none of these sections has, other than which is near.
fn advice(key: &str, sections: &[&Section]) -> Option<String> {
    let advice = sections.first()?.advice(key);
    (!advice.is_empty() && !advice.contains("did you mean")).then_some(advice)
}

/// `NAME.KEY`, `client.KEY` or `broker.KEY`.
fn to_named(document: &mut Document, setting: &Setting) -> Result<(), Complaint> {
    let after = |name: &str| setting.key.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')).map(str::to_string);
    let named = document.named_mut();
    let fits = |name: &str| !name.is_empty() && after(name).is_some();
    let longest = named.iter().filter(|(name, ..)| fits(name)).map(|(name, ..)| name.len()).max();
    let Some(longest) = longest else {
        if let Some(key) = after("client") {
            return to_clients(document, &key, setting);
        }
        if let Some(key) = after("broker") {
            return to_brokers(document, &key, setting);
        }
        return unknown(document, setting);
    };
    for (name, section, fields) in named {
        let Some(key) = after(&name).filter(|_| name.len() == longest) else { continue };
        let paths = section.paths(&key);
        if paths.is_empty() {
            let names = section.names(true);
            let near = hint(&key, names.iter().map(String::as_str));
            let advice = Some(section.advice(&key)).filter(|a| !a.is_empty() && !a.contains("did you mean"));
            let advice = advice.unwrap_or(near);
            let all = if advice.is_empty() { format!("; its keys: {}", names.join(", ")) } else { advice };
            return setting.complain(format!("'{name}' does not know '{key}'{all}"));
        }
        for path in paths {
            fields.replace(path, setting.item());
        }
    }
    Ok(())
}

fn unknown(document: &mut Document, setting: &Setting) -> Result<(), Complaint> {
    let key = setting.key.as_str();
    let mut known = table::Cluster::SECTION.names(false);
    for (name, section, _) in document.named_mut() {
        let names = section.names(true);
        known.extend(names.iter().map(|key| format!("{name}.{key}")));
        if is_of_a_client(section) {
            known.extend(names);
        }
    }
    let advice = advice(key, &[table::Cluster::SECTION]);
    let advice = advice.unwrap_or_else(|| hint(key, known.iter().map(String::as_str)));
    setting.complain(format!("nothing in this scenario knows '{key}'{advice}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Choice, Scenario, builtin};

    const TEXT: &str = r#"
        [[topic]]
        name = "orders"
        [[topic]]
        name = "orders.v2"
        [[producer]]
        name = "shop"
        [[pipeline]]
        name = "enrich"
        [[reader]]
        name = "audit"
    "#;

    fn set(text: &str) -> Result<Document, String> {
        let mut document = Document::parse(TEXT).unwrap();
        let setting = Setting::parse(text).map_err(|c| c.message)?;
        apply(&mut document, &setting).map_err(|c| c.message)?;
        Ok(document)
    }

    #[test]
    fn a_bare_key_goes_to_every_client_that_knows_it() {
        let document = set("enable.idempotence=false").unwrap();
        assert!(document.clients.producers[0].has("enable.idempotence"));
        assert!(document.clients.pipelines[0].has("producer.enable.idempotence"));
        assert!(document.clients.readers[0].is_empty() || !document.clients.readers[0].has("enable.idempotence"));
        let document = set("retry.backoff.ms=5").unwrap();
        assert!(document.clients.pipelines[0].has("producer.retry.backoff.ms"));
        assert!(document.clients.pipelines[0].has("consumer.retry.backoff.ms"));
        assert!(document.clients.readers[0].has("retry.backoff.ms"));
    }

    #[test]
    fn a_key_that_both_know_needs_a_role() {
        let error = set("request.timeout.ms=5").unwrap_err();
        assert!(error.contains("client.request.timeout.ms") && error.contains("broker.request.timeout.ms"), "{error}");
        assert!(set("broker.request.timeout.ms=5").unwrap().cluster.has("request.timeout.ms"));
        let document = set("client.request.timeout.ms=5").unwrap();
        assert!(!document.cluster.has("request.timeout.ms") && document.clients.producers[0].has("request.timeout.ms"));
    }

    #[test]
    fn variants_go_to_the_side_that_has_them() {
        let document = set("variant=no-epoch-check").unwrap();
        assert!(document.cluster.has("variant") && !document.clients.producers[0].has("variant"));
        let document = set("variant=aborted-seq-reuse,ack-then-truncate").unwrap();
        assert!(document.cluster.has("variant") && document.clients.producers[0].has("variant"));
        assert!(document.clients.pipelines[0].has("producer.variant"));
        let document = set("variant=metadata-flap-seq-reset").unwrap();
        assert!(document.cluster.has("variant") && document.clients.producers[0].has("variant"), "it is one of both");
        let document = set("variant=").unwrap();
        assert!(document.cluster.has("variant") && document.clients.producers[0].has("variant"));
        assert!(set("variant=no-epoch-chek").unwrap_err().contains("'no-epoch-check'"));
    }

    #[test]
    fn a_producers_key_for_everybody_leaves_out_a_service_whose_relay_sends() {
        let text = "[[service]]\nname = \"left\"\n[[service]]\nname = \"sent\"\nannounce = \"kafka_then_database\"\n\
                    [[relay]]\nname = \"relay\"\n";
        let mut document = Document::parse(text).unwrap();
        let setting = Setting::parse("linger.ms=5").map_err(|c| c.message).unwrap();
        apply(&mut document, &setting).map_err(|c| c.message).unwrap();
        assert!(!document.clients.services[0].has("linger.ms"));
        assert!(document.clients.services[1].has("linger.ms") && document.clients.relays[0].has("linger.ms"));
    }

    #[test]
    fn every_variant_can_be_set_on_every_chaos_scenario() {
        let variants = BrokerVariant::ALL.iter().map(|v| v.name()).chain(ProducerVariant::ALL.iter().map(|v| v.name()));
        let chaos = || builtin::SCENARIOS.iter().map(|(name, _)| *name).filter(|name| name.starts_with("chaos/"));
        for variant in variants {
            for name in chaos() {
                let choice = Choice { case: None, sets: vec![format!("variant={variant}")] };
                let loaded = Scenario::load_built_in(name, choice);
                assert!(loaded.is_ok(), "{name}: {}", loaded.err().map_or_else(String::new, |p| p.to_string()));
            }
        }
    }

    #[test]
    fn a_key_that_begins_with_a_role_is_itself_first() {
        assert!(set("client.id=x").unwrap().clients.producers[0].has("client.id"));
        assert!(set("broker.session.timeout.ms=1").unwrap().cluster.has("broker.session.timeout.ms"));
    }

    #[test]
    fn a_name_goes_to_one_and_the_longest_name_wins() {
        let document = set("audit.isolation.level=read_committed").unwrap();
        assert!(
            document.clients.readers[0].has("isolation.level")
                && !document.clients.pipelines[0].has("consumer.isolation.level")
        );
        let document = set("orders.v2.partitions=4").unwrap();
        assert!(document.topics[1].has("partitions") && !document.topics[0].has("v2.partitions"));
        assert!(set("network.client.latency=1ms").unwrap().network.has("client.latency"));
    }

    #[test]
    fn a_key_of_kafka_that_is_not_modelled_is_called_so() {
        for text in ["orders.cleanup.policy=compact", "cleanup.policy=compact", "shop.compression.type=zstd"] {
            let error = set(text).unwrap_err();
            assert!(error.contains("Fencepost does not model") && error.contains("leave it out"), "{text}: {error}");
        }
        for text in ["client.sasl.mechanism=PLAIN", "broker.log.retention.ms=5", "enrich.consumer.client.rack=a"] {
            assert!(set(text).unwrap_err().contains("does not model"), "{text}");
        }
        assert!(set("shop.queue.buffering.max.ms=5").unwrap_err().contains("'linger.ms'"));
        assert!(set("audit.acks=all").unwrap_err().contains("a key of [[producer]]"));
    }

    #[test]
    fn unknown_keys_are_refused_with_the_nearest() {
        assert!(set("enable.idempotnce=true").unwrap_err().contains("enable.idempotence"));
        assert!(set("shop.ack=1").unwrap_err().contains("acks"));
        assert!(set("orders.min.insync.replica=2").unwrap_err().contains("'min.insync.replicas'"));
        assert!(set("cluster.foo=1").unwrap_err().contains("'cluster' does not know 'foo'"));
        assert!(set("network.foo=1").unwrap_err().contains("'network' does not know 'foo'"));
        assert!(set("no-equals-sign").unwrap_err().contains("KEY=VALUE"));
    }
}
