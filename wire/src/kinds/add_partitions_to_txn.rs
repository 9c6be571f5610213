//! AddPartitionsToTxn: of one transaction until version 3, of a list of transactions since version 4.

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::Name;
use fencepost_protocol::message as ours;
use fencepost_protocol::message::{AddPartitionsTransaction, PartitionErrors, ProducerIdAndEpoch, Request};
use kafka_protocol::messages::add_partitions_to_txn_request::{AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction};
use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
use kafka_protocol::messages::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};

use crate::describe::{At, Wired, message, value};
use crate::error::Wire;
use crate::topics::by_topic;
use crate::values::one;

/// Since this version a request and its answer are lists of transactions.
const TRANSACTIONS: i16 = 4;

message! { ours::AddPartitionsToTxnRequest => AddPartitionsToTxnRequest {
    version from header,
    transactions with asked,
} }

mod asked {
    use super::*;

    pub fn write(list: &[AddPartitionsTransaction], at: &At<'_>, wire: &mut AddPartitionsToTxnRequest) -> Wire<()> {
        if at.version >= TRANSACTIONS {
            wire.transactions = list.iter().map(|t| at.write("transactions", t)).collect::<Wire<_>>()?;
        } else {
            let only = one(list).map_err(|f| f.within("transactions"))?;
            *wire = only.to_wire(at)?;
        }
        Ok(())
    }

    pub fn read(wire: &AddPartitionsToTxnRequest, at: &At<'_>) -> Wire<Vec<AddPartitionsTransaction>> {
        if at.version >= TRANSACTIONS {
            at.read("transactions", &wire.transactions)
        } else {
            Ok(vec![AddPartitionsTransaction::from_wire(wire, at)?])
        }
    }
}

message! { AddPartitionsTransaction => AddPartitionsToTxnTransaction {
    transactional_id = transactional_id,
    producer: ProducerIdAndEpoch { id = producer_id, epoch = producer_epoch, },
    verify_only = verify_only,
    partitions = topics by topic,
} }

message! { AddPartitionsTransaction => AddPartitionsToTxnRequest {
    transactional_id = v3_and_below_transactional_id,
    producer: ProducerIdAndEpoch { id = v3_and_below_producer_id, epoch = v3_and_below_producer_epoch, },
    verify_only is (false),
    partitions = v3_and_below_topics by topic,
} }

by_topic! { AddPartitionsToTxnTopic { name name, partitions: [i32] } }

message! { ours::AddPartitionsToTxnResponse => AddPartitionsToTxnResponse {
    error = error_code since 4,
    transactions with answered,
} }

mod answered {
    use super::*;

    pub fn write(list: &[(Name, PartitionErrors)], at: &At<'_>, wire: &mut AddPartitionsToTxnResponse) -> Wire<()> {
        if at.version < TRANSACTIONS {
            let (_, partitions) = one(list).map_err(|f| f.within("results_by_transaction"))?;
            wire.results_by_topic_v3_and_below = at.write_topics("results_by_topic_v3_and_below", partitions)?;
            return Ok(());
        }
        for (id, partitions) in list {
            let result = AddPartitionsToTxnResult::default().with_transactional_id(id.to_wire(at)?);
            let topics = at.write_topics("topic_results", partitions);
            let topics = topics.map_err(|f| f.within("results_by_transaction"))?;
            wire.results_by_transaction.push(result.with_topic_results(topics));
        }
        Ok(())
    }

    pub fn read(wire: &AddPartitionsToTxnResponse, at: &At<'_>) -> Wire<Vec<(Name, PartitionErrors)>> {
        if at.version < TRANSACTIONS {
            let Request::AddPartitionsToTxn(asked) = at.asked else { return Err(at.not_its_answer()) };
            let id = asked.transactions.first().map_or_else(|| "".into(), |t| t.transactional_id.clone());
            let topics = &wire.results_by_topic_v3_and_below;
            return Ok(vec![(id, at.read_topics("results_by_topic_v3_and_below", topics)?)]);
        }
        let entry = |t: &AddPartitionsToTxnResult| {
            let partitions = at.read_topics("topic_results", &t.topic_results);
            Ok((Name::from_wire(&t.transactional_id, at)?, partitions.map_err(|f| f.within("results_by_transaction"))?))
        };
        wire.results_by_transaction.iter().map(entry).collect()
    }
}

by_topic! { AddPartitionsToTxnTopicResult {
    name name, results_by_partition: [AddPartitionsToTxnPartitionResult.partition_index]
} }

value! { Option<ErrorCode> => AddPartitionsToTxnPartitionResult { partition_error_code } }
