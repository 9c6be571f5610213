//! A few moments of a story as a still picture (SVG): time runs down, each node is a column, arrows are messages, and the
//! logs stand below. The page around it brings the colours (`lesson/lesson.css`).

use core::fmt::Write;

use crate::diagram::{clock, columns, contents, lost_words, message_words};
use crate::page::escape;
use crate::story::{BandKind, Batch, BatchKind, Fate, Flaw, Moment, Story, Strip};

/// Where columns begin: left of it stand times and names of partitions.
const LEFT: f64 = 92.0;
/// Width of the words beside the arrows.
const WORDS: f64 = 372.0;
/// Characters of words that fit there.
const WORDS_FIT: usize = 60;
/// Height of a message's row, and how much of it the arrow falls.
const ROW: f64 = 30.0;
const FALL: f64 = 13.0;
/// Height of the names.
const HEAD: f64 = 50.0;
/// Partitions that are shown at most.
const STRIPS: usize = 3;
/// Height of a log's records, and of everything that belongs to a log.
const CELL: f64 = 20.0;
const STRIP: f64 = 58.0;

/// The picture of some moments, in the order of time.
pub fn svg(story: &Story, moments: &[Moment]) -> String {
    let lanes = columns(story, moments);
    let spread = if lanes.len() <= 2 { 190.0 } else { (560.0 / lanes.len() as f64).clamp(104.0, 150.0) };
    let mut picture = Picture { story, lanes, spread, rows: Vec::new(), out: String::new(), y: HEAD };
    let first = moments.iter().find_map(|m| picture.time(m)).unwrap_or(0);
    let mut last = None;
    for moment in moments {
        picture.row(moment, &mut last);
    }
    let end = picture.y;
    let rails = picture.rails(first, end);
    let bands = picture.bands(moments);
    picture.y += 14.0;
    let strips = picture.strips();
    let (width, height) = (picture.width(), picture.y);
    let label = format!("Diagram of {}", story.label);
    format!(
        "<svg class=\"picture\" role=\"img\" aria-label=\"{}\" viewBox=\"0 0 {width} {height}\" style=\"max-width:{width}px\" \
         xmlns=\"http://www.w3.org/2000/svg\">{rails}{bands}{}{strips}</svg>",
        escape(&label),
        picture.out
    )
}

struct Picture<'s> {
    story: &'s Story,
    lanes: Vec<u32>,
    spread: f64,
    /// Time and height of each row.
    rows: Vec<(u64, f64)>,
    out: String,
    y: f64,
}

