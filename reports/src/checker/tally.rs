//! The account of a run: who sent and was told what, which faults happened, and why transactions, producers and offsets met
//! with what they met. Counters only; memory grows with the number of distinct things, not with the history.

use std::collections::BTreeMap;

use super::consumers::Consumer;
use super::evidence::Evidence;
use super::findings::Findings;
use super::lives::{self, Lives};
use super::owed::Owed;
use super::paged::Bits;
use super::registry::NONE;
use crate::account::{About, Account, ClientAccount, ErrorAccount, FaultAccount, ReasonAccount, Records};
use crate::history::event::*;
use crate::report::TopicAccount;
use crate::words::thousands;

/// What one client did.
#[derive(Clone, Debug, Default)]
struct Counts {
    sent: u64,
    acknowledged: u64,
    failed: u64,
    read: u64,
    /// Call, error, how often, when first.
    errors: Vec<(String, String, u64, u64)>,
    /// Group whose offsets are part of the transaction that is under way.
    moves: Option<u32>,
    /// Of its workload, where the history says how long that is.
    workload: Option<Workload>,
}

/// How much of a client's workload was begun.
#[derive(Clone, Debug)]
struct Workload {
    records: u64,
    begun: u64,
    seen: Bits,
}

/// What a client never began of its workload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    client: u32,
    left: u64,
    records: u64,
}

/// To whom something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whom {
    Client(u32),
    Group(u32),
}

/// Why something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Why {
    Request,
    Timeout,
    Init,
    /// A plain commit of that client.
    Commit(u32),
    /// A transaction of that client.
    Transaction(u32),
    /// A marker of a producer id that nobody is known to have.
    Marker,
    Tombstone,
    Expired,
    Unknown,
}

/// How often, and when first.
#[derive(Clone, Copy, Debug)]
struct Times {
    count: u64,
    first: u64,
}

type Reasons = BTreeMap<(About, Whom, Why), Times>;

/// An incarnation that was told that it is fenced.
#[derive(Clone, Debug)]
struct Fencing {
    client: u32,
    incarnation: u32,
    error: String,
    t: u64,
}

/// Counts while the history streams by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    clients: Vec<Counts>,
    faults: Vec<Option<FaultAccount>>,
    /// As the system's own logs have it.
    seen: Reasons,
    /// As clients know it: for histories without those logs.
    asked: Reasons,
    fenced: Vec<Fencing>,
    /// By transactional id: the incarnations that had it, one after the other.
    heirs: Vec<Vec<(u32, u32)>>,
}

fn count(reasons: &mut Reasons, about: About, whom: Whom, why: Why, t: u64) {
    reasons.entry((about, whom, why)).or_insert(Times { count: 0, first: t }).count += 1;
}

impl Tally {
    #[inline]
    fn client(&mut self, client: u32) -> &mut Counts {
        if self.clients.len() <= client as usize {
            self.grow(client);
        }
        &mut self.clients[client as usize]
    }

    #[cold]
    fn grow(&mut self, client: u32) {
        self.clients.resize_with(client as usize + 1, Counts::default);
    }

    pub(crate) fn declare(&mut self, e: &Client<'_>) {
        let workload = e.records.map(|records| Workload { records, begun: 0, seen: Bits::default() });
        self.client(e.id).workload = workload;
    }

    #[inline]
    pub(crate) fn sent(&mut self, client: u32, id: &Identity) {
        self.client(client).sent += 1;
        self.begun(client, id);
    }

    /// A client began to do what it does with a record: it sent it, or asked a sink for it.
    #[inline]
    pub(crate) fn begun(&mut self, client: u32, id: &Identity) {
        if let Some(workload) = &mut self.client(client).workload
            && id.source & Identity::WORKLOAD != 0
            && workload.seen.set(id.offset)
        {
            workload.begun += 1;
        }
    }

    /// What clients have left of their workloads.
    pub(crate) fn left(&self) -> Vec<Left> {
        let of = self.clients.iter().enumerate().filter_map(|(n, counts)| Some((n, counts.workload.as_ref()?)));
        let left =
            of.map(|(n, w)| Left { client: n as u32, left: w.records.saturating_sub(w.begun), records: w.records });
        left.filter(|left| left.left > 0).collect()
    }

    #[inline]
    pub(crate) fn acknowledged(&mut self, client: u32) {
        self.client(client).acknowledged += 1;
    }

