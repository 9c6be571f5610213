//! One test a rule.

use super::*;

const B1: NodeId = NodeId(1);
const B2: NodeId = NodeId(2);
const B3: NodeId = NodeId(3);
/// The first partition of the first ordinary topic: replicas 1, 2, 3.
pub(super) const TP: TopicPartition = TopicPartition::new(TopicId(2), 0);

pub(super) fn config(brokers: u32) -> BrokerConfig {
    let replication_factor = brokers.min(3);
    let mut config = BrokerConfig::default();
    config.transaction_partitions = 2;
    config.transaction_replication_factor = replication_factor;
    config.offsets_partitions = 2;
    config.offsets_replication_factor = replication_factor;
    config
}

pub(super) fn topic(name: &str, min_insync_replicas: u32, assignment: &[&[i32]]) -> NewTopic {
    NewTopic {
        name: name.into(),
        partitions: assignment.len() as u32,
        replication_factor: 0,
        settings: TopicSettings {
            min_insync_replicas,
            unclean_leader_election: false,
            max_message_bytes: 1000,
            segment_bytes: 1000,
        },
        assignment: Some(assignment.iter().map(|r| r.iter().copied().map(NodeId).collect()).collect()),
    }
}

pub(super) fn features(elr: u8) -> Features {
    Features { transaction_version: 2, eligible_leader_replicas_version: elr }
}

/// A controller, the time, and the epochs of its brokers.
#[derive(Clone)]
pub(super) struct Cluster {
    pub controller: Controller,
    pub ms: u64,
    pub epochs: BTreeMap<NodeId, i64>,
    pub incarnations: u64,
}

impl Cluster {
    /// Brokers 1 to `n`, none of which has appeared.
    pub fn asleep(n: u32, elr: u8, topics: Vec<NewTopic>) -> Cluster {
        let brokers = (1..=n as i32).map(NodeId).collect();
        let controller = Controller::new(Arc::new(config(n)), features(elr), topics, brokers, Now::at_ms(0));
        let controller = controller.expect("the topics can be created");
        Cluster { controller, ms: 0, epochs: BTreeMap::new(), incarnations: 0 }
    }

    /// Three brokers, all alive; one topic with replicas 1, 2, 3.
    fn alive(elr: u8, min_insync_replicas: u32) -> Cluster {
        let mut cluster = Cluster::asleep(3, elr, vec![topic("t", min_insync_replicas, &[&[1, 2, 3]])]);
        for broker in [B1, B2, B3] {
            cluster.start(broker, -1);
        }
        cluster
    }

    pub fn now(&self) -> Now {
        Now::at_ms(self.ms)
    }

    pub fn ask(&mut self, request: impl Into<Request>) -> Response {
        let mut out = Outputs::new();
        self.controller.request(self.now(), ConnId(0), request.into(), &mut out);
        match out.into_iter().next() {
            Some(Output::Respond(ConnId(0), response)) => response,
            other => panic!("expected an answer, got {other:?}"),
        }
    }

    pub fn register(&mut self, broker: NodeId, previous_broker_epoch: i64) -> Result<i64, ErrorCode> {
        self.incarnations += 1;
        let incarnation = self.incarnations;
        let request = BrokerRegistrationRequest { broker, incarnation, previous_broker_epoch };
        match self.ask(request) {
            Response::BrokerRegistration(r) => {
                if let Ok(epoch) = r.broker_epoch {
                    self.epochs.insert(broker, epoch);
                }
                r.broker_epoch
            }
            other => panic!("expected BrokerRegistration, got {other:?}"),
        }
    }

    pub fn heartbeat_with(&mut self, broker: NodeId, want_fence: bool, want_shutdown: bool) -> BrokerHeartbeatResponse {
        let broker_epoch = self.epochs.get(&broker).copied().unwrap_or(-1);
        let current_metadata_version = self.controller.image().version;
        let request =
            BrokerHeartbeatRequest { broker, broker_epoch, current_metadata_version, want_fence, want_shutdown };
        match self.ask(request) {
            Response::BrokerHeartbeat(r) => r,
            other => panic!("expected BrokerHeartbeat, got {other:?}"),
        }
    }

    fn heartbeat(&mut self, broker: NodeId) -> BrokerHeartbeatResponse {
        self.heartbeat_with(broker, false, false)
    }

    fn start(&mut self, broker: NodeId, previous_broker_epoch: i64) {
        self.register(broker, previous_broker_epoch).expect("registration is accepted");
        assert!(!self.heartbeat(broker).is_fenced);
    }

    /// Lets the session of `dead` end while the others go on.
    fn lose(&mut self, dead: &[NodeId]) {
        for _ in 0..2 {
            self.ms += 4_999;
            let alive: Vec<NodeId> = self.epochs.keys().copied().filter(|b| self.controller.is_active(*b)).collect();
            for broker in alive.into_iter().filter(|b| !dead.contains(b)) {
                self.heartbeat(broker);
            }
            self.handle_timeout();
        }
        for broker in dead {
            assert!(!self.controller.image().is_alive(*broker));
        }
    }

    pub fn handle_timeout(&mut self) {
        self.controller.handle_timeout(self.now(), &mut Outputs::new());
    }

