//! Bytes that somebody else sends: whatever they are, the answer is a message or an error with its place.

mod generate;

use std::sync::Arc;

use fencepost_protocol::batch::*;
use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::*;
use fencepost_protocol::message::*;
use fencepost_wire::*;
use generate::{Gen, directory};

/// Bodies of every kind and version: the request, and those of request and response.
fn bodies(seeds: u64) -> impl Iterator<Item = (Request, i16, Vec<u8>, Vec<u8>)> {
    let d = directory();
    let versions = ApiKey::ALL.iter().filter_map(|key| Some((*key, versions(*key)?)));
    let versions = versions.flat_map(|(key, (min, max))| (min..=max).map(move |version| (key, version)));
    versions.flat_map(move |pair| (0..seeds).map(move |seed| (pair, seed))).map(move |((key, version), seed)| {
        let mut g = Gen::new(seed);
        let request = g.request(key, version);
        let asked = encode_request(&d, version, &request).unwrap();
        let answered = encode_response(&d, version, &request, &g.response(&request, version)).unwrap();
        (request, version, asked, answered)
    })
}

#[test]
fn a_message_that_ends_early_is_an_error() {
    let d = directory();
    for (request, version, asked, answered) in bodies(3) {
        let key = request.api_key();
        for cut in 0..asked.len() {
            let error = decode_request(&d, key, version, &asked[..cut]).unwrap_err();
            assert_eq!((error.place.key, error.place.version, error.place.side), (key, version, Side::Request));
        }
        for cut in 0..answered.len() {
            let error = decode_response(&d, version, &request, &answered[..cut]).unwrap_err();
            assert_eq!((error.place.key, error.place.version, error.place.side), (key, version, Side::Response));
        }
    }
}

#[test]
fn a_message_that_goes_on_is_an_error() {
    let d = directory();
    for (request, version, mut asked, _) in bodies(1) {
        asked.extend([0, 0, 0]);
        let error = decode_request(&d, request.api_key(), version, &asked).unwrap_err();
        assert_eq!(error.problem, Problem::LeftOver(3), "{error}");
    }
}

#[test]
fn damaged_bytes_are_a_message_or_an_error_and_no_panic() {
    let d = directory();
    let mut g = Gen::new(7);
    for (request, version, asked, answered) in bodies(8) {
        for body in [&asked, &answered] {
            for _ in 0..24 {
                let mut body = body.clone();
                for _ in 0..1 + g.below(3) {
                    // A run of one byte: lengths, counts and sums at the edges of their types.
                    let Some(last) = (body.len() as u32).checked_sub(1) else { break };
                    let at = g.below(last + 1) as usize;
                    let end = body.len().min(at + 1 + g.below(8) as usize);
                    body[at..end].fill([0, 1, 0x7f, 0x80, 0xff][g.below(5) as usize]);
                }
                // What is read can be written, or is refused.
                if let Ok(request) = decode_request(&d, request.api_key(), version, &body) {
                    let _ = encode_request(&d, version, &request);
                }
                if let Ok(response) = decode_response(&d, version, &request, &body) {
                    let _ = encode_response(&d, version, &request, &response);
                }
            }
        }
    }
}

#[test]
fn frames_of_arbitrary_bytes_are_errors() {
    let d = directory();
    let mut g = Gen::new(3);
    for key in -2..80i16 {
        for version in -1..20i16 {
            let mut bytes = [key.to_be_bytes(), version.to_be_bytes()].concat();
            for _ in 0..g.below(40) {
                bytes.push(g.below(256) as u8);
            }
            let head = Head::read(&bytes);
            assert_eq!(head.is_some(), bytes.len() >= 8);
            assert!(head.is_none_or(|h| (h.api_key, h.version) == (key, version)));
            let _ = decode_request_frame(&d, &bytes);
            let _ = decode_request_frame(&d, &bytes[..bytes.len() / 2]);
        }
    }
}

#[test]
fn an_error_names_the_field() {
    let d = directory();
    let request: Request = EndTxnRequest {
        version: 3,
        transactional_id: "T".into(),
        producer: ProducerIdAndEpoch::new(1, 1),
        result: TransactionResult::Commit,
    }
    .into();
    let answer = EndTxnResponse { error: Some(ErrorCode::InvalidTxnState), producer: ProducerIdAndEpoch::NONE };
    let mut body = encode_response(&d, 3, &request, &answer.into()).unwrap();
    body[4..6].copy_from_slice(&999i16.to_be_bytes());
    let error = decode_response(&d, 3, &request, &body).unwrap_err();
    assert_eq!(error.to_string(), "EndTxn response v3, error_code: unknown error code 999");

    let tp = TopicPartition::new(TopicId(9), 0);
    let asked = (tp, NO_LEADER_EPOCH, OffsetSpec::Latest);
    let request = ListOffsetsRequest { isolation: IsolationLevel::ReadCommitted, partitions: vec![asked] }.into();
    let error = encode_request(&d, 7, &request).unwrap_err();
    assert_eq!(error.to_string(), "ListOffsets request v7, topics: topic 9 has no name");
    let answer = ProduceResponse { partitions: Vec::new() }.into();
    let error = encode_response(&d, 7, &request, &answer).unwrap_err();
    assert_eq!(error.to_string(), "ListOffsets response v7: answered as Produce");
    let error = encode_request(&d, 99, &request).unwrap_err();
    assert_eq!(error.to_string(), "ListOffsets request v99: not on the wire");
}

