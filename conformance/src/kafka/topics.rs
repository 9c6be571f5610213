//! Creating topics: the one request of Kafka's that the model has not got.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use kafka_protocol::messages::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use kafka_protocol::messages::{
    ApiKey, BrokerId, CreateTopicsRequest, CreateTopicsResponse, RequestHeader, ResponseHeader, TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes};

/// A topic to create, with its replicas by partition.
#[derive(Clone, Debug)]
pub(super) struct NewTopic {
    pub name: String,
    pub assignment: Vec<Vec<i32>>,
    pub configs: Vec<(String, String)>,
}

const VERSION: i16 = 7;

fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

/// Creates topics; answers each one's id on the wire.
pub(super) fn create(port: u16, topics: &[NewTopic]) -> Result<Vec<u128>, String> {
    let mut request = CreateTopicsRequest::default().with_timeout_ms(10_000);
    for topic in topics {
        let assignments = topic.assignment.iter().enumerate().map(|(p, replicas)| {
            CreatableReplicaAssignment::default()
                .with_partition_index(p as i32)
                .with_broker_ids(replicas.iter().map(|id| BrokerId(*id)).collect())
        });
        let configs = topic
            .configs
            .iter()
            .map(|(key, value)| CreatableTopicConfig::default().with_name(text(key)).with_value(Some(text(value))));
        request.topics.push(
            CreatableTopic::default()
                .with_name(TopicName(text(&topic.name)))
                .with_num_partitions(-1)
                .with_replication_factor(-1)
                .with_assignments(assignments.collect())
                .with_configs(configs.collect()),
        );
    }
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::CreateTopics as i16)
        .with_request_api_version(VERSION)
        .with_client_id(Some(text("c")));
    let mut bytes = bytes::BytesMut::new();
    header.encode(&mut bytes, ApiKey::CreateTopics.request_header_version(VERSION)).map_err(|e| e.to_string())?;
    request.encode(&mut bytes, VERSION).map_err(|e| e.to_string())?;
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(|e| e.to_string())?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).map_err(|e| e.to_string())?;
    let frame = [&(bytes.len() as u32).to_be_bytes()[..], &bytes[..]].concat();
    stream.write_all(&frame).map_err(|e| e.to_string())?;
    let mut body = bytes::Bytes::from(fencepost_wire::read_frame(&mut stream).map_err(|e| e.to_string())?);
    ResponseHeader::decode(&mut body, ApiKey::CreateTopics.response_header_version(VERSION))
        .map_err(|e| e.to_string())?;
    let response = CreateTopicsResponse::decode(&mut body, VERSION).map_err(|e| e.to_string())?;
    let mut ids = Vec::new();
    for topic in topics {
        let found = response.topics.iter().find(|t| *t.name == *text(&topic.name));
        let found = found.ok_or_else(|| format!("no answer for topic {}", topic.name))?;
        if found.error_code != 0 {
            return Err(format!("topic {}: error {} {:?}", topic.name, found.error_code, found.error_message));
        }
        ids.push(found.topic_id.as_u128());
    }
    Ok(ids)
}
