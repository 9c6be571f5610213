//! The end of a run: what records are made of, the judgement, and what is said of it.

use std::collections::BTreeSet;
use std::panic::Location;
use std::sync::Arc;

use fencepost_protocol::ids::{TopicId, TopicPartition};
use fencepost_reports::history::Sink as _;
use fencepost_reports::history::event as h;
use fencepost_reports::history::jsonl::{Header, Writer};
use fencepost_reports::report::{Report, Verdict};
use fencepost_sim::capsule::{Capsule, PROGRAM};
use fencepost_sim::embed::{Embedded, Recording, make_places, record_of};
use fencepost_sim::run::{Course, Run};
use fencepost_sim::scenario::deviation;
use fencepost_sim::schedule::Schedule;

use super::{Cluster, LAST_RUN, Ran, SLOTS, WANTED};
use crate::message::OwnedMessage;
use crate::simulated::{Attributed, Panicked, Shared, Undrained, attribute, own_accord};

/// So many panics are told one by one.
const PANICS: usize = 3;

impl Cluster {
    pub(super) fn conclude(&mut self) -> Finished {
        self.judged = true;
        let shared = self.shared.clone();
        shared.close_books();
        let undrained = shared.undrained();
        let attributed = attribute(&shared.ledger.borrow(), &shared.relations.borrow(), &shared.skips.borrow());
        Shared::end();
        let nobody = Embedded::new(&self.scenario.plan, Course::Seed(self.seed), Recording::Nothing, 0);
        let world = shared.world.replace(nobody);
        let names = world.names().clone();
        let topics = world.plan().topics.iter().filter_map(|t| Some((world.topic(&t.name)?.0, &t.name)));
        let own_accord = topics.map(|(id, name)| {
            let workload = format!("of workload {}", own_accord(id));
            (workload, format!("of those that programs sent to {name} of their own accord"))
        });
        let own_accord = own_accord.collect();
        let filters = attributed.routes.iter().map(|route| world.topic_name(route.output).to_string()).collect();
        let notes = notes(&attributed, &world);
        let writer = || Writer::new(Vec::new(), &Header::new(PROGRAM));
        let mut history = self.keeps_history.get().then(writer);
        let (Run { outcome, mut report, .. }, story) =
            self.judge(&shared, world, &attributed, &undrained, &mut history);
        report.notes.extend(notes);
        // Deviations name the clients of programs by their places.
        let mut scenario = self.scenario.clone();
        make_places(Arc::make_mut(&mut scenario.plan), SLOTS);
        let recorded = WANTED.with_borrow(|wanted| wanted.deviations || wanted.story.is_some());
        let capsule = Capsule {
            remedy: Vec::new(),
            program: PROGRAM.to_string(),
            scenario,
            seed: self.seed,
            verdict: report.verdict.name().to_string(),
            kinds: report.violations.iter().map(|v| v.kind.name().to_string()).collect(),
            digest: Some(outcome.digest.to_string()),
            schedule: recorded.then(|| Schedule { deviations: outcome.recorded.clone() }),
        };
        let unused = outcome.unused.iter().map(|d| deviation::words(d, &names)).collect();
        let written =
            WANTED.with_borrow(|w| w.replay.as_ref()?.schedule.as_ref().map(|s| s.deviations.len())).unwrap_or(0);
        let ran = Ran {
            digest: outcome.digest.to_string(),
            verdict: capsule.verdict.clone(),
            kinds: capsule.kinds.clone(),
            capsule: capsule.to_json(),
            programs: self.programs.borrow().clone(),
            processes: shared.ledger.borrow().runs.len(),
            handed_over: shared.programs.borrow().all_handed_over(),
            identities: attributed.identities,
            story: story.map(|mut story| {
                story.title.clone_from(&self.scenario.plan.title);
                story.label = self.scenario.label();
                story.seed = self.seed;
                story.program = PROGRAM.to_string();
                story
            }),
            unused: (unused, written),
        };
        LAST_RUN.with(|last| *last.borrow_mut() = Some(ran));
        Finished {
            seed: self.seed,
            digest: outcome.digest.to_string(),
            deliveries: outcome.deliveries,
            report,
            filters,
            own_accord,
            history: history.map(|h| h.finish().expect("memory takes what is written")),
            panics: shared.programs.take().panics,
        }
    }

