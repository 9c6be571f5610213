//! How the town begins: its topics, groups and clients.

use std::collections::BTreeMap;

use fencepost_reports::history::event::*;

use super::{AUDIT, BANK, BOOKS, CLIENTS, INVOICES, JOB, METER, ORDERS, Producer, READER, TILL, Town};

impl Town {
    pub(super) fn new(exactly_once: bool) -> Town {
        let logs = [ORDERS[0], ORDERS[1], INVOICES, AUDIT].map(|at| (at, Vec::new()));
        let mut clients = [Producer { pid: -1, epoch: -1, ..Producer::default() }; 7];
        for c in [METER, BANK, JOB[0], JOB[1]] {
            clients[c as usize] = Producer { pid: 10 * i64::from(c), ..Producer::default() };
        }
        let mut town = Town {
            now: 0,
            events: Vec::new(),
            leader_epochs: logs.iter().map(|(at, _)| (*at, 0)).collect(),
            logs: logs.into_iter().collect(),
            sequences: BTreeMap::new(),
            clients,
            exactly_once,
            skips: false,
            workload: [0; 3],
            again: Vec::new(),
            generation: 1,
            owners: [0, 1],
            committed: [-1; 2],
            positions: [0; 2],
            reader: BTreeMap::new(),
            rows: Vec::new(),
            applies: 0,
            kept: 0,
        };
        town.declare();
        for c in 0..7 {
            town.start(c);
        }
        for (n, at) in ORDERS.into_iter().enumerate() {
            town.own(n, at);
        }
        for at in [INVOICES, AUDIT] {
            town.tell(|t| Event::Assigned(Assignment { t, c: READER, i: 0, at, generation: None }));
            town.seek(at, 0, PositionReason::Reset);
        }
        let i = 0;
        town.tell(|t| Event::Assigned(Assignment { t, c: BOOKS, i, at: AUDIT, generation: Some(1) }));
        let reason = PositionReason::Reset;
        town.tell(|t| Event::Position(Position { t, c: BOOKS, i, at: AUDIT, position: 0, reason }));
        // The table, at least, is put to the test in every town.
        town.measure(true);
        town
    }

    pub(super) fn declare(&mut self) {
        for (id, (name, partitions)) in [("orders", 2), ("invoices", 1), ("audit", 1)].into_iter().enumerate() {
            // A town in which nothing was sent anywhere is not put to the test, and is no near miss for that.
            let (id, may_be_empty) = (id as u32, true);
            self.events.push(Event::Topic(Topic {
                id,
                name: name.into(),
                partitions,
                may_be_empty,
                ..Topic::default()
            }));
        }
        for (id, name) in [(0, "job"), (1, "books")] {
            self.events.push(Event::Group(Group { id, name: name.into() }));
        }
        let sink = ExternalSink { id: 0, name: "db.audit".into(), kind: SinkKind::Rows, announced_in: None };
        self.events.push(Event::Sink(sink));
        for (id, name) in (0..).zip(CLIENTS) {
            let mut client = Client { id, name: name.into(), transaction_version: 2, ..Client::default() };
            match id {
                TILL => client.outputs = vec![0],
                METER => (client.outputs, client.idempotent) = (vec![2], true),
                BANK => {
                    (client.outputs, client.idempotent) = (vec![0], true);
                    client.transactional_id = Some(name.into());
                }
                READER => (client.kind, client.inputs) = (ClientKind::Reader, vec![1, 2]),
                BOOKS => {
                    (client.kind, client.inputs, client.sinks) = (ClientKind::Reader, vec![2], vec![0]);
                    (client.group, client.guarantee) = (Some(1), Guarantee::AtLeastOnce);
                }
                _ => {
                    (client.kind, client.inputs, client.outputs) = (ClientKind::Pipeline, vec![0], vec![1]);
                    (client.group, client.stage, client.outputs_per_input) = (Some(0), 1, 1);
                    if self.exactly_once {
                        (client.transactional_id, client.idempotent) = (Some(name.into()), true);
                    } else {
                        client.guarantee = Guarantee::AtLeastOnce;
                    }
                }
            }
            self.events.push(Event::Client(Box::new(client)));
        }
    }

    pub(super) fn has_epoch(&self, c: u32) -> bool {
        [METER, BANK].contains(&c) || (JOB.contains(&c) && self.exactly_once)
    }

    pub(super) fn start(&mut self, c: u32) {
        let Producer { incarnation: i, pid, epoch, .. } = self.clients[c as usize];
        self.tell(|t| Event::Started(Started { t, c, i }));
        if self.has_epoch(c) {
            self.tell(|t| Event::Epoch(Epoch { t, c, i, pid, epoch }));
        }
    }
}
