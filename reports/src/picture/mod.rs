//! A few moments of a story as a still picture (SVG): time runs down, each node is a column, arrows are messages, and the
//! logs stand below. The page around it brings the colours (`lesson/lesson.css`).

mod logs;

use core::fmt::Write;

use crate::diagram::{clock, columns, message_words};
use crate::page::escape;
use crate::story::{Band, BandKind, Fate, Moment, Story};

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
/// Height of a row that says what is left out, or how much time goes by.
const NOTE: f64 = 24.0;
/// Time that goes by between two rows is said from so many nanoseconds on.
const LONG: u64 = 1_000_000_000;
/// A message that travels for longer is drawn down to where it arrives.
const SLOW: u64 = 50_000_000;

/// The picture of some moments, in the order of time.
pub fn svg(story: &Story, moments: &[Moment]) -> String {
    let lanes = columns(story, moments);
    let spread = if lanes.len() <= 2 { 190.0 } else { (560.0 / lanes.len() as f64).clamp(104.0, 150.0) };
    let mut picture = Picture { story, lanes, spread, rows: Vec::new(), end: HEAD, out: String::new() };
    picture.lay_out(moments);
    picture.rails();
    for n in 0..picture.rows.len() {
        if let What::Moment(Moment::Band(band)) = picture.rows[n].what {
            picture.band(&story.bands[band], n);
        }
    }
    for n in 0..picture.rows.len() {
        picture.row(n);
    }
    let below = picture.end + 14.0;
    let height = picture.logs(below);
    let width = picture.width();
    let label = escape(&format!("Diagram of {}", story.label));
    format!(
        "<svg class=\"picture\" role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {width} {height}\" \
         style=\"max-width:{width}px\" xmlns=\"http://www.w3.org/2000/svg\">{}</svg>",
        picture.out
    )
}

/// What a row shows.
#[derive(Clone, Copy)]
enum What {
    Moment(Moment),
    /// So much time goes by.
    Gap(u64),
}

struct Row {
    what: What,
    /// When; none for rows that only note something.
    t: Option<u64>,
    /// Where it begins.
    y: f64,
}

