//! What runs on the nodes of a cluster.

use std::collections::VecDeque;

use fencepost_kernel::link::LinkTable;
use fencepost_kernel::world::Ended;
use fencepost_protocol::batch::{Payload, Record};
use fencepost_protocol::broker::{Broker, BrokerDisk, BrokerTally};
use fencepost_protocol::content::Shared;
use fencepost_protocol::controller::{Controller, NewTopic};
use fencepost_protocol::ids::{NodeId, TopicPartition};
use fencepost_protocol::image::Features;
use fencepost_protocol::log::{Ending as LogEnding, PartitionLog};
use fencepost_protocol::message::ProduceRequest;
use fencepost_protocol::time::{Instant, Now};

use crate::plan::Plan;
use crate::roles::{self, Client};
use crate::sink::{self, Service};
use crate::stream::{PPM, mix};

/// What a node runs.
#[expect(clippy::large_enum_variant, reason = "a node is allocated once")]
pub enum Body {
    /// The controller.
    Controller(Box<Controller>),
    /// A broker.
    Broker(BrokerSlot),
    /// A producer, pipeline or reader with what drives it.
    Client(Client),
    /// A database or payment API outside Kafka.
    Service(Service),
}

/// A broker, running or only its disk.
pub struct BrokerSlot {
    /// Its id.
    pub id: NodeId,
    /// The process.
    pub broker: Option<Box<Broker>>,
    /// What it left when it ended.
    pub disk: Option<BrokerDisk>,
}

impl BrokerSlot {
    /// The running broker.
    ///
    /// # Panics
    /// If it does not run: events for a process that is gone are dropped before.
    pub fn machine(&mut self) -> &mut Broker {
        self.broker.as_mut().expect("the broker's process runs")
    }
}

/// How many batches are remembered for telling which are sent again.
const REMEMBERED: usize = 16;

/// Both counts together.
pub(super) fn sum(a: BrokerTally, b: BrokerTally) -> BrokerTally {
    BrokerTally { absorbed: a.absorbed + b.absorbed, largest_lso_lag: a.largest_lso_lag.max(b.largest_lso_lag) }
}

/// The batches that a node sent last: a batch that is sent again has the very same records.
#[derive(Clone, Debug, Default)]
pub(super) struct Recent {
    /// Batches that were sent again.
    pub retries: u64,
    sent: VecDeque<Shared<Record>>,
}

impl Recent {
    /// Its process has ended.
    pub fn forget(&mut self) {
        self.sent.clear();
    }

    /// Counts the batches of a Produce that were sent before.
    pub fn count_retries(&mut self, request: &ProduceRequest) {
        for partition in &request.partitions {
            let Payload::Records(records) = &partition.batch.payload else { continue };
            if self.sent.iter().any(|sent| sent.is(records)) {
                self.retries += 1;
                continue;
            }
            if self.sent.len() == REMEMBERED {
                self.sent.pop_front();
            }
            self.sent.push_back(records.clone());
        }
    }
}

/// Makes the nodes of a plan, in the order of their names.
pub(super) fn populate(plan: &Plan, root_seed: u64) -> (Vec<String>, Vec<Body>) {
    let topics = plan.topics.iter().map(|t| NewTopic {
        name: t.name.as_str().into(),
        partitions: t.partitions,
        replication_factor: t.replication_factor,
        settings: t.settings.clone(),
        assignment: t.assignment.clone(),
    });
    let features = Features {
        transaction_version: plan.cluster.transaction_version,
        eligible_leader_replicas_version: plan.cluster.eligible_leader_replicas_version,
    };
    let now = Now::new(Instant::ZERO, crate::clock::EPOCH_MS);
    let controller =
        Controller::new(plan.cluster.config.clone(), features, topics.collect(), plan.cluster.ids().collect(), now)
            .expect("the plan was checked against the cluster's size");
    let mut nodes = vec![("controller".to_string(), Body::Controller(Box::new(controller)))];
    for id in plan.cluster.ids() {
        let slot = BrokerSlot { id, broker: None, disk: Some(BrokerDisk::default()) };
        nodes.push((plan.cluster.name_of(id), Body::Broker(slot)));
    }
    for (name, service) in sink::services(&plan.databases, &plan.payments) {
        nodes.push((name, Body::Service(service)));
    }
    for client in roles::populate(plan, root_seed) {
        nodes.push((client.name().to_string(), Body::Client(client)));
    }
    nodes.sort_by(|a, b| a.0.cmp(&b.0));
    nodes.into_iter().unzip()
}

/// The links between the nodes of a plan: nobody connects to a client.
pub(crate) fn link_table(plan: &Plan) -> LinkTable {
    let cast = plan.cast();
    LinkTable::new(cast.len(), |node| cast[node].part.role.is_client())
}

/// What becomes of a log on disk when its broker ends.
pub(super) fn of_log(how: Ended, tp: TopicPartition, log: &PartitionLog) -> LogEnding {
    match how {
        Ended::Cleanly => LogEnding::Clean,
        Ended::Crash => LogEnding::Crash,
        Ended::PowerLoss { keep_ppm } => {
            // Each partition is cut at a place of its own: the one draw is spread by the partition's number.
            let spread = mix(keep_ppm ^ mix(u64::from(tp.topic.0) << 32 | u64::from(tp.partition))) % (PPM + 1);
            let ppm = if keep_ppm == 0 || keep_ppm == PPM { keep_ppm } else { spread };
            let flushed = log.flushed_offset();
            let tail = (log.log_end_offset() - flushed).max(0) as u128;
            let kept = (tail * u128::from(ppm) / u128::from(PPM)) as i64;
            LogEnding::PowerLoss { keep_until: flushed + kept }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Choice, Scenario};

    #[test]
    fn five_thousand_producers_have_as_many_links_as_it_takes_to_talk_to_the_brokers() {
        let producer = |n| format!("[[producer]]\nname = 'p{n:04}'\ntopic = 'orders'\nrecords = 1\n");
        let producers: String = (0..5_000).map(producer).collect();
        let text = format!("title = 't'\n[[topic]]\nname = 'orders'\n{producers}");
        let read = &mut |path: &str| panic!("{path} is not read");
        let scenario = Scenario::load("many", &text, Choice::default(), read).expect("it is a scenario");
        // Three brokers and the controller, to and from everybody.
        assert_eq!(link_table(&scenario.plan).count(), 2 * 4 * 5_004);
    }
}