    fn partition(&self) -> &PartitionImage {
        self.controller.image().partition(TP).expect("the topic exists")
    }

    /// The leader proposes an in-sync set, knowing everything.
    fn entry(&self, isr: &[NodeId]) -> AlterPartitionEntry {
        let PartitionImage { leader_epoch, partition_epoch, .. } = *self.partition();
        let isr = isr.iter().map(|b| (*b, self.epochs.get(b).copied().unwrap_or(-1))).collect();
        AlterPartitionEntry { tp: TP, leader_epoch, partition_epoch, isr }
    }

    pub fn alter_as(
        &mut self,
        broker: NodeId,
        entry: AlterPartitionEntry,
    ) -> Result<Result<AlteredPartition, ErrorCode>, ErrorCode> {
        let broker_epoch = self.epochs.get(&broker).copied().unwrap_or(-1);
        match self.ask(AlterPartitionRequest { broker, broker_epoch, partitions: vec![entry] }) {
            Response::AlterPartition(AlterPartitionResponse { error: Some(error), .. }) => Err(error),
            Response::AlterPartition(mut r) => Ok(r.partitions.pop().expect("one partition was asked for").1),
            other => panic!("expected AlterPartition, got {other:?}"),
        }
    }

    fn alter(&mut self, broker: NodeId, entry: AlterPartitionEntry) -> Result<AlteredPartition, ErrorCode> {
        self.alter_as(broker, entry).expect("the broker epoch is current")
    }

    fn shrink(&mut self, isr: &[NodeId]) {
        let leader = self.partition().leader.expect("there is a leader");
        let entry = self.entry(isr);
        let altered = self.alter(leader, entry).expect("the change is accepted");
        assert_eq!(altered.isr, isr);
    }

    fn fetch(&mut self, conn: u64, broker: NodeId, after_version: u64) -> Outputs {
        let mut out = Outputs::new();
        let request = MetadataFetchRequest { broker, after_version };
        self.controller.request(self.now(), ConnId(conn), request.into(), &mut out);
        out
    }
}

// ---- Creation ------------------------------------------------------------------------------------------------------

fn round_robin(name: &str, partitions: u32, replication_factor: u32) -> NewTopic {
    NewTopic { partitions, replication_factor, assignment: None, ..topic(name, 1, &[]) }
}

#[test]
fn replicas_are_assigned_round_robin() {
    let cluster = Cluster::asleep(3, 0, vec![round_robin("a", 3, 2), round_robin("b", 1, 3)]);
    let replicas = |t, p| cluster.controller.image().partition(TopicPartition::new(TopicId(t), p)).unwrap().clone();
    // Topic 2, partition 0 starts at broker index 2 of 3.
    assert_eq!(*replicas(2, 0).replicas, [B3, B1]);
    assert_eq!(*replicas(2, 1).replicas, [B1, B2]);
    assert_eq!(*replicas(2, 2).replicas, [B2, B3]);
    assert_eq!(*replicas(3, 0).replicas, [B1, B2, B3]);
    assert_eq!(replicas(3, 0).isr, [B1, B2, B3]);
    assert_eq!(replicas(3, 0).leader, Some(B1));
}

#[test]
fn internal_topics_come_first_with_their_own_settings() {
    // §8.4, §8.5: __transaction_state forces unclean election off; __consumer_offsets has no minimum of its own.
    let mut config = config(3);
    config.min_insync_replicas = 1;
    config.unclean_leader_election = true;
    let controller =
        Controller::new(Arc::new(config), features(1), vec![], vec![B1, B2, B3], Now::at_ms(0)).expect("created");
    let [transactions, offsets] = &controller.image().topics[..] else { panic!("two topics") };
    assert_eq!(&*transactions.name, "__transaction_state");
    assert_eq!((transactions.settings.min_insync_replicas, transactions.settings.unclean_leader_election), (2, false));
    assert_eq!(&*offsets.name, "__consumer_offsets");
    assert_eq!((offsets.settings.min_insync_replicas, offsets.settings.unclean_leader_election), (1, true));
    assert_eq!(controller.image().topic_id("__consumer_offsets"), Some(TopicId::CONSUMER_OFFSETS));
}

fn refusal(config: BrokerConfig, topics: Vec<NewTopic>) -> String {
    let refused = Controller::new(Arc::new(config), features(1), topics, vec![B1], Now::at_ms(0));
    refused.expect_err("creation is refused").to_string()
}

#[test]
fn a_replication_factor_above_the_number_of_brokers_is_refused() {
    assert_eq!(
        refusal(BrokerConfig::default(), vec![]),
        "INVALID_REPLICATION_FACTOR: topic '__transaction_state' wants 3 replicas, but there are 1 brokers (set by \
         transaction.state.log.replication.factor)"
    );
    assert_eq!(
        refusal(config(1), vec![round_robin("t", 1, 2)]),
        "INVALID_REPLICATION_FACTOR: topic 't' wants 2 replicas, but there are 1 brokers"
    );
}