    /// A program that makes records out of others is judged as a pipeline: the routes were seen.
    fn judge(
        &self,
        shared: &Shared,
        mut world: Embedded,
        attributed: &Attributed,
        undrained: &[Undrained],
        history: &mut Option<Writer<Vec<u8>>>,
    ) -> (Run, Option<fencepost_reports::story::Story>) {
        let t = world.time().0;
        let by_word = self.skipped.borrow();
        let (skipped, chosen) = skipped(shared, attributed);
        for (index, route) in attributed.routes.iter().enumerate() {
            let group = world.group(&route.group);
            let topic = world.topic_name(route.output);
            let c = world.declare(h::Client {
                name: format!("group {}", route.group).into(),
                kind: h::ClientKind::Pipeline,
                group: Some(group),
                inputs: route.inputs.iter().map(|t| t.0).collect(),
                outputs: vec![route.output.0],
                stage: index as u16 + 1,
                outputs_per_input: route.most,
                may_skip: by_word.iter().any(|name| name == topic) || chosen.contains(&(&*route.group, route.output)),
                guarantee: h::Guarantee::ExactlyOnce,
                ..h::Client::default()
            });
            world.write_finding(&h::Event::Started(h::Started { t, c, i: 0 }));
            let of_route = |u: &&Undrained| u.group == route.group && route.inputs.contains(&u.tp.topic);
            for Undrained { group, tp, position, end } in undrained.iter().filter(of_route) {
                let culprit = format!("group {group} has processed it up to {position}").into();
                let at = h::Partition::new(tp.topic.0, tp.partition);
                let undrained = h::Undrained { t, c, at, position: *position, end: *end, culprit };
                world.write_finding(&h::Event::Undrained(undrained));
            }
        }
        let provisional = shared.provisional.borrow();
        let read_by = shared.read_by.borrow();
        world.finish(|event| {
            if let Some(id) = record_of(event)
                && let Some(number) = provisional.number_of(*id)
            {
                *id = attributed.identities[number];
            }
            let more = match event {
                h::Event::Client(client) => {
                    if let Some(topics) = read_by.get(&client.id) {
                        client.inputs = topics.iter().map(|topic| topic.0).collect();
                    }
                    None
                }
                h::Event::Read(read) if skipped.contains(&(read.c, read.at, read.offset)) => {
                    let (t, c, i, at, offset) = (read.t, read.c, read.i, read.at, read.offset);
                    Some(h::Event::Skipped(h::Skipped { t, c, i, at, offset }))
                }
                _ => None,
            };
            history.event(event);
            more.iter().for_each(|event| history.event(event));
            more
        })
    }
}

/// A client, and a record's place.
type Reading = (u32, h::Partition, i64);

/// Messages of which the test says that their reader makes nothing of them; and group and topic of routes that lack, by the
/// test's word, records of messages that have them in another topic: of those a history cannot say which.
fn skipped<'s>(shared: &'s Shared, attributed: &'s Attributed) -> (BTreeSet<Reading>, BTreeSet<(&'s str, TopicId)>) {
    let skips = shared.skips.borrow();
    let (mut found, mut chosen) = (BTreeSet::new(), BTreeSet::new());
    if skips.is_empty() {
        return (found, chosen);
    }
    for given in &shared.ledger.borrow().given {
        let Some(group) = &given.group else { continue };
        let message = OwnedMessage::of(given.content.clone());
        let is_skipped = |topic: &TopicId| skips.get(topic).is_some_and(|which| which(&message));
        let routes = || attributed.routes.iter().filter(|r| r.group == *group && r.inputs.contains(&given.tp.topic));
        let lacking: Vec<_> = routes().filter(|route| is_skipped(&route.output)).collect();
        let nothing = match routes().count() {
            0 => skips.keys().any(is_skipped),
            all => lacking.len() == all,
        };
        if nothing {
            let TopicPartition { topic, partition } = given.tp;
            found.insert((given.client, h::Partition::new(topic.0, partition), given.offset));
        } else {
            chosen.extend(lacking.iter().map(|route| (&*route.group, route.output)));
        }
    }
    (found, chosen)
}