    #[inline]
    pub(crate) fn read(&mut self, client: u32) {
        self.client(client).read += 1;
    }

    /// A send failed, or its outcome is unknown.
    pub(crate) fn send_error(&mut self, e: &SendError<'_>, definite: bool) {
        self.client(e.c).failed += u64::from(definite);
        self.error(e.c, "send()", &e.error, e.t);
    }

    /// A client was told an error in answer to a call.
    pub(crate) fn error(&mut self, client: u32, call: &str, error: &str, t: u64) {
        if error.is_empty() {
            return;
        }
        let errors = &mut self.client(client).errors;
        match errors.iter_mut().find(|(of, name, ..)| of == call && name == error) {
            Some((.., count, _)) => *count += 1,
            None => errors.push((call.to_owned(), error.to_owned(), 1, t)),
        }
    }

    pub(crate) fn fault(&mut self, e: &Fault<'_>) {
        if self.faults.len() <= e.id as usize {
            self.faults.resize(e.id as usize + 1, None);
        }
        self.faults[e.id as usize] = Some(FaultAccount {
            words: e.words.to_string(),
            counts: e.counts.as_ref().map(ToString::to_string),
            nth: e.nth,
            optional: e.optional,
            drawn: e.drawn,
            ..FaultAccount::default()
        });
    }

    pub(crate) fn fired(&mut self, e: &Fired) {
        if let Some(Some(fault)) = self.faults.get_mut(e.fault as usize) {
            fault.fired += 1;
            fault.first.get_or_insert(e.t);
        }
    }

    pub(crate) fn fault_end(&mut self, e: &FaultEnd) {
        if let Some(Some(fault)) = self.faults.get_mut(e.fault as usize) {
            fault.seen = e.seen;
        }
    }

    pub(crate) fn begin(&mut self, e: &Begin) {
        self.client(e.c).moves = None;
    }

    pub(crate) fn txn_offsets(&mut self, e: &TxnOffsets) {
        self.client(e.c).moves = Some(e.group);
    }

    pub(crate) fn ended(&mut self, e: &Ended<'_>) {
        self.error(e.c, if e.commit { "commit" } else { "abort" }, &e.error, e.t);
        let moves = self.client(e.c).moves.take();
        if let (true, Outcome::Ok, Some(group)) = (e.commit, e.outcome, moves) {
            count(&mut self.asked, About::OffsetMove, Whom::Group(group), Why::Transaction(e.c), e.t);
        }
    }

    pub(crate) fn ending(&mut self, e: &Ending) {
        if !e.commit {
            count(&mut self.asked, About::Abort, Whom::Client(e.c), Why::Request, e.t);
        }
    }

    pub(crate) fn commit_result(&mut self, ev: &Evidence, e: &CommitResult<'_>) {
        self.error(e.c, "commit offsets", &e.error, e.t);
        if let (Outcome::Ok, Some(group)) = (e.outcome, ev.client(e.c).group) {
            count(&mut self.asked, About::OffsetMove, Whom::Group(group), Why::Commit(e.c), e.t);
        }
    }

    pub(crate) fn fenced(&mut self, e: &Fenced<'_>) {
        if !self.fenced.iter().any(|known| (known.client, known.incarnation) == (e.c, e.i)) {
            let error = e.error.to_string();
            self.fenced.push(Fencing { client: e.c, incarnation: e.i, error, t: e.t });
        }
    }

    /// A client has a producer id and epoch: to be called after its transactional id was given to it.
    pub(crate) fn epoch(&mut self, ev: &Evidence, e: &Epoch) {
        let Some(scope) = ev.client(e.c).scope else { return };
        let latest = ev.scopes[scope as usize].latest;
        if latest == NONE {
            return;
        }
        let session = &ev.sessions[latest as usize];
        let heir = (session.client, session.incarnation);
        if self.heirs.len() <= scope as usize {
            self.heirs.resize(scope as usize + 1, Vec::new());
        }
        if self.heirs[scope as usize].last() != Some(&heir) {
            self.heirs[scope as usize].push(heir);
        }
    }

    pub(crate) fn decided(&mut self, e: &Decided) {
        if e.commit {
            return;
        }
        let why = match e.cause {
            DecisionCause::Request => Why::Request,
            DecisionCause::Timeout => Why::Timeout,
            DecisionCause::Init => Why::Init,
        };
        count(&mut self.seen, About::Abort, Whom::Client(e.c), why, e.t);
    }