#[test]
fn a_topic_that_makes_no_sense_is_refused() {
    let text = |topic| refusal(config(1), vec![topic]);
    assert!(text(round_robin("t", 0, 1)).starts_with("INVALID_PARTITIONS"));
    assert!(text(round_robin("t", 1, 0)).starts_with("INVALID_REPLICATION_FACTOR"));
    assert!(text(round_robin("__consumer_offsets", 1, 1)).starts_with("TOPIC_ALREADY_EXISTS"));
    for (assignment, complaint) in [
        (vec![], "2 partitions, but replicas for 0"),
        (vec![vec![B1], vec![]], "partition 1 has no replica"),
        (vec![vec![B1], vec![B1, B1]], "partition 1 has not as many replicas as partition 0"),
        (vec![vec![B1], vec![B2]], "partition 1: there is no broker-2"),
        (vec![vec![B1, B1], vec![B1, B1]], "partition 0: broker-1 occurs twice"),
    ] {
        let given = NewTopic { partitions: 2, assignment: Some(assignment), ..topic("t", 1, &[]) };
        assert_eq!(text(given), format!("INVALID_REPLICA_ASSIGNMENT: topic 't': {complaint}"));
    }
}

// ---- Registration --------------------------------------------------------------------------------------------------

#[test]
fn a_new_broker_is_fenced_until_it_has_caught_up_with_its_registration() {
    let mut cluster = Cluster::asleep(3, 1, vec![]);
    let broker_epoch = cluster.register(B1, -1).unwrap();
    let registered = cluster.controller.image().version;
    let mut beat = |current_metadata_version, want_fence| {
        let request = BrokerHeartbeatRequest {
            broker: B1,
            broker_epoch,
            current_metadata_version,
            want_fence,
            want_shutdown: false,
        };
        let Response::BrokerHeartbeat(r) = cluster.ask(request) else { panic!("expected BrokerHeartbeat") };
        (r.error, r.is_caught_up, r.is_fenced)
    };
    assert_eq!(beat(registered - 1, false), (None, false, true));
    assert_eq!(beat(registered, true), (None, true, true));
    assert_eq!(beat(registered, false), (None, true, false));
}

#[test]
fn the_first_appearance_of_the_brokers_moves_no_leadership() {
    let mut cluster = Cluster::asleep(3, 1, vec![topic("t", 2, &[&[2, 3, 1]])]);
    let before = cluster.partition().clone();
    for broker in [B1, B2, B3] {
        cluster.start(broker, -1);
    }
    assert_eq!(cluster.partition(), &before);
    assert_eq!(before.leader, Some(B2));
}

#[test]
fn a_broker_that_never_appears_is_taken_for_dead() {
    let mut cluster = Cluster::asleep(3, 1, vec![topic("t", 2, &[&[1, 2, 3]])]);
    cluster.start(B2, -1);
    cluster.start(B3, -1);
    assert_eq!(cluster.controller.poll_timeout(), Instant::ZERO + Span::from_secs(9));
    cluster.lose(&[]);
    assert_eq!((cluster.partition().leader, &cluster.partition().isr[..]), (Some(B2), &[B2, B3][..]));
    // Should it appear after all, it registers like any other.
    cluster.start(B1, -1);
    assert_eq!(cluster.partition().leader, Some(B2));
}

#[test]
fn another_incarnation_is_refused_while_the_session_lives() {
    // 101 DUPLICATE_BROKER_REGISTRATION.
    let mut cluster = Cluster::alive(1, 2);
    assert_eq!(cluster.register(B1, -1), Err(ErrorCode::DuplicateBrokerRegistration));
    cluster.lose(&[B1]);
    assert!(cluster.register(B1, -1).is_ok());
}

#[test]
fn another_incarnation_is_accepted_when_the_broker_is_fenced_or_in_controlled_shutdown() {
    let mut cluster = Cluster::alive(1, 2);
    assert!(cluster.heartbeat_with(B2, true, false).is_fenced);
    assert!(cluster.register(B2, -1).is_ok());
    assert!(!cluster.heartbeat_with(B1, false, true).should_shutdown);
    assert!(cluster.controller.image().brokers[&B1].in_controlled_shutdown);
    assert!(cluster.register(B1, -1).is_ok());
    assert!(!cluster.controller.image().brokers[&B1].in_controlled_shutdown);
}

#[test]
fn the_same_incarnation_registers_again_without_effect() {
    let mut cluster = Cluster::alive(1, 2);
    let before = cluster.controller.image().clone();
    cluster.incarnations = before.brokers[&B1].incarnation - 1;
    assert_eq!(cluster.register(B1, -1), Ok(before.brokers[&B1].epoch));
    assert_eq!(cluster.controller.image(), &before);
}

#[test]
fn broker_epochs_increase() {
    let mut cluster = Cluster::alive(1, 2);
    let mut last = *cluster.epochs.values().max().unwrap();
    for broker in [B3, B1] {
        cluster.lose(&[broker]);
        let epoch = cluster.register(broker, -1).unwrap();
        assert!(epoch > last);
        last = epoch;
        cluster.heartbeat(broker);
    }
}

#[test]
fn a_restart_after_a_clean_shutdown_stays_eligible() {
    // §7.5: the previous broker epoch matches.
    let mut cluster = Cluster::alive(1, 2);
    cluster.shrink(&[B1, B2]);
    cluster.lose(&[B2]);
    assert_eq!(cluster.partition().elr, [B2]);
    cluster.start(B2, cluster.epochs[&B2]);
    assert_eq!(cluster.partition().elr, [B2]);
}

