//! OffsetFetch (§4.4). Classic groups check no member here.

use super::slots::Stored;
use std::collections::BTreeSet;

use super::shard::Shard;
use super::writes::{Env, Then};
use crate::error::ErrorCode;
use crate::ids::*;
use crate::io::ConnId;
use crate::message::{OffsetFetchRequest, OffsetFetchResponse};

impl Shard {
    /// With requireStable the newest state is looked at and the answer held until that state is committed. Without, the
    /// state as of the last high watermark is answered at once.
    pub(super) fn offset_fetch(&mut self, env: &mut Env<'_>, conn: ConnId, request: &OffsetFetchRequest) {
        let id = &request.group_id;
        let answer = |tp| (tp, self.fetched(id, tp, request.require_stable));
        let partitions = match &request.partitions {
            Some(partitions) => partitions.iter().copied().map(answer).collect(),
            None => self.committed_partitions(id, request.require_stable).into_iter().map(answer).collect(),
        };
        let response = OffsetFetchResponse { error: None, partitions };
        if !request.require_stable {
            env.respond(conn, response);
        } else if let Some(Then::OffsetFetch(conn, response)) = self.writes.hold(env, Then::OffsetFetch(conn, response))
        {
            env.respond(conn, response);
        }
    }

    fn committed_partitions(&self, id: &Name, newest: bool) -> BTreeSet<TopicPartition> {
        let slots = self.group(id).into_iter().flat_map(|g| g.offsets.slots.iter());
        let mut partitions: BTreeSet<_> = slots.filter(|(_, s)| s.committed.is_some()).map(|(tp, _)| tp).collect();
        if !newest {
            partitions.extend(self.offsets.changed(id));
            partitions.retain(|tp| self.stored(id, *tp, false).is_some());
        }
        partitions
    }

    fn stored(&self, id: &Name, tp: TopicPartition, newest: bool) -> Option<&Stored> {
        let stored = self.group(id).and_then(|g| g.offsets.slots.get(tp)).and_then(|s| s.committed.as_ref());
        if newest { stored } else { self.offsets.stable(id, tp, stored) }
    }

    fn fetched(&self, id: &Name, tp: TopicPartition, require_stable: bool) -> Result<(Offset, LeaderEpoch), ErrorCode> {
        let slot = self.group(id).and_then(|g| g.offsets.slots.get(tp));
        if require_stable && slot.is_some_and(|s| !s.open.is_empty()) {
            return Err(ErrorCode::UnstableOffsetCommit);
        }
        let stored = self.stored(id, tp, require_stable);
        Ok(stored.map_or((-1, NO_LEADER_EPOCH), |s| (s.value.offset, s.value.leader_epoch)))
    }
}