    pub(crate) fn moved(&mut self, ev: &Evidence, e: &OffsetMoved) {
        let (about, why) = match e.cause {
            MoveCause::Commit { c, .. } => (About::OffsetMove, Why::Commit(c)),
            MoveCause::Marker { pid, .. } => match ev.pids.get(&pid) {
                Some(session) => (About::OffsetMove, Why::Transaction(ev.sessions[*session as usize].client)),
                None => (About::OffsetMove, Why::Marker),
            },
            MoveCause::Unknown => (About::OffsetMove, Why::Unknown),
            MoveCause::Tombstone => (About::OffsetGone, Why::Tombstone),
            MoveCause::Expired => (About::OffsetGone, Why::Expired),
            // It is what it was.
            MoveCause::Reload => return,
        };
        count(&mut self.seen, about, Whom::Group(e.group), why, e.t);
    }

    /// The account, given what was judged.
    pub(crate) fn close(self, ev: &Evidence, lives: &Lives, topics: &[TopicAccount], inputs: Vec<Owed>) -> Account {
        let reasons = self.reasons(ev);
        let Tally { mut clients, faults, .. } = self;
        clients.resize_with(ev.clients.len().max(clients.len()), Counts::default);
        let incarnations = lives::incarnations(ev, lives);
        let mut account = Account { reasons, faults: faults.into_iter().flatten().collect(), ..Account::default() };
        for (number, (info, counts)) in ev.clients.iter().zip(&mut clients).enumerate() {
            let Some(info) = info else { continue };
            account.clients.push(ClientAccount {
                name: info.name.clone(),
                kind: info.kind,
                incarnations: incarnations[number],
                stopped: lives.gone(number as u32).map(|stop| (stop.t, stop.reason)),
                sent: counts.sent,
                acknowledged: counts.acknowledged,
                failed: counts.failed,
                unknown: counts.sent.saturating_sub(counts.acknowledged + counts.failed),
                read: counts.read,
            });
            for (call, error, count, first) in core::mem::take(&mut counts.errors) {
                account.errors.push(ErrorAccount { error, call, client: info.name.clone(), count, first });
            }
        }
        account.errors.sort_by(|a, b| (&a.error, &a.call, &a.client).cmp(&(&b.error, &b.call, &b.client)));
        account.records = records(&account.clients, topics, &inputs);
        account.inputs = inputs.into_iter().map(|owed| owed.account).collect();
        account
    }

    fn reasons(&self, ev: &Evidence) -> Vec<ReasonAccount> {
        // What the system's own logs tell is told once; what clients asked for says the same with less.
        let told = |about: About| self.seen.keys().any(|(of, ..)| *of == about);
        let asked = self.asked.iter().filter(|((about, ..), _)| !told(*about));
        let mut all: Vec<(About, Whom, String, Times)> = self
            .seen
            .iter()
            .chain(asked)
            .map(|((about, whom, why), times)| (*about, *whom, words(ev, *about, *why), *times))
            .collect();
        for fencing in &self.fenced {
            let whom = Whom::Client(fencing.client);
            let why = format!("{}, told {}", self.who_fenced(ev, fencing), fencing.error);
            match all.iter_mut().find(|(about, of, words, _)| (*about, *of) == (About::Fencing, whom) && *words == why)
            {
                Some((.., times)) => times.count += 1,
                None => all.push((About::Fencing, whom, why, Times { count: 1, first: fencing.t })),
            }
        }
        all.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
        let name = |whom: Whom| match whom {
            Whom::Client(client) => ev.client(client).name.clone(),
            Whom::Group(group) => ev.groups[group as usize].name.clone(),
        };
        let reason = |(about, whom, why, times): (About, Whom, String, Times)| ReasonAccount {
            about,
            whom: name(whom),
            why,
            count: times.count,
            first: times.first,
        };
        all.into_iter().map(reason).collect()
    }