#[test]
fn a_restart_after_an_unclean_shutdown_leaves_isr_and_elr() {
    // §7.5, KIP-966: the previous broker epoch is not that of the registration.
    let mut cluster = Cluster::alive(1, 2);
    cluster.shrink(&[B1, B2]);
    cluster.lose(&[B2]);
    cluster.start(B2, -1);
    assert_eq!((&cluster.partition().isr[..], &cluster.partition().elr[..]), (&[B1][..], &[][..]));
}

#[test]
fn a_leader_that_registers_again_loses_its_leadership_even_if_it_was_clean() {
    // §7.2: the controller removes a broker from all in-sync sets when it re-registers. Here it does so as its first
    // incarnation was not unfenced yet: it still leads what the topics were created with.
    let mut cluster = Cluster::asleep(3, 1, vec![topic("t", 2, &[&[1, 2, 3]])]);
    cluster.start(B2, -1);
    cluster.start(B3, -1);
    let epoch = cluster.register(B1, -1).unwrap();
    assert_eq!(cluster.partition().leader, Some(B1));
    cluster.register(B1, epoch).unwrap();
    let p = cluster.partition();
    assert_eq!((p.leader, p.leader_epoch, &p.isr[..]), (Some(B2), 1, &[B2, B3][..]));
}

// ---- Heartbeats, fencing, controlled shutdown ----------------------------------------------------------------------

#[test]
fn a_heartbeat_of_another_epoch_is_stale() {
    let mut cluster = Cluster::alive(1, 2);
    *cluster.epochs.get_mut(&B1).unwrap() -= 1;
    assert_eq!(cluster.heartbeat(B1).error, Some(ErrorCode::StaleBrokerEpoch));
}

#[test]
fn a_heartbeat_of_an_unknown_broker_is_refused() {
    let mut cluster = Cluster::alive(1, 2);
    assert_eq!(cluster.heartbeat(NodeId(9)).error, Some(ErrorCode::BrokerIdNotRegistered));
}

#[test]
fn a_session_ends_when_no_heartbeat_came_for_the_session_timeout() {
    let mut cluster = Cluster::alive(1, 2);
    cluster.ms = 3_000;
    cluster.heartbeat(B2);
    cluster.heartbeat(B3);
    assert_eq!(cluster.controller.poll_timeout(), Instant::ZERO + Span::from_secs(9));
    cluster.ms = 8_999;
    cluster.handle_timeout();
    assert!(cluster.controller.image().is_alive(B1));
    cluster.ms = 9_000;
    cluster.handle_timeout();
    assert!(!cluster.controller.image().is_alive(B1));
    assert_eq!(cluster.controller.poll_timeout(), Instant::ZERO + Span::from_secs(12));
    assert_eq!(cluster.partition().leader, Some(B2));
    assert_eq!(cluster.partition().isr, [B2, B3]);
}

#[test]
fn a_fenced_broker_has_no_session_to_lose() {
    let mut cluster = Cluster::alive(1, 2);
    cluster.lose(&[B1, B2, B3]);
    assert_eq!(cluster.controller.poll_timeout(), Instant::NEVER);
    // Its heartbeat unfences it again, with the epoch that it has.
    assert!(!cluster.heartbeat(B1).is_fenced);
    assert_eq!(cluster.controller.poll_timeout(), Now::at_ms(cluster.ms + 9_000).mono);
}

#[test]
fn controlled_shutdown_waits_until_the_others_know_the_new_leaders() {
    let mut cluster = Cluster::alive(1, 2);
    let r = cluster.heartbeat_with(B1, false, true);
    assert_eq!((r.is_fenced, r.should_shutdown), (false, false));
    assert_eq!((cluster.partition().leader, &cluster.partition().isr[..]), (Some(B2), &[B2, B3][..]));
    // The others have not reported the version at which the leaderships moved.
    assert!(!cluster.heartbeat_with(B1, false, true).should_shutdown);
    cluster.heartbeat(B2);
    assert!(!cluster.heartbeat_with(B1, false, true).should_shutdown);
    cluster.heartbeat(B3);
    let r = cluster.heartbeat_with(B1, false, true);
    assert_eq!((r.is_fenced, r.should_shutdown), (true, true));
    assert!(!cluster.controller.image().is_alive(B1));
}

#[test]
fn a_broker_without_leaderships_may_stop_at_once() {
    let mut cluster = Cluster::alive(1, 2);
    for p in 0..2 {
        for t in [TopicId(0), TopicId(1)] {
            let tp = TopicPartition::new(t, p);
            let moved = cluster.controller.move_leader(cluster.now(), tp, Some(B2), &mut vec![]);
            let leads = |c: &Cluster| c.controller.image().partition(tp).unwrap().leader;
            assert!(moved || leads(&cluster) == Some(B2));
        }
    }
    assert!(cluster.heartbeat_with(B3, false, true).should_shutdown);
    assert_eq!(cluster.partition().isr, [B1, B2]);
}

