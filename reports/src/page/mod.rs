//! A story as one HTML file that needs nothing else: no network, no server, no build.
//!
//! The page's parts are files beside this one (`page.html`, `page.css`, `page.js`); the story travels in it as JSON with
//! short rows and a table of texts, so that a run of 100,000 messages stays small enough to open. Two runs side by side
//! ([`pair`]) are two such pages in the frames of a third.

mod pair;

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub use pair::{Comparison, FirstDifference, RecordFates, pair};

use crate::story::{BatchKind, Fate, Flaw, Story};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// The file's text.
pub fn html(story: &Story) -> String {
    let title = escape(&format!("{} · {}", story.label, story.judgement.verdict));
    filled(PAGE, |name| match name {
        "title" => title.clone(),
        "data" => embedded(story),
        name => own_part(name),
    })
}

/// The page without a story: what stands for its data is `{{data}}`.
pub(crate) fn viewer() -> String {
    filled(PAGE, |name| match name {
        "title" => "Fencepost".to_string(),
        "data" => "{{data}}".to_string(),
        name => own_part(name),
    })
}

/// A story as the page takes it: JSON in which nothing can end a script element.
pub(crate) fn embedded(story: &Story) -> String {
    in_script(&data(story))
}

/// JSON for a script element: inside one only `<` could end or nest it.
pub(crate) fn in_script(value: &Value) -> String {
    value.to_string().replace('<', "\\u003c")
}

fn own_part(name: &str) -> String {
    match name {
        "style" => STYLE.to_string(),
        "script" => SCRIPT.to_string(),
        other => panic!("the page has no part '{other}'"),
    }
}

/// A template with its parts, which are named in double braces.
pub(crate) fn filled(template: &str, part: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, after)) = after.split_once("}}") else { break };
        out.push_str(before);
        out.push_str(&part(name));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Text as HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Texts by number.
#[derive(Default)]
struct Texts {
    list: Vec<String>,
    numbers: BTreeMap<String, usize>,
}

impl Texts {
    fn number(&mut self, text: &str) -> usize {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.list.len();
        self.list.push(text.to_string());
        self.numbers.insert(text.to_string(), number);
        number
    }
}

fn data(story: &Story) -> Value {
    let mut texts = Texts::default();
    texts.number("");
    let messages = messages(story, &mut texts);
    let strips: Vec<Value> = story.strips.iter().map(|s| strip(s, &mut texts)).collect();
    json!({
        "format": story.format,
        "title": story.title,
        "label": story.label,
        "seed": story.seed,
        "command": story.command,
        "digest": story.digest,
        "program": story.program,
        "end": story.end,
        "focus": story.focus(),
        "lanes": story.lanes,
        "offices": story.offices.iter().map(|o| json!([o.t, o.lane, o.name])).collect::<Vec<_>>(),
        "texts": texts.list,
        "messages": messages,
        "omitted": story.messages_omitted,
        "bands": story.bands,
        "transactions": story.transactions,
        "fences": story.fences,
        "strips": strips,
        "script": story.script,
        "judgement": story.judgement,
        "figures": story.figures,
    })
}

/// A row for each message: time since the previous one was sent, time on the way, from, to, kind, answer, purpose, fate,
/// label, detail, error, strips, producer id, epoch, request (how many rows back; 0 for none).
fn messages(story: &Story, texts: &mut Texts) -> Vec<Value> {
    let mut last = 0;
    let rows = story.messages.iter().enumerate().map(|(n, m)| {
        let since = m.sent - last;
        last = m.sent;
        let fate = match m.fate {
            Fate::Delivered => 0,
            Fate::Late => 1,
            Fate::Lost => 2,
            Fate::Underway => 3,
        };
        let strips = match m.strips.as_slice() {
            [] => json!(-1),
            [one] => json!(one),
            several => json!(several),
        };
        let (pid, epoch) = m.producer.unwrap_or((-1, -1));
        let error = texts.number(m.error.as_deref().unwrap_or(""));
        let back = m.request.map_or(0, |request| n - request as usize);
        json!([
            since,
            m.arrived.saturating_sub(m.sent),
            m.from,
            m.to,
            texts.number(&m.kind),
            u8::from(m.answer),
            m.purpose as u8,
            fate,
            texts.number(&m.label),
            texts.number(&m.detail),
            error,
            strips,
            pid,
            epoch,
            back,
        ])
    });
    rows.collect()
}

