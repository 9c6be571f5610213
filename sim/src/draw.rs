//! Faults of nodes and links, drawn from the seed: one named stream for each family.

use fencepost_kernel::faults::{self, pick};
use fencepost_protocol::broker::Job;
use fencepost_protocol::ids::{TopicId, TopicPartition};
use fencepost_protocol::time::Span;

use crate::cast::Role;
use crate::plan::{Family, FamilyKind, Plan};
use crate::schedule::{Action, Actor, Fault, Own};
use crate::stream::Stream;

/// The faults of a seed, in order of time.
pub fn draw_faults(plan: &Plan, seed: u64) -> Vec<Fault> {
    let cast = Cast::new(plan);
    faults::draw(&plan.chaos.families, seed, plan.end.faults_until, |kind, span, stream| cast.draw(*kind, span, stream))
}

/// One fault of a family, from a stream of the caller's.
pub fn draw_fault(plan: &Plan, family: &Family, stream: &mut Stream) -> Option<Fault> {
    let cast = Cast::new(plan);
    faults::draw_one(family, plan.end.faults_until, stream, |kind, span, stream| cast.draw(*kind, span, stream))
}

/// Jobs that may come late.
const JOBS: [Job; 7] = [
    Job::TransactionSweep,
    Job::ProducerIdExpiry,
    Job::IsrCheck,
    Job::HighWatermarkCheckpoint,
    Job::RecoveryPointCheckpoint,
    Job::CoordinatorLoad,
    Job::OffsetsExpiry,
];

/// Who can be hit.
struct Cast {
    brokers: Vec<Actor>,
    clients: Vec<Actor>,
    sinks: Vec<Actor>,
    all: Vec<Actor>,
    partitions: Vec<TopicPartition>,
}

impl Cast {
    fn new(plan: &Plan) -> Cast {
        let names = plan.names();
        let number = |name: &str| names.actor(name).expect("every node has a number");
        let brokers = names.brokers().collect();
        let clients = plan.clients();
        // Who runs programs pauses and kills them.
        let hit = clients.iter().filter(|client| client.part.role != Role::External);
        let clients = hit.map(|client| number(&client.name)).collect();
        let sinks = plan.sinks().map(number).collect();
        let all = (0..names.nodes.len() as Actor).collect();
        let mut partitions = Vec::new();
        let internal = [plan.cluster.config.transaction_partitions, plan.cluster.config.offsets_partitions];
        let counts = internal.into_iter().chain(plan.topics.iter().map(|t| t.partitions));
        for (topic, count) in counts.enumerate() {
            partitions.extend((0..count).map(|p| TopicPartition::new(TopicId(topic as u32), p)));
        }
        Cast { brokers, clients, sinks, all, partitions }
    }

    fn draw(&self, kind: FamilyKind, span: Span, stream: &mut Stream) -> Option<Action> {
        match kind {
            FamilyKind::BrokerCrash => faults::crash(&self.brokers, span, stream),
            FamilyKind::PowerLoss => faults::power_loss(&self.brokers, span, stream),
            FamilyKind::BrokerPause => faults::pause(&self.brokers, span, stream),
            FamilyKind::ClientPause => faults::pause(&self.clients, span, stream),
            FamilyKind::ClientCrash => faults::crash(&self.clients, span, stream),
            FamilyKind::SinkCrash => faults::crash(&self.sinks, span, stream),
            FamilyKind::SinkPause => faults::pause(&self.sinks, span, stream),
            FamilyKind::Partition => {
                // The controller may be among the others: a broker that does not reach it is fenced.
                let victims: Vec<Actor> = self.brokers.iter().chain(&self.clients).copied().collect();
                faults::cut(&victims, &self.all, span, stream)
            }
            FamilyKind::ClockStep => faults::step_clock(&self.all, span, stream),
            FamilyKind::SlowNode => faults::slow_node(&self.brokers, span, stream),
            FamilyKind::RollingRestart => Some(Action::Own(Own::RollingRestart { down: span })),
            FamilyKind::LeaderMove => {
                Some(Action::Own(Own::MoveLeader { partition: pick(&self.partitions, stream)?, to: None }))
            }
            FamilyKind::MetadataLag => {
                Some(Action::Own(Own::HoldMetadata { node: pick(&self.brokers, stream)?, span }))
            }
            FamilyKind::JobDelay => {
                let (node, job) = (pick(&self.brokers, stream)?, pick(&JOBS, stream)?);
                Some(Action::Own(Own::PostponeJob { node, job, by: span }))
            }
        }
    }
}
