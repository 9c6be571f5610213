//! Numbers of a plan's topics, and when its workloads are due.

use fencepost_protocol::ids::{TopicId, TopicPartition};
use fencepost_protocol::time::Span;

use super::{Plan, Source};

impl Plan {
    /// Id of a topic.
    ///
    /// # Panics
    /// If there is none: the plan was checked.
    pub fn topic_id(&self, name: &str) -> TopicId {
        let index = self.topics.iter().position(|t| t.name == name).expect("the plan's topics were checked");
        TopicId::application(index)
    }

    /// All partitions of topics.
    ///
    /// # Panics
    /// If one of the topics is not there: the plan was checked.
    pub fn partitions_of(&self, topics: &[String]) -> Vec<TopicPartition> {
        let mut all = Vec::new();
        for name in topics {
            let topic = self.topic_id(name);
            let count = self.topics[topic.0 as usize - 2].partitions;
            all.extend((0..count).map(|p| TopicPartition::new(topic, p)));
        }
        all.sort();
        all
    }

    /// When the last record of a workload is due at the earliest.
    pub fn latest_input(&self) -> Span {
        let end =
            |start: Span, interval: Span, source: &Source| Span(start.0 + interval.0.saturating_mul(source.len()));
        let producers = self.producers.iter().map(|p| end(p.start, p.interval, &p.source));
        let services = self.services.iter().map(|s| end(s.start, s.interval, &s.source));
        producers.chain(services).max().unwrap_or(Span::ZERO)
    }
}
