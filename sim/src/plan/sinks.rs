//! What a plan knows of the sinks outside Kafka.

use fencepost_protocol::ids::NodeId;

use super::{Announcing, CallPlan, Doing, Plan, ServicePlan};
use crate::sink;

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