#[test]
fn a_sole_replica_in_controlled_shutdown_stays_in_sync_without_elr_and_becomes_eligible_with_it() {
    // §7.5: without ELR the ISR never becomes empty.
    for (elr, isr, eligible) in [(0, vec![B1], vec![]), (1, vec![], vec![B1])] {
        let mut cluster = Cluster::asleep(3, elr, vec![topic("t", 1, &[&[1]])]);
        cluster.start(B1, -1);
        cluster.heartbeat_with(B1, false, true);
        let p = cluster.partition();
        assert_eq!((p.leader, &p.isr, &p.elr, p.leader_epoch), (None, &isr, &eligible, 1));
        assert!(cluster.heartbeat_with(B1, false, true).should_shutdown);
    }
}

// ---- Elections -----------------------------------------------------------------------------------------------------

#[test]
fn a_clean_election_takes_the_first_live_replica_in_sync_in_assignment_order() {
    // §7.5; §7.1: the leader epoch goes up by one, the partition epoch too.
    let mut cluster = Cluster::alive(1, 1);
    cluster.shrink(&[B1, B3]);
    cluster.lose(&[B1]);
    let p = cluster.partition();
    assert_eq!((p.leader, p.leader_epoch, p.partition_epoch, &p.isr[..]), (Some(B3), 1, 2, &[B3][..]));
    assert!(!p.leader_recovering);
}

#[test]
fn losing_a_follower_changes_the_partition_epoch_only() {
    // §7.1: ISR changes alone do not bump the leader epoch.
    let mut cluster = Cluster::alive(1, 2);
    cluster.lose(&[B3]);
    let p = cluster.partition();
    assert_eq!((p.leader, p.leader_epoch, p.partition_epoch), (Some(B1), 0, 1));
}

#[test]
fn losing_the_leader_without_a_successor_is_a_change_of_leader() {
    // §7.1: the loss of the leader bumps its epoch, and so does its return.
    let mut cluster = Cluster::alive(0, 1);
    cluster.shrink(&[B1]);
    cluster.lose(&[B1]);
    let p = cluster.partition();
    assert_eq!((p.leader, p.leader_epoch, &p.isr[..]), (None, 1, &[B1][..]));
    cluster.start(B1, -1);
    let p = cluster.partition();
    assert_eq!((p.leader, p.leader_epoch, p.partition_epoch, p.leader_recovering), (Some(B1), 2, 3, false));
}

#[test]
fn members_that_leave_below_min_isr_stay_eligible_until_it_is_reached_again() {
    // §7.5.
    let mut cluster = Cluster::alive(1, 2);
    cluster.shrink(&[B1, B2]);
    assert!(cluster.partition().elr.is_empty());
    cluster.shrink(&[B1]);
    assert_eq!(cluster.partition().elr, [B2]);
    cluster.shrink(&[B1, B3]);
    assert!(cluster.partition().elr.is_empty());
}

#[test]
fn min_isr_counts_no_more_than_there_are_replicas() {
    // §7.2: effective min ISR = min(min.insync.replicas, replication factor).
    let mut cluster = Cluster::asleep(3, 1, vec![topic("t", 3, &[&[1, 2]])]);
    for broker in [B1, B2, B3] {
        cluster.start(broker, -1);
    }
    cluster.lose(&[B2]);
    assert_eq!(cluster.partition().elr, [B2]);
    cluster.start(B2, cluster.epochs[&B2]);
    cluster.shrink(&[B1, B2]);
    assert!(cluster.partition().elr.is_empty());
}

#[test]
fn an_empty_isr_is_filled_from_the_elr() {
    // §7.5: "if ISR is empty, one from ELR (its ISR becomes itself)".
    let mut cluster = Cluster::alive(1, 2);
    cluster.shrink(&[B1, B2]);
    cluster.shrink(&[B1]);
    cluster.lose(&[B1]);
    let p = cluster.partition();
    assert_eq!((p.leader, &p.isr[..], &p.elr[..]), (Some(B2), &[B2][..], &[B1][..]));
    assert_eq!((p.leader_recovering, p.last_known_leader), (false, None));
}

#[test]
fn a_broker_that_is_neither_in_sync_nor_eligible_is_not_elected() {
    let mut cluster = Cluster::alive(1, 2);
    cluster.shrink(&[B1, B2]);
    cluster.lose(&[B1, B2]);
    let p = cluster.partition();
    assert_eq!((p.leader, &p.isr[..], &p.elr[..]), (None, &[][..], &[B1, B2][..]));
    // The first eligible one that returns leads.
    cluster.start(B2, cluster.epochs[&B2]);
    assert_eq!(cluster.partition().leader, Some(B2));
}

#[test]
fn an_eligible_replica_is_not_elected_while_the_isr_has_members() {
    // §7.5: the ELR counts only when the ISR is empty; the live member 2 lacks nothing below the high watermark, but the
    // dead member 1 is still in sync.
    let old = PartitionImage {
        isr: vec![B1],
        elr: vec![B2],
        leader: None,
        leader_epoch: 1,
        partition_epoch: 3,
        ..Cluster::alive(1, 2).partition().clone()
    };
    let terms = election::Terms {
        elr: true,
        unclean_election: false,
        min_insync_replicas: 2,
        unclean_shutdown: None,
        recovering: false,
    };
    assert_eq!(election::amend(&old, old.isr.clone(), terms, |r| r != B1), None);
    let elected = election::amend(&old, old.isr.clone(), terms, |_| true).expect("the in-sync member leads");
    assert_eq!((elected.leader, elected.leader_epoch, elected.partition_epoch), (Some(B1), 2, 4));
}

