//! Keys of the cluster, the network and the topics.

use fencepost_protocol::time::Span;

use super::form::{Form, SPAN};
use super::limits::{MOST_BROKERS, MOST_PARTITIONS};
use super::section::section;

const U32: Form = Form::Integer(1, u32::MAX as i64);

section! {
    /// `[cluster]`.
    Cluster = "[cluster]", [("", Broker)] {
        brokers: u32 = "brokers", Form::Integer(1, MOST_BROKERS), "3", "named `broker-1`, `broker-2`, ... (`broker-01` from ten brokers on)";
        transaction_version: u8 = "transaction.version", Form::Integer(0, 2), "2", "0, 1 or 2";
        eligible_leader_replicas: u8 = "eligible.leader.replicas.version", Form::Integer(0, 1), "1", "0 or 1 (KIP-966)";
        write_back: Span = "write.back", SPAN, "\"30s\"", "when the page cache goes to disk; power loss takes what has not";
        max_sequence: i32 = "domains.max.sequence", Form::Integer(7, i32::MAX as i64), "2147483647", "largest sequence number: small domains reach wrap-around and exhaustion in short runs";
        max_epoch: i16 = "domains.max.epoch", Form::Integer(2, i16::MAX as i64), "32767", "largest producer epoch";
        batch_window: u32 = "domains.batch.window", Form::Integer(1, 1_000), "5", "batches that a partition remembers for each producer";
    }
}

section! {
    /// `[network]`.
    Network = "[network]", [] {
        client_latency: Span = "client.latency", SPAN, "\"500us\"", "one way between a client and a broker";
        broker_latency: Span = "broker.latency", SPAN, "\"500us\"", "one way between brokers, and between a broker and the controller";
        loopback_latency: Span = "loopback.latency", SPAN, "\"50us\"", "of a node to itself";
        service_per_message: Span = "service.per.message", SPAN, "0", "what a node's processor takes for each message that it sends";
        service_per_kib: Span = "service.per.kib", SPAN, "0", "and for each KiB of it";
    }
}

section! {
    /// `[[topic]]`.
    Topic = "[[topic]]", [] {
        name: String = "name", Form::Text, "needed", "up to 249 letters, digits, `.`, `_` and `-`";
        partitions: u32 = "partitions", Form::Integer(1, MOST_PARTITIONS), "1", "of all topics together at most as many as of one";
        replication_factor: u32 = "replication.factor", Form::Integer(1, MOST_BROKERS), "3, or the brokers", "replicas of each partition";
        min_insync_replicas: u32 = "min.insync.replicas", U32, "the brokers'", "as Kafka's";
        unclean_leader_election: bool = "unclean.leader.election.enable", Form::Bool, "the brokers'", "as Kafka's";
        max_message_bytes: u32 = "max.message.bytes", U32, "the brokers'", "as Kafka's";
        segment_bytes: u32 = "segment.bytes", U32, "the brokers'", "as Kafka's";
        assignment: Vec<Vec<i64>> = "assignment", Form::IntegerLists, "round robin", "`[[1, 2, 3], ...]`: the replicas of each partition, first the preferred leader";
        may_be_empty: bool = "may_be_empty", Form::Bool, "false", "nothing need be put into it: a run that leaves it empty is not called vacuous for its sake";
    }
}