struct Picture<'s> {
    story: &'s Story,
    lanes: Vec<u32>,
    spread: f64,
    rows: Vec<Row>,
    /// Where the last row ends.
    end: f64,
    out: String,
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

    /// Decides where each row stands.
    fn lay_out(&mut self, moments: &[Moment]) {
        let mut last: Option<u64> = None;
        for moment in moments {
            let t = match *moment {
                Moment::Message(n) => Some(self.story.messages[n].sent),
                Moment::Band(n) => Some(self.story.bands[n].from),
                Moment::Fence(n) => Some(self.story.fences[n].t),
                Moment::Omitted(_) => None,
            };
            let gap = t.zip(last).map_or(0, |(t, last)| t.saturating_sub(last));
            if gap >= LONG {
                self.push(What::Gap(gap), None, NOTE);
            }
            self.push(What::Moment(*moment), t, if t.is_some() { ROW } else { NOTE });
            last = t.or(last);
        }
    }

    fn push(&mut self, what: What, t: Option<u64>, height: f64) {
        self.rows.push(Row { what, t, y: self.end });
        self.end += height;
    }

    /// Where something of row `n` ends that lasts until `t`: at the first later row that is not before it, or at the end.
    fn until(&self, n: usize, t: u64) -> f64 {
        let later = self.rows[n + 1..].iter().find(|row| row.t.is_some_and(|at| at >= t));
        later.map_or(self.end, |row| row.y)
    }

    fn row(&mut self, n: usize) {
        let (what, y) = (self.rows[n].what, self.rows[n].y);
        if let Some(t) = self.rows[n].t {
            let before = self.rows[..n].iter().rev().find_map(|row| row.t);
            if before != Some(t) {
                let (x, y) = (LEFT - 8.0, y + 15.0);
                let _ = write!(self.out, "<text class=\"time\" x=\"{x}\" y=\"{y}\">{}</text>", clock(t));
            }
        }
        match what {
            What::Moment(Moment::Message(message)) => self.message(message, n),
            What::Moment(Moment::Band(band)) => self.fault(&self.story.bands[band], y),
            What::Moment(Moment::Fence(fence)) => self.fence(fence, y),
            What::Moment(Moment::Omitted(1)) => self.note("… 1 more message", y),
            What::Moment(Moment::Omitted(more)) => self.note(&format!("… {more} more messages"), y),
            What::Gap(gap) => {
                let tenths = gap / 100_000_000;
                let words = format!("{}.{} s", crate::words::thousands(tenths / 10), tenths % 10);
                let (x, y) = (LEFT - 8.0, y + 14.0);
                let _ = write!(self.out, "<text class=\"gap\" x=\"{x}\" y=\"{y}\">⋮ {words}</text>");
            }
        }
    }

    fn note(&mut self, words: &str, y: f64) {
        let (x, y) = (LEFT + self.spread * self.lanes.len() as f64 / 2.0, y + 14.0);
        let _ = write!(self.out, "<text class=\"omitted\" x=\"{x}\" y=\"{y}\">{words}</text>");
    }

    /// Words beside the arrows.
    fn words(&mut self, words: &str, class: &str, y: f64) {
        let (x, y) = (self.words_at(), y + 15.0);
        let short = shortened(words, WORDS_FIT);
        let title = if short == words { String::new() } else { format!("<title>{}</title>", escape(words)) };
        let _ = write!(self.out, "<text class=\"words {class}\" x=\"{x}\" y=\"{y}\">{}{title}</text>", escape(&short));
    }

    /// A fault begins.
    fn fault(&mut self, band: &Band, y: f64) {
        for x in band.lanes.iter().filter_map(|lane| self.x(*lane)).collect::<Vec<_>>() {
            let y = y + 2.0;
            let _ = write!(self.out, "<path class=\"bolt\" d=\"M{x} {y}l-5 8h5l-3 8 9-10h-5l4-6z\"/>");
        }
        self.words(&band.words, "fault", y);
    }

    /// A fault that lasts, along the lines of its nodes.
    fn band(&mut self, band: &Band, n: usize) {
        if band.kind == BandKind::Event {
            return;
        }
        let from = self.rows[n].y;
        let height = (self.until(n, band.to) - from - 2.0).max(ROW - 4.0);
        let kind = format!("{:?}", band.kind).to_lowercase();
        for x in band.lanes.iter().filter_map(|lane| self.x(*lane)).collect::<Vec<_>>() {
            let (x, y) = (x - 13.0, from + 1.0);
            let _ = write!(
                self.out,
                "<rect class=\"band {kind}\" x=\"{x}\" y=\"{y}\" width=\"26\" height=\"{height}\" rx=\"4\"><title>{}</title></rect>",
                escape(&band.words)
            );
        }
    }

    fn fence(&mut self, n: usize, y: f64) {
        let fence = &self.story.fences[n];
        let words = format!("{} is fenced: {}", self.story.lanes[fence.lane as usize].name, fence.error);
        if let Some(x) = self.x(fence.lane) {
            let (left, right, rail, y) = (x - 8.0, x + 2.0, x - 11.0, y + 22.0);
            let (high, low) = (y - 11.0, y - 4.0);
            let _ = write!(
                self.out,
                "<path class=\"fence\" d=\"M{left} {y}v-15l3-4 3 4v15M{right} {y}v-15l3-4 3 4v15M{rail} {high}h22M{rail} {low}h22\"/>"
            );
        }
        self.words(&words, "bad", y);
    }

    fn message(&mut self, message: usize, n: usize) {
        let m = &self.story.messages[message];
        let y = self.rows[n].y;
        let bad = m.error.is_some() || m.fate == Fate::Lost;
        let mut class = String::from(if m.answer { "msg answer" } else { "msg" });
        for (is, word) in [(bad, " bad"), (m.fate == Fate::Late, " late")] {
            class.push_str(if is { word } else { "" });
        }
        let paint = if bad { String::new() } else { format!(" style=\"--ink-of:{}\"", self.color(m.from, m.to)) };
        if let (Some(x1), Some(x2)) = (self.x(m.from), self.x(m.to)) {
            let y1 = y + 6.0;
            let slow = m.arrived.saturating_sub(m.sent) > SLOW && m.fate != Fate::Lost;
            let y2 = if slow { self.until(n, m.arrived) + 2.0 } else { y1 + FALL };
            if m.from == m.to {
                let tip = y1 + FALL;
                let _ = write!(
                    self.out,
                    "<path class=\"{class}\"{paint} d=\"M{x1} {y1}c34 0 34 {FALL} 3 {FALL}\"/>\
                     <path class=\"tip {class}\"{paint} d=\"M{x1} {tip}l8 -3.6v7.2z\"/>"
                );
            } else if m.fate == Fate::Lost {
                let (xe, ye) = (x1 + (x2 - x1) * 0.68, y1 + (y2 - y1) * 0.68);
                let (xc, yc) = (xe - 5.0, ye - 5.0);
                let _ = write!(
                    self.out,
                    "<path class=\"{class}\"{paint} d=\"M{x1} {y1}L{xe:.1} {ye:.1}\"/>\
                     <path class=\"cross\" d=\"M{xc:.1} {yc:.1}l10 10m0 -10l-10 10\"/>"
                );
            } else {
                let length = ((x2 - x1).powi(2) + (y2 - y1).powi(2)).sqrt().max(1.0);
                let (ux, uy) = ((x2 - x1) / length, (y2 - y1) / length);
                let (bx, by) = (x2 - ux * 9.0, y2 - uy * 9.0);
                let (ax, ay, cx, cy) = (bx - uy * 3.8, by + ux * 3.8, bx + uy * 3.8, by - ux * 3.8);
                let _ = write!(
                    self.out,
                    "<path class=\"{class}\"{paint} d=\"M{x1} {y1}L{x2} {y2}\"/>\
                     <path class=\"tip {class}\"{paint} d=\"M{x2} {y2}L{ax:.1} {ay:.1}L{cx:.1} {cy:.1}Z\"/>"
                );
            }
        }
        let words = message_words(self.story, message);
        self.words(&words, if bad { "bad" } else { "" }, y);
    }

    /// The colour of the client that a message is from or for.
    fn color(&self, from: u32, to: u32) -> String {
        let client = [from, to].into_iter().find(|lane| self.story.lanes[*lane as usize].kind.is_client());
        client.map_or("var(--c7)".to_string(), |lane| self.paint(lane))
    }

    fn paint(&self, lane: u32) -> String {
        let clients = self.story.lanes[..lane as usize].iter().filter(|l| l.kind.is_client()).count();
        let client = self.story.lanes[lane as usize].kind.is_client();
        if client { format!("var(--c{})", clients % 7) } else { "var(--c7)".to_string() }
    }

    /// Names, what brokers are at the time of the first row, and a line for each node.
    fn rails(&mut self) {
        let first = self.rows.iter().find_map(|row| row.t).unwrap_or(0);
        let (end, wide) = (self.end, self.spread - 12.0);
        for lane in self.lanes.clone() {
            let x = self.x(lane).expect("a column has a place");
            let node = &self.story.lanes[lane as usize];
            let kind = format!("{:?}", node.kind).to_lowercase();
            let office = if node.kind.is_client() { kind } else { self.offices(lane, first).join(", ") };
            let (left, high) = (x - wide / 2.0, HEAD - 12.0);
            let _ = write!(
                self.out,
                "<path class=\"rail\" d=\"M{x} {HEAD}V{end}\"/>\
                 <rect class=\"node\" x=\"{left}\" y=\"2\" width=\"{wide}\" height=\"{high}\" rx=\"7\" style=\"--ink-of:{}\"/>\
                 <text class=\"node\" x=\"{x}\" y=\"19\">{}</text>\
                 <text class=\"office\" x=\"{x}\" y=\"32\">{}<title>{}</title></text>",
                self.paint(lane),
                escape(&shortened(&node.name, (wide / 7.0) as usize)),
                escape(&shortened(&office, (wide / 5.6) as usize)),
                escape(&office)
            );
        }
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
    use crate::story::{Batch, Flaw, Flawed, Lane, LaneKind, Message, Purpose, Strip};

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
        assert_eq!(svg.matches("class=\"record there").count(), 20);
        assert_eq!(svg.matches("class=\"record there flawed\"").count(), 10);
        assert!(svg.contains("copies of 0–9") && svg.contains("… 3 more messages") && svg.contains("&lt;sales&gt;"));
    }

    #[test]
    fn a_slow_message_is_drawn_down_to_where_it_arrives_and_long_silence_is_said() {
        let lane = |name: &str, kind| Lane { name: name.into(), kind };
        let message = |sent: u64, arrived: u64| Message {
            from: 0,
            to: 1,
            purpose: Purpose::Produce,
            sent,
            arrived,
            ..Message::default()
        };
        let story = Story {
            lanes: vec![lane("bank", LaneKind::Producer), lane("broker-1", LaneKind::Broker)],
            messages: vec![message(0, 4_000_000_000), message(100, 500_100), message(5_000_000_000, 5_000_500_000)],
            ..Story::default()
        };
        let svg = svg(&story, &[Moment::Message(0), Moment::Message(1), Moment::Message(2)]);
        let (first, second, note) = (HEAD, HEAD + ROW, HEAD + 2.0 * ROW);
        assert!(svg.contains(&format!("M187 {}L377 {}", first + 6.0, note + NOTE + 2.0)), "to the third row: {svg}");
        assert!(svg.contains(&format!("M187 {}L377 {}", second + 6.0, second + 6.0 + FALL)));
        assert!(svg.contains("⋮ 4.9 s</text>"));
    }
}