#[test]
fn the_last_known_leader_is_elected_uncleanly_when_nobody_is_eligible() {
    // §7.5: regardless of unclean.leader.election.enable.
    let mut cluster = Cluster::alive(1, 2);
    cluster.shrink(&[B1, B2]);
    cluster.shrink(&[B1]);
    cluster.lose(&[B1, B2]);
    // Broker 1 went first, so broker 2 led from the ELR for a moment.
    assert_eq!(cluster.partition().last_known_leader, Some(B2));
    cluster.start(B1, -1);
    assert_eq!((cluster.partition().leader, &cluster.partition().elr[..]), (None, &[B2][..]));
    cluster.start(B2, -1);
    let p = cluster.partition();
    assert_eq!((p.leader, &p.isr[..], &p.elr[..]), (Some(B2), &[B2][..], &[][..]));
    assert_eq!((p.leader_recovering, p.last_known_leader), (true, None));
    // The leader's next accepted change ends the recovery.
    cluster.shrink(&[B2]);
    assert!(!cluster.partition().leader_recovering);
}

#[test]
fn unclean_election_takes_any_live_replica_where_the_topic_allows_it() {
    // §7.5.
    for elr in [0, 1] {
        let mut t = topic("t", 1, &[&[1, 2, 3]]);
        t.settings.unclean_leader_election = true;
        let mut cluster = Cluster::asleep(3, elr, vec![t]);
        for broker in [B1, B2, B3] {
            cluster.start(broker, -1);
        }
        cluster.shrink(&[B1]);
        cluster.lose(&[B1]);
        let p = cluster.partition();
        assert_eq!((p.leader, &p.isr[..], &p.elr[..]), (Some(B2), &[B2][..], &[][..]));
        assert!(p.leader_recovering);
    }
}

#[test]
fn a_preferred_leader_that_returns_does_not_lead_again_by_itself() {
    let mut cluster = Cluster::alive(1, 2);
    cluster.lose(&[B1]);
    cluster.start(B1, -1);
    cluster.shrink(&[B1, B2, B3]);
    assert_eq!(cluster.partition().leader, Some(B2));
}

// ---- AlterPartition ------------------------------------------------------------------------------------------------

#[test]
fn alter_partition_checks_in_the_order_of_the_reference() {
    // §7.2: each line violates its rule and all later ones.
    let mut cluster = Cluster::alive(1, 2);
    cluster.controller.move_leader(cluster.now(), TP, Some(B2), &mut vec![]);
    let good = cluster.entry(&[B1, B2]);
    let bad_isr = vec![(B1, 1_000)];
    for (sender, leader_epoch, partition_epoch, isr, error) in [
        (B1, 2, 0, bad_isr.clone(), ErrorCode::NotController),
        (B1, 0, 2, bad_isr.clone(), ErrorCode::NotController),
        (B1, 0, 0, bad_isr.clone(), ErrorCode::FencedLeaderEpoch),
        (B1, 1, 0, bad_isr.clone(), ErrorCode::InvalidRequest),
        (B2, 1, 0, bad_isr.clone(), ErrorCode::InvalidUpdateVersion),
        (B2, 1, 1, bad_isr, ErrorCode::InvalidRequest),
        (B2, 1, 1, vec![(B2, -1), (NodeId(9), -1)], ErrorCode::InvalidRequest),
        (B2, 1, 1, vec![(B2, -1), (B2, -1)], ErrorCode::InvalidRequest),
        (B2, 1, 1, vec![(B2, -1), (B1, 1_000)], ErrorCode::IneligibleReplica),
    ] {
        let entry = AlterPartitionEntry { tp: TP, leader_epoch, partition_epoch, isr };
        assert_eq!(cluster.alter(sender, entry.clone()), Err(error), "{entry:?}");
    }
    let altered = cluster.alter(B2, good).unwrap();
    assert_eq!((altered.partition_epoch, altered.leader_epoch, &altered.isr[..]), (2, 1, &[B1, B2][..]));
}

#[test]
fn alter_partition_of_an_unknown_topic_or_partition_is_refused() {
    let mut cluster = Cluster::alive(1, 2);
    let entry = cluster.entry(&[B1]);
    for (tp, error) in [
        (TopicPartition::new(TopicId(7), 0), ErrorCode::UnknownTopicId),
        (TopicPartition::new(TopicId(2), 1), ErrorCode::UnknownTopicOrPartition),
    ] {
        assert_eq!(cluster.alter(B1, AlterPartitionEntry { tp, ..entry.clone() }), Err(error));
    }
}

#[test]
fn alter_partition_with_a_stale_broker_epoch_is_refused_as_a_whole() {
    let mut cluster = Cluster::alive(1, 2);
    let entry = cluster.entry(&[B1, B2]);
    *cluster.epochs.get_mut(&B1).unwrap() += 1;
    assert_eq!(cluster.alter_as(B1, entry), Err(ErrorCode::StaleBrokerEpoch));
}

