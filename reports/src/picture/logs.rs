//! The logs below a picture: what they hold in the end, and what is wrong with it.

use core::fmt::Write;

use super::{LEFT, Picture};
use crate::diagram::{contents, lost_words};
use crate::page::escape;
use crate::story::{Batch, BatchKind, Flaw, Strip};
use crate::words::thousands;

/// Partitions that are shown at most.
const STRIPS: usize = 3;
/// Height of a log's records, and of everything that belongs to a log.
const CELL: f64 = 20.0;
const STRIP: f64 = 58.0;
/// Width of a record at most, and from which on records are drawn one by one.
const WIDEST: f64 = 22.0;
const APART: f64 = 6.0;
/// Width of a character of what is wrong.
const LETTER: f64 = 6.9;

impl Picture<'_> {
    /// Draws the logs from `y` on, those first with which something is wrong. Returns where they end.
    pub(super) fn logs(&mut self, mut y: f64) -> f64 {
        let story = self.story;
        let mut strips: Vec<&Strip> = story.strips.iter().filter(|s| !s.batches.is_empty() && !s.internal).collect();
        strips.sort_by_key(|s| s.flaws.is_empty());
        strips.truncate(STRIPS);
        for strip in &strips {
            self.log(strip, y + 17.0);
            y += STRIP;
        }
        let mut writers: Vec<u32> = strips.iter().flat_map(|s| &s.batches).filter_map(|b| b.lane).collect();
        writers.sort_unstable();
        writers.dedup();
        if writers.len() > 1 {
            self.writers(&writers, y);
            y += 20.0;
        }
        y
    }

    /// Whose records have which colour.
    fn writers(&mut self, writers: &[u32], y: f64) {
        let mut x = LEFT;
        for lane in writers {
            let name = self.story.lanes[*lane as usize].name.clone();
            let (paint, words, top, line) = (self.paint(*lane), x + 16.0, y + 1.0, y + 11.0);
            let _ = write!(
                self.out,
                "<rect class=\"record there\" style=\"--ink-of:{paint}\" x=\"{x:.1}\" y=\"{top}\" width=\"11\" height=\"11\" rx=\"2\"/>\
                 <text class=\"writer\" x=\"{words:.1}\" y=\"{line}\">{}</text>",
                escape(&name)
            );
            x += 34.0 + name.chars().count() as f64 * 6.6;
        }
    }

    fn log(&mut self, strip: &Strip, y: f64) {
        let alive: Vec<&Batch> = strip.batches.iter().filter(|b| b.gone.is_none()).collect();
        let total = alive.iter().map(|b| b.base + i64::from(b.count)).max().unwrap_or(1).max(1);
        let each = ((self.width() - LEFT - 4.0) / total as f64).min(WIDEST);
        let x = |offset: i64| LEFT + offset as f64 * each;
        let mut out = format!(
            "<g><title>{name}: {}</title><text class=\"partition\" x=\"{}\" y=\"{}\">{name}</text>",
            escape(&contents(strip, self.story)),
            LEFT - 8.0,
            y + 14.0,
            name = escape(&strip.name)
        );
        for (first, batch) in runs(&alive, strip, each) {
            let end = batch.base + i64::from(batch.count);
            let (from, to) = (x(first), x(end));
            let paint = batch.lane.map_or("var(--c7)".to_string(), |lane| self.paint(lane));
            if matches!(batch.kind, BatchKind::Commit | BatchKind::Abort) {
                marker(&mut out, look(strip, first, batch), (from, to), y);
            } else if each >= APART {
                for offset in first..end {
                    record(&mut out, look(strip, offset, batch), &paint, (x(offset) + 0.6, x(offset + 1) - 0.6), y);
                }
            } else {
                record(&mut out, look(strip, first, batch), &paint, (from, (to - 0.6).max(from + 0.8)), y);
            }
        }
        self.flaws(strip, y, x, &mut out);
        let (end, line) = (x(total), y + CELL + 12.0);
        let last = thousands(total.unsigned_abs() - 1);
        let _ = write!(
            out,
            "<text class=\"offset first\" x=\"{LEFT}\" y=\"{line}\">0</text>\
             <text class=\"offset last\" x=\"{end:.1}\" y=\"{line}\">{last}</text></g>"
        );
        self.out.push_str(&out);
    }

    fn flaws(&self, strip: &Strip, y: f64, x: impl Fn(i64) -> f64, out: &mut String) {
        let mut free = LEFT;
        for flaw in &strip.flaws {
            let (from, to) = (x(flaw.first), x(flaw.last + 1));
            let (top, width) = (y - 5.0, (to - from - 0.6).max(1.5));
            let _ =
                write!(out, "<rect class=\"flaw\" x=\"{from:.1}\" y=\"{top}\" width=\"{width:.1}\" height=\"3.5\"/>");
            let span =
                |first: i64, last: i64| if first == last { first.to_string() } else { format!("{first}–{last}") };
            let words = match (flaw.flaw, flaw.of) {
                (Flaw::Duplicate, Some((_, of))) => format!("copies of {}", span(of, of + flaw.last - flaw.first)),
                (Flaw::Duplicate, None) => "copies".to_string(),
                (Flaw::Lost, _) => lost_words(self.story).to_string(),
                (Flaw::Leaked, _) => "leaked".to_string(),
            };
            let width = words.chars().count() as f64 * LETTER;
            let at = from.min(self.width() - width).max(LEFT);
            if at >= free {
                let _ = write!(out, "<text class=\"flaw\" x=\"{at:.1}\" y=\"{}\">{words}</text>", y - 8.0);
                free = at + width + 8.0;
            }
        }
    }
}

