//! A story as a narrow text diagram for a terminal: time runs down, each node is a column, arrows are messages.

use core::fmt::Write;
use std::collections::BTreeSet;

use crate::story::{BatchKind, Fate, Flaw, Link, Message, Moment, Story, Strip, Window, moments};
use crate::words::counted;

/// Messages that are shown at most.
const MESSAGES: usize = 40;
/// Nodes that are shown at most.
const COLUMNS: usize = 7;
/// Characters of a node's column.
const COLUMN: usize = 10;
/// Characters of a line of a log's contents.
const LINE: usize = 110;
/// Characters of the column of times.
const TIME: usize = 12;

/// The diagram; lines are rarely longer than 110 characters.
pub fn text(story: &Story) -> String {
    draw(story, &moments(story, MESSAGES))
}

/// The diagram of a narrow window.
pub fn narrow(story: &Story, window: &Window) -> String {
    draw(story, &window.moments(story))
}

fn draw(story: &Story, moments: &[Moment]) -> String {
    let lanes = columns(story, moments);
    let mut out = String::new();
    let _ = write!(out, "{:>width$} ", "seconds", width = TIME - 1);
    for lane in &lanes {
        let name: String = story.lanes[*lane as usize].name.chars().take(COLUMN - 1).collect();
        let _ = write!(out, "{name:^COLUMN$}");
    }
    end_line(&mut out);
    let mut last = None;
    for moment in moments {
        let (t, marks, words) = match *moment {
            Moment::Omitted(n) => {
                let _ = write!(out, "{:TIME$}", "");
                out.push_str(&rails(&lanes, COLUMN, &[], '│'));
                let _ = write!(out, " ({n} more message{})", if n == 1 { "" } else { "s" });
                end_line(&mut out);
                continue;
            }
            Moment::Message(n) => {
                let m = &story.messages[n];
                let name = |lane: u32| &story.lanes[lane as usize].name;
                let words = message_words(story, n);
                // Where there is no column for one of the two, there is no arrow either.
                let drawn = lanes.contains(&m.from) && lanes.contains(&m.to);
                let words = if drawn { words } else { format!("{} -> {}: {words}", name(m.from), name(m.to)) };
                (m.sent, arrow(&lanes, COLUMN, m), words)
            }
            Moment::Band(n) => {
                let band = &story.bands[n];
                (band.from, rails(&lanes, COLUMN, &band.lanes, '▒'), format!("! {}", band.words))
            }
            Moment::Fence(n) => {
                let fence = &story.fences[n];
                let name = &story.lanes[fence.lane as usize].name;
                (fence.t, rails(&lanes, COLUMN, &[fence.lane], '#'), format!("# {name} is fenced: {}", fence.error))
            }
        };
        let time = if last == Some(t) { String::new() } else { clock(t) };
        last = Some(t);
        let _ = write!(out, "{time:>width$} ", width = TIME - 1);
        let _ = write!(out, "{marks} {words}");
        end_line(&mut out);
    }
    logs(&mut out, story);
    out
}

/// Seconds with six decimals, so that points stand below each other.
pub(crate) fn clock(t: u64) -> String {
    format!("{}.{:06}", t / 1_000_000_000, t % 1_000_000_000 / 1_000)
}

fn end_line(out: &mut String) {
    out.truncate(out.trim_end_matches(' ').len());
    out.push('\n');
}

/// The nodes that take part in what is shown, in the order of lanes.
pub(crate) fn columns(story: &Story, moments: &[Moment]) -> Vec<u32> {
    let mut uses = vec![0usize; story.lanes.len()];
    for moment in moments {
        if let Moment::Message(n) = moment {
            let m = &story.messages[*n];
            uses[m.from as usize] += 1;
            uses[m.to as usize] += 1;
        }
    }
    let mut lanes: Vec<u32> = (0..uses.len() as u32).filter(|lane| uses[*lane as usize] > 0).collect();
    lanes.sort_by_key(|lane| core::cmp::Reverse(uses[*lane as usize]));
    lanes.truncate(COLUMNS);
    lanes.sort_unstable();
    lanes
}

/// A row of the lifelines of `lanes`, each in a column of `width` characters; `mark` stands on those that are `marked`.
pub fn rails(lanes: &[u32], width: usize, marked: &[u32], mark: char) -> String {
    let mut row: Vec<char> = vec![' '; lanes.len() * width];
    for (n, lane) in lanes.iter().enumerate() {
        row[n * width + width / 2] = if marked.contains(lane) { mark } else { '│' };
    }
    row.into_iter().collect()
}