fn strip(strip: &crate::story::Strip, texts: &mut Texts) -> Value {
    let batches = strip.batches.iter().map(|b| {
        let kind = match b.kind {
            BatchKind::Data => 0,
            BatchKind::Transactional => 1,
            BatchKind::Commit => 2,
            BatchKind::Abort => 3,
        };
        let (decided, commit) = b.decided.map_or((-1, false), |(t, commit)| (t as i64, commit));
        let mut row = json!([
            b.t,
            b.base,
            b.count,
            kind,
            b.lane.map_or(-1, i64::from),
            b.pid,
            b.epoch,
            b.sequence,
            b.leader_epoch,
            b.transaction.map_or(-1, i64::from),
            decided,
            u8::from(commit),
            b.gone.map_or(-1, |t| t as i64),
            b.message.map_or(-1, i64::from),
        ]);
        if strip.internal {
            row.as_array_mut().expect("a row is an array").push(texts.number(&b.words).into());
        }
        row
    });
    let batches: Vec<Value> = batches.collect();
    let flaws = strip.flaws.iter().map(|f| {
        let flaw = match f.flaw {
            Flaw::Duplicate => 0,
            Flaw::Lost => 1,
            Flaw::Leaked => 2,
        };
        let (of_strip, of) = f.of.map_or((-1, -1), |(strip, offset)| (i64::from(strip), offset));
        json!([flaw, f.first, f.last, of_strip, of])
    });
    json!({
        "name": strip.name,
        "internal": strip.internal,
        "holds": strip.holds,
        "batches": batches,
        "levels": strip.levels.iter().map(|l| json!([l.t, l.hw, l.lso])).collect::<Vec<_>>(),
        "flaws": flaws.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Kind;
    use crate::story::{Message, Strip};

    #[test]
    fn the_page_stands_alone_and_nothing_in_a_story_can_end_its_script() {
        let hostile = "</script><script>alert(1)</script>";
        let message = Message { label: hostile.into(), ..Message::default() };
        let story = Story {
            title: hostile.into(),
            label: hostile.into(),
            messages: vec![message],
            strips: vec![Strip { name: hostile.into(), ..Strip::default() }],
            ..Story::default()
        };
        let page = html(&story);
        assert!(!page.contains("alert(1)</script>"), "markup of a story is escaped");
        assert_eq!(page.matches("</script>").count(), PAGE.matches("</script>").count());
        let addresses = ["http://", "https://", "src=", "@import", "url("];
        for address in addresses {
            // The namespace of SVG is a name, not an address that is fetched, and `url(#...)` is within the page.
            let found = page.replace("http://www.w3.org/2000/svg", "").replace("url(#", "");
            assert!(!found.contains(address), "the page refers to nothing outside: {address}");
        }
    }

    #[test]
    fn the_page_has_words_for_every_kind_and_for_no_other() {
        let table =
            SCRIPT.split_once("const KINDS = {").and_then(|(_, rest)| rest.split_once("\n};")).expect("it is there").0;
        let mut named: Vec<&str> =
            table.lines().filter_map(|l| l.trim().strip_prefix('"')?.split('"').next()).collect();
        let mut known: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        named.sort_unstable();
        known.sort_unstable();
        assert_eq!(named, known);
    }

    #[test]
    fn texts_are_written_once() {
        let message = || Message { label: "the same label".into(), ..Message::default() };
        let story = Story { messages: vec![message(), message()], ..Story::default() };
        assert_eq!(html(&story).matches("the same label").count(), 1);
    }
}
