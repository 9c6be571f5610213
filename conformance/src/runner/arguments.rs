//! What the arguments of a step mean on the cluster of a run.

use fencepost_protocol::batch::TransactionResult;
use fencepost_protocol::ids::*;
use fencepost_protocol::message::*;

use super::Run;
use crate::dialogue::Step;
use crate::names::INVENTED;

impl Run<'_> {
    pub(super) fn arg<'s>(&self, step: &'s Step, key: &str) -> Option<&'s str> {
        step.args.get(key).map(|v| &**v)
    }

    pub(super) fn number<T: std::str::FromStr>(&self, step: &Step, key: &str, default: T) -> Result<T, String> {
        match step.args.get(key) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("{key}={text} is not a number that fits")),
        }
    }

    pub(super) fn partition(&self, text: &str) -> Result<TopicPartition, String> {
        let (topic, index) = text.rsplit_once('-').ok_or_else(|| format!("'{text}' is not topic-partition"))?;
        let partition = index.parse().map_err(|_| format!("'{text}' is not topic-partition"))?;
        let id = match topic {
            "__transaction_state" => 0,
            "__consumer_offsets" => 1,
            _ => 2 + self.topics.iter().position(|t| t.name == topic).ok_or_else(|| format!("no topic '{topic}'"))?,
        };
        Ok(TopicPartition::new(TopicId(id as u32), partition))
    }

    pub(super) fn partitions(&self, step: &Step, key: &str) -> Result<Vec<TopicPartition>, String> {
        let text = self.arg(step, key).ok_or_else(|| format!("{key}= is missing"))?;
        text.split(',').map(|t| self.partition(t)).collect()
    }

    /// A name on the cluster for a transactional id or group of the dialogue; `-` is the empty one.
    pub(super) fn name(&self, text: &str) -> Name {
        if text == "-" { "".into() } else { format!("{}{text}", self.prefix).into() }
    }

    pub(super) fn transactional_id(&self, step: &Step) -> Option<Name> {
        self.arg(step, "id").filter(|id| *id != "none").map(|id| self.name(id))
    }

    pub(super) fn required_id(&self, step: &Step) -> Result<Name, String> {
        self.transactional_id(step).ok_or_else(|| "id= is missing".to_string())
    }

    /// `p`, `p+1`, `p-1` (another epoch), `p@7` (that epoch), `none`, or `900000001:3`.
    pub(super) fn producer(&self, step: &Step) -> Result<ProducerIdAndEpoch, String> {
        let Some(text) = self.arg(step, "producer") else { return Ok(ProducerIdAndEpoch::NONE) };
        if text == "none" {
            return Ok(ProducerIdAndEpoch::NONE);
        }
        let bad = || format!("'{text}' is no producer");
        if let Some((id, epoch)) = text.split_once(':') {
            let id = match id.parse() {
                Ok(id) => id,
                Err(_) => self.bound(id).id,
            };
            return Ok(ProducerIdAndEpoch::new(id, epoch.parse().map_err(|_| bad())?));
        }
        let at = text.find(['+', '-', '@']).unwrap_or(text.len());
        let pair = self.bound(&text[..at]);
        let epoch = match text[at..].chars().next() {
            None => pair.epoch,
            Some('@') => text[at + 1..].parse().map_err(|_| bad())?,
            Some(_) => pair.epoch.wrapping_add(text[at..].parse::<i16>().map_err(|_| bad())?),
        };
        Ok(ProducerIdAndEpoch::new(pair.id, epoch))
    }

    /// The producer of that name; a name that was never bound stands for a producer id that nobody has.
    fn bound(&self, name: &str) -> ProducerIdAndEpoch {
        self.producers.get(name).copied().unwrap_or(ProducerIdAndEpoch::new(INVENTED, 0))
    }

    pub(super) fn isolation(&self, step: &Step) -> IsolationLevel {
        match self.arg(step, "isolation") {
            Some("uncommitted") => IsolationLevel::ReadUncommitted,
            _ => IsolationLevel::ReadCommitted,
        }
    }

    pub(super) fn result(&self, step: &Step) -> Result<TransactionResult, String> {
        if step.says("commit") {
            Ok(TransactionResult::Commit)
        } else if step.says("abort") {
            Ok(TransactionResult::Abort)
        } else {
            Err("commit or abort?".to_string())
        }
    }

    /// The name on the cluster of `group=`.
    pub(super) fn group_id(&self, step: &Step) -> Result<Name, String> {
        Ok(self.name(self.arg(step, "group").ok_or("group= is missing")?))
    }

    pub(super) fn group(&self, step: &Step) -> Result<GroupMetadata, String> {
        let group_id = self.group_id(step)?;
        let mut group = match self.arg(step, "member") {
            None => GroupMetadata::only_group(group_id),
            Some(name) => match self.members.get(name) {
                Some(known) => GroupMetadata { group_id, ..known.clone() },
                None => GroupMetadata { member_id: name.into(), ..GroupMetadata::only_group(group_id) },
            },
        };
        if let Some(generation) = self.arg(step, "generation") {
            let bad = |_| format!("generation={generation}");
            group.generation = match generation.starts_with('+') || group.generation >= 0 && generation.starts_with('-')
            {
                true => group.generation + generation.parse::<i32>().map_err(bad)?,
                false => generation.parse().map_err(bad)?,
            };
        }
        if let Some(instance) = self.arg(step, "instance") {
            group.group_instance_id = Some(instance.into());
        }
        Ok(group)
    }

    pub(super) fn offsets(&self, step: &Step) -> Result<Vec<OffsetToCommit>, String> {
        let text = self.arg(step, "offsets").ok_or("offsets= is missing")?;
        let metadata: Name = "m".repeat(self.number(step, "metadata", 0)?).into();
        let entry = |entry: &str| {
            let (tp, offset) = entry.split_once(':').ok_or_else(|| format!("'{entry}' is not partition:offset"))?;
            let offset = offset.parse().map_err(|_| format!("'{entry}' is not partition:offset"))?;
            let tp = self.partition(tp)?;
            Ok(OffsetToCommit { tp, offset, leader_epoch: NO_LEADER_EPOCH, metadata: metadata.clone() })
        };
        text.split(',').map(entry).collect()
    }
}
