//! What one call was answered: once, and to somebody who made it. Two answers that differ cannot both be true, and an answer
//! without a call is nobody's.
//!
//! A transaction's end may be asked for again while it is not known whether it happened, or after it failed; so may an abort
//! after a commit that failed. What the first answer left open a second one may tell.

use indexmap::IndexMap;

use super::evidence::Evidence;
use super::findings::Findings;
use super::paged::Paged;
use super::registry::NONE;
use crate::fast::Fast;
use crate::history::Partition;
use crate::history::event::*;
use crate::report::{Kind, Proof};
use crate::words::seconds;

const CALLED: u8 = 1;
const OK: u8 = 2;
const FAIL: u8 = 4;
const UNKNOWN: u8 = 8;
const ANSWERED: u8 = OK | FAIL | UNKNOWN;

/// Of a transaction.
const BEGUN: u16 = 1;
/// It was reported that nobody began it.
const STRAY: u16 = 2;
/// Commit, abort: invoked; returned success; failed and not invoked again.
const ASKED: [u16; 2] = [4, 8];
const DONE: [u16; 2] = [64, 128];
const REFUSED: [u16; 2] = [256, 512];

/// What one incarnation called and was answered.
#[derive(Clone, Debug)]
struct Calls {
    sends: Paged<u8>,
    commits: Paged<u8>,
    applies: Paged<u8>,
    txns: Paged<u16>,
}

/// What everybody called and was answered, by client and incarnation.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    calls: IndexMap<(u32, u32), Calls, Fast>,
    last: usize,
}

/// What an answer means after what is known of its call.
enum After {
    /// It is the first one, or tells more than the one before.
    News,
    /// The same was said before, or it is left open what was told.
    Again,
    /// It comes after one that had left open what happened.
    Late,
    /// Nobody called.
    NoCall,
    /// Something else was said before.
    Differs(u8),
}

fn take(known: &mut u8, answer: u8) -> After {
    let before = *known;
    *known |= answer;
    if before & CALLED == 0 {
        return After::NoCall;
    }
    let certain = before & (OK | FAIL);
    match before & ANSWERED {
        0 => After::News,
        _ if certain & !answer != 0 && answer != UNKNOWN => After::Differs(certain & !answer),
        _ if certain == 0 && answer != UNKNOWN => After::Late,
        _ => After::Again,
    }
}

fn bit(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Ok => OK,
        Outcome::Fail => FAIL,
        Outcome::Unknown => UNKNOWN,
    }
}

fn words(answer: u8, ok: &str) -> String {
    if answer & OK != 0 { ok.to_owned() } else { "it failed for certain".to_owned() }
}