impl Picture<'_> {
    fn width(&self) -> f64 {
        self.words_at() + WORDS
    }

    fn words_at(&self) -> f64 {
        LEFT + self.spread * self.lanes.len() as f64 + 6.0
    }

    fn x(&self, lane: u32) -> Option<f64> {
        let column = self.lanes.iter().position(|l| *l == lane)?;
        Some(LEFT + self.spread * (column as f64 + 0.5))
    }

    fn time(&self, moment: &Moment) -> Option<u64> {
        match *moment {
            Moment::Message(n) => Some(self.story.messages[n].sent),
            Moment::Band(n) => Some(self.story.bands[n].from),
            Moment::Fence(n) => Some(self.story.fences[n].t),
            Moment::Omitted(_) => None,
        }
    }

    /// Words beside the arrows, at the height of the row.
    fn words(&mut self, words: &str, class: &str) {
        let (x, y) = (self.words_at(), self.y + 15.0);
        let short = shortened(words, WORDS_FIT);
        let title = if short == words { String::new() } else { format!("<title>{}</title>", escape(words)) };
        let _ = write!(self.out, "<text class=\"words {class}\" x=\"{x}\" y=\"{y}\">{}{title}</text>", escape(&short));
    }

    fn row(&mut self, moment: &Moment, last: &mut Option<u64>) {
        if let Some(t) = self.time(moment) {
            self.rows.push((t, self.y));
            if *last != Some(t) {
                let _ = write!(
                    self.out,
                    "<text class=\"time\" x=\"{}\" y=\"{}\">{}</text>",
                    LEFT - 8.0,
                    self.y + 15.0,
                    clock(t)
                );
            }
            *last = Some(t);
        }
        match *moment {
            Moment::Message(n) => {
                self.message(n);
                self.y += ROW;
            }
            Moment::Band(n) => {
                let band = &self.story.bands[n];
                let (words, class) =
                    (band.words.clone(), if band.kind == BandKind::Event { "fault" } else { "fault lasting" });
                for lane in &band.lanes {
                    if let Some(x) = self.x(*lane) {
                        let y = self.y + 11.0;
                        let _ = write!(
                            self.out,
                            "<path class=\"bolt\" d=\"M{} {}l-5 8h5l-3 8 9-10h-5l4-6z\"/>",
                            x,
                            y - 9.0
                        );
                    }
                }
                self.words(&words, class);
                self.y += ROW;
            }
            Moment::Fence(n) => {
                let fence = &self.story.fences[n];
                let words = format!("{} is fenced: {}", self.story.lanes[fence.lane as usize].name, fence.error);
                if let Some(x) = self.x(fence.lane) {
                    let y = self.y + 22.0;
                    let _ = write!(
                        self.out,
                        "<path class=\"fence\" d=\"M{} {y}v-15l3-4 3 4v15M{} {y}v-15l3-4 3 4v15M{} {}h22M{} {}h22\"/>",
                        x - 8.0,
                        x + 2.0,
                        x - 11.0,
                        y - 11.0,
                        x - 11.0,
                        y - 4.0
                    );
                }
                self.words(&words, "bad");
                self.y += ROW;
            }
            Moment::Omitted(n) => {
                let (x, y) = (LEFT + self.spread * self.lanes.len() as f64 / 2.0, self.y + 14.0);
                let words = format!("… {n} more message{}", if n == 1 { "" } else { "s" });
                let _ = write!(self.out, "<text class=\"omitted\" x=\"{x}\" y=\"{y}\">{words}</text>");
                self.y += 24.0;
            }
        }
    }

    fn message(&mut self, n: usize) {
        let m = &self.story.messages[n];
        let mut class = String::from(if m.answer { "msg answer" } else { "msg" });
        let bad = m.error.is_some() || m.fate == Fate::Lost;
        if bad {
            class.push_str(" bad");
        }
        if m.fate == Fate::Late {
            class.push_str(" late");
        }
        let paint = if bad { String::new() } else { format!(" style=\"--ink-of:{}\"", self.color(m.from, m.to)) };
        if let (Some(x1), Some(x2)) = (self.x(m.from), self.x(m.to)) {
            let (y1, y2) = (self.y + 6.0, self.y + 6.0 + FALL);
            if m.from == m.to {
                let _ = write!(
                    self.out,
                    "<path class=\"{class}\"{paint} d=\"M{x1} {y1}c34 0 34 {FALL} 3 {FALL}\"/>\
                     <path class=\"tip {class}\"{paint} d=\"M{x1} {y2}l8 -3.6v7.2z\"/>"
                );
            } else {
                let cut = if m.fate == Fate::Lost { 0.68 } else { 1.0 };
                let (xe, ye) = (x1 + (x2 - x1) * cut, y1 + (y2 - y1) * cut);
                let _ = write!(self.out, "<path class=\"{class}\"{paint} d=\"M{x1} {y1}L{xe:.1} {ye:.1}\"/>");
                if m.fate == Fate::Lost {
                    let _ = write!(
                        self.out,
                        "<path class=\"cross\" d=\"M{:.1} {:.1}l10 10m0 -10l-10 10\"/>",
                        xe - 5.0,
                        ye - 5.0
                    );
                } else {
                    let length = ((x2 - x1).powi(2) + (y2 - y1).powi(2)).sqrt().max(1.0);
                    let (ux, uy) = ((x2 - x1) / length, (y2 - y1) / length);
                    let (bx, by) = (x2 - ux * 9.0, y2 - uy * 9.0);
                    let (ax, ay, cx, cy) = (bx - uy * 3.8, by + ux * 3.8, bx + uy * 3.8, by - ux * 3.8);
                    let _ = write!(
                        self.out,
                        "<path class=\"tip {class}\"{paint} d=\"M{x2} {y2}L{ax:.1} {ay:.1}L{cx:.1} {cy:.1}Z\"/>"
                    );
                }
            }
        }
        let words = message_words(self.story, n);
        self.words(&words, if bad { "bad" } else { "" });
    }

    /// The colour of the client that a message is from or for.
    fn color(&self, from: u32, to: u32) -> String {
        let client = [from, to].into_iter().find(|lane| self.story.lanes[*lane as usize].kind.is_client());
        client.map_or("var(--c7)".to_string(), |lane| self.paint(lane))
    }

    fn paint(&self, lane: u32) -> String {
        let clients = self.story.lanes[..lane as usize].iter().filter(|l| l.kind.is_client()).count();
        if self.story.lanes[lane as usize].kind.is_client() {
            format!("var(--c{})", clients % 7)
        } else {
            "var(--c7)".into()
        }
    }

    /// Names, what brokers are at the time of the first moment, and a line for each node.
    fn rails(&self, first: u64, end: f64) -> String {
        let mut out = String::new();
        for lane in &self.lanes {
            let x = self.x(*lane).expect("a column has a place");
            let node = &self.story.lanes[*lane as usize];
            let paint = self.paint(*lane);
            let _ = write!(out, "<path class=\"rail\" d=\"M{x} {HEAD}V{end}\"/>");
            let wide = self.spread - 12.0;
            let _ = write!(
                out,
                "<rect class=\"node\" x=\"{}\" y=\"2\" width=\"{wide}\" height=\"{}\" rx=\"7\" style=\"--ink-of:{paint}\"/>\
                 <text class=\"node\" x=\"{x}\" y=\"19\">{}</text>",
                x - wide / 2.0,
                HEAD - 12.0,
                escape(&shortened(&node.name, (wide / 7.0) as usize))
            );
            let offices = self.offices(*lane, first);
            let office =
                if node.kind.is_client() { format!("{:?}", node.kind).to_lowercase() } else { offices.join(", ") };
            let short = shortened(&office, (wide / 5.6) as usize);
            let _ = write!(
                out,
                "<text class=\"office\" x=\"{x}\" y=\"32\">{}<title>{}</title></text>",
                escape(&short),
                escape(&office)
            );
        }
        out
    }

    fn offices(&self, lane: u32, at: u64) -> Vec<String> {
        let mut held: Vec<(&str, u32)> = Vec::new();
        for office in self.story.offices.iter().filter(|o| o.t <= at) {
            held.retain(|(name, _)| *name != office.name);
            held.push((&office.name, office.lane));
        }
        let own = held.iter().filter(|(_, holder)| *holder == lane);
        own.map(|(name, _)| name.replace("leader of", "leads").replace("coordinator of", "coordinates")).collect()
    }

    /// Faults that last, along the lines of their nodes.
    fn bands(&self, moments: &[Moment]) -> String {
        let mut out = String::new();
        for moment in moments {
            let Moment::Band(n) = *moment else { continue };
            let band = &self.story.bands[n];
            if band.kind == BandKind::Event {
                continue;
            }
            let row = |t: u64| self.rows.iter().rfind(|(at, _)| *at <= t).map(|(_, y)| *y);
            let (Some(from), Some(to)) = (row(band.from), row(band.to)) else { continue };
            let kind = format!("{:?}", band.kind).to_lowercase();
            for x in band.lanes.iter().filter_map(|lane| self.x(*lane)) {
                let height = (to - from).max(0.0) + ROW - 4.0;
                let _ = write!(
                    out,
                    "<rect class=\"band {kind}\" x=\"{}\" y=\"{}\" width=\"26\" height=\"{height}\" rx=\"4\"><title>{}</title></rect>",
                    x - 13.0,
                    from + 2.0,
                    escape(&band.words)
                );
            }
        }
        out
    }

    /// What the logs hold in the end.
    fn strips(&mut self) -> String {
        let mut strips: Vec<&Strip> = self.story.strips.iter().filter(|s| !s.batches.is_empty()).collect();
        strips.sort_by_key(|s| s.flaws.is_empty());
        let mut out = String::new();
        for strip in strips.into_iter().take(STRIPS) {
            self.strip(strip, &mut out);
            self.y += STRIP;
        }
        out
    }

    fn strip(&self, strip: &Strip, out: &mut String) {
        let alive: Vec<&Batch> = strip.batches.iter().filter(|b| b.gone.is_none()).collect();
        let total = alive.iter().map(|b| b.base + i64::from(b.count)).max().unwrap_or(1).max(1) as f64;
        let wide = self.width() - LEFT - 4.0;
        let each = (wide / total).min(22.0);
        let y = self.y + 17.0;
        let x = |offset: i64| LEFT + offset as f64 * each;
        let said = contents(strip, self.story);
        let _ = write!(
            out,
            "<g><title>{}: {}</title><text class=\"partition\" x=\"{}\" y=\"{}\">{}</text>",
            escape(&strip.name),
            escape(&said),
            LEFT - 8.0,
            y + 14.0,
            escape(&strip.name)
        );
        for (first, batch) in runs(&alive, each) {
            let (from, to) = (x(first), x(batch.base + i64::from(batch.count)));
            let paint = batch.lane.map_or("var(--c7)".to_string(), |lane| self.paint(lane));
            let look = look(batch);
            if batch.kind == BatchKind::Commit || batch.kind == BatchKind::Abort {
                let sign = if batch.kind == BatchKind::Commit { "✓" } else { "✗" };
                let _ = write!(
                    out,
                    "<rect class=\"{look}\" x=\"{:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{CELL}\" rx=\"2\"/>",
                    from + 0.5,
                    (to - from - 1.0).max(1.0)
                );
                if to - from > 8.0 {
                    let _ = write!(
                        out,
                        "<text class=\"sign {look}\" x=\"{:.1}\" y=\"{}\">{sign}</text>",
                        (from + to) / 2.0,
                        y + 14.5
                    );
                }
            } else if each >= 6.0 {
                for offset in first..batch.base + i64::from(batch.count) {
                    let _ = write!(
                        out,
                        "<rect class=\"record {look}\" style=\"--ink-of:{paint}\" x=\"{:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{CELL}\" rx=\"2\"/>",
                        x(offset) + 0.6,
                        each - 1.2
                    );
                }
            } else {
                let _ = write!(
                    out,
                    "<rect class=\"record {look}\" style=\"--ink-of:{paint}\" x=\"{from:.1}\" y=\"{y}\" width=\"{:.1}\" height=\"{CELL}\"/>",
                    (to - from - 0.6).max(0.8)
                );
            }
        }
        self.flaws(strip, y, x, out);
        let end = x(total as i64);
        let _ = write!(
            out,
            "<text class=\"offset first\" x=\"{LEFT}\" y=\"{}\">0</text><text class=\"offset last\" x=\"{end:.1}\" y=\"{}\">{}</text></g>",
            y + CELL + 12.0,
            y + CELL + 12.0,
            crate::render::thousands(total as u64 - 1)
        );
    }

    fn flaws(&self, strip: &Strip, y: f64, x: impl Fn(i64) -> f64, out: &mut String) {
        let mut free = LEFT;
        for flaw in &strip.flaws {
            let (from, to) = (x(flaw.first), x(flaw.last + 1));
            let _ = write!(
                out,
                "<rect class=\"flaw\" x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"3.5\"/>",
                y - 5.0,
                (to - from - 0.6).max(1.5)
            );
            let span =
                |first: i64, last: i64| if first == last { first.to_string() } else { format!("{first}–{last}") };
            let words = match (flaw.flaw, flaw.of) {
                (Flaw::Duplicate, Some((_, of))) => format!("copies of {}", span(of, of + flaw.last - flaw.first)),
                (Flaw::Duplicate, None) => "copies".to_string(),
                (Flaw::Lost, _) => lost_words(self.story).to_string(),
                (Flaw::Leaked, _) => "leaked".to_string(),
            };
            let width = words.chars().count() as f64 * 6.0;
            let at = from.min(self.width() - width).max(LEFT);
            if at >= free {
                let _ = write!(out, "<text class=\"flaw\" x=\"{at:.1}\" y=\"{}\">{words}</text>", y - 8.0);
                free = at + width + 8.0;
            }
        }
    }
}

