//! `[explore]`: what a swarm may change, and within which ranges.
//!
//! A key is that of a setting, exactly as `--set` knows it; its value is a range `"3..5"`, `"1ms..20ms"`, or a list of
//! values. What is drawn is applied as a setting, so that a drawn scenario is its text and a list of settings.

use fencepost_protocol::time::Span;

use super::document::Document;
use super::fields::{Fields, Item, Value};
use super::overrides::{self, Setting};
use super::problem::{Complaint, Place};
use super::range;
use super::table;
use crate::stream::Stream;

/// What one key may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// A whole number, both ends included.
    Integer(u64, u64),
    /// A duration, both ends included.
    Span(Span, Span),
    /// One of these.
    OneOf(Vec<String>),
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The setting.
    pub key: String,
    /// What it may be.
    pub range: Range,
    place: Place,
}

/// The table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explore {
    /// Its lines, in the order of the text.
    pub lines: Vec<Line>,
}

/// Which part of a range is drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// The lower third.
    Low,
    /// The upper third.
    High,
}

impl Range {
    fn read(text: &str) -> Option<Range> {
        text.split_once("..")?; // one value is none: it is a list of one
        let numbers = range::parse(text, range::number).ok().map(|(low, high)| Range::Integer(low, high));
        numbers.or_else(|| range::parse(text, range::span).ok().map(|(low, high)| Range::Span(low, high)))
    }

    /// A range of the program's own.
    pub(crate) fn usual(text: &str) -> Range {
        Range::read(text).expect("the program's own ranges can be read")
    }

    /// Draws a value, as the text of a setting. Ranges that span more than four binary orders of magnitude are drawn from
    /// by magnitude first, so that small values come as often as large ones.
    pub fn draw(&self, part: Part, stream: &mut Stream) -> String {
        match self {
            Range::OneOf(values) => values[stream.below(values.len() as u64) as usize].clone(),
            Range::Integer(low, high) => between(*low, *high, part, stream).to_string(),
            Range::Span(low, high) => Span(between(low.0, high.0, part, stream)).to_string(),
        }
    }

    /// Its ends, as texts of settings.
    fn ends(&self) -> Vec<String> {
        match self {
            Range::OneOf(values) => values.clone(),
            Range::Integer(low, high) => vec![low.to_string(), high.to_string()],
            Range::Span(low, high) => vec![low.to_string(), high.to_string()],
        }
    }
}

fn between(low: u64, high: u64, part: Part, stream: &mut Stream) -> u64 {
    let third = (high - low) / 3;
    let (low, high) = match part {
        Part::Whole => (low, high),
        Part::Low => (low, low + third),
        Part::High => (high - third, high),
    };
    let orders = (high / low.max(1)).max(1).ilog2();
    if orders < 4 {
        return stream.between(low, high);
    }
    let from = low.max(1) << stream.below(u64::from(orders) + 1);
    stream.between(from.max(low), from.saturating_mul(2).min(high))
}

impl Explore {
    /// Reads the table.
    pub(super) fn read(fields: &Fields) -> Result<Explore, Complaint> {
        let mut lines = Vec::new();
        for (path, item) in fields.iter() {
            lines.push(Line {
                key: path.to_string(),
                range: read_range(fields, path, item)?,
                place: item.place.clone(),
            });
        }
        Ok(Explore { lines })
    }

    /// Complains about a key that nothing knows and, `with_ends`, about ends of ranges that its reader refuses. `assemble`
    /// reads a whole document.
    pub(super) fn check(
        &self,
        document: &Document,
        with_ends: bool,
        mut assemble: impl FnMut(&Document) -> Result<(), Complaint>,
    ) -> Result<(), Complaint> {
        for line in self.lines.iter().filter(|_| with_ends) {
            for value in line.range.ends() {
                let mut changed = document.clone();
                let key = line.key.clone();
                overrides::apply(&mut changed, &Setting { key, value: value.clone(), place: line.place.clone() })?;
                // What a single setting breaks elsewhere (a factor above the number of brokers) shows at its line here.
                changed.check().and_then(|()| assemble(&changed)).map_err(|complaint| {
                    let message = format!("with {} = {value}: {}", line.key, complaint.message);
                    Complaint::new(&line.place, message)
                })?;
            }
        }
        Ok(())
    }

    /// The line of that key.
    pub fn get(&self, key: &str) -> Option<&Line> {
        self.lines.iter().find(|line| line.key == key)
    }

    /// Lines that do not concern faults.
    pub fn settings(&self) -> impl Iterator<Item = &Line> {
        self.lines.iter().filter(|line| !line.key.starts_with("chaos."))
    }

