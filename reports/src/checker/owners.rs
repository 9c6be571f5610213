//! Who owns which partition in a group: two at once, or nobody.

use indexmap::IndexMap;

use super::evidence::Evidence;
use super::findings::Findings;
use super::lives::Lives;
use crate::fast::Fast;
use crate::history::event::{Assignment, Told};
use crate::report::{Kind, Proof};
use crate::words::seconds;

/// Told to a member whose place another process took under the same `group.instance.id`.
const REPLACED: &str = "FENCED_INSTANCE_ID";

#[derive(Clone, Copy, Debug)]
struct Owner {
    client: u32,
    incarnation: u32,
    generation: Option<i32>,
    since: u64,
}

/// One partition in one group.
#[derive(Clone, Debug, Default)]
struct Ownership {
    owners: Vec<Owner>,
    /// Who lost it last, and when.
    lost: Option<(u32, u64)>,
    /// The latest generation in which two members were seen to own it.
    reported: Option<i32>,
}

/// Two members that own one partition.
#[derive(Clone, Copy, Debug)]
struct Twice {
    group: u32,
    log: u32,
    one: Owner,
    two: Owner,
}

/// Every group's partitions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owners {
    /// By group and log.
    partitions: IndexMap<(u32, u32), Ownership, Fast>,
    /// Groups of which the history says who owns what.
    told: Vec<bool>,
    twice: Vec<Twice>,
    /// Incarnations whose place in the group another process took, by name and not by mistake.
    replaced: Vec<(u32, u32)>,
}

impl Owners {
    pub(crate) fn assigned(&mut self, ev: &Evidence, e: &Assignment) {
        let Some(group) = ev.client(e.c).group else { return };
        let log = ev.log(e.at);
        if self.told.len() <= group as usize {
            self.told.resize(group as usize + 1, false);
        }
        self.told[group as usize] = true;
        let new = Owner { client: e.c, incarnation: e.i, generation: e.generation, since: e.t };
        let partition = self.partitions.entry((group, log)).or_default();
        partition.owners.retain(|owner| owner.client != e.c);
        let other = partition.owners.iter().find(|owner| owner.generation == e.generation);
        if let (Some(one), Some(generation)) = (other, e.generation)
            && partition.reported != Some(generation)
        {
            partition.reported = Some(generation);
            self.twice.push(Twice { group, log, one: *one, two: new });
        }
        // An earlier generation's owner that never gave it up is a member no more. News of an earlier generation may be late.
        partition.owners.retain(|owner| owner.generation >= e.generation);
        partition.owners.push(new);
    }

    pub(crate) fn revoked(&mut self, ev: &Evidence, e: &Assignment) {
        let Some(group) = ev.client(e.c).group else { return };
        if let Some(partition) = self.partitions.get_mut(&(group, ev.log(e.at))) {
            partition.remove(e.t, |owner| owner.client == e.c && owner.incarnation <= e.i);
        }
    }

    /// An incarnation of a client runs no more: what the ones before `next` had is nobody's. One that begins while the one
    /// before it was not stopped takes nothing: it is another producer in the same process, whose consumer goes on.
    pub(crate) fn left(&mut self, ev: &Evidence, client: u32, next: u32) {
        let Some(group) = ev.client(client).group else { return };
        let mine = self.partitions.iter_mut().filter(|((of, _), _)| *of == group);
        for (_, partition) in mine {
            partition.remove(ev.now, |owner| owner.client == client && owner.incarnation < next);
        }
    }

    pub(crate) fn error(&mut self, e: &Told<'_>) {
        if e.error == REPLACED && !self.replaced.contains(&(e.c, e.i)) {
            self.replaced.push((e.c, e.i));
        }
    }

    /// Whether the history says of a group who owns what.
    fn tells(&self, group: u32) -> bool {
        self.told.get(group as usize).copied().unwrap_or(false)
    }

    /// Why nobody reads a partition for a group, if that is so: who lost it and when, or `None` where nobody ever had it.
    pub(crate) fn unowned(&self, group: u32, log: u32, lives: &Lives) -> Option<Option<(u32, u64)>> {
        if !self.tells(group) {
            return None;
        }
        match self.partitions.get(&(group, log)) {
            None => Some(None),
            // Where nobody says who still runs, the last owner may have been killed.
            Some(partition) => (partition.owners.is_empty() && lives.told()).then_some(partition.lost),
        }
    }

