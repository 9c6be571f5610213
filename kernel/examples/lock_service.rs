//! A lock service with leases, a storage that the lock guards, and workers that take turns: a system on the kernel that
//! is not Kafka's. `docs/your-own-protocol.md` goes through it.
//!
//! A worker that holds the lock checks its lease, works, and writes. If it stands still while it works, its lease runs
//! out, somebody else gets the lock, and both write. What helps is a fencing token: a number that grows with every grant,
//! and that the storage compares.

use fencepost_kernel::caller::Caller;
use fencepost_kernel::digest::content_of;
use fencepost_kernel::faults::{self, Common, Family};
use fencepost_kernel::fuzz::{Case, fuzz};
use fencepost_kernel::link::LinkTable;
use fencepost_kernel::schedule::Fault;
use fencepost_kernel::system::System;
use fencepost_kernel::time::{Instant, Now, Span};
use fencepost_kernel::vocabulary::{About, Message, Nothing, Vocabulary};
use fencepost_kernel::world::{Ended, Ending, Net, Outcome, Output, Setup, Traced, World};
use fencepost_kernel::{Actor, ConnId, CorrelationId, words};

// ---- words: what is sent, and what a message is called ---------------------------------------------------------------

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lock {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Acquire,
    Write,
    Release,
}

#[derive(Clone, Copy, Debug, Hash)]
enum Request {
    Acquire,
    Write { token: u64, part: u32 },
    Release { token: u64 },
}

#[derive(Clone, Copy, Debug, Hash)]
enum Response {
    Granted { token: u64 },
    Busy,
    Written,
    Fenced,
    Released,
}

impl fencepost_kernel::vocabulary::Kind for Kind {
    fn word(self) -> u64 {
        self as u64
    }

    fn name(self) -> &'static str {
        ["Acquire", "Write", "Release"][self as usize]
    }
}

impl Message for Request {
    type Kind = Kind;

    const EMPTY: Request = Request::Acquire;

    fn kind(&self) -> Kind {
        match self {
            Request::Acquire => Kind::Acquire,
            Request::Write { .. } => Kind::Write,
            Request::Release { .. } => Kind::Release,
        }
    }

    fn content(&self) -> u64 {
        content_of(self)
    }
}

impl Message for Response {
    type Kind = Kind;

    const EMPTY: Response = Response::Busy;

    fn kind(&self) -> Kind {
        match self {
            Response::Granted { .. } | Response::Busy => Kind::Acquire,
            Response::Written | Response::Fenced => Kind::Write,
            Response::Released => Kind::Release,
        }
    }

    fn content(&self) -> u64 {
        content_of(self)
    }
}

impl Vocabulary for Lock {
    type Request = Request;
    type Response = Response;
    type Kind = Kind;
    type Subject = ();
    type Item = Nothing;
    type Address = Actor;
    type Channel = Actor;
    type Error = Nothing;
    type Action = Nothing;
    type Step = Nothing;
    type Output = Output<Lock>;
    type Traced = Nothing;

    fn about(_: Actor, _: &Request) -> About<()> {
        About::Itself(())
    }

    fn channel_word(channel: Actor) -> u64 {
        channel.into()
    }
}

// ---- the machines ------------------------------------------------------------------------------------------------------

const NAMES: [&str; 5] = ["locks", "storage", "worker-1", "worker-2", "worker-3"];
const LOCKS: Actor = 0;
const STORAGE: Actor = 1;
/// The nodes from this on are workers.
const SERVERS: usize = 2;
const ALL: [Actor; 5] = [LOCKS, STORAGE, 2, 3, 4];

/// A grant holds for that long by the lock service's clock, and by the worker's.
const LEASE_MS: i64 = 1_000;
const WORK: Span = Span::from_millis(200);
const RETRY: Span = Span::from_millis(50);
const PARTS: u32 = 3;
const JOBS: u32 = 2;

/// The lock service. What it knows is on disk before it answers.
#[derive(Default)]
struct Locks {
    token: u64,
    held: Option<(Actor, i64)>,
}

impl Locks {
    fn acquire(&mut self, now_ms: i64, by: Actor) -> Response {
        if self.held.is_some_and(|(holder, until)| holder != by && now_ms < until) {
            return Response::Busy;
        }
        self.token += 1;
        self.held = Some((by, now_ms + LEASE_MS));
        Response::Granted { token: self.token }
    }

    fn release(&mut self, token: u64) -> Response {
        self.held.take_if(|_| token == self.token);
        Response::Released
    }
}

/// What the lock guards: the writes that were accepted, in order.
#[derive(Default)]
struct Storage {
    fencing: bool,
    accepted: Vec<(u64, u32)>,
}

impl Storage {
    fn write(&mut self, token: u64, part: u32) -> Response {
        let newest = self.accepted.iter().map(|(token, _)| *token).max().unwrap_or(0);
        if self.fencing && token < newest {
            return Response::Fenced;
        }
        self.accepted.push((token, part));
        Response::Written
    }
}