    /// Whether it says anything about faults.
    pub fn names_faults(&self) -> bool {
        self.lines.iter().any(|line| line.key.starts_with("chaos."))
    }
}

fn read_range(fields: &Fields, path: &str, item: &Item) -> Result<Range, Complaint> {
    let expected = "expected a range such as \"3..5\" or \"1ms..20ms\", or a list of values";
    let complain = || {
        let what = format!("'{path}' in {}: {expected}", fields.what);
        Complaint::new(&item.place, what)
    };
    // `lasts` and `count` of a family are ranges themselves: a range is given to the family as it stands.
    let is_lasts = table::Family::all().any(|(name, family)| family.key == "lasts" && path == format!("chaos.{name}"));
    match &item.value {
        Value::Text(text) | Value::Raw(text) if is_lasts => Ok(Range::OneOf(vec![text.clone()])),
        Value::Text(text) | Value::Raw(text) => Range::read(text).ok_or_else(|| {
            let message = range::backwards(text).unwrap_or_else(|| {
                let found = table::quoted(text);
                format!("{expected}, found {found}; a value alone is a list of one, [{found}]")
            });
            Complaint::new(&item.place, format!("'{path}' in {}: {message}", fields.what))
        }),
        Value::List(items) if !items.is_empty() => {
            let mut values = Vec::new();
            for item in items {
                values.push(fields.config_text(path, item).map_err(|_| complain())?.into_owned());
            }
            Ok(Range::OneOf(values))
        }
        Value::Integer(_) | Value::Bool(_) => Ok(Range::OneOf(vec![fields.config_text(path, item)?.into_owned()])),
        _ => Err(complain()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Choice, Scenario, duration};

    const TEXT: &str = "title = 'x'\n[[topic]]\nname = 'orders'\n[[producer]]\nname = 'shop'\ntopic = 'orders'\nrecords = 5\n[explore]\n";

    fn load(line: &str) -> Result<Scenario, String> {
        let text = format!("{TEXT}{line}\n");
        Scenario::load("x.toml", &text, Choice::default(), &mut |_| Err("none".into())).map_err(|p| p.to_string())
    }

    #[test]
    fn ranges_of_numbers_durations_and_values() {
        let scenario =
            load("orders.partitions = \"1..4\"\nnetwork.client.latency = \"100us..20ms\"\nacks = [\"all\", 1]")
                .unwrap();
        let ranges: Vec<&Range> = scenario.explore.lines.iter().map(|l| &l.range).collect();
        assert_eq!(ranges[0], &Range::Integer(1, 4));
        assert_eq!(ranges[1], &Range::Span(Span(100_000), Span(20_000_000)));
        assert_eq!(ranges[2], &Range::OneOf(vec!["all".into(), "1".into()]));
        let mut stream = Stream::new(1, "x");
        for _ in 0..100 {
            let partitions: u64 = ranges[0].draw(Part::Whole, &mut stream).parse().unwrap();
            assert!((1..=4).contains(&partitions));
            let latency = duration::parse(&ranges[1].draw(Part::Whole, &mut stream)).unwrap();
            assert!((100_000..=20_000_000).contains(&latency.0));
        }
    }

    #[test]
    fn what_cannot_be_drawn_is_refused_where_it_stands() {
        for (line, says) in [
            ("order.partitions = \"1..4\"", "x.toml:9:20: nothing in this scenario knows 'order.partitions'"),
            ("orders.partitions = \"4..1\"", "the range ends at 1, before it begins at 4: write 1..4"),
            ("network.client.latency = \"2ms..1us\"", "the range ends at 1us, before it begins at 2ms: write 1us..2ms"),
            ("orders.partitions = \"four\"", "found \"four\"; a value alone is a list of one, [\"four\"]"),
            ("acks = [\"al\"]", "all"),
            ("orders.partitions = \"0..1\"", "with orders.partitions = 0: "),
            ("brokers = \"0..3\"", "x.toml:9:11: with brokers = 0: "),
            ("enable.idempotnce = [true, false]", "enable.idempotence"),
            ("request.timeout.ms = \"1..5\"", "client.request.timeout.ms"),
            ("chaos.broker_crsh.count = \"0..2\"", "'broker_crash.count'"),
        ] {
            let error = load(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn small_values_of_a_wide_range_come_as_often_as_large_ones() {
        let mut stream = Stream::new(1, "wide");
        let range = Range::Integer(1, 1 << 20);
        let small =
            (0..1000).filter(|_| range.draw(Part::Whole, &mut stream).parse::<u64>().unwrap() < 1 << 10).count();
        assert!((300..700).contains(&small), "{small}");
    }
}
