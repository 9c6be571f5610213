//! Random lives of clusters: whatever brokers ask for and whoever dies, the records stay lawful, and a broker that
//! applies every change has the controller's image.

use proptest::collection::vec;
use proptest::prelude::*;

use super::tests::{Cluster, features, topic};
use super::*;

/// One thing that happens. Brokers are numbers from 1.
#[derive(Clone, Debug)]
enum Step {
    Register { broker: i32, clean: bool },
    Heartbeat { broker: i32, want_fence: bool, want_shutdown: bool },
    Pass { ms: u64 },
    Alter { partition: usize, members: Vec<bool>, behind: bool },
    Move { partition: usize, to: Option<i32> },
    Features { elr: u8 },
    Poll { broker: i32 },
}

const BROKERS: i32 = 4;
/// Replicas of the topics' partitions.
const TOPICS: [&[&[i32]]; 3] = [&[&[1, 2, 3], &[2, 3, 4]], &[&[4, 1]], &[&[3]]];
/// Those topics come after the internal ones.
const PARTITIONS: [TopicPartition; 4] = [
    TopicPartition::new(TopicId(2), 0),
    TopicPartition::new(TopicId(2), 1),
    TopicPartition::new(TopicId(3), 0),
    TopicPartition::new(TopicId(4), 0),
];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let broker = || 1..=BROKERS;
    let partition = || 0..PARTITIONS.len();
    let step = prop_oneof![
        2 => (broker(), any::<bool>()).prop_map(|(broker, clean)| Step::Register { broker, clean }),
        6 => (broker(), prop::bool::weighted(0.05), prop::bool::weighted(0.1))
            .prop_map(|(broker, want_fence, want_shutdown)| Step::Heartbeat { broker, want_fence, want_shutdown }),
        3 => (0..6_000u64).prop_map(|ms| Step::Pass { ms }),
        6 => (partition(), vec(any::<bool>(), 3), prop::bool::weighted(0.1))
            .prop_map(|(partition, members, behind)| Step::Alter { partition, members, behind }),
        1 => (partition(), prop::option::of(broker())).prop_map(|(partition, to)| Step::Move { partition, to }),
        1 => (0..=1u8).prop_map(|elr| Step::Features { elr }),
        3 => broker().prop_map(|broker| Step::Poll { broker }),
    ];
    vec(step, 1..120)
}

/// A broker's copy of the metadata.
#[derive(Clone)]
struct Replica {
    image: ClusterImage,
    waits: bool,
}

struct Life {
    cluster: Cluster,
    replicas: BTreeMap<i32, Replica>,
    /// The first topic allows unclean elections.
    unclean_topic: bool,
}

impl Life {
    fn begin(elr: u8, min_isr: u32, unclean_topic: bool) -> Life {
        let mut topics: Vec<NewTopic> =
            TOPICS.iter().zip(["a", "b", "c"]).map(|(partitions, name)| topic(name, min_isr, partitions)).collect();
        topics[0].settings.unclean_leader_election = unclean_topic;
        let cluster = Cluster::asleep(BROKERS as u32, elr, topics);
        let replica = Replica { image: ClusterImage::empty(), waits: false };
        Life { cluster, replicas: (1..=BROKERS).map(|b| (b, replica.clone())).collect(), unclean_topic }
    }

    /// Hands answers of long polls to the brokers' copies.
    fn deliver(&mut self, out: &Outputs) {
        for output in out {
            let Output::Respond(ConnId(conn), Response::MetadataFetch(answer)) = output else { continue };
            let replica = self.replicas.get_mut(&(*conn as i32)).expect("connections are numbered like brokers");
            assert!(replica.waits, "a poll is answered once");
            replica.waits = false;
            if replica.image.version > 0 {
                let lacked = answer.version - replica.image.version;
                assert_eq!(answer.changes.len() as u64, lacked, "a broker gets exactly what it lacks");
            }
            for change in answer.changes.iter() {
                if let (MetadataChange::Partition(tp, new), true) = (change, replica.image.version > 0) {
                    let old = replica.image.partition(*tp).expect("partitions are known");
                    let elr = replica.image.features.eligible_leader_replicas_version >= 1;
                    check_step(old, new, elr, self.unclean_topic && tp.topic == TopicId(2));
                }
                replica.image.apply(change);
            }
            replica.image.version = answer.version;
            assert_eq!(&replica.image, self.cluster.controller.image());
        }
    }