    fn who_fenced(&self, ev: &Evidence, fencing: &Fencing) -> String {
        let scope = ev.client(fencing.client).scope;
        let heirs = scope.and_then(|scope| self.heirs.get(scope as usize)).map_or(&[][..], Vec::as_slice);
        let me = (fencing.client, fencing.incarnation);
        let after = heirs.iter().rposition(|heir| *heir == me).map_or(heirs, |n| &heirs[n + 1..]);
        match after.iter().find(|heir| **heir != me) {
            Some((client, _)) if *client == fencing.client => {
                "by an incarnation of its own that began later".to_owned()
            }
            Some((client, _)) => format!("by {}, which has its transactional id", ev.client(*client).name),
            None => {
                let of_mine = |whom: &Whom| match whom {
                    Whom::Client(client) => ev.client(*client).scope == scope,
                    Whom::Group(_) => false,
                };
                let timed_out = self.seen.iter().any(|((about, whom, why), times)| {
                    (*about, *why) == (About::Abort, Why::Timeout) && of_mine(whom) && times.first <= fencing.t
                });
                if timed_out {
                    "its transaction was open for longer than transaction.timeout.ms".to_owned()
                } else {
                    "by whom is not known".to_owned()
                }
            }
        }
    }
}

fn words(ev: &Evidence, about: About, why: Why) -> String {
    match (about, why) {
        (About::Abort, Why::Init) => "a newer producer with its transactional id began".to_owned(),
        (_, Why::Request | Why::Init) => "at its own request".to_owned(),
        (_, Why::Timeout) => "open for longer than transaction.timeout.ms, so its coordinator ended it".to_owned(),
        (_, Why::Commit(client)) => format!("a commit of {}", ev.client(client).name),
        (_, Why::Transaction(client)) => format!("a transaction of {}", ev.client(client).name),
        (_, Why::Marker) => "a marker of a producer that is not known".to_owned(),
        (_, Why::Tombstone) => "it was deleted".to_owned(),
        (_, Why::Expired) => "it expired: nobody had committed it for too long".to_owned(),
        (_, Why::Unknown) => "who asked is not known".to_owned(),
    }
}

fn records(clients: &[ClientAccount], topics: &[TopicAccount], inputs: &[Owed]) -> Records {
    let groups = || inputs.iter().filter(|owed| matches!(owed.consumer, Consumer::Group(_)));
    Records {
        sent: clients.iter().map(|c| c.sent).sum(),
        acknowledged: clients.iter().map(|c| c.acknowledged).sum(),
        failed: clients.iter().map(|c| c.failed).sum(),
        unknown: clients.iter().map(|c| c.unknown).sum(),
        visible: topics.iter().map(|t| t.visible).sum(),
        processed: groups().map(|owed| owed.account.processed).sum(),
        skipped: groups().map(|owed| owed.account.skipped).sum(),
        unprocessed: inputs.iter().map(|owed| owed.account.unprocessed).sum(),
    }
}

/// What a user should know of a run although it is held against nobody.
pub(crate) fn warnings(ev: &Evidence, lives: &Lives, account: &Account, left: &[Left]) -> Vec<String> {
    let mut warnings = account.faults_that_never_began();
    for Left { client, left, records } in left.iter().filter(|left| !lives.never_ran(left.client)) {
        let fate = lives.fate(ev, *client).unwrap_or_else(|| ev.client(*client).name.clone());
        let verb = if *left == 1 { "was" } else { "were" };
        let of = if lives.gone(*client).is_some() { ": " } else { " has not finished: " };
        warnings.push(format!("{fate}{of}{} of {} records {verb} never sent", thousands(*left), thousands(*records)));
    }
    for (number, info) in ev.clients.iter().enumerate() {
        if let Some(info) = info
            && lives.never_ran(number as u32)
        {
            warnings.push(format!("client {} never ran", info.name));
        }
    }
    warnings
}

/// A line that says that a consumer is behind, of which nothing is found to be unprocessed.
pub(crate) fn behind(ev: &Evidence, e: &Undrained<'_>) -> String {
    format!(
        "{} stands at offset {} of {}, whose end is {}, although nothing there is unprocessed: {}",
        ev.client(e.c).name,
        e.position,
        ev.partition_name(ev.log(e.at)),
        e.end,
        e.culprit
    )
}

/// Notes of what a history of version 1 cannot show.
pub(crate) fn note_version(findings: &mut Findings) {
    findings.note(|| {
        "the history is of format version 1: it does not tell which clients ran and which faults happened, and a call \
         without an answer counts as one of unknown outcome"
            .to_owned()
    });
}