#[derive(Default)]
struct Worker {
    jobs: u32,
    /// The grant's token, until when it holds, and how many parts are written.
    holds: Option<(u64, i64, u32)>,
    caller: Caller<Lock>,
    /// When it goes on.
    next: Option<Instant>,
}

impl Worker {
    fn go_on(&mut self, out: &mut Vec<Output<Lock>>) {
        self.next = None;
        let (to, request) = match self.holds {
            None => (LOCKS, Request::Acquire),
            Some((token, _, PARTS)) => (LOCKS, Request::Release { token }),
            Some((token, _, part)) => (STORAGE, Request::Write { token, part }),
        };
        self.caller.call(to, request, out);
    }

    /// Works on the next part, if its lease still holds; if it does not, the lock is needed anew.
    fn work(&mut self, now: Now) {
        self.holds = self.holds.filter(|(_, until, part)| *part == PARTS || now.wall_ms < *until);
        let works = self.holds.is_some_and(|(.., part)| part < PARTS);
        self.next = (self.jobs < JOBS).then_some(now.mono + if works { WORK } else { RETRY });
    }

    fn answered(&mut self, now: Now, response: Response) {
        self.caller.answered();
        match response {
            Response::Granted { token } => self.holds = Some((token, now.wall_ms + LEASE_MS, 0)),
            Response::Written => self.holds = self.holds.map(|(token, until, part)| (token, until, part + 1)),
            Response::Busy | Response::Fenced => self.holds = None,
            Response::Released => (self.holds, self.jobs) = (None, self.jobs + 1),
        }
        self.work(now);
    }
}

// ---- the system: which machine a hook is for ---------------------------------------------------------------------------

struct Service {
    locks: Locks,
    storage: Storage,
    workers: [Worker; 3],
}

impl Service {
    fn worker(&mut self, actor: Actor) -> Option<&mut Worker> {
        self.workers.get_mut(usize::from(actor).checked_sub(SERVERS)?)
    }
}

impl System for Service {
    type Vocabulary = Lock;

    fn actor_of(&self, channel: Actor) -> Actor {
        channel
    }

    fn start(&mut self, net: &mut Net<'_, Lock>, actor: Actor) {
        if let Some(worker) = self.worker(actor) {
            worker.next = (worker.jobs < JOBS).then_some(net.now());
        }
    }

    /// The servers write everything to disk; a worker keeps which jobs are done.
    fn end(&mut self, _: &mut Net<'_, Lock>, actor: Actor, _: Ended) {
        if let Some(worker) = self.worker(actor) {
            *worker = Worker { jobs: worker.jobs, ..Worker::default() };
        }
    }

    fn poll_timeout(&self, actor: Actor) -> Instant {
        let worker = usize::from(actor).checked_sub(SERVERS).map(|n| &self.workers[n]);
        worker.and_then(|worker| worker.next).unwrap_or(Instant::NEVER)
    }

    fn handle_timeout(&mut self, net: &mut Net<'_, Lock>, actor: Actor) {
        self.worker(actor).expect("servers wait for nothing").go_on(&mut net.out);
    }

    fn request(&mut self, net: &mut Net<'_, Lock>, server: Actor, client: Actor, conn: ConnId, request: Request) {
        let response = match request {
            Request::Acquire => self.locks.acquire(net.now_at(server).wall_ms, client),
            Request::Release { token } => self.locks.release(token),
            Request::Write { token, part } => self.storage.write(token, part),
        };
        net.out.push(Output::Respond(conn, response));
    }

    fn connected(&mut self, net: &mut Net<'_, Lock>, client: Actor, channel: Actor) {
        self.worker(client).expect("a worker").caller.connected(channel, &mut net.out);
    }

    fn disconnected(&mut self, net: &mut Net<'_, Lock>, client: Actor, channel: Actor) {
        let worker = self.worker(client).expect("a worker");
        if worker.caller.disconnected(channel) {
            worker.work(net.now_at(client));
        }
    }

    fn answered(&mut self, net: &mut Net<'_, Lock>, client: Actor, _: Actor, _: CorrelationId, response: Response) {
        self.worker(client).expect("a worker").answered(net.now_at(client), response);
    }

    fn perform(world: &mut World<'_, Self>, actor: Actor, output: Output<Lock>) {
        world.perform(actor, output);
    }

    fn ending(&mut self, net: &Net<'_, Lock>) -> Option<Ending> {
        let finished = self.workers.iter().all(|worker| worker.jobs == JOBS);
        if finished && !net.is_disturbed() && !net.somebody_is_to_come() {
            return Some(Ending::Settled);
        }
        (net.now() > Instant::ZERO + Span::from_secs(120)).then_some(Ending::Bound)
    }
}

