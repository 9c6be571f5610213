//! ApiVersions. The ranges in an answer are those of this crate.

use fencepost_protocol::image::Features;
use fencepost_protocol::message as ours;
use fencepost_protocol::message::ApiKey;
use kafka_protocol::messages::api_versions_response::{ApiVersion, FinalizedFeatureKey, SupportedFeatureKey};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse};

use super::{Whom, versions, whom};
use crate::describe::{At, Wired};
use crate::error::Wire;
use crate::values::s;

const TRANSACTION_VERSION: &str = "transaction.version";
const ELIGIBLE_LEADER_REPLICAS_VERSION: &str = "eligible.leader.replicas.version";

impl Wired<ApiVersionsRequest> for ours::ApiVersionsRequest {
    fn to_wire(&self, at: &At<'_>) -> Wire<ApiVersionsRequest> {
        let wire = ApiVersionsRequest::default();
        if at.version < 3 {
            return Ok(wire);
        }
        Ok(wire.with_client_software_name(s("fencepost")).with_client_software_version(s("0")))
    }

    fn from_wire(_: &ApiVersionsRequest, _: &At<'_>) -> Wire<Self> {
        Ok(ours::ApiVersionsRequest)
    }
}

impl Wired<ApiVersionsResponse> for ours::ApiVersionsResponse {
    fn to_wire(&self, at: &At<'_>) -> Wire<ApiVersionsResponse> {
        let mut wire = ApiVersionsResponse::default();
        for key in ApiKey::ALL.iter().copied().filter(|k| whom(*k) == Some(Whom::Broker)) {
            if let Some((min, max)) = versions(key) {
                let entry = ApiVersion::default().with_api_key(key as i16);
                wire.api_keys.push(entry.with_min_version(min).with_max_version(max));
            }
        }
        if at.version < 3 {
            return Ok(wire);
        }
        let features = [
            (TRANSACTION_VERSION, self.features.transaction_version, 2),
            (ELIGIBLE_LEADER_REPLICAS_VERSION, self.features.eligible_leader_replicas_version, 1),
        ];
        for (feature, level, newest) in features {
            let supported = SupportedFeatureKey::default().with_name(s(feature)).with_max_version(newest);
            wire.supported_features.push(supported);
            if level > 0 {
                let (level, finalized) = (i16::from(level), FinalizedFeatureKey::default().with_name(s(feature)));
                wire.finalized_features.push(finalized.with_max_version_level(level).with_min_version_level(level));
            }
        }
        wire.finalized_features_epoch = self.features_epoch as i64;
        Ok(wire)
    }

    fn from_wire(wire: &ApiVersionsResponse, _: &At<'_>) -> Wire<Self> {
        let level = |feature: &str| {
            let found = wire.finalized_features.iter().find(|f| &*f.name == feature);
            found.map_or(0, |f| f.max_version_level.clamp(0, 127) as u8)
        };
        let features = Features {
            transaction_version: level(TRANSACTION_VERSION),
            eligible_leader_replicas_version: level(ELIGIBLE_LEADER_REPLICAS_VERSION),
        };
        Ok(ours::ApiVersionsResponse { features, features_epoch: wire.finalized_features_epoch.max(0) as u64 })
    }
}