fn record(out: &mut String, look: &str, paint: &str, (from, to): (f64, f64), y: f64) {
    let width = to - from;
    let _ = write!(
        out,
        "<rect class=\"record {look}\" style=\"--ink-of:{paint}\" x=\"{from:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{CELL}\" rx=\"2\"/>"
    );
}

fn marker(out: &mut String, look: &str, (from, to): (f64, f64), y: f64) {
    let (x, width, middle, line) = (from + 0.5, (to - from - 1.0).max(1.0), (from + to) / 2.0, y + 14.5);
    let _ =
        write!(out, "<rect class=\"{look}\" x=\"{x:.1}\" y=\"{y}\" width=\"{width:.1}\" height=\"{CELL}\" rx=\"2\"/>");
    if to - from > 8.0 {
        let sign = if look == "commit" { "✓" } else { "✗" };
        let _ = write!(out, "<text class=\"sign {look}\" x=\"{middle:.1}\" y=\"{line}\">{sign}</text>");
    }
}

/// Neighbouring batches that look alike are drawn as one where records are too narrow to tell apart. Returns the first offset of
/// each and its last batch.
fn runs<'b>(batches: &[&'b Batch], strip: &Strip, each: f64) -> Vec<(i64, &'b Batch)> {
    let mut runs: Vec<(i64, &Batch)> = Vec::new();
    for batch in batches {
        match runs.last_mut() {
            Some((_, last))
                if each < APART
                    && last.base + i64::from(last.count) == batch.base
                    && look(strip, last.base, last) == look(strip, batch.base, batch)
                    && last.lane == batch.lane
                    && matches!(batch.kind, BatchKind::Data | BatchKind::Transactional) =>
            {
                *last = batch;
            }
            _ => runs.push((batch.base, batch)),
        }
    }
    runs
}

/// How the record of a batch at an offset looks.
fn look(strip: &Strip, offset: i64, batch: &Batch) -> &'static str {
    let flawed = strip.flaws.iter().any(|f| f.first <= offset && offset <= f.last);
    match (batch.kind, batch.decided) {
        (BatchKind::Commit, _) => "commit",
        (BatchKind::Abort, _) => "abort",
        (BatchKind::Transactional, Some((_, false))) if flawed => "aborted flawed",
        (BatchKind::Transactional, Some((_, false))) => "aborted",
        (BatchKind::Transactional, None) => "open",
        _ if flawed => "there flawed",
        _ => "there",
    }
}