// ---- the judge: what must hold in every run ----------------------------------------------------------------------------

const TWO_HOLDERS: &str = "a worker whose grant was superseded wrote after its successor";
const UNFINISHED: &str = "a worker has not finished";
const LOST: &str = "a finished job is not in the storage";

struct LockCase {
    fencing: bool,
}

impl Case for LockCase {
    type Vocabulary = Lock;
    type System = Service;

    fn system(&self) -> Service {
        let storage = Storage { fencing: self.fencing, ..Storage::default() };
        Service { locks: Locks::default(), storage, workers: Default::default() }
    }

    fn setup(&self) -> Setup {
        Setup::new(&NAMES, LinkTable::new(NAMES.len(), |node| node >= SERVERS))
    }

    /// Workers stand still; everybody may die, be cut off, and have a clock that steps.
    fn faults(&self, seed: u64) -> Vec<Fault<Lock>> {
        let family = |kind| Family { kind, min: 0, max: 2, shortest: RETRY, longest: Span::from_secs(3) };
        let families = [Common::Pause, Common::Crash, Common::Cut, Common::ClockStep].map(family);
        faults::draw(&families, seed, self.faults_until(), |kind, span, stream| {
            let victims = if *kind == Common::Pause { &ALL[SERVERS..] } else { &ALL };
            kind.strike(victims, &ALL, span, stream)
        })
    }

    fn judge(&self, service: &Service, _: &Outcome<Lock>) -> Vec<String> {
        let accepted = &service.storage.accepted;
        let jobs: u32 = service.workers.iter().map(|worker| worker.jobs).sum();
        let is_written = |token: &u64| (0..PARTS).all(|part| accepted.contains(&(*token, part)));
        let rules = [
            (TWO_HOLDERS, accepted.windows(2).all(|pair| pair[0].0 <= pair[1].0)),
            (UNFINISHED, jobs == JOBS * service.workers.len() as u32),
            (LOST, (1..=service.locks.token).filter(is_written).count() >= jobs as usize),
        ];
        rules.into_iter().filter(|(_, holds)| !holds).map(|(rule, _)| rule.to_string()).collect()
    }
}

fn report(case: &LockCase, seeds: u64) -> Vec<String> {
    let findings = fuzz(case, 1..=seeds, || true);
    let mut lines = vec![format!("{seeds} seeds, {} rules broken", findings.len())];
    for finding in &findings {
        lines.extend(words::finding(finding, &NAMES));
        lines.push("what happens then, but for those who wait for the lock:".to_string());
        let mut told = Vec::new();
        case.replay(&finding.schedule, Some(&mut |event: &Traced<'_, Lock>| told.extend(words::traced(event))));
        told.retain(|line| !line.ends_with("Acquire") && !line.ends_with("Busy"));
        lines.extend(told.iter().map(|line| format!("  {line}")));
    }
    lines
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_none_or(|word| word != "fuzz") {
        return println!("usage: lock_service fuzz [SEEDS] [fencing]");
    }
    let seeds = arguments.get(1).and_then(|word| word.parse().ok()).unwrap_or(1_000);
    let case = LockCase { fencing: arguments.iter().any(|word| word == "fencing") };
    report(&case, seeds).iter().for_each(|line| println!("{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_fencing_two_holders_write_and_at_most_three_deviations_show_it() {
        let findings = fuzz(&LockCase { fencing: false }, 1..=200, || true);
        assert_eq!(findings.iter().map(|finding| finding.rule.as_str()).collect::<Vec<_>>(), [TWO_HOLDERS]);
        let script = &findings[0].schedule;
        assert!(script.deviations.len() <= 3, "{:#?}", script.deviations);
        assert_eq!(LockCase { fencing: false }.replay(script, None).broken, [TWO_HOLDERS]);
        let cured = LockCase { fencing: true }.replay(script, None);
        assert_eq!((cured.broken, cured.outcome.unused), (vec![], vec![]));
    }

    #[test]
    fn with_fencing_no_seed_breaks_a_rule() {
        assert_eq!(report(&LockCase { fencing: true }, 3_000), ["3000 seeds, 0 rules broken"]);
    }

    #[test]
    fn the_judge_sees_what_is_missing() {
        let case = LockCase { fencing: true };
        let (outcome, mut service) = (case.draw(1).outcome, case.system());
        assert_eq!(case.judge(&service, &outcome), [UNFINISHED]);
        service.locks.token = 12;
        service.workers.iter_mut().for_each(|worker| worker.jobs = JOBS);
        assert_eq!(case.judge(&service, &outcome), [LOST]);
    }

    #[test]
    fn the_page_quotes_what_is_printed() {
        let printed = report(&LockCase { fencing: false }, 1_000);
        assert!(include_str!("../../docs/your-own-protocol.md").contains(&printed[..13].join("\n")), "{printed:#?}");
    }
}
