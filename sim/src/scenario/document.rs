//! The parts of a scenario's text, split up but not yet understood.

use fencepost_protocol::config::{BrokerConfig, ConsumerConfig, ProducerConfig};

use super::assemble::FAMILIES;
use super::fields::Fields;
use super::keys;
use super::nearest::hint;
use super::problem::Complaint;

/// A scenario, section by section.
#[derive(Clone, Debug)]
pub struct Document {
    pub top: Fields,
    pub cluster: Fields,
    pub network: Fields,
    pub chaos: Fields,
    pub end: Fields,
    pub promise: Fields,
    pub expect: Fields,
    pub explore: Fields,
    pub topics: Vec<Fields>,
    pub producers: Vec<Fields>,
    pub pipelines: Vec<Fields>,
    pub readers: Vec<Fields>,
    pub databases: Vec<Fields>,
    pub payments: Vec<Fields>,
    pub connectors: Vec<Fields>,
    pub services: Vec<Fields>,
    pub relays: Vec<Fields>,
    pub faults: Vec<Fields>,
    pub cases: Vec<Fields>,
}

impl Document {
    /// Splits a text up and complains about every key that nothing knows.
    pub fn parse(text: &str) -> Result<Document, Complaint> {
        let mut top = Fields::from_toml(text)?;
        let [cluster, network, chaos, end, promise, expect, explore] =
            ["cluster", "network", "chaos", "end", "promise", "expect", "explore"].map(|name| top.split_off(name));
        for name in keys::SECTIONS {
            if top.has(name) {
                return Err(top.complain(name, format!("there is one {name}, so it is written [{name}]")));
            }
        }
        let mut document = Document {
            cluster,
            network,
            chaos,
            end,
            promise,
            expect,
            explore,
            topics: top.take_tables("topic")?,
            producers: top.take_tables("producer")?,
            pipelines: top.take_tables("pipeline")?,
            readers: top.take_tables("reader")?,
            databases: top.take_tables("database")?,
            payments: top.take_tables("payment_api")?,
            connectors: top.take_tables("connector")?,
            services: top.take_tables("service")?,
            relays: top.take_tables("relay")?,
            faults: top.take_tables("fault")?,
            cases: top.take_tables("case")?,
            top,
        };
        document.check()?;
        Ok(document)
    }

    /// Sections to which a setting may have added a key.
    pub fn check_sections(&self) -> Result<(), Complaint> {
        let families = family_keys();
        let families: Vec<&str> = families.iter().map(String::as_str).collect();
        self.network.only(&[keys::NETWORK])?;
        self.chaos.only(&[keys::CHAOS, &families])?;
        self.end.only(&[keys::END])
    }

    fn check(&mut self) -> Result<(), Complaint> {
        for (path, item) in self.top.iter() {
            if !keys::TOP.contains(&path) {
                let section = path.split('.').next().unwrap_or(path);
                let known = || keys::TOP.iter().chain(keys::SECTIONS).chain(keys::LISTS).copied();
                let message = format!("unknown key or section '{section}'{}", hint(section, known()));
                return Err(Complaint::new(&item.place, message));
            }
        }
        self.cluster.only(&[keys::CLUSTER, BrokerConfig::KEYS])?;
        self.check_sections()?;
        for topic in &self.topics {
            topic.only(&[keys::TOPIC])?;
        }
        for producer in &self.producers {
            producer.only(&[keys::PRODUCER, ProducerConfig::KEYS])?;
        }
        let known = pipeline_keys();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        for pipeline in &self.pipelines {
            pipeline.only(&[&known])?;
        }
        for reader in &self.readers {
            reader.only(&[keys::READER, ConsumerConfig::KEYS])?;
        }
        let lists: [(&[Fields], &[&[&str]]); 5] = [
            (&self.databases, &[keys::DATABASE]),
            (&self.payments, &[keys::PAYMENT_API]),
            (&self.connectors, &[keys::CONNECTOR, ConsumerConfig::KEYS]),
            (&self.services, &[keys::SERVICE, ProducerConfig::KEYS]),
            (&self.relays, &[keys::RELAY, ProducerConfig::KEYS]),
        ];
        for (list, known) in lists {
            list.iter().try_for_each(|fields| fields.only(known))?;
        }
        for fault in &self.faults {
            fault.only(&[keys::FAULT])?;
        }
        Ok(())
    }
}

/// Keys of `[chaos]` that change one family: `broker_crash.count`, `broker_crash.lasts`.
pub fn family_keys() -> Vec<String> {
    let both = |name: &str| [format!("{name}.count"), format!("{name}.lasts")];
    FAMILIES.iter().flat_map(|(name, _)| both(name)).collect()
}

/// Every key of a pipeline.
pub fn pipeline_keys() -> Vec<String> {
    let own = keys::PIPELINE.iter().map(|key| key.to_string());
    let consumer = ConsumerConfig::KEYS.iter().map(|key| format!("consumer.{key}"));
    let producer = ProducerConfig::KEYS.iter().map(|key| format!("producer.{key}"));
    own.chain(consumer).chain(producer).collect()
}