    fn poll(&mut self, broker: i32) {
        let replica = self.replicas.get_mut(&broker).expect("brokers are numbered");
        if replica.waits {
            return;
        }
        replica.waits = true;
        let request = MetadataFetchRequest { broker: NodeId(broker), after_version: replica.image.version };
        let mut out = Outputs::new();
        self.cluster.controller.request(self.cluster.now(), ConnId(broker as u64), request.into(), &mut out);
        self.deliver(&out);
    }

    fn take(&mut self, step: &Step) {
        let (now, mut out) = (self.cluster.now(), Outputs::new());
        match *step {
            Step::Register { broker, clean } => {
                let broker = NodeId(broker);
                let previous_broker_epoch =
                    if clean { self.cluster.epochs.get(&broker).copied().unwrap_or(-1) } else { -1 };
                self.cluster.incarnations += 1;
                let incarnation = self.cluster.incarnations;
                let request = BrokerRegistrationRequest { broker, incarnation, previous_broker_epoch };
                self.cluster.controller.request(now, ConnId(0), request.into(), &mut out);
                if let Some(Output::Respond(_, Response::BrokerRegistration(r))) = out.first()
                    && let Ok(epoch) = r.broker_epoch
                {
                    let highest = self.cluster.epochs.values().copied().max();
                    assert!(highest.is_none_or(|h| h < epoch), "broker epochs increase");
                    self.cluster.epochs.insert(broker, epoch);
                }
            }
            Step::Heartbeat { broker, want_fence, want_shutdown } => {
                let broker = NodeId(broker);
                let request = BrokerHeartbeatRequest {
                    broker,
                    broker_epoch: self.cluster.epochs.get(&broker).copied().unwrap_or(-1),
                    current_metadata_version: self.cluster.controller.image().version,
                    want_fence,
                    want_shutdown,
                };
                self.cluster.controller.request(now, ConnId(0), request.into(), &mut out);
            }
            Step::Pass { ms } => {
                self.cluster.ms += ms;
                self.cluster.controller.handle_timeout(self.cluster.now(), &mut out);
                assert!(self.cluster.controller.poll_timeout() > self.cluster.now().mono);
            }
            Step::Alter { partition, ref members, behind } => {
                let tp = PARTITIONS[partition];
                let p = self.cluster.controller.image().partition(tp).expect("it exists").clone();
                let Some(broker) = p.leader else { return };
                let isr = p.replicas.iter().zip(members).filter(|(_, m)| **m).map(|(r, _)| (*r, -1)).collect();
                let partition_epoch = p.partition_epoch - i32::from(behind);
                let entry = AlterPartitionEntry { tp, leader_epoch: p.leader_epoch, partition_epoch, isr };
                let broker_epoch = self.cluster.epochs.get(&broker).copied().unwrap_or(-1);
                let request = AlterPartitionRequest { broker, broker_epoch, partitions: vec![entry] };
                self.cluster.controller.request(now, ConnId(0), request.into(), &mut out);
            }
            Step::Move { partition, to } => {
                let tp = PARTITIONS[partition];
                self.cluster.controller.move_leader(now, tp, to.map(NodeId), &mut out);
            }
            Step::Features { elr } => self.cluster.controller.set_features(now, features(elr), &mut out),
            Step::Poll { broker } => return self.poll(broker),
        }
        self.deliver(&out);
    }

