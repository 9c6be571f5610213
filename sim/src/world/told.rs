//! The errors that clients are told.

use fencepost_kernel::world::Net;
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::message::Response as KafkaResponse;

use super::Cluster;
use super::node::Body;
use crate::message::Response;
use crate::schedule::{Actor, Kafka};
use crate::sink::Answer;

/// What a database answers where there is nothing to commit or to roll back: the name of PostgreSQL's code 25P01.
const NO_TRANSACTION: &str = "NO_ACTIVE_SQL_TRANSACTION";

impl Cluster<'_> {
    /// A client is answered. Each error in the answer is told once, however many partitions have it.
    #[inline]
    pub(super) fn tell_errors(&mut self, net: &Net<'_, Kafka>, client: Actor, response: &Response) {
        match response {
            Response::Kafka(answer) => {
                let mut told: Vec<ErrorCode> = Vec::new();
                each_error(answer, |error| {
                    if !told.contains(&error) {
                        told.push(error);
                        self.tell_error(net, client, response, error.name());
                    }
                });
            }
            Response::Sink(answer) => {
                if answer.answer == Answer::NoTransaction {
                    self.tell_error(net, client, response, NO_TRANSACTION);
                }
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn tell_error(&mut self, net: &Net<'_, Kafka>, actor: Actor, response: &Response, error: &'static str) {
        let name = &net.node(actor).name;
        let place = match &self.bodies[actor as usize] {
            Body::Client(client) => client.place(),
            _ => None,
        };
        // A program's client is known by its name alone.
        let place = place.or_else(|| self.history.find_client(name).map(|c| (c, 0)));
        if let Some((c, i)) = place {
            self.history.told(c, i, response.kind().name(), error);
        }
    }
}

/// Every error code in an answer, also those of single partitions.
#[inline]
fn each_error(response: &KafkaResponse, mut told: impl FnMut(ErrorCode)) {
    use KafkaResponse as R;
    let mut each = |error: Option<ErrorCode>| {
        if let Some(error) = error {
            told(error);
        }
    };
    match response {
        R::Produce(r) => r.partitions.iter().for_each(|p| each(p.error)),
        R::Fetch(r) => {
            each(r.error);
            r.partitions.iter().for_each(|p| each(p.error));
        }
        R::ListOffsets(r) => r.partitions.iter().for_each(|p| each(p.1.as_ref().err().copied())),
        R::Metadata(r) => r.topics.iter().for_each(|t| {
            each(t.error);
            t.partitions.iter().for_each(|p| each(p.leader.is_none().then_some(ErrorCode::LeaderNotAvailable)));
        }),
        R::OffsetCommit(r) => r.partitions.iter().for_each(|p| each(p.1)),
        R::OffsetFetch(r) => {
            each(r.error);
            r.partitions.iter().for_each(|p| each(p.1.as_ref().err().copied()));
        }
        R::FindCoordinator(r) => each(r.node.as_ref().err().copied()),
        R::JoinGroup(r) => each(r.error),
        R::Heartbeat(r) => each(r.error),
        R::LeaveGroup(r) => each(r.error),
        R::SyncGroup(r) => each(r.error),
        R::InitProducerId(r) => each(r.result.as_ref().err().copied()),
        R::OffsetForLeaderEpoch(r) => r.partitions.iter().for_each(|p| each(p.1.as_ref().err().copied())),
        R::AddPartitionsToTxn(r) => {
            each(r.error);
            r.transactions.iter().flat_map(|t| t.1.iter()).for_each(|p| each(p.1));
        }
        R::AddOffsetsToTxn(r) => each(r.error),
        R::EndTxn(r) => each(r.error),
        R::TxnOffsetCommit(r) => r.partitions.iter().for_each(|p| each(p.1)),
        R::WriteTxnMarkers(r) => r.markers.iter().flat_map(|m| m.1.iter()).for_each(|p| each(p.1)),
        R::DescribeProducers(r) => r.partitions.iter().for_each(|p| each(p.1.as_ref().err().copied())),
        R::DescribeTransactions(r) => r.transactions.iter().for_each(|t| each(t.1.as_ref().err().copied())),
        // What clients do not ask, or what has no codes.
        R::ApiVersions(_)
        | R::AlterPartition(_)
        | R::BrokerRegistration(_)
        | R::BrokerHeartbeat(_)
        | R::AllocateProducerIds(_)
        | R::MetadataFetch(_) => {}
    }
}
