//! Faults of nodes and links, drawn from the seed: one named stream for each family.

use fencepost_protocol::broker::Job;
use fencepost_protocol::ids::{TopicId, TopicPartition};
use fencepost_protocol::time::{Instant, Span};

use crate::cast::Role;
use crate::plan::{Family, FamilyKind, Plan};
use crate::schedule::{Action, Actor, Fault, When};
use crate::stream::{PPM, Stream};

/// No drawn fault begins before this: the cluster and its clients first come up.
const CALM: Span = Span::from_millis(500);

/// The faults of a seed, in order of time.
pub fn draw_faults(plan: &Plan, seed: u64) -> Vec<Fault> {
    let cast = Cast::new(plan);
    let mut faults = Vec::new();
    for family in &plan.chaos.families {
        let mut stream = Stream::new(seed, &format!("faults {:?}", family.kind));
        let count = stream.between(u64::from(family.min), u64::from(family.max));
        for _ in 0..count {
            faults.extend(cast.fault(plan, family, &mut stream));
        }
    }
    faults.sort_by_key(|f| match f.when {
        When::At(at) => at,
        When::After(..) => Instant::ZERO,
    });
    faults
}

/// One fault of a family, from a stream of the caller's.
pub fn draw_fault(plan: &Plan, family: &Family, stream: &mut Stream) -> Option<Fault> {
    Cast::new(plan).fault(plan, family, stream)
}

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

    fn fault(&self, plan: &Plan, family: &Family, stream: &mut Stream) -> Option<Fault> {
        let span = Span(stream.between(family.shortest.0, family.longest.0));
        let latest = plan.end.faults_until.0.saturating_sub(span.0).max(CALM.0);
        let at = Instant(stream.between(CALM.0, latest));
        let action = self.draw(family, span, stream)?;
        Some(Fault { when: When::At(at), action, optional: false })
    }

    fn draw(&self, family: &Family, span: Span, stream: &mut Stream) -> Option<Action> {
        Some(match family.kind {
            FamilyKind::BrokerCrash => Action::Crash { node: pick(&self.brokers, stream)?, down: Some(span) },
            FamilyKind::PowerLoss => {
                let node = pick(&self.brokers, stream)?;
                Action::PowerLoss { node, down: Some(span), keep_ppm: stream.below(PPM + 1) }
            }
            FamilyKind::BrokerPause => Action::Pause { node: pick(&self.brokers, stream)?, span },
            FamilyKind::ClientPause => Action::Pause { node: pick(&self.clients, stream)?, span },
            FamilyKind::ClientCrash => Action::Crash { node: pick(&self.clients, stream)?, down: Some(span) },
            FamilyKind::SinkCrash => Action::Crash { node: pick(&self.sinks, stream)?, down: Some(span) },
            FamilyKind::SinkPause => Action::Pause { node: pick(&self.sinks, stream)?, span },
            FamilyKind::Partition => Action::Block { links: self.cut(stream)?, span },
            FamilyKind::RollingRestart => Action::RollingRestart { down: span },
            FamilyKind::LeaderMove => Action::MoveLeader { partition: pick(&self.partitions, stream)?, to: None },
            FamilyKind::ClockStep => {
                let by = (span.as_millis() as i64) * if stream.chance(PPM / 2) { 1 } else { -1 };
                Action::StepClock { node: pick(&self.all, stream)?, by_ms: by }
            }
            FamilyKind::MetadataLag => Action::HoldMetadata { node: pick(&self.brokers, stream)?, span },
            FamilyKind::SlowNode => {
                let node = pick(&self.brokers, stream)?;
                Action::SlowNode { node, by: Span(stream.between(100_000, 5_000_000)), span }
            }
            FamilyKind::JobDelay => {
                let jobs = [
                    Job::TransactionSweep,
                    Job::ProducerIdExpiry,
                    Job::IsrCheck,
                    Job::HighWatermarkCheckpoint,
                    Job::RecoveryPointCheckpoint,
                    Job::CoordinatorLoad,
                    Job::OffsetsExpiry,
                ];
                Action::PostponeJob { node: pick(&self.brokers, stream)?, job: pick(&jobs, stream)?, by: span }
            }
        })
    }

    /// Cuts one node off from some of the others, one way or both. The controller may be among them: a broker that does
    /// not reach it is fenced.
    fn cut(&self, stream: &mut Stream) -> Option<Vec<(Actor, Actor)>> {
        let victims: Vec<Actor> = self.brokers.iter().chain(&self.clients).copied().collect();
        let victim = pick(&victims, stream)?;
        let directions = stream.below(3);
        let mut links = Vec::new();
        let everybody = stream.chance(PPM / 2);
        for other in &self.all {
            if *other == victim || !(everybody || stream.chance(PPM / 2)) {
                continue;
            }
            if directions != 1 {
                links.push((victim, *other));
            }
            if directions != 2 {
                links.push((*other, victim));
            }
        }
        (!links.is_empty()).then_some(links)
    }
}

fn pick<T: Copy>(of: &[T], stream: &mut Stream) -> Option<T> {
    (!of.is_empty()).then(|| of[stream.below(of.len() as u64) as usize])
}
