//! Sinks outside Kafka, and the clients that use them.

use fencepost_protocol::config::ProducerConfig;
use fencepost_protocol::ids::NodeId;
use fencepost_protocol::time::Span;

use super::{OnUnknown, Plan, Source};
use crate::sink;

/// What a key is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyOf {
    /// Topic, partition and offset of the record that was read.
    Offset,
    /// The record's own identity, which a copy at another offset has, too.
    Record,
}

/// What a consumer does with each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// Inserts a row into a table (by number), each poll's rows in a transaction.
    Insert {
        /// Number of the table.
        table: u16,
        /// `ON CONFLICT (key) DO NOTHING`; none: there is no unique key.
        key: Option<KeyOf>,
        /// The consumer's offsets are kept in the same database and change in the same transaction.
        offsets: bool,
    },
    /// Charges a customer.
    Charge {
        /// The idempotency key.
        key: Option<KeyOf>,
    },
}

/// How a client calls a sink.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// Name of the sink.
    pub to: String,
    /// What for.
    pub doing: Doing,
    /// How patient it is.
    pub patience: Patience,
}

/// How patient a client of a sink is.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long it waits for an answer.
    pub timeout: Span,
    /// Pause before it tries again.
    pub backoff: Span,
    /// Whether it tries again what may have happened.
    pub on_unknown: OnUnknown,
}

/// How a service announces what it has written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcing {
    /// A row of an outbox, in the same transaction: a relay sends it.
    Outbox,
    /// It commits, then sends to Kafka.
    DatabaseThenKafka,
    /// It sends to Kafka within its database transaction, then commits.
    KafkaThenDatabase,
}

/// A service that takes orders: it writes each to a table and announces it in a topic.
#[derive(Clone, Debug)]
pub struct ServicePlan {
    /// Name of the client.
    pub name: String,
    /// Name of its database.
    pub database: String,
    /// Number of its table; its outbox is the next one.
    pub table: u16,
    /// Where it announces.
    pub topic: String,
    /// How.
    pub announcing: Announcing,
    /// The orders.
    pub source: Source,
    /// When it begins.
    pub start: Span,
    /// Pause between orders.
    pub interval: Span,
    /// With the database.
    pub patience: Patience,
    /// After a process crash: how long until it runs again; none: never.
    pub restart_after: Option<Span>,
    /// Its producer, for those that send themselves.
    pub producer: ProducerConfig,
}

/// A relay: it sends the rows of a service's outbox to Kafka, and marks them.
#[derive(Clone, Debug)]
pub struct RelayPlan {
    /// Name of the client.
    pub name: String,
    /// Whose outbox: name of the service.
    pub of: String,
    /// Name of the database.
    pub database: String,
    /// Number of the outbox's table.
    pub table: u16,
    /// Where it sends.
    pub topic: String,
    /// When it begins.
    pub start: Span,
    /// Pause after a look that found nothing.
    pub poll_interval: Span,
    /// Rows that it takes at a time.
    pub batch: u32,
    /// With the database.
    pub patience: Patience,
    /// After a process crash: how long until it runs again; none: never.
    pub restart_after: Option<Span>,
    /// Its producer.
    pub producer: ProducerConfig,
}

/// What is judged of a sink: a table or the charges of a payment API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `warehouse.orders`, `bank`.
    pub name: String,
    /// Name of the node.
    pub node: String,
    /// Number of the table; none for charges.
    pub table: Option<u16>,
    /// The topic in which its rows are announced.
    pub topic: Option<String>,
}

impl Plan {
    /// Names of the sinks, in the order of their ids.
    pub fn sinks(&self) -> impl Iterator<Item = &str> {
        self.databases.iter().map(|d| d.name.as_str()).chain(self.payments.iter().map(|p| p.name.as_str()))
    }

    /// Id of the sink of that name.
    ///
    /// # Panics
    /// If there is none: the plan was checked.
    pub fn sink_id(&self, name: &str) -> NodeId {
        sink::node_id(self.sinks().position(|sink| sink == name).expect("the plan's sinks were checked"))
    }

    /// What is judged of the sinks. The history's numbers are places in this list. Outboxes are not judged: what matters is
    /// what reaches their topic. Nor is what nobody calls.
    pub fn accounts(&self) -> Vec<Account> {
        let mut accounts = Vec::new();
        for database in &self.databases {
            for (number, table) in database.tables.iter().enumerate() {
                let number = number as u16;
                let of_service = |s: &&ServicePlan| s.database == database.name;
                let mut services = self.services.iter().filter(of_service);
                if services.clone().any(|s| s.announcing == Announcing::Outbox && s.table + 1 == number) {
                    continue;
                }
                let topic = services.find(|s| s.table == number).map(|s| s.topic.clone());
                let name = format!("{}.{table}", database.name);
                accounts.push(Account { name, node: database.name.clone(), table: Some(number), topic });
            }
        }
        let calls = |api: &str| self.pipelines.iter().flat_map(|p| &p.call).any(|call| call.to == api);
        for api in self.payments.iter().filter(|api| calls(&api.name)) {
            accounts.push(Account { name: api.name.clone(), node: api.name.clone(), table: None, topic: None });
        }
        accounts
    }

    /// Whose records workload number `workload` is: those of producers come first, then those of services.
    pub fn workload_name(&self, workload: usize) -> Option<&str> {
        let producers = self.producers.iter().map(|p| p.name.as_str());
        producers.chain(self.services.iter().map(|s| s.name.as_str())).nth(workload)
    }

    /// Name of a table.
    ///
    /// # Panics
    /// If there is none: the plan was checked.
    pub fn table_name(&self, database: &str, table: u16) -> &str {
        let database = self.databases.iter().find(|d| d.name == database).expect("the plan's databases were checked");
        &database.tables[table as usize]
    }

    /// The history's number of a table, or of the charges of a payment API.
    ///
    /// # Panics
    /// If there is none: the plan was checked.
    pub fn account_number(&self, node: &str, table: Option<u16>) -> u32 {
        let accounts = self.accounts();
        let found = accounts.iter().position(|a| a.node == node && a.table == table);
        found.expect("the plan's tables were checked") as u32
    }
}

impl CallPlan {
    /// The table, for calls of databases.
    pub fn table(&self) -> Option<u16> {
        match self.doing {
            Doing::Insert { table, .. } => Some(table),
            Doing::Charge { .. } => None,
        }
    }
}