/// A row of lifelines with a message between two of them, as far as `lanes` has them.
pub fn arrow(lanes: &[u32], width: usize, message: &Message) -> String {
    let Message { from, to, answer, fate, .. } = *message;
    let mut row: Vec<char> = rails(lanes, width, &[], '│').chars().collect();
    let column = |lane: u32| lanes.iter().position(|l| *l == lane).map(|n| n * width + width / 2);
    let (Some(a), Some(b)) = (column(from), column(to)) else { return row.into_iter().collect() };
    if a == b {
        row[a] = '↺';
        return row.into_iter().collect();
    }
    let line = match (fate, answer) {
        (Fate::Late, _) => '~',
        (_, true) => '╌',
        (_, false) => '─',
    };
    let (left, right) = (a.min(b), a.max(b));
    row[left + 1..right].fill(line);
    row[a] = if a < b { '├' } else { '┤' };
    let tip = if a < b { b - 1 } else { b + 1 };
    row[tip] = match fate {
        Fate::Lost => '✗',
        Fate::Underway => '…',
        _ if a < b => '>',
        _ => '<',
    };
    row.into_iter().collect()
}

/// A message in words, with what became of it.
pub fn message_words(story: &Story, n: usize) -> String {
    let m = &story.messages[n];
    let mut words = if m.answer { format!("{} answer", m.kind) } else { m.kind.clone() };
    match &m.error {
        Some(error) => {
            let _ = write!(words, ": {error}");
        }
        None if !m.label.is_empty() => {
            let _ = write!(words, " {}", m.label);
        }
        None => {}
    }
    match m.fate {
        Fate::Lost => words.push_str(" [lost]"),
        Fate::Late => {
            let _ = write!(words, " [late, at {}]", clock(m.arrived));
        }
        Fate::Underway => words.push_str(" [never arrived]"),
        Fate::Delivered => {}
    }
    words
}

/// What the logs hold in the end, and what is wrong with it.
fn logs(out: &mut String, story: &Story) {
    let mut strips: Vec<&Strip> = story.strips.iter().filter(|s| !s.batches.is_empty() && !s.internal).collect();
    strips.sort_by_key(|s| s.flaws.is_empty());
    let width = strips.iter().map(|s| s.name.len()).max().unwrap_or(0);
    for strip in strips.iter().take(8) {
        let _ = write!(out, "\n{:width$}  ", strip.name);
        let mut at = width + 2;
        for (n, piece) in contents(strip, story).split_inclusive(", ").enumerate() {
            let length = piece.chars().count();
            if n > 0 && at + length > LINE {
                out.truncate(out.trim_end_matches(' ').len());
                let _ = write!(out, "\n{:width$}  ", "");
                at = width + 2;
            }
            out.push_str(piece);
            at += length;
        }
    }
    if !strips.is_empty() {
        out.push('\n');
    }
    if strips.len() > 8 {
        let _ = writeln!(out, "({} more)", counted(strips.len() as u64 - 8, "partition"));
    }
}

/// `0..9 till, 10..19 till (copies of 0..9)`.
pub(crate) fn contents(strip: &Strip, story: &Story) -> String {
    let mut pieces: Vec<(i64, i64, String)> = Vec::new();
    for batch in strip.batches.iter().filter(|b| b.gone.is_none()) {
        let last = batch.base + i64::from(batch.count) - 1;
        let writer = batch.lane.map_or("", |lane| story.lanes[lane as usize].name.as_str());
        let what = match (batch.kind, batch.decided) {
            (BatchKind::Commit, _) => "commit marker".to_string(),
            (BatchKind::Abort, _) => "abort marker".to_string(),
            (BatchKind::Transactional, Some((_, false))) => format!("{writer} aborted"),
            (BatchKind::Transactional, None) => format!("{writer} open"),
            _ => writer.to_string(),
        };
        match pieces.last_mut() {
            Some((_, end, same)) if *same == what && !flaw_begins(strip, batch.base) => *end = last,
            _ => pieces.push((batch.base, last, what)),
        }
    }
    let shown = 10;
    let mut words: Vec<String> = Vec::new();
    let span = |first: i64, last: i64| if first == last { first.to_string() } else { format!("{first}..{last}") };
    // What is wrong, and what a proof names, is shown wherever it stands; the rest from the beginning on.
    let number = story.strips.iter().position(|s| s.name == strip.name);
    let links = story.judgement.findings.iter().flat_map(|f| f.proofs.iter().take(1)).flatten().filter_map(|p| p.link);
    let named: Vec<i64> = links
        .filter_map(|link| match link {
            Link::Record(of, offset) if Some(of as usize) == number => Some(offset),
            _ => None,
        })
        .collect();
    let told = |n: &usize| {
        let (first, last, _) = pieces[*n];
        let within = |offset: &i64| (first..=last).contains(offset);
        strip.flaws.iter().any(|f| f.first <= last && f.last >= first) || named.iter().any(within)
    };
    let mut kept: BTreeSet<usize> = (0..pieces.len()).filter(told).take(shown / 2).collect();
    for n in 0..pieces.len() {
        if kept.len() < shown {
            kept.insert(n);
        }
    }
    let mut next = 0;
    for n in kept {
        if n > next {
            words.push(format!("({} more)", n - next));
        }
        next = n + 1;
        let (first, last, what) = &pieces[n];
        let mut text = format!("{} {what}", span(*first, *last)).trim_end().to_string();
        for flaw in strip.flaws.iter().filter(|f| f.first <= *last && f.last >= *first).take(2) {
            let note = match (flaw.flaw, flaw.of) {
                (Flaw::Duplicate, Some((_, of))) => {
                    format!("copies of {}", span(of, of + flaw.last - flaw.first))
                }
                (Flaw::Duplicate, None) => "copies".to_string(),
                (Flaw::Lost, _) => format!("{}: {}", lost_words(story), span(flaw.first, flaw.last)),
                (Flaw::Leaked, _) => "leaked".to_string(),
            };
            let _ = write!(text, " [{note}]");
        }
        words.push(text);
    }
    if pieces.len() > next {
        words.push(format!("and {} more", pieces.len() - next));
    }
    words.join(", ")
}