fn ordinal(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl Answers {
    fn of(&mut self, c: u32, i: u32) -> &mut Calls {
        if self.calls.get_index(self.last).is_none_or(|(key, _)| *key != (c, i)) {
            let entry = self.calls.entry((c, i));
            self.last = entry.index();
            entry.or_insert_with(|| Calls {
                sends: Paged::new(0),
                commits: Paged::new(0),
                applies: Paged::new(0),
                txns: Paged::new(0),
            });
        }
        &mut self.calls[self.last]
    }

    pub(crate) fn send(&mut self, ev: &Evidence, findings: &mut Findings, e: &Send) {
        let calls = self.of(e.c, e.i);
        *calls.sends.get_mut(ordinal(e.op)) |= CALLED;
        if let Some(n) = e.n {
            self.within(ev, findings, (e.c, e.i, n), || format!("sent {} in it", ev.record_name(e.id)));
        }
    }

    /// To be told before the send is settled. Whether the answer is one to settle it with.
    pub(crate) fn ack(&mut self, ev: &Evidence, findings: &mut Findings, e: &Ack) -> bool {
        let known = self.of(e.c, e.i).sends.get_mut(ordinal(e.op));
        let elsewhere = *known & OK != 0 && e.offset >= 0 && !acknowledged_there(ev, e);
        let after = match take(known, OK) {
            After::Again if elsewhere => After::Differs(OK),
            after => after,
        };
        let answer = || match e.offset {
            ..0 => format!("acknowledged in {}", ev.partition_name(ev.log(e.at))),
            _ => format!("acknowledged at {}", ev.place(ev.log(e.at), e.offset)),
        };
        let before = |known: u8| if known & OK != 0 { first_place(ev, e) } else { words(known, "") };
        report(ev, findings, (e.c, e.i, e.t), &after, Some(e.at), || (format!("send {}", e.op), answer()), before)
    }

    /// The same of a send that failed, or whose outcome is unknown.
    pub(crate) fn error(&mut self, ev: &Evidence, findings: &mut Findings, e: &SendError<'_>, definite: bool) -> bool {
        let after = take(self.of(e.c, e.i).sends.get_mut(ordinal(e.op)), if definite { FAIL } else { UNKNOWN });
        let answer = || told(if definite { Outcome::Fail } else { Outcome::Unknown }, &e.error);
        let before = |known: u8| words(known, "it was acknowledged");
        report(ev, findings, (e.c, e.i, e.t), &after, None, || (format!("send {}", e.op), answer()), before)
    }

    pub(crate) fn commit(&mut self, e: &Commit) {
        *self.of(e.c, e.i).commits.get_mut(ordinal(e.op)) |= CALLED;
    }

    pub(crate) fn commit_result(&mut self, ev: &Evidence, findings: &mut Findings, e: &CommitResult<'_>) -> bool {
        let after = take(self.of(e.c, e.i).commits.get_mut(ordinal(e.op)), bit(e.outcome));
        let call = || (format!("offset commit {}", e.op), told(e.outcome, &e.error));
        let before = |known: u8| words(known, "it is committed");
        report(ev, findings, (e.c, e.i, e.t), &after, None, call, before)
    }

    pub(crate) fn apply(&mut self, e: &Apply) {
        *self.of(e.c, e.i).applies.get_mut(ordinal(e.op)) |= CALLED;
    }

    pub(crate) fn applied(&mut self, ev: &Evidence, findings: &mut Findings, e: &Applied<'_>) -> bool {
        let after = take(self.of(e.c, e.i).applies.get_mut(ordinal(e.op)), bit(e.outcome));
        let call = || (format!("effect {}", e.op), told(e.outcome, &e.error));
        let before = |known: u8| words(known, "it is there");
        report(ev, findings, (e.c, e.i, e.t), &after, None, call, before)
    }

    pub(crate) fn begin(&mut self, ev: &Evidence, findings: &mut Findings, e: &Begin) {
        let known = self.of(e.c, e.i).txns.get_mut(ordinal(e.n));
        let again = *known & BEGUN != 0;
        *known |= BEGUN;
        if again {
            contradiction(ev, findings, (e.c, e.i, e.t), None, Some(e.n), || {
                format!("began its transaction {} for the second time at {}", e.n, seconds(e.t))
            });
        }
    }

    pub(crate) fn txn_offsets(&mut self, ev: &Evidence, findings: &mut Findings, e: &TxnOffsets) {
        self.within(ev, findings, (e.c, e.i, e.n), || {
            format!("made offset {} of {} part of it", e.next, ev.partition_name(ev.log(e.at)))
        });
    }

    /// Something was done in a transaction that has to have begun.
    fn within(
        &mut self,
        ev: &Evidence,
        findings: &mut Findings,
        (c, i, n): (u32, u32, u64),
        what: impl Fn() -> String,
    ) {
        let known = self.of(c, i).txns.get_mut(ordinal(n));
        if *known & (BEGUN | STRAY) == 0 {
            *known |= STRAY;
            contradiction(ev, findings, (c, i, ev.now), None, Some(n), || {
                format!("has not begun a transaction {n}, but {} at {}", what(), seconds(ev.now))
            });
        }
    }

    pub(crate) fn ending(&mut self, ev: &Evidence, findings: &mut Findings, e: &Ending) {
        self.within(ev, findings, (e.c, e.i, e.n), || format!("asked for its {}", verb(e.commit)));
        let (way, known) = (usize::from(!e.commit), self.of(e.c, e.i).txns.get_mut(ordinal(e.n)));
        *known = (*known | ASKED[way]) & !REFUSED[way];
    }

    pub(crate) fn ended(&mut self, ev: &Evidence, findings: &mut Findings, e: &Ended<'_>) {
        let (way, other) = (usize::from(!e.commit), usize::from(e.commit));
        let known = self.of(e.c, e.i).txns.get_mut(ordinal(e.n));
        let before = *known;
        let contradicts = match e.outcome {
            _ if before & ASKED[way] == 0 => Some(format!("it never asked for that {}", verb(e.commit))),
            Outcome::Ok if before & DONE[other] != 0 => {
                Some(format!("it had been told that the {} succeeded", verb(!e.commit)))
            }
            Outcome::Ok if before & REFUSED[way] != 0 => {
                Some("it had been told that it failed for certain, and did not ask again".to_owned())
            }
            Outcome::Fail if before & DONE[way] != 0 => Some("it had been told that it succeeded".to_owned()),
            _ => None,
        };
        match e.outcome {
            Outcome::Ok => *known |= DONE[way],
            Outcome::Fail => *known |= REFUSED[way],
            Outcome::Unknown => {}
        }
        let Some(but) = contradicts else { return };
        contradiction(ev, findings, (e.c, e.i, e.t), None, Some(e.n), || {
            let (what, of) = (told(e.outcome, &e.error), format!("the {} of transaction {}", verb(e.commit), e.n));
            format!("was told of {of} at {}: {what}; but {but}", seconds(e.t))
        });
    }
}

fn verb(commit: bool) -> &'static str {
    if commit { "commit" } else { "abort" }
}

