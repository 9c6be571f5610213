//! Answers that carry an error code which nobody's state asked for.

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::message::*;

use crate::message;

/// An answer to `request` that says `error` everywhere; none where no answer can (a sink knows no codes of Kafka's).
pub(crate) fn error_response(request: &message::Request, error: ErrorCode) -> Option<message::Response> {
    let message::Request::Kafka(request) = request else { return None };
    kafka_error(request, error).map(message::Response::Kafka)
}

fn kafka_error(request: &Request, error: ErrorCode) -> Option<Response> {
    Some(match request {
        Request::Produce(r) => Response::Produce(ProduceResponse {
            partitions: r
                .partitions
                .iter()
                .map(|p| ProducePartitionResponse {
                    tp: p.tp,
                    error: Some(error),
                    base_offset: -1,
                    log_start_offset: -1,
                    current_leader: None,
                })
                .collect(),
        }),
        Request::Fetch(_) => {
            Response::Fetch(FetchResponse { error: Some(error), session_id: 0, partitions: Vec::new() })
        }
        Request::ListOffsets(r) => Response::ListOffsets(ListOffsetsResponse {
            partitions: r.partitions.iter().map(|p| (p.0, Err(error))).collect(),
        }),
        Request::OffsetCommit(r) => Response::OffsetCommit(OffsetCommitResponse {
            partitions: r.offsets.iter().map(|o| (o.tp, Some(error))).collect(),
        }),
        Request::OffsetFetch(_) => {
            Response::OffsetFetch(OffsetFetchResponse { error: Some(error), partitions: Vec::new() })
        }
        Request::FindCoordinator(_) => Response::FindCoordinator(FindCoordinatorResponse { node: Err(error) }),
        Request::JoinGroup(r) => Response::from(JoinGroupResponse {
            error: Some(error),
            generation: -1,
            protocol: AssignorName::Range,
            leader: "".into(),
            member_id: r.member_id.clone(),
            members: Vec::new(),
        }),
        Request::SyncGroup(_) => Response::SyncGroup(SyncGroupResponse { error: Some(error), assignment: Vec::new() }),
        Request::Heartbeat(_) => Response::Heartbeat(HeartbeatResponse { error: Some(error) }),
        Request::LeaveGroup(_) => Response::LeaveGroup(LeaveGroupResponse { error: Some(error) }),
        Request::InitProducerId(_) => Response::InitProducerId(InitProducerIdResponse { result: Err(error) }),
        Request::AddPartitionsToTxn(r) => Response::AddPartitionsToTxn(AddPartitionsToTxnResponse {
            error: (r.version >= 4).then_some(error),
            transactions: r
                .transactions
                .iter()
                .map(|t| {
                    (t.transactional_id.clone(), t.partitions.iter().map(|tp| (*tp, Some(error))).collect::<Vec<_>>())
                })
                .collect(),
        }),
        Request::AddOffsetsToTxn(_) => Response::AddOffsetsToTxn(AddOffsetsToTxnResponse { error: Some(error) }),
        Request::EndTxn(_) => {
            Response::EndTxn(EndTxnResponse { error: Some(error), producer: ProducerIdAndEpoch::NONE })
        }
        Request::WriteTxnMarkers(r) => Response::WriteTxnMarkers(WriteTxnMarkersResponse {
            markers: r
                .markers
                .iter()
                .map(|m| (m.producer.id, m.partitions.iter().map(|tp| (*tp, Some(error))).collect::<Vec<_>>()))
                .collect(),
        }),
        Request::TxnOffsetCommit(r) => Response::TxnOffsetCommit(TxnOffsetCommitResponse {
            partitions: r.offsets.iter().map(|o| (o.tp, Some(error))).collect(),
        }),
        _ => return None,
    })
}

/// Replaces the outcome of a handled request by `error`.
pub(crate) fn overwrite(response: &mut message::Response, error: ErrorCode) {
    let message::Response::Kafka(response) = response else { return };
    match response {
        Response::Produce(r) => {
            for p in &mut r.partitions {
                p.error = Some(error);
                p.base_offset = -1;
            }
        }
        Response::OffsetCommit(r) => r.partitions.iter_mut().for_each(|p| p.1 = Some(error)),
        Response::TxnOffsetCommit(r) => r.partitions.iter_mut().for_each(|p| p.1 = Some(error)),
        Response::Heartbeat(r) => r.error = Some(error),
        Response::SyncGroup(r) => {
            r.error = Some(error);
            r.assignment.clear();
        }
        Response::JoinGroup(r) => r.error = Some(error),
        Response::InitProducerId(r) => r.result = Err(error),
        Response::AddOffsetsToTxn(r) => r.error = Some(error),
        Response::AddPartitionsToTxn(r) => {
            r.transactions.iter_mut().flat_map(|t| &mut t.1).for_each(|p| p.1 = Some(error));
        }
        Response::EndTxn(r) => {
            r.error = Some(error);
            r.producer = ProducerIdAndEpoch::NONE;
        }
        Response::WriteTxnMarkers(r) => {
            r.markers.iter_mut().flat_map(|m| &mut m.1).for_each(|p| p.1 = Some(error));
        }
        Response::FindCoordinator(r) => r.node = Err(error),
        _ => {}
    }
}
