//! What a producer knows of the cluster: leaders of the topics it writes to, and when to ask again.

use std::collections::BTreeSet;

use super::partitioner::StickyPartition;
use crate::ids::*;
use crate::message::{MetadataRequest, MetadataResponse};
use crate::time::{Instant, Span};

/// One topic.
#[derive(Clone, Debug, Default)]
pub(super) struct Topic {
    /// By partition; empty until the topic is known.
    pub leaders: Vec<Option<NodeId>>,
    epochs: Vec<LeaderEpoch>,
    pub sticky: StickyPartition,
}

impl Topic {
    fn grow(&mut self, partitions: usize) {
        if self.leaders.len() < partitions {
            self.leaders.resize(partitions, None);
            self.epochs.resize(partitions, NO_LEADER_EPOCH);
        }
    }
}

/// The metadata.
#[derive(Clone, Debug)]
pub(super) struct Metadata {
    topics: Vec<Topic>,
    interest: BTreeSet<TopicId>,
    /// Brokers that were alive at the last refresh.
    pub brokers: Vec<NodeId>,
    refresh_backoff: Span,
    max_age: Span,
    wanted: bool,
    new_topics: bool,
    in_flight: bool,
    last_attempt: Option<Instant>,
    last_success: Option<Instant>,
}

impl Metadata {
    pub fn new(topics: Vec<TopicId>, refresh_backoff_ms: i64, max_age_ms: i64) -> Metadata {
        Metadata {
            topics: Vec::new(),
            interest: topics.into_iter().collect(),
            brokers: Vec::new(),
            refresh_backoff: Span::from_millis(refresh_backoff_ms),
            max_age: Span::from_millis(max_age_ms),
            wanted: true,
            new_topics: false,
            in_flight: false,
            last_attempt: None,
            last_success: None,
        }
    }

    /// Adds a topic to those that are asked for; a new one is asked for without the usual back-off.
    pub fn add_interest(&mut self, topic: TopicId) {
        if self.interest.insert(topic) {
            self.wanted = true;
            self.new_topics = true;
        }
    }

    /// The topic, if anything is known of it.
    pub fn topic(&mut self, topic: TopicId) -> Option<&mut Topic> {
        self.topics.get_mut(topic.0 as usize).filter(|t| !t.leaders.is_empty())
    }

    /// Leader and leader epoch of a partition.
    pub fn leader(&self, tp: TopicPartition) -> (Option<NodeId>, LeaderEpoch) {
        let topic = self.topics.get(tp.topic.0 as usize);
        let found = topic.and_then(|t| Some((*t.leaders.get(tp.partition as usize)?, t.epochs[tp.partition as usize])));
        found.unwrap_or((None, NO_LEADER_EPOCH))
    }

    /// Asks for a refresh as soon as the back-off allows.
    pub fn request_update(&mut self) {
        self.wanted = true;
    }

    /// Earliest time of the next request; `NEVER` while one is in flight.
    pub fn next_request_at(&self) -> Instant {
        if self.in_flight {
            return Instant::NEVER;
        }
        let due = match (self.wanted, self.last_success) {
            (true, _) | (_, None) => Instant::ZERO,
            (false, Some(at)) => at + self.max_age,
        };
        match self.last_attempt {
            Some(at) if !self.new_topics => due.max(at + self.refresh_backoff),
            _ => due,
        }
    }

    /// The request to send now.
    pub fn request(&mut self, now: Instant) -> MetadataRequest {
        self.in_flight = true;
        self.wanted = false;
        self.new_topics = false;
        self.last_attempt = Some(now);
        MetadataRequest { topics: Some(self.interest.iter().copied().collect()) }
    }

    /// The request was lost.
    pub fn failed(&mut self) {
        self.in_flight = false;
        self.wanted = true;
    }

    /// Takes over an answer, except where it is older than what is known; `changed` is called for every partition whose
    /// leader or leader epoch changed.
    pub fn update(&mut self, now: Instant, response: &MetadataResponse, mut changed: impl FnMut(TopicPartition)) {
        self.in_flight = false;
        self.last_success = Some(now);
        self.brokers.clone_from(&response.brokers);
        for topic in &response.topics {
            if topic.error.is_some() {
                self.wanted = true;
                continue;
            }
            let known = self.slot(topic.topic);
            known.grow(topic.partitions.len());
            for (p, partition) in topic.partitions.iter().enumerate() {
                let older = partition.leader_epoch < known.epochs[p];
                let same = known.epochs[p] == partition.leader_epoch && known.leaders[p] == partition.leader;
                if !older && !same {
                    known.epochs[p] = partition.leader_epoch;
                    known.leaders[p] = partition.leader;
                    changed(TopicPartition::new(topic.topic, p as u32));
                }
            }
        }
    }

    /// A broker named the new leader in its answer (KIP-951). Whether that was news.
    pub fn learn_leader(&mut self, tp: TopicPartition, leader: NodeId, epoch: LeaderEpoch) -> bool {
        let p = tp.partition as usize;
        let topic = self.slot(tp.topic);
        let news = p < topic.leaders.len() && epoch > topic.epochs[p];
        if news {
            topic.epochs[p] = epoch;
            topic.leaders[p] = Some(leader);
        }
        news
    }

    fn slot(&mut self, topic: TopicId) -> &mut Topic {
        let index = topic.0 as usize;
        if self.topics.len() <= index {
            self.topics.resize_with(index + 1, Topic::default);
        }
        &mut self.topics[index]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{PartitionMetadata, TopicMetadata};
    use crate::time::Now;

    fn answer(leader: i32, leader_epoch: LeaderEpoch) -> MetadataResponse {
        let partition = PartitionMetadata { leader: Some(NodeId(leader)), leader_epoch };
        let topic = TopicMetadata { topic: TopicId(2), error: None, partitions: vec![partition] };
        MetadataResponse { brokers: vec![NodeId(1), NodeId(2)], topics: vec![topic] }
    }

    #[test]
    fn the_leader_epoch_does_not_go_back() {
        let tp = TopicPartition::new(TopicId(2), 0);
        let mut metadata = Metadata::new(vec![tp.topic], 100, 300_000);
        metadata.update(Instant::ZERO, &answer(1, 5), |_| {});
        metadata.update(Instant::ZERO, &answer(2, 4), |_| panic!("a stale broker changed something"));
        assert_eq!(metadata.leader(tp), (Some(NodeId(1)), 5));
        assert!(!metadata.learn_leader(tp, NodeId(2), 5));
        assert!(metadata.learn_leader(tp, NodeId(2), 6));
    }

    #[test]
    fn refreshes_back_off_and_expire() {
        let mut metadata = Metadata::new(vec![], 100, 300_000);
        let at = |ms| Now::at_ms(ms).mono;
        assert_eq!(metadata.next_request_at(), Instant::ZERO);
        metadata.request(at(10));
        assert_eq!(metadata.next_request_at(), Instant::NEVER);
        metadata.update(at(11), &answer(1, 0), |_| {});
        assert_eq!(metadata.next_request_at(), at(300_011));
        metadata.request_update();
        assert_eq!(metadata.next_request_at(), at(110));
        metadata.add_interest(TopicId(9));
        assert_eq!(metadata.next_request_at(), Instant::ZERO);
    }
}