#[test]
fn a_fenced_or_stopping_member_is_not_taken_into_the_isr() {
    // 107 INELIGIBLE_REPLICA.
    let mut cluster = Cluster::alive(1, 2);
    cluster.heartbeat_with(B3, true, false);
    let entry = cluster.entry(&[B1, B2, B3]);
    assert_eq!(cluster.alter(B1, entry), Err(ErrorCode::IneligibleReplica));
    cluster.heartbeat_with(B2, false, true);
    assert!(cluster.controller.image().brokers[&B2].in_controlled_shutdown);
    let entry = cluster.entry(&[B1, B2]);
    assert_eq!(cluster.alter(B1, entry), Err(ErrorCode::IneligibleReplica));
}

#[test]
fn a_member_that_restarted_meanwhile_is_not_taken_into_the_isr() {
    // §7.1: broker epochs fence restarted followers; -1 skips the check.
    let mut cluster = Cluster::alive(1, 2);
    let old_epoch = cluster.epochs[&B3];
    cluster.lose(&[B3]);
    cluster.start(B3, -1);
    let mut entry = cluster.entry(&[B1, B2, B3]);
    entry.isr[2].1 = old_epoch;
    assert_eq!(cluster.alter(B1, entry.clone()), Err(ErrorCode::IneligibleReplica));
    entry.isr[2].1 = -1;
    assert_eq!(cluster.alter(B1, entry).unwrap().isr, [B1, B2, B3]);
}

#[test]
fn an_alteration_that_changes_nothing_keeps_the_partition_epoch() {
    let mut cluster = Cluster::alive(1, 2);
    let version = cluster.controller.image().version;
    let entry = cluster.entry(&[B3, B2, B1]);
    let altered = cluster.alter(B1, entry).unwrap();
    assert_eq!((altered.partition_epoch, altered.isr), (0, vec![B1, B2, B3]));
    assert_eq!(cluster.controller.image().version, version);
}

// ---- Producer ids --------------------------------------------------------------------------------------------------

#[test]
fn blocks_of_producer_ids_are_never_reused() {
    // §1.1.
    let mut cluster = Cluster::alive(1, 2);
    let epochs: Vec<i64> = [B1, B2].iter().map(|b| cluster.epochs[b]).collect();
    let mut allocate = |broker, broker_epoch| match cluster.ask(AllocateProducerIdsRequest { broker, broker_epoch }) {
        Response::AllocateProducerIds(r) => r.block,
        other => panic!("expected AllocateProducerIds, got {other:?}"),
    };
    assert_eq!(allocate(B1, epochs[1]), Err(ErrorCode::StaleBrokerEpoch));
    assert_eq!(allocate(B1, epochs[0]), Ok((0, 1000)));
    assert_eq!(allocate(B2, epochs[1]), Ok((1000, 1000)));
    assert_eq!(allocate(B1, epochs[0]), Ok((2000, 1000)));
}

#[test]
fn duplicate_producer_id_block_hands_out_the_last_block_again_after_a_registration() {
    // Against §1.1; the variant of that name.
    let mut cluster = Cluster::alive(1, 2);
    cluster.controller.variants = BrokerVariants::NONE.with(crate::config::BrokerVariant::DuplicateProducerIdBlock);
    let allocate = |cluster: &mut Cluster, broker| {
        let broker_epoch = cluster.epochs[&broker];
        match cluster.ask(AllocateProducerIdsRequest { broker, broker_epoch }) {
            Response::AllocateProducerIds(r) => r.block,
            other => panic!("expected AllocateProducerIds, got {other:?}"),
        }
    };
    assert_eq!(allocate(&mut cluster, B1), Ok((0, 1000)));
    assert_eq!(allocate(&mut cluster, B2), Ok((1000, 1000)));
    cluster.lose(&[B3]);
    cluster.start(B3, -1);
    assert_eq!(allocate(&mut cluster, B3), Ok((1000, 1000)), "as broker 2 was given");
}

#[test]
fn producer_ids_end_with_an_error_not_with_a_wrap() {
    let mut cluster = Cluster::alive(1, 2);
    cluster.controller.next_producer_id = i64::MAX - 10;
    let request = AllocateProducerIdsRequest { broker: B1, broker_epoch: cluster.epochs[&B1] };
    let Response::AllocateProducerIds(r) = cluster.ask(request) else { panic!("expected AllocateProducerIds") };
    assert_eq!(r.block, Err(ErrorCode::UnknownServerError));
}

// ---- Metadata ------------------------------------------------------------------------------------------------------

fn news(out: &Outputs) -> Vec<(u64, MetadataFetchResponse)> {
    out.iter()
        .map(|o| match o {
            Output::Respond(ConnId(conn), Response::MetadataFetch(r)) => (*conn, r.clone()),
            other => panic!("expected metadata, got {other:?}"),
        })
        .collect()
}