/// How to call acknowledged records that are not visible in the end: where nothing but the end is missing, they are only held back.
pub(crate) fn lost_words(story: &Story) -> &'static str {
    if story.judgement.verdict == "stuck" { "held back" } else { "lost" }
}

fn flaw_begins(strip: &Strip, offset: i64) -> bool {
    strip.flaws.iter().any(|f| f.first == offset || f.last + 1 == offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Batch, Flawed, Lane, Purpose};

    #[test]
    fn a_lost_answer_and_its_copy_read_like_this() {
        let lane = |name: &str| Lane { name: name.into(), ..Lane::default() };
        let message = |sent: u64, answer: bool, fate| {
            let (from, to) = if answer { (1, 0) } else { (0, 1) };
            let (kind, label, purpose) = ("Produce".to_string(), "sales-0 10 records".to_string(), Purpose::Produce);
            Message { from, to, kind, label, answer, purpose, sent, fate, ..Message::default() }
        };
        let batch = |base| Batch { base, count: 10, lane: Some(0), ..Batch::default() };
        let story = Story {
            lanes: vec![lane("till"), lane("broker-1")],
            messages: vec![
                message(1_000_000, false, Fate::Delivered),
                message(2_000_000, true, Fate::Lost),
                message(9_000_000, false, Fate::Delivered),
            ],
            strips: vec![Strip {
                name: "sales-0".into(),
                batches: vec![batch(0), batch(10)],
                flaws: vec![Flawed { flaw: Flaw::Duplicate, first: 10, last: 19, of: Some((0, 0)) }],
                ..Strip::default()
            }],
            ..Story::default()
        };
        let expected = "    seconds    till    broker-1
   0.001000      ├────────>│     Produce sales-0 10 records
   0.002000      │✗╌╌╌╌╌╌╌╌┤     Produce answer sales-0 10 records [lost]
   0.009000      ├────────>│     Produce sales-0 10 records

sales-0  0..9 till, 10..19 till [copies of 0..9]
";
        assert_eq!(text(&story), expected);
    }

    #[test]
    fn what_is_wrong_in_a_log_is_shown_however_far_behind_it_stands() {
        let batch = |n: i64| Batch { base: 10 * n, count: 10, lane: Some(n as u32 % 2), ..Batch::default() };
        let strip = Strip {
            batches: (0..20).map(batch).collect(),
            flaws: vec![Flawed { flaw: Flaw::Duplicate, first: 150, last: 159, of: Some((0, 30)) }],
            ..Strip::default()
        };
        let lanes = ["a", "b"].map(|name| Lane { name: name.into(), ..Lane::default() }).to_vec();
        let story = Story { lanes, ..Story::default() };
        let words = contents(&strip, &story);
        assert!(words.starts_with("0..9 a, 10..19 b, "), "{words}");
        assert!(words.ends_with(", 80..89 a, (6 more), 150..159 b [copies of 30..39], and 4 more"), "{words}");
    }

    #[test]
    fn a_message_of_a_node_without_a_column_says_between_whom_it_was() {
        let names = ["a", "b", "c", "d", "e", "f", "rare", "broker-1"];
        let lanes = names.iter().map(|name| Lane { name: (*name).into(), ..Lane::default() }).collect();
        let message = |from: u32, sent: u64| {
            let (kind, purpose) = ("Produce".to_string(), Purpose::Produce);
            Message { from, to: 7, kind, purpose, sent, arrived: sent, ..Message::default() }
        };
        let twice = (0..6).chain(0..6).enumerate().map(|(n, from)| message(from, n as u64));
        let messages = twice.chain([message(6, 99_000_000)]).collect();
        let drawn = text(&Story { lanes, messages, ..Story::default() });
        assert!(!drawn.lines().next().expect("the names").contains("rare"));
        let last = drawn.lines().last().expect("the last message");
        assert_eq!(
            last.trim_start(),
            format!("0.099000 {}     rare -> broker-1: Produce", "     │    ".repeat(7).trim_end())
        );
    }
}
