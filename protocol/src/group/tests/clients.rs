//! Property: whatever members do, nobody waits for ever, and no two generations overlap.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    Join(usize),
    ChangedJoin(usize),
    Sync(usize),
    Heartbeat(usize),
    Leave(usize),
    Commit(usize),
    Pass {
        ms: u64,
    },
    /// Whether the high watermark follows from now on.
    Replicated(bool),
    /// The next append is refused.
    Fail,
    FailOver,
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..4usize;
    prop_oneof![
        8 => who.clone().prop_map(Step::Join),
        2 => who.clone().prop_map(Step::ChangedJoin),
        8 => who.clone().prop_map(Step::Sync),
        4 => who.clone().prop_map(Step::Heartbeat),
        1 => who.clone().prop_map(Step::Leave),
        2 => who.prop_map(Step::Commit),
        6 => (0..8_000u64).prop_map(|ms| Step::Pass { ms }),
        1 => (60_000..400_000u64).prop_map(|ms| Step::Pass { ms }),
        2 => any::<bool>().prop_map(Step::Replicated),
        1 => Just(Step::Fail),
        1 => Just(Step::FailOver),
    ]
}

/// A client as far as the coordinator can tell; the last of the four is a static member.
#[derive(Default)]
struct Client {
    id: Option<Name>,
    generation: i32,
    waits: Option<ConnId>,
    /// Members of the generation, if this one leads it.
    led: Vec<Name>,
}

impl Client {
    fn identity(&self, n: usize) -> GroupMetadata {
        let member_id = self.id.clone().unwrap_or_else(|| "".into());
        GroupMetadata { member_id, group_instance_id: instance(n), ..identity("", self.generation) }
    }

    /// Takes the answer, and remembers who was given what in which generation.
    fn hear(&mut self, rig: &mut Rig, protocols: &mut BTreeMap<(CoordinatorEpoch, i32), Vec<Name>>) {
        let Some(response) = self.waits.and_then(|conn| rig.answer(conn)) else { return };
        self.waits = None;
        match response {
            Response::JoinGroup(r) if r.error.is_none() => {
                self.id = Some(r.member_id);
                self.generation = r.generation;
                self.led = r.members.into_iter().map(|(id, _)| id).collect();
                if !self.led.is_empty() {
                    let before = protocols.insert((rig.epoch, r.generation), self.led.clone());
                    assert!(before.is_none_or(|b| b == self.led), "a generation has one set of members");
                }
            }
            Response::JoinGroup(r) if r.error == Some(ErrorCode::MemberIdRequired) => self.id = Some(r.member_id),
            Response::JoinGroup(r) if r.error == Some(ErrorCode::UnknownMemberId) => self.id = None,
            _ => {}
        }
    }
}

fn instance(n: usize) -> Option<Name> {
    (n == 3).then(|| "i".into())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn every_request_is_answered_in_the_end(steps in prop::collection::vec(step(), 1..120)) {
        // Without expiry: generations of a group that expired begin again, as in Kafka.
        let mut rig = Rig::with(|config| config.offsets_retention_check_ms = i64::MAX);
        let mut clients: [Client; 4] = Default::default();
        let mut generations = BTreeMap::new();
        let mut ms = 0;
        for step in steps {
            match step {
                Step::Join(n) | Step::ChangedJoin(n) => {
                    let member = clients[n].identity(n);
                    let mut request = join_request(&member.member_id, None);
                    request.group_instance_id = member.group_instance_id;
                    if matches!(step, Step::ChangedJoin(_)) {
                        request.protocols[0].1.generation = clients[n].generation;
                    }
                    clients[n].waits = Some(rig.send(request));
                }
                Step::Sync(n) => {
                    let assignments = clients[n].led.iter().map(|id| (Name::clone(id), vec![P0])).collect();
                    let request = SyncGroupRequest { group: clients[n].identity(n), assignments };
                    clients[n].waits = Some(rig.send(request));
                }
                Step::Heartbeat(n) => {
                    let conn = rig.send(HeartbeatRequest { group: clients[n].identity(n) });
                    prop_assert!(rig.answer(conn).is_some());
                }
                Step::Leave(n) => {
                    let group = clients[n].identity(n);
                    let conn = rig.send(LeaveGroupRequest {
                        group_id: group.group_id,
                        member_id: group.member_id,
                        group_instance_id: group.group_instance_id,
                    });
                    clients[n] = Client { waits: Some(conn), ..Client::default() };
                }
                Step::Commit(n) => {
                    let conn = rig.plain(clients[n].identity(n), P0, 1);
                    clients[n].waits = Some(conn);
                }
                Step::Pass { ms: more } => {
                    ms += more;
                    rig.at(ms);
                }
                Step::Replicated(replicated) => {
                    rig.replicated = replicated;
                    if replicated {
                        rig.replicate();
                    }
                }
                Step::Fail => rig.fail = Some(ErrorCode::NotEnoughReplicas),
                Step::FailOver => {
                    rig.fail_over();
                    for client in &mut clients {
                        client.waits = None;
                    }
                }
            }
            for client in &mut clients {
                client.hear(&mut rig, &mut generations);
            }
        }
        // Everybody falls silent: the coordinator alone must come to rest, with an empty group.
        rig.fail = None;
        rig.replicated = true;
        rig.replicate();
        rig.at(ms + 800_000);
        for client in &mut clients {
            client.hear(&mut rig, &mut generations);
            prop_assert_eq!(client.waits, None);
        }
        let conn = rig.plain(nobody(), P1, 1);
        prop_assert_eq!(rig.commit_error(conn), None);
    }
}