#[test]
fn a_broker_that_knows_nothing_gets_the_whole_image() {
    let mut cluster = Cluster::alive(1, 2);
    let answers = news(&cluster.fetch(7, B1, 0));
    let [(7, answer)] = &answers[..] else { panic!("one answer, got {answers:?}") };
    let mut image = ClusterImage::empty();
    answer.changes.iter().for_each(|c| image.apply(c));
    image.version = answer.version;
    assert_eq!(&image, cluster.controller.image());
}

#[test]
fn a_poll_is_parked_until_there_is_news_and_gets_what_it_lacks() {
    let mut cluster = Cluster::alive(1, 2);
    let version = cluster.controller.image().version;
    assert_eq!(cluster.fetch(1, B1, version), []);
    assert_eq!(cluster.fetch(2, B2, version), []);
    // A change that changes nothing is no news.
    let mut out = Outputs::new();
    cluster.controller.set_features(cluster.now(), features(1), &mut out);
    assert_eq!(out, []);
    let upgraded = Features { transaction_version: 1, ..features(1) };
    cluster.controller.set_features(cluster.now(), upgraded, &mut out);
    let answer =
        MetadataFetchResponse { version: version + 1, changes: [MetadataChange::Features(upgraded)].as_slice().into() };
    assert_eq!(news(&out), [(1, answer.clone()), (2, answer)]);
    // Broker 3 was late by two changes, and gets both at once.
    cluster.controller.set_features(cluster.now(), features(1), &mut out);
    let late = news(&cluster.fetch(3, B3, version));
    let changes = [MetadataChange::Features(upgraded), MetadataChange::Features(features(1))];
    assert_eq!((late[0].1.version, &late[0].1.changes[..]), (version + 2, &changes[..]));
}

#[test]
fn a_broker_that_lags_behind_the_log_gets_the_whole_image() {
    let mut cluster = Cluster::alive(1, 2);
    let version = cluster.controller.image().version;
    for _ in 0..600 {
        cluster.controller.move_leader(cluster.now(), TP, None, &mut vec![]);
        cluster.controller.move_leader(cluster.now(), TP, None, &mut vec![]);
    }
    let answers = news(&cluster.fetch(1, B1, version));
    assert_eq!(answers[0].1.version, version + 1200);
    assert_eq!(answers[0].1.changes[..], cluster.controller.image().as_changes());
    let recent = news(&cluster.fetch(1, B1, version + 1199));
    assert_eq!(recent[0].1.changes.len(), 1);
}

#[test]
fn what_a_request_changed_is_published_after_its_answer() {
    let mut cluster = Cluster::alive(1, 2);
    cluster.fetch(5, B2, cluster.controller.image().version);
    let entry = cluster.entry(&[B1, B2]);
    let broker_epoch = cluster.epochs[&B1];
    let request = AlterPartitionRequest { broker: B1, broker_epoch, partitions: vec![entry] };
    let mut out = Outputs::new();
    cluster.controller.request(cluster.now(), ConnId(4), request.into(), &mut out);
    assert!(matches!(out[0], Output::Respond(ConnId(4), Response::AlterPartition(_))));
    assert_eq!(news(&out.split_off(1)).len(), 1);
}

#[test]
fn the_controller_closes_a_connection_that_asks_for_something_else() {
    let mut cluster = Cluster::alive(1, 2);
    let mut out = Outputs::new();
    cluster.controller.request(cluster.now(), ConnId(4), ApiVersionsRequest.into(), &mut out);
    assert_eq!(out, [Output::CloseIncoming(ConnId(4))]);
}

// ---- Administration ------------------------------------------------------------------------------------------------

#[test]
fn a_moved_leadership_bumps_the_leader_epoch() {
    // §7.1.
    let mut cluster = Cluster::alive(1, 2);
    assert!(cluster.controller.move_leader(cluster.now(), TP, None, &mut vec![]));
    let p = cluster.partition();
    assert_eq!((p.leader, p.leader_epoch, p.partition_epoch, p.isr.len()), (Some(B2), 1, 1, 3));
    assert!(cluster.controller.move_leader(cluster.now(), TP, Some(B1), &mut vec![]));
    assert_eq!((cluster.partition().leader, cluster.partition().leader_epoch), (Some(B1), 2));
}

#[test]
fn the_next_leader_follows_the_present_one_in_the_assignment() {
    let mut cluster = Cluster::alive(1, 2);
    cluster.shrink(&[B1, B3]);
    let mut leaders = vec![];
    for _ in 0..3 {
        cluster.controller.move_leader(cluster.now(), TP, None, &mut vec![]);
        leaders.push(cluster.partition().leader.unwrap());
    }
    assert_eq!(leaders, [B3, B1, B3]);
}

#[test]
fn a_leadership_moves_only_to_a_live_member_of_the_isr() {
    let mut cluster = Cluster::alive(1, 1);
    cluster.shrink(&[B1, B2]);
    let before = cluster.partition().clone();
    for to in [Some(B3), Some(B1), Some(NodeId(9))] {
        assert!(!cluster.controller.move_leader(cluster.now(), TP, to, &mut vec![]));
    }
    cluster.shrink(&[B1]);
    assert!(!cluster.controller.move_leader(cluster.now(), TP, None, &mut vec![]));
    assert_eq!(cluster.partition().leader_epoch, before.leader_epoch);
}
