//! Metadata from the controller, and what it makes of each replica here: leader, follower, or gone (§7.2, §7.3).

use std::collections::VecDeque;

use super::Broker;
use super::link::Link;
use super::partition::{Follower, Partition, Role, lead};
use super::timer::Timer;
use crate::coordinator::CoordinatorKind;
use crate::ids::*;
use crate::image::{ClusterImage, MetadataChange};
use crate::io::*;
use crate::log::{LogSettings, PartitionLog};
use crate::message::*;
use crate::net::Reconnect;
use crate::time::{Instant, Span};

const RECONNECT: Reconnect = Reconnect::after_ms(50);

/// The long poll for metadata changes.
#[derive(Clone, Debug)]
pub(super) struct Feed {
    pub link: Link,
    /// Version of the last change received, applied or not.
    received: u64,
    /// Received and not applied.
    held: VecDeque<MetadataFetchResponse>,
    /// Nothing is applied before.
    hold_until: Instant,
}

impl Feed {
    pub fn new() -> Feed {
        Feed {
            link: Link::new(Channel { to: NodeId::CONTROLLER, purpose: Purpose::ControllerMetadata }),
            received: 0,
            held: VecDeque::new(),
            hold_until: Instant::ZERO,
        }
    }
}

impl Broker {
    /// Makes the metadata late: changes that are received are applied only at `until`.
    pub fn hold_metadata(&mut self, until: Instant) {
        self.timers.clear(self.feed.hold_until, Timer::MetadataHold);
        self.feed.hold_until = until;
        self.timers.set(until, Timer::MetadataHold);
        self.deadline = self.earliest();
    }

    /// Asks for what comes after the last version received; waits for the answer for as long as there is no news.
    pub(super) fn poll_metadata(&mut self, out: &mut Outputs) {
        if !self.feed.link.is_free() {
            self.feed.link.open(self.now.mono, &mut self.timers, out);
            return;
        }
        let request = MetadataFetchRequest { broker: self.id, after_version: self.feed.received };
        self.feed.link.send(request.into(), Span::FOREVER, self.now.mono, &mut self.timers, out);
    }

    /// The connection is gone.
    pub(super) fn feed_link_lost(&mut self, out: &mut Outputs) {
        self.feed.link.lost(self.now, RECONNECT);
        self.poll_metadata(out);
    }

    /// There is news.
    pub(super) fn metadata_arrived(&mut self, response: MetadataFetchResponse, out: &mut Outputs) {
        if response.version > self.feed.received {
            self.feed.received = response.version;
            self.feed.held.push_back(response);
            self.apply_metadata(out);
        }
        self.poll_metadata(out);
    }

    /// Applies what has been received, unless it is held back.
    pub(super) fn apply_metadata(&mut self, out: &mut Outputs) {
        if self.now.mono < self.feed.hold_until {
            return;
        }
        while let Some(news) = self.feed.held.pop_front() {
            for change in news.changes.iter() {
                self.image.apply(change);
            }
            self.image.version = news.version;
            if self.life.caught_up {
                for change in news.changes.iter() {
                    match change {
                        MetadataChange::Partition(tp, _) => self.take_role(*tp, out),
                        MetadataChange::Topic(topic, _) => self.take_roles(*topic, out),
                        MetadataChange::Broker(..) | MetadataChange::Features(_) => {}
                    }
                }
                self.with_transactions(out, |c, turn| c.image_changed(turn));
            } else {
                self.maybe_catch_up(out);
            }
        }
    }

    /// Once its own registration is in the applied image, the broker takes its roles and asks to be unfenced. Before,
    /// the image may still show leaderships of an earlier incarnation.
    pub(super) fn maybe_catch_up(&mut self, out: &mut Outputs) {
        let registered = self.image.brokers.get(&self.id).map(|b| b.epoch);
        if self.life.caught_up || self.life.broker_epoch.is_none() || registered != self.life.broker_epoch {
            return;
        }
        self.life.caught_up = true;
        for index in 0..self.image.topics.len() {
            self.take_roles(TopicId(index as u32), out);
        }
        self.with_transactions(out, |c, turn| c.image_changed(turn));
        self.speak_soon(out);
    }

    fn take_roles(&mut self, topic: TopicId, out: &mut Outputs) {
        let partitions = self.image.topic(topic).map_or(0, |t| t.partitions.len() as u32);
        for index in 0..partitions {
            self.take_role(TopicPartition::new(topic, index), out);
        }
    }

