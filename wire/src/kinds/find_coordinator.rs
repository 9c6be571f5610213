//! FindCoordinator: of one key until version 3, of a list of keys since version 4, of which the model has one.

use fencepost_protocol::error::ErrorCode;
use fencepost_protocol::ids::*;
use fencepost_protocol::message as ours;
use fencepost_protocol::message::Request;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::{BrokerId, FindCoordinatorRequest, FindCoordinatorResponse};

use crate::describe::{At, message};
use crate::error::Wire;
use crate::values::{one, s};

/// Since this version a request and its answer are lists of keys.
const KEYS: i16 = 4;

message! { ours::FindCoordinatorRequest => FindCoordinatorRequest {
    key_type = key_type,
    key with key,
} }

mod key {
    use super::*;

    pub fn write(key: &Name, at: &At<'_>, wire: &mut FindCoordinatorRequest) -> Wire<()> {
        if at.version >= KEYS {
            wire.coordinator_keys = vec![at.write("coordinator_keys", key)?];
        } else {
            wire.key = at.write("key", key)?;
        }
        Ok(())
    }

    pub fn read(wire: &FindCoordinatorRequest, at: &At<'_>) -> Wire<Name> {
        if at.version >= KEYS {
            at.read("coordinator_keys", one(&wire.coordinator_keys).map_err(|f| f.within("coordinator_keys"))?)
        } else {
            at.read("key", &wire.key)
        }
    }
}

message! { ours::FindCoordinatorResponse => FindCoordinatorResponse {
    node with node,
} }

/// The model's message carries no address: it comes from the directory.
mod node {
    use super::*;

    pub fn write(node: &Result<NodeId, ErrorCode>, at: &At<'_>, wire: &mut FindCoordinatorResponse) -> Wire<()> {
        let Request::FindCoordinator(asked) = at.asked else { return Err(at.not_its_answer()) };
        let (error, id, host, port) = match node {
            Ok(node) => {
                let (host, port) = at.directory.address(*node);
                (0, node.0, host, i32::from(port))
            }
            Err(error) => (error.code(), -1, String::new(), -1),
        };
        if at.version >= KEYS {
            let found = Coordinator::default().with_key(s(&asked.key)).with_error_code(error);
            wire.coordinators = vec![found.with_node_id(BrokerId(id)).with_host(s(&host)).with_port(port)];
        } else {
            wire.error_code = error;
            wire.node_id = BrokerId(id);
            wire.host = s(&host);
            wire.port = port;
        }
        Ok(())
    }

    pub fn read(wire: &FindCoordinatorResponse, at: &At<'_>) -> Wire<Result<NodeId, ErrorCode>> {
        let (code, node) = if at.version >= KEYS {
            let found = one(&wire.coordinators).map_err(|f| f.within("coordinators"))?;
            (found.error_code, found.node_id)
        } else {
            (wire.error_code, wire.node_id)
        };
        Ok(match at.read("error_code", &code)? {
            None => Ok(NodeId(node.0)),
            Some(error) => Err(error),
        })
    }
}
