//! Who takes part, as the plan says.

use fencepost_protocol::ids::NodeId;

use super::{ClusterPlan, Plan};
use crate::cast::{Back, Names, Part, Player, Role, broker_name, member_name};

impl ClusterPlan {
    /// Name of a broker's node.
    pub fn name_of(&self, id: NodeId) -> String {
        broker_name(self.brokers, id)
    }
}

fn player(name: &str, role: Role, place: usize, back: Back) -> Player {
    Player { name: name.to_string(), part: Part { role, place: place as u16 }, back }
}

impl Plan {
    /// The brokers and the controller.
    fn servers(&self) -> impl Iterator<Item = Player> + '_ {
        let broker = |id: NodeId| player(&self.cluster.name_of(id), Role::Broker, (id.0 - 1) as usize, Back::Never);
        let controller = player("controller", Role::Controller, 0, Back::Never);
        std::iter::once(controller).chain(self.cluster.ids().map(broker))
    }

    /// What stands outside Kafka, in the order of the sinks' ids.
    fn outside(&self) -> impl Iterator<Item = Player> + '_ {
        let database =
            |(n, d): (usize, &super::DatabasePlan)| player(&d.name, Role::Database, n, Back::After(d.restart_after));
        let api =
            |(n, p): (usize, &super::PaymentsPlan)| player(&p.name, Role::PaymentApi, n, Back::After(p.restart_after));
        let databases = self.databases.iter().enumerate().map(database);
        databases.chain(self.payments.iter().enumerate().map(api))
    }

    /// The clients, in the order of the plan's lists.
    pub fn clients(&self) -> Vec<Player> {
        let mut clients = Vec::new();
        for (place, plan) in self.client_plans() {
            let (part, back) = (Part { role: plan.role(), place: place as u16 }, plan.back());
            let name = |member| member_name(plan.name(), member, plan.members());
            clients.extend((1..=plan.members()).map(|member| Player { name: name(member), part, back }));
        }
        clients
    }

    /// Everybody who takes part, in the order of their numbers.
    pub fn cast(&self) -> Vec<Player> {
        let mut cast: Vec<Player> = self.servers().chain(self.outside()).collect();
        cast.extend(self.clients());
        cast.sort_by(|a, b| a.name.cmp(&b.name));
        cast
    }

    /// Names of nodes and topics.
    pub fn names(&self) -> Names {
        let internal = [
            ("__transaction_state".to_string(), self.cluster.config.transaction_partitions),
            ("__consumer_offsets".to_string(), self.cluster.config.offsets_partitions),
        ];
        let mut names = Names {
            topics: internal.into_iter().chain(self.topics.iter().map(|t| (t.name.clone(), t.partitions))).collect(),
            workloads: (0..).map_while(|workload| self.workload_name(workload)).map(str::to_string).collect(),
            ..Names::default()
        };
        for Player { name, part, back } in self.cast() {
            names.nodes.push(name);
            names.parts.push(part);
            names.back.push(back);
        }
        names
    }
}
