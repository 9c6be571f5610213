//! What a history declares before anybody acts: topics, groups and clients.

use indexmap::{IndexMap, IndexSet};

use super::evidence::Evidence;
use super::paged::{Bits, Paged};
use super::registry::NONE;
use super::state::{Appends, ClientInfo, Entry, GroupInfo, Log, OpenInLog, Scope, TopicInfo};
use crate::history::Partition;
use crate::history::event::{Client, Topic};

impl Evidence {
    pub(crate) fn declare_topic(&mut self, topic: &Topic<'_>) {
        let Topic { id, partitions, internal, may_be_empty, deletes, compacted, .. } = *topic;
        let first_log = self.logs.len() as u32;
        let id_index = id as usize;
        if self.topics.len() <= id_index {
            self.topics.resize_with(id_index + 1, TopicInfo::default);
        }
        self.topics[id_index] = TopicInfo {
            name: topic.name.to_string(),
            partitions,
            internal,
            may_be_empty,
            deletes,
            compacted,
            first_log,
            output: false,
            sent: false,
            max_sequence: topic.max_sequence,
            forgets_after: topic.forgets_after,
        };
        let fresh = |partition| Log {
            at: Partition::new(id, partition),
            entries: Paged::new(Entry::NOTHING),
            present: Bits::default(),
            visible: Bits::default(),
            log_aborted: Bits::default(),
            leaked: Bits::default(),
            early: Bits::default(),
            end: None,
            writers: Vec::new(),
            open: OpenInLog::default(),
            order: Appends::default(),
            two: Bits::default(),
            differ: Bits::default(),
            clashes: Vec::new(),
            fingerprints: Paged::new((0, i32::MIN)),
        };
        self.logs.extend((0..partitions).map(|partition| Box::new(fresh(partition))));
    }

    pub(crate) fn declare_group(&mut self, id: u32, name: &str) {
        if self.groups.len() <= id as usize {
            self.groups.resize_with(id as usize + 1, GroupInfo::default);
        }
        self.groups[id as usize].name = name.to_owned();
        self.groups[id as usize].generation = i32::MIN;
    }

    pub(crate) fn declare_client(&mut self, client: &Client<'_>) {
        let scope = client.transactional_id.as_ref().map(|id| {
            if let Some(known) = self.scope_index.get(&**id) {
                return *known;
            }
            let scope = self.scopes.len() as u32;
            self.scope_index.insert(id.to_string(), scope);
            self.scopes.push(Scope {
                latest: NONE,
                pid: -1,
                epoch: -1,
                pids: IndexSet::default(),
                current: Vec::new(),
                asked: [0; 2],
                decided: [0; 2],
                late: None,
            });
            scope
        });
        for output in &client.outputs {
            self.topics[*output as usize].output = true;
        }
        if self.clients.len() <= client.id as usize {
            self.clients.resize(client.id as usize + 1, None);
        }
        self.clients[client.id as usize] = Some(ClientInfo {
            name: client.name.to_string(),
            kind: client.kind,
            isolation: client.isolation,
            group: client.group,
            scope,
            idempotent: client.idempotent,
            transaction_version: client.transaction_version,
            inputs: client.inputs.clone(),
            outputs: client.outputs.clone(),
            sinks: client.sinks.clone(),
            stage: client.stage,
            outputs_per_input: client.outputs_per_input,
            may_skip: client.may_skip,
            guarantee: client.guarantee,
            sessions: IndexMap::default(),
        });
    }
}