#[test]
fn a_count_beyond_the_message_takes_no_memory() {
    let d = directory();
    let request: Request = MetadataRequest { topics: None }.into();
    // An array as a four-byte number, and as a number of variable length.
    let fixed = i32::MAX.to_be_bytes();
    let compact = [0xff, 0xff, 0xff, 0xff, 0x0f];
    for (version, bytes) in [(1, &fixed[..]), (9, &compact[..])] {
        let error = decode_request(&d, request.api_key(), version, bytes).unwrap_err();
        assert!(matches!(error.problem, Problem::Bytes(_)), "{error}");
        let throttle = [0; 4];
        let error =
            decode_response(&d, version, &request, &[&throttle, bytes].concat()[4 * usize::from(version < 3)..]);
        assert!(matches!(error.unwrap_err().problem, Problem::Bytes(_)));
    }
}

#[test]
fn timestamps_at_the_edges_of_their_type_are_read_and_written() {
    let record = |timestamp_ms| Record { origin: Origin::default(), timestamp_ms, key: None, value: None };
    let batch = RecordBatch::of_records(Arc::from([record(i64::MIN), record(i64::MAX)]));
    let back = decode_batches(&encode_batch(&batch)).unwrap();
    assert_eq!(back[0].records(), batch.records());
}

#[test]
fn a_number_of_records_that_is_not_theirs_is_an_error() {
    let record = Record { origin: Origin::default(), timestamp_ms: 5, key: None, value: Some("v".into()) };
    let bytes = encode_batch(&RecordBatch::of_records(Arc::from([record.clone(), record])));
    for count in [-1, 0, 1, 3, i32::MAX] {
        let mut bytes = bytes.clone();
        bytes[57..61].copy_from_slice(&i32::to_be_bytes(count));
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
        assert!(matches!(decode_batches(&bytes), Err(Problem::Batch(_))), "{count} records");
    }
}

#[test]
fn a_producer_epoch_beyond_its_type_is_an_error() {
    let d = directory();
    let tp = TopicPartition::new(TopicId(2), 0);
    let request: Request = DescribeProducersRequest { partitions: vec![tp] }.into();
    let producer = ActiveProducer {
        producer: ProducerIdAndEpoch::new(1, 0x1234),
        last_sequence: 0,
        last_timestamp_ms: 0,
        coordinator_epoch: 0,
        current_txn_start_offset: -1,
    };
    let answer = DescribeProducersResponse { partitions: vec![(tp, Ok(vec![producer]))] };
    let mut body = encode_response(&d, 0, &request, &answer.into()).unwrap();
    let at = body.windows(4).position(|w| w == [0, 0, 0x12, 0x34]).unwrap();
    body[at + 1] = 1;
    let error = decode_response(&d, 0, &request, &body).unwrap_err();
    assert_eq!(error.place.field, "topics.partitions.active_producers.producer_epoch");
    assert_eq!(error.problem, Problem::Number(0x1_1234));
}

#[test]
fn partitions_of_a_topic_that_are_not_all_there_are_an_error() {
    let d = directory();
    let request: Request = MetadataRequest { topics: Some(vec![TopicId(2)]) }.into();
    let partition = PartitionMetadata { leader: Some(NodeId(1)), leader_epoch: 0x77 };
    let topic = TopicMetadata { topic: TopicId(2), error: None, partitions: vec![partition] };
    let answer = MetadataResponse { brokers: vec![NodeId(1)], topics: vec![topic] };
    let mut body = encode_response(&d, 7, &request, &answer.into()).unwrap();
    let leader_and_epoch = [0, 0, 0, 1, 0, 0, 0, 0x77];
    let at = body.windows(8).position(|w| w == leader_and_epoch).unwrap();
    body[at - 1] = 2;
    let error = decode_response(&d, 7, &request, &body).unwrap_err();
    assert_eq!(error.to_string(), "Metadata response v7, topics.partitions: 2 is out of range");
}

#[test]
fn a_member_has_the_client_id_of_its_header() {
    let d = directory();
    let request = JoinGroupRequest {
        group_id: "g".into(),
        member_id: "".into(),
        group_instance_id: None,
        client_id: "c".into(),
        session_timeout_ms: 1,
        rebalance_timeout_ms: 2,
        protocols: Vec::new(),
    };
    let frame = Frame { version: 7, correlation: 1, client_id: Some("c".into()), request: request.into() };
    let bytes = request_frame(&d, &frame).unwrap();
    assert_eq!(decode_request_frame(&d, &bytes[4..]), Ok(frame));
}

#[test]
fn a_count_behind_a_boolean_of_another_value_takes_no_memory() {
    let d = directory();
    let request: Request = MetadataRequest { topics: None }.into();
    let topic = TopicMetadata { topic: TopicId(2), error: None, partitions: Vec::new() };
    let answer = MetadataResponse { brokers: Vec::new(), topics: vec![topic] };
    let mut body = encode_response(&d, 9, &request, &answer.into()).unwrap();
    let at = body.windows(6).position(|w| w == b"orders").unwrap() + 6;
    assert_eq!(body[at..at + 2], [0, 1], "not internal, no partitions");
    // The boolean might begin a number as well, whose fifth byte would then be the fourth of the count.
    body.splice(at..at + 2, [0x80, 0x80, 0x80, 0x80, 0x80, 0x0f]);
    let error = decode_response(&d, 9, &request, &body).unwrap_err();
    assert!(matches!(error.problem, Problem::Bytes(_)), "{error}");
}