    /// What holds at every moment.
    fn check_state(&self) {
        let controller = &self.cluster.controller;
        let mut leaderships: BTreeMap<NodeId, u32> = BTreeMap::new();
        for topic in &controller.image().topics {
            for p in &topic.partitions {
                if let Some(leader) = p.leader {
                    assert!(p.isr.contains(&leader), "the leader is in sync: {p:?}");
                    assert!(controller.may_lead(leader), "the leader is alive: {p:?}");
                    *leaderships.entry(leader).or_default() += 1;
                }
                assert!(p.isr.iter().chain(&p.elr).all(|r| p.replicas.contains(r)), "only replicas: {p:?}");
                assert!(p.isr.iter().all(|r| !p.elr.contains(r)), "never in both sets: {p:?}");
                let min_isr = p.replicas.len().min(topic.settings.min_insync_replicas as usize);
                assert!(p.elr.is_empty() || p.isr.len() < min_isr, "eligible only below min ISR: {p:?}");
                let order = |r: &NodeId| p.replicas.iter().position(|x| x == r);
                assert!(p.isr.is_sorted_by_key(order) && p.elr.is_sorted_by_key(order), "assignment order: {p:?}");
            }
        }
        for (broker, session) in &controller.sessions {
            assert_eq!(session.leaderships, leaderships.get(broker).copied().unwrap_or(0));
        }
        let earliest = controller.sessions.values().map(|s| s.deadline).min();
        assert_eq!(Some(controller.poll_timeout()), earliest);
    }
}

/// What holds for every single change of a partition.
fn check_step(old: &PartitionImage, new: &PartitionImage, elr: bool, unclean_topic: bool) {
    let both = || format!("{old:?} -> {new:?}");
    assert_eq!(new.partition_epoch, old.partition_epoch + 1, "{}", both());
    assert_eq!(new.leader_epoch, old.leader_epoch + i32::from(new.leader != old.leader), "{}", both());
    if let Some(elected) = new.leader.filter(|l| Some(*l) != old.leader) {
        let clean = old.isr.contains(&elected) || old.elr.contains(&elected);
        // The set may have become empty by this very change: its last member, offline, re-registered uncleanly.
        let last_known = elr && old.last_known_leader == Some(elected) && old.leader.is_none();
        assert!(clean || last_known || unclean_topic, "elected against the rules: {}", both());
        assert!(clean || new.leader_recovering, "an unclean leader has to recover: {}", both());
        if !clean {
            assert_eq!(new.isr, [elected], "{}", both());
        }
    }
    if !elr {
        assert!(!new.isr.is_empty() || old.isr.is_empty(), "without ELR the ISR never becomes empty: {}", both());
        // A downgrade leaves what was there; nothing is added.
        assert!(new.elr.iter().all(|r| old.elr.contains(r)), "{}", both());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn records_stay_lawful_and_replicas_equal(
        elr in 0..=1u8,
        min_isr in 1..=3u32,
        unclean_topic in prop::bool::weighted(0.2),
        steps in steps(),
    ) {
        let mut life = Life::begin(elr, min_isr, unclean_topic);
        for broker in 1..=BROKERS {
            life.poll(broker);
            life.poll(broker);
        }
        for step in &steps {
            let before = life.cluster.controller.image().clone();
            life.take(step);
            let after = life.cluster.controller.image();
            let same = ClusterImage { version: before.version, ..after.clone() } == before;
            prop_assert!(after.version >= before.version);
            prop_assert!(same || after.version > before.version, "every change advances the version");
            life.check_state();
        }
        for broker in 1..=BROKERS {
            life.poll(broker);
            prop_assert_eq!(&life.replicas[&broker].image, life.cluster.controller.image());
        }
    }

    /// Whoever died: once every broker is back, every partition has a leader.
    #[test]
    fn a_healed_cluster_has_a_leader_everywhere(
        min_isr in 1..=3u32,
        elr in 0..=1u8,
        steps in steps(),
    ) {
        let mut life = Life::begin(elr, min_isr, false);
        // Enabling ELR while a partition is leaderless can strand it: Kafka then remembers "no leader" as the last one.
        for step in steps.iter().filter(|s| !matches!(s, Step::Features { .. })) {
            life.take(step);
        }
        life.take(&Step::Pass { ms: 10_000 });
        for broker in 1..=BROKERS {
            life.take(&Step::Register { broker, clean: false });
            life.take(&Step::Heartbeat { broker, want_fence: false, want_shutdown: false });
        }
        let image = life.cluster.controller.image();
        prop_assert!(image.topics.iter().flat_map(|t| &t.partitions).all(|p| p.leader.is_some()), "{:?}", image.topics);
    }
}