    /// Makes a replica what the image says that it is, if the image is newer than its role.
    fn take_role(&mut self, tp: TopicPartition, out: &mut Outputs) {
        let Some(registration) = self.image.partition(tp) else { return };
        if !registration.replicas.contains(&self.id) {
            return self.drop_replica(tp, out);
        }
        if !self.partitions.contains(tp) {
            let settings = self.log_settings(tp);
            self.partitions.insert(tp, Partition::new(PartitionLog::new(settings), settings));
        }
        self.take_topic_settings(tp);
        let registration = self.image.partition(tp).expect("looked up a moment ago");
        let partition = self.partitions.get(tp).expect("inserted if it was absent");
        if registration.leader_epoch < partition.leader_epoch
            || (registration.leader_epoch == partition.leader_epoch
                && registration.partition_epoch <= partition.partition_epoch)
        {
            return;
        }
        if registration.leader == Some(self.id) { self.become_leader(tp, out) } else { self.become_follower(tp, out) }
    }

    fn log_settings(&self, tp: TopicPartition) -> LogSettings {
        let segment_bytes = self.image.topic(tp.topic).map_or(self.config.segment_bytes, |t| t.settings.segment_bytes);
        LogSettings {
            segment_bytes,
            producer_id_expiration_ms: self.config.producer_id_expiration_ms,
            domains: self.domains,
            variants: self.config.variant,
        }
    }

    fn take_topic_settings(&mut self, tp: TopicPartition) {
        let Broker { image, partitions, .. } = self;
        let Some(topic) = image.topic(tp.topic) else { return };
        let Some(partition) = partitions.get_mut(tp) else { return };
        let replicas = topic.partitions[tp.partition as usize].replicas.len();
        partition.min_isr = (topic.settings.min_insync_replicas as usize).min(replicas);
        partition.max_message_bytes = topic.settings.max_message_bytes;
    }

    fn become_leader(&mut self, tp: TopicPartition, out: &mut Outputs) {
        self.stop_fetching(tp);
        let (id, now) = (self.id, self.now.mono);
        let registration = self.image.partition(tp).expect("a partition in the image");
        let partition = self.partitions.get_mut(tp).expect("a partition with a replica here");
        let epoch = registration.leader_epoch;
        let new_epoch = epoch > partition.leader_epoch || !partition.is_leader();
        if new_epoch {
            partition.log.begin_leader_epoch(epoch);
        }
        let before = match core::mem::replace(&mut partition.role, Role::Idle) {
            Role::Leader(leader) => Some(leader),
            Role::Idle | Role::Follower(_) => None,
        };
        let end = partition.log.log_end_offset();
        partition.role = Role::Leader(lead(before, new_epoch, id, registration, end, now));
        partition.leader_epoch = epoch;
        partition.partition_epoch = registration.partition_epoch;
        if new_epoch {
            self.notify(tp, false);
            if let Some(which) = CoordinatorKind::of(tp.topic) {
                self.coordinator_elected(which, tp.partition, epoch, out);
            }
        }
        self.watch_lag(tp);
        self.note_outsiders(tp);
        self.advance_high_watermark(tp, out);
        self.complete_waits(tp, out);
    }

    fn become_follower(&mut self, tp: TopicPartition, out: &mut Outputs) {
        let registration = self.image.partition(tp).expect("a partition in the image");
        let (epoch, version, leader) = (registration.leader_epoch, registration.partition_epoch, registration.leader);
        let partition = self.partitions.get_mut(tp).expect("a partition with a replica here");
        partition.partition_epoch = version;
        let same = matches!(&partition.role, Role::Follower(f) if f.leader == leader);
        if epoch == partition.leader_epoch && same {
            return;
        }
        let led = partition.is_leader();
        self.stop_fetching(tp);
        let partition = self.partitions.get_mut(tp).expect("a partition with a replica here");
        partition.leader_epoch = epoch;
        partition.role = Role::Follower(Follower { leader, ..Follower::default() });
        if led {
            self.lost_leadership(tp, out);
        }
        self.start_fetching(tp);
    }

    /// What follows from the end of a leadership: waiting writes fail with 6, parked fetches are answered, the
    /// coordinator resigns.
    fn lost_leadership(&mut self, tp: TopicPartition, out: &mut Outputs) {
        self.fail_waits(tp, out);
        self.notify(tp, false);
        if let Some(which) = CoordinatorKind::of(tp.topic) {
            self.coordinator_resigned(which, tp.partition, out);
        }
    }

    /// The replica was assigned to other brokers: it is deleted.
    fn drop_replica(&mut self, tp: TopicPartition, out: &mut Outputs) {
        let Some(partition) = self.partitions.get_mut(tp) else { return };
        let led = partition.is_leader();
        if led {
            partition.role = Role::Idle;
            self.lost_leadership(tp, out);
        } else {
            self.stop_fetching(tp);
        }
        self.partitions.remove(tp);
    }

    /// The image that the broker has applied.
    pub fn image(&self) -> &ClusterImage {
        &self.image
    }
}