    /// `behind`: groups and logs with inputs that are unprocessed. Where there are none, a partition without an owner may be
    /// just on its way from one member to another.
    pub(crate) fn close(&self, ev: &Evidence, findings: &mut Findings, lives: &Lives, behind: &[(u32, u32)]) {
        for twice in &self.twice {
            let replaced = |owner: Owner| self.replaced.contains(&(owner.client, owner.incarnation));
            if !replaced(twice.one) && !replaced(twice.two) {
                two_owners(ev, findings, twice);
            }
        }
        for group in 0..ev.groups.len() as u32 {
            self.close_group(ev, findings, lives, group, behind);
        }
    }

    fn close_group(&self, ev: &Evidence, findings: &mut Findings, lives: &Lives, group: u32, behind: &[(u32, u32)]) {
        let members: Vec<u32> = members(ev, group).collect();
        let mut topics: Vec<u32> = members.iter().flat_map(|c| ev.client(*c).inputs.iter().copied()).collect();
        topics.sort_unstable();
        topics.dedup();
        for topic in topics.into_iter().filter(|topic| !ev.topics[*topic as usize].internal) {
            let info = &ev.topics[topic as usize];
            for log in info.first_log..info.first_log + info.partitions {
                let records = ev.logs[log as usize].visible.count(0, i64::MAX);
                if ev.logs[log as usize].end.is_none() || records == 0 {
                    continue;
                }
                let running: Vec<u32> = members
                    .iter()
                    .copied()
                    .filter(|c| lives.runs(*c) && ev.client(*c).inputs.contains(&topic))
                    .collect();
                match self.unowned(group, log, lives) {
                    Some(None) => nobody(ev, findings, group, log, records, None, &running),
                    Some(lost) if !running.is_empty() && behind.binary_search(&(group, log)).is_ok() => {
                        nobody(ev, findings, group, log, records, lost, &running)
                    }
                    _ => {}
                }
            }
        }
    }
}

impl Ownership {
    fn remove(&mut self, t: u64, gone: impl Fn(&Owner) -> bool) {
        let who = self.owners.iter().find(|owner| gone(owner)).map(|owner| owner.client);
        if let Some(who) = who {
            self.lost = Some((who, t));
            self.owners.retain(|owner| !gone(owner));
        }
    }
}

/// Members of a group.
pub(crate) fn members(ev: &Evidence, group: u32) -> impl Iterator<Item = u32> {
    let clients = ev.clients.iter().enumerate();
    clients.filter(move |(_, c)| c.as_ref().is_some_and(|c| c.group == Some(group))).map(|(n, _)| n as u32)
}

fn two_owners(ev: &Evidence, findings: &mut Findings, twice: &Twice) {
    let Twice { group, log, one, two } = *twice;
    findings.add(&ev.promises, Kind::TwoOwners, Some(ev.logs[log as usize].at.topic), 1, || {
        let name = |owner: Owner| ev.incarnation_name(owner.client, owner.incarnation);
        let sentence = format!(
            "{} was given {} at {} in generation {} of group {}, in which {} had been given it at {} and had not lost it",
            name(two),
            ev.partition_name(log),
            seconds(two.since),
            two.generation.unwrap_or(-1),
            ev.groups[group as usize].name,
            name(one),
            seconds(one.since)
        );
        let id = |owner: Owner| (ev.client(owner.client).name.clone(), owner.incarnation);
        Proof { clients: vec![id(two), id(one)], times: vec![two.since, one.since], ..ev.proof_at(log, &[], sentence) }
    });
}

fn nobody(
    ev: &Evidence,
    findings: &mut Findings,
    group: u32,
    log: u32,
    records: u64,
    lost: Option<(u32, u64)>,
    running: &[u32],
) {
    findings.add(&ev.promises, Kind::Unowned, Some(ev.logs[log as usize].at.topic), 1, || {
        let names: Vec<&str> = running.iter().map(|c| ev.client(*c).name.as_str()).collect();
        let still = match names.len() {
            0 => String::new(),
            1 => format!(", and {} still runs", names[0]),
            _ => format!(", and {} still run", names.join(", ")),
        };
        let (partition, group) = (ev.partition_name(log), &ev.groups[group as usize].name);
        let of = crate::words::counted(records, "record");
        let sentence = match lost {
            None => format!("{partition} with {of} was never given to any member of group {group}{still}"),
            Some((client, t)) => format!(
                "{partition} with {of} belongs to no member of group {group} in the end: {} lost it at {}{still}",
                ev.client(client).name,
                seconds(t)
            ),
        };
        let clients = lost.iter().map(|(c, _)| *c).chain(running.iter().copied());
        let mut named: Vec<(String, u32)> = Vec::new();
        for client in clients {
            let id = (ev.client(client).name.clone(), 0);
            if !named.contains(&id) {
                named.push(id);
            }
        }
        Proof { clients: named, times: lost.map(|(_, t)| t).into_iter().collect(), ..ev.proof_at(log, &[], sentence) }
    });
}