/// What is not judged, and what helps.
fn notes(attributed: &Attributed, world: &Embedded) -> Vec<String> {
    let note = |unknown: &crate::simulated::Unattributed| {
        let topic = world.topic_name(unknown.output);
        format!(
            "the {} records that members of {} sent to {topic} could not be attributed to what they had read (neither by content, \
             nor by what the task had looked at, nor by key or order): duplicates, lost processing, offsets without outputs, \
             outputs without offsets and outputs of aborted inputs are not judged there; say by Cluster::made_of(\"{topic}\", ...) \
             which is made of which",
            unknown.records,
            unknown.groups.iter().map(|group| format!("group {group}")).collect::<Vec<_>>().join(" and "),
        )
    };
    attributed.unattributed.iter().map(note).collect()
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished {
    seed: u64,
    digest: String,
    deliveries: u64,
    report: Report,
    /// Topics of records that are made of messages.
    filters: Vec<String>,
    /// How the report calls what programs sent of their own accord, and how people do.
    own_accord: Vec<(String, String)>,
    history: Option<Vec<u8>>,
    /// Panics of programs.
    panics: Vec<Panicked>,
}

impl Finished {
    /// The judgement.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Records of a topic that a reader of committed data sees at the end.
    pub fn visible(&self, topic: &str) -> u64 {
        self.report.topic(topic).map_or(0, |t| t.visible)
    }

    /// Digest of what happened in the world.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// Messages handed over and timers fired in the world.
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// The history, if the test asked for it by [`Cluster::keep_history`]: `fencepost check` judges it.
    pub fn history(&self) -> Option<&str> {
        self.history.as_deref().map(|bytes| std::str::from_utf8(bytes).expect("a history is UTF-8"))
    }

    /// The seed.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Panics of programs are findings, whatever else the test asks for.
    pub(super) fn assert_no_panic(&self, caller: &Location<'_>) {
        let Some(_) = self.panics.first() else { return };
        let one = |p: &Panicked| {
            let seconds = p.at.0 / 1_000_000;
            format!("{} panicked at {} ({}.{:03} s): {}", p.program, p.place, seconds / 1_000, seconds % 1_000, p.text)
        };
        let mut told: Vec<String> = self.panics.iter().take(PANICS).map(one).collect();
        if self.panics.len() > PANICS {
            told.push(format!("... {} panics in all", self.panics.len()));
        }
        let told = told.join("\n");
        let (seed, text) = (self.seed, self.text());
        panic!("seed {seed}: {told}\n\n{text}\n(the test waited for the end at {caller})");
    }

    fn text(&self) -> String {
        let mut text = self.report.render_text();
        for (workload, words) in &self.own_accord {
            text = text.replace(workload, words);
        }
        text
    }

    /// Each input has its outputs in the topic once, nothing is lost, nothing aborted is visible, and everything has come
    /// to its end; where the scenario promises less, that.
    ///
    /// # Panics
    /// If not, with the proof.
    #[track_caller]
    pub fn assert_exactly_once(&self, topic: &str) {
        assert!(
            self.report.topic(topic).is_some(),
            "seed {}: nobody has written to {topic} (topics written: {})",
            self.seed,
            self.report.topics.iter().map(|t| t.name.as_str()).collect::<Vec<_>>().join(", ")
        );
        let hint = if self.filters.iter().any(|name| name == topic) {
            format!(
                "\n(Each message is taken to have records in {topic}. If the program filters, or chooses among topics, say so by \
                 Cluster::may_skip() or skips(); which record is made of which message is said by made_of().)"
            )
        } else {
            String::new()
        };
        assert!(self.report.verdict == Verdict::Clean, "seed {}: {}{hint}", self.seed, self.text());
    }
}