/// Neighbouring batches that look alike are drawn as one where records are too narrow to tell apart. Returns the first offset of
/// each and its last batch.
fn runs<'b>(batches: &[&'b Batch], each: f64) -> Vec<(i64, &'b Batch)> {
    let mut runs: Vec<(i64, &Batch)> = Vec::new();
    for batch in batches {
        match runs.last_mut() {
            Some((_, last))
                if each < 6.0
                    && last.base + i64::from(last.count) == batch.base
                    && look(last) == look(batch)
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

fn look(batch: &Batch) -> &'static str {
    match (batch.kind, batch.decided) {
        (BatchKind::Commit, _) => "commit",
        (BatchKind::Abort, _) => "abort",
        (BatchKind::Transactional, Some((_, false))) => "aborted",
        (BatchKind::Transactional, None) => "open",
        _ => "there",
    }
}

/// At most so many characters, the last one a sign that there were more.
fn shortened(text: &str, fit: usize) -> String {
    if text.chars().count() <= fit {
        return text.to_string();
    }
    text.chars().take(fit.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::{Flawed, Lane, LaneKind, Message, Purpose};

    #[test]
    fn a_lost_answer_ends_in_a_cross_and_copies_are_marked() {
        let lane = |name: &str, kind| Lane { name: name.into(), kind };
        let message = |sent: u64, answer: bool, fate| {
            let (from, to) = if answer { (1, 0) } else { (0, 1) };
            let (kind, label, purpose) = ("Produce".to_string(), "<sales>".to_string(), Purpose::Produce);
            Message { from, to, kind, label, answer, purpose, sent, fate, ..Message::default() }
        };
        let batch = |base| Batch { base, count: 10, lane: Some(0), ..Batch::default() };
        let story = Story {
            lanes: vec![lane("till", LaneKind::Producer), lane("broker-1", LaneKind::Broker)],
            messages: vec![message(1_000_000, false, Fate::Delivered), message(2_000_000, true, Fate::Lost)],
            strips: vec![Strip {
                name: "sales-0".into(),
                batches: vec![batch(0), batch(10)],
                flaws: vec![Flawed { flaw: Flaw::Duplicate, first: 10, last: 19, of: Some((0, 0)) }],
                ..Strip::default()
            }],
            ..Story::default()
        };
        let svg = svg(&story, &[Moment::Message(0), Moment::Message(1), Moment::Omitted(3)]);
        assert_eq!(svg.matches("class=\"cross\"").count(), 1);
        assert_eq!(svg.matches("class=\"record there\"").count(), 20);
        assert!(svg.contains("copies of 0–9") && svg.contains("… 3 more messages") && svg.contains("&lt;sales&gt;"));
    }
}