fn told(outcome: Outcome, error: &str) -> String {
    let of = if error.is_empty() { String::new() } else { format!(" ({error})") };
    match outcome {
        Outcome::Ok => "it succeeded".to_owned(),
        Outcome::Fail => format!("it failed for certain{of}"),
        Outcome::Unknown => format!("its outcome is unknown{of}"),
    }
}

/// The count of a send within its session, as entries have it.
fn counted(ev: &Evidence, e: &Ack) -> Option<(u32, u32)> {
    let session = ev.known_session(e.c, e.i)?;
    let first = ev.sessions[session as usize].first_op?;
    Some((session, u32::try_from(e.op.checked_sub(first)?).unwrap_or(u32::MAX)))
}

fn acknowledged_there(ev: &Evidence, e: &Ack) -> bool {
    let entry = ev.logs[ev.log(e.at) as usize].entries.get(e.offset);
    counted(ev, e).is_some_and(|call| (entry.session, entry.op) == call)
}

/// Where a send was acknowledged before. Looks through the logs: for proofs only.
fn first_place(ev: &Evidence, e: &Ack) -> String {
    let place = counted(ev, e).and_then(|call| {
        ev.logs.iter().enumerate().find_map(|(log, info)| {
            info.entries.pages().find_map(|(first, page)| {
                let within = page.iter().position(|entry| entry.slot != NONE && (entry.session, entry.op) == call)?;
                Some(ev.place(log as u32, first + within as i64))
            })
        })
    });
    match place {
        Some(place) => format!("it was acknowledged at {place}"),
        None => "it was acknowledged".to_owned(),
    }
}

/// Whether the answer is one to settle the call with. What the call and the answer are called is asked only if there is
/// something to say of them: most answers are the one that was waited for.
#[inline]
fn report(
    ev: &Evidence,
    findings: &mut Findings,
    who: (u32, u32, u64),
    after: &After,
    at: Option<Partition>,
    names: impl FnOnce() -> (String, String),
    before: impl Fn(u8) -> String,
) -> bool {
    if !matches!(after, After::News) {
        tell(ev, findings, who, after, at, names(), before);
        return false;
    }
    true
}

#[cold]
fn tell(
    ev: &Evidence,
    findings: &mut Findings,
    who: (u32, u32, u64),
    after: &After,
    at: Option<Partition>,
    (call, answer): (String, String),
    before: impl Fn(u8) -> String,
) {
    let (c, i, t) = who;
    match after {
        After::News => {}
        After::Again => {
            findings.note(|| {
                let name = ev.incarnation_name(c, i);
                format!("{call} of {name} was answered more than once: the answer at {} tells nothing new", seconds(t))
            });
        }
        After::Late => findings.note(|| {
            let name = ev.incarnation_name(c, i);
            let but = "it is judged by the answer before, which left open what happened";
            format!("{call} of {name} was answered again at {} ({answer}): {but}", seconds(t))
        }),
        After::NoCall => contradiction(ev, findings, who, at, None, || {
            format!("has an answer to {call} ({answer}, at {}), which it did not make", seconds(t))
        }),
        After::Differs(known) => contradiction(ev, findings, who, at, None, || {
            format!("has two answers to {call}: {}; at {}: {answer}", before(*known), seconds(t))
        }),
    }
}

#[cold]
fn contradiction(
    ev: &Evidence,
    findings: &mut Findings,
    (c, i, t): (u32, u32, u64),
    at: Option<Partition>,
    transaction: Option<u64>,
    what: impl Fn() -> String,
) {
    findings.add(&ev.promises, Kind::Contradiction, at.map(|at| at.topic), 1, || Proof {
        sentence: format!("{} {}", ev.incarnation_name(c, i), what()),
        topic: at.map(|at| ev.topic_name(at.topic).to_owned()),
        clients: vec![(ev.client(c).name.clone(), i)],
        transaction,
        times: vec![t],
        ..Proof::default()
    });
}
