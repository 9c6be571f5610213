//! The parts of a scenario's text, split up but not yet understood.

use super::fields::Fields;
use super::problem::Complaint;
use super::table::{self, Section};
use crate::roles::sections::Clients;

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
    pub clients: Clients,
    pub databases: Vec<Fields>,
    pub payments: Vec<Fields>,
    pub faults: Vec<Fields>,
    pub cases: Vec<Fields>,
}

impl Document {
    /// Splits a text up and complains about every key that nothing knows, and about every value that its key does not take.
    pub fn parse(text: &str) -> Result<Document, Complaint> {
        let mut top = Fields::from_toml(text)?;
        let [cluster, network, chaos, end, promise, expect, explore] =
            ["cluster", "network", "chaos", "end", "promise", "expect", "explore"].map(|name| top.split_off(name));
        for name in table::ONCE {
            if top.has(name) {
                return Err(top.complain(name, format!("there is one {name}, so it is written [{name}]")));
            }
        }
        let document = Document {
            cluster,
            network,
            chaos,
            end,
            promise,
            expect,
            explore,
            topics: top.take_tables("topic")?,
            clients: Clients::take(&mut top)?,
            databases: top.take_tables("database")?,
            payments: top.take_tables("payment_api")?,
            faults: top.take_tables("fault")?,
            cases: top.take_tables("case")?,
            top,
        };
        table::check_top(&document.top)?;
        document.check()?;
        Ok(document)
    }

    /// Complains about the first key that its section does not know, or that does not take its value. Clients that are left
    /// out are looked at, too.
    pub fn check(&self) -> Result<(), Complaint> {
        for (section, fields) in self.once() {
            section.check(fields)?;
        }
        for (section, list) in self.nodes() {
            list.iter().try_for_each(|fields| section.check(fields))?;
        }
        for fault in &self.faults {
            table::check_fault(fault)?;
        }
        Ok(())
    }

    fn once(&self) -> [(&'static Section, &Fields); 4] {
        let Document { cluster, network, chaos, end, .. } = self;
        [
            (table::Cluster::SECTION, cluster),
            (table::Network::SECTION, network),
            (table::Chaos::SECTION, chaos),
            (table::End::SECTION, end),
        ]
    }

    /// Topics, and everything that becomes a node.
    pub fn nodes(&self) -> Vec<(&'static Section, &[Fields])> {
        let mut nodes: Vec<(&'static Section, &[Fields])> = vec![(table::Topic::SECTION, &self.topics)];
        nodes.extend(self.clients.lists());
        nodes.push((table::Database::SECTION, &self.databases));
        nodes.push((table::PaymentApi::SECTION, &self.payments));
        nodes
    }

    /// Everything that a setting can name, by the names that stand before its keys.
    pub fn named_mut(&mut self) -> Vec<(String, &'static Section, &mut Fields)> {
        let Document { cluster, network, chaos, end, topics, clients, databases, payments, .. } = self;
        let others: [(&'static Section, &mut Vec<Fields>); 3] = [
            (table::Database::SECTION, databases),
            (table::PaymentApi::SECTION, payments),
            (table::Topic::SECTION, topics),
        ];
        let mut named = Vec::new();
        for (section, list) in clients.lists_mut().into_iter().chain(others) {
            for fields in list {
                let name = fields.text("name").ok().flatten().unwrap_or_default();
                named.push((name, section, fields));
            }
        }
        let once: [(&str, &'static Section, &mut Fields); 4] = [
            ("cluster", table::Cluster::SECTION, cluster),
            ("network", table::Network::SECTION, network),
            ("chaos", table::Chaos::SECTION, chaos),
            ("end", table::End::SECTION, end),
        ];
        named.extend(once.map(|(name, section, fields)| (name.to_string(), section, fields)));
        named
    }
}
