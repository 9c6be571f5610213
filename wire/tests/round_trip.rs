//! The mapping between our messages and the wire, over every kind and every version: what was encoded decodes to a
//! message that encodes to the same bytes, and in the newest version to the message itself.

mod generate;

use std::sync::Arc;

use fencepost_protocol::batch::*;
use fencepost_protocol::ids::*;
use fencepost_protocol::message::*;
use fencepost_wire::*;
use generate::{Gen, directory};

#[test]
fn every_kind_and_version_survives_the_wire() {
    let d = directory();
    for key in ApiKey::ALL.iter().copied() {
        let Some((min, max)) = versions(key) else {
            assert_eq!(key, ApiKey::MetadataFetch, "only the model's own kind is not on the wire");
            continue;
        };
        for version in min..=max {
            for seed in 0..60 {
                let mut g = Gen::new(seed);
                let what = format!("{} v{version}, seed {seed}", key.name());
                let request = g.request(key, version);
                let frame = Frame { version, correlation: 5, client_id: Some("c".into()), request: request.clone() };
                let bytes = request_frame(&d, &frame).unwrap_or_else(|e| panic!("{what}: {e}\n{request:?}"));
                let back = decode_request_frame(&d, &bytes[4..]).unwrap_or_else(|e| panic!("{what}: {e}"));
                assert_eq!(request_frame(&d, &back).unwrap(), bytes, "{what}");
                assert_eq!((back.version, back.correlation, back.client_id.as_deref()), (version, 5, Some("c")));
                let response = g.response(&request, version);
                let bytes =
                    response_frame(&d, &back, &response).unwrap_or_else(|e| panic!("{what}: {e}\n{response:?}"));
                let body = response_body(key, version, 5, &bytes[4..]).unwrap();
                let answer = decode_response(&d, version, &request, &body).unwrap_or_else(|e| panic!("{what}: {e}"));
                assert_eq!(response_frame(&d, &back, &answer).unwrap(), bytes, "{what}");
                if version == max {
                    assert_eq!(back.request, request, "{what}");
                    assert_eq!(answer, response, "{what}");
                }
            }
        }
    }
}

#[test]
fn a_request_for_an_unknown_topic_is_an_error_and_not_a_guess() {
    let d = directory();
    let request = MetadataRequest { topics: Some(vec![TopicId(3)]) }.into();
    let body = encode_request(&d, 9, &request).unwrap();
    let unknown = decode_request(&Directory::new(), ApiKey::Metadata, 9, &body);
    let unknown = unknown.unwrap_err();
    assert_eq!(unknown.problem, Problem::UnknownTopic("ünïcode".into()));
    assert_eq!(unknown.to_string(), "Metadata request v9, topics: unknown topic 'ünïcode'");
}

#[test]
fn a_batch_has_the_61_bytes_of_the_specification() {
    let mut batch = RecordBatch::of_records(Arc::from([]));
    batch.producer_id = 7;
    batch.producer_epoch = 3;
    batch.base_sequence = 9;
    batch.transactional = true;
    let bytes = encode_batch(&batch);
    assert_eq!(bytes.len(), 61);
    assert_eq!(bytes[16], 2, "magic");
    assert_eq!(bytes[21..23], [0, 16], "attributes: transactional");
    assert_eq!(bytes[43..51], 7i64.to_be_bytes());
    assert_eq!(bytes[51..53], 3i16.to_be_bytes());
    assert_eq!(bytes[53..57], 9i32.to_be_bytes());
}

/// FNV-1a with 64 bits.
fn digest(bytes: &[u8], so_far: u64) -> u64 {
    bytes.iter().fold(so_far, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// What a version carries is said by `since` in a description: too late a version would go unseen in a round trip.
#[test]
fn the_bytes_of_every_kind_and_version_are_those_that_were_pinned() {
    let d = directory();
    let mut found = String::new();
    for key in ApiKey::ALL.iter().copied() {
        let Some((min, max)) = versions(key) else { continue };
        for version in min..=max {
            let mut hash = 0xcbf2_9ce4_8422_2325;
            for seed in 0..60 {
                let mut g = Gen::new(seed);
                let request = g.request(key, version);
                let response = g.response(&request, version);
                hash = digest(&encode_request(&d, version, &request).unwrap(), hash);
                hash = digest(&encode_response(&d, version, &request, &response).unwrap(), hash);
            }
            found.push_str(&format!("{} v{version} {hash:016x}\n", key.name()));
        }
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bytes.txt");
    if std::env::var_os("FENCEPOST_WRITE_TABLES").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let pinned = std::fs::read_to_string(&path).unwrap();
    let changed: Vec<_> = found.lines().filter(|line| !pinned.lines().any(|p| p == *line)).collect();
    assert!(changed.is_empty(), "other bytes than those in tests/bytes.txt: {changed:#?}");
    assert_eq!(found.lines().count(), pinned.lines().count(), "kinds or versions are gone");
}
