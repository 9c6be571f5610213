//! A lesson as an HTML file.

use core::fmt::Write;

use serde_json::json;

use super::{Card, Change, Entry, Exhibit, Sheet};
use crate::page::{embedded, escape, filled, in_script, viewer};
use crate::picture::svg;
use crate::report::TopicAccount;
use crate::story::{Finding, Story};
use crate::words::thousands;

const PAGE: &str = include_str!("lesson.html");
const INDEX: &str = include_str!("index.html");
const STYLE: &str = include_str!("lesson.css");
const SCRIPT: &str = include_str!("lesson.js");

/// The file's text.
pub fn html(sheet: &Sheet<'_>) -> String {
    let place = sheet.course.iter().position(|entry| entry.here);
    filled(PAGE, |name| match name {
        "style" => STYLE.to_string(),
        "script" => SCRIPT.to_string(),
        "viewer" => in_script(&json!(viewer())),
        "data-broken" => embedded(sheet.broken.story),
        "data-fixed" => embedded(sheet.fixed.story),
        "title" => escape(sheet.title),
        "number" => place.map_or("Lesson".to_string(), |p| format!("Lesson {} of {}", p + 1, sheet.course.len())),
        "course" => course(&sheet.course),
        "neighbours" => neighbours(&sheet.course),
        "story" => with_words(&paragraphs(sheet.story), sheet.words),
        "words" => glossary(sheet.words),
        "before" => paragraphs(sheet.before),
        "broken" => exhibit(sheet.broken, &line(sheet.changes, |c| &c.was)),
        "ask" => paragraphs(sheet.ask),
        "changes" => changes(sheet.changes),
        "fixed" => exhibit(sheet.fixed, &line(sheet.changes, |c| &c.now)),
        "compare" => format!("{}{}", side("Broken", sheet.broken.story), side("Mended", sheet.fixed.story)),
        "after" => paragraphs(sheet.after),
        "thread" => paragraphs(sheet.thread),
        "questions" => sheet.questions.iter().enumerate().map(|(n, card)| question(n + 1, card)).collect(),
        "foot" => foot(sheet),
        other => panic!("a lesson's page has no part '{other}'"),
    })
}

/// The list of all lessons as a page.
pub fn index(entries: &[Entry], thread: &str) -> String {
    filled(INDEX, |name| match name {
        "style" => STYLE.to_string(),
        "thread" => paragraphs(thread),
        "course" => course(entries),
        other => panic!("the page of the course has no part '{other}'"),
    })
}

fn course(entries: &[Entry]) -> String {
    let item = |entry: &Entry| {
        let title = escape(&entry.title);
        match (&entry.link, entry.here) {
            (_, true) => format!("<li aria-current=\"page\"><b>{title}</b></li>"),
            (Some(link), false) => format!("<li><a href=\"{}\">{title}</a></li>", escape(link)),
            (None, false) => format!("<li>{title}</li>"),
        }
    };
    entries.iter().map(item).collect()
}

fn neighbours(entries: &[Entry]) -> String {
    let Some(here) = entries.iter().position(|entry| entry.here) else { return String::new() };
    let mut out = String::new();
    for (place, word) in [(here.checked_sub(1), "before"), (Some(here + 1), "next")] {
        let Some(entry) = place.and_then(|place| entries.get(place)) else { continue };
        let title = escape(&entry.title);
        let title = match &entry.link {
            Some(link) => format!("<a href=\"{}\">{title}</a>", escape(link)),
            None => title,
        };
        let _ = write!(out, "<p><span>{word}</span> {title}</p>");
    }
    out
}

/// Paragraphs, with what stands in backticks as code.
fn paragraphs(text: &str) -> String {
    text.trim().split("\n\n").map(|paragraph| format!("<p>{}</p>", inline(paragraph))).collect()
}

fn inline(text: &str) -> String {
    let pieces = text.split('`').enumerate().map(|(n, piece)| {
        let piece = escape(piece);
        if n % 2 == 1 { format!("<code>{piece}</code>") } else { piece }
    });
    pieces.collect()
}

/// Marks each word where it stands first.
fn with_words(html: &str, words: &[(String, String)]) -> String {
    let mut out = html.to_string();
    for (word, meaning) in words {
        let plain = escape(word).to_lowercase();
        let lower = out.to_lowercase();
        let whole = |at: &usize| {
            let ends = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
            let tags_closed = out[..*at].matches("<dfn").count() == out[..*at].matches("</dfn>").count();
            let in_a_tag = out[..*at].rfind('<').is_some_and(|open| !out[open..*at].contains('>'));
            ends(out[..*at].chars().next_back()) && tags_closed && !in_a_tag
        };
        // Lower case may have another length in some scripts; then the word stays as it is.
        if lower.len() != out.len() {
            continue;
        }
        let length = |at: usize| {
            let rest = &lower[at + plain.len()..];
            let many = rest.starts_with('s');
            let after = rest.chars().nth(usize::from(many));
            after.is_none_or(|c| !c.is_alphanumeric()).then_some(plain.len() + usize::from(many))
        };
        let places = lower.match_indices(&plain).map(|(at, _)| at);
        let found = places.filter(whole).find_map(|at| Some((at, length(at)?)));
        if let Some((at, length)) = found {
            let (before, rest) = out.split_at(at);
            let (found, after) = rest.split_at(length);
            out = format!("{before}<dfn title=\"{}\">{found}</dfn>{after}", escape(meaning));
        }
    }
    out
}

fn glossary(words: &[(String, String)]) -> String {
    if words.is_empty() {
        return String::new();
    }
    let list: String =
        words.iter().map(|(word, meaning)| format!("<dt>{}</dt><dd>{}</dd>", escape(word), inline(meaning))).collect();
    format!("<aside class=\"words\"><h2>Words</h2><dl>{list}</dl></aside>")
}

/// The lines that somebody wrote.
fn line<'c>(changes: &'c [Change], value: impl Fn(&'c Change) -> &'c String) -> String {
    let written = changes.iter().filter(|c| c.written).map(|c| format!("{} = {}", c.key, value(c)));
    written.collect::<Vec<_>>().join(", ")
}

fn exhibit(exhibit: Exhibit<'_>, line: &str) -> String {
    let story = exhibit.story;
    let judgement = &story.judgement;
    let picture = svg(story, &exhibit.window.moments(story));
    let wrong: Vec<&Finding> = judgement.findings.iter().filter(|f| !f.allowed).collect();
    let proofs: String = wrong.iter().map(|finding| proof(finding, wrong.len() > 1)).collect();
    format!(
        "<figure class=\"run {}\"><figcaption><code>{}</code>{}</figcaption><div class=\"scroll\">{picture}</div>\
         <div class=\"verdict\"><p class=\"sentence\">{}</p>{proofs}</div>{}</figure>",
        judgement.verdict,
        escape(line),
        pill(story),
        escape(&capital(&judgement.sentence)),
        command(&story.command)
    )
}

fn pill(story: &Story) -> String {
    format!("<span class=\"pill {0}\">{0}</span>", story.judgement.verdict)
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// The first proof; of which finding is said where there are several, else the verdict has said it.
fn proof(finding: &Finding, several: bool) -> String {
    let Some(first) = finding.proofs.first() else { return String::new() };
    let text: String = first.iter().map(|part| escape(&part.text)).collect();
    let which = if several { format!("<b>{}:</b> ", escape(&finding.words)) } else { String::new() };
    format!("<p class=\"proof\">{which}{text}</p>")
}

fn command(text: &str) -> String {
    format!("<p class=\"command\"><span>run it</span><code>{}</code></p>", escape(text))
}

/// The lines of configuration that differ, those that somebody wrote in full view.
fn changes(changes: &[Change]) -> String {
    let block = |list: &[&Change]| -> String {
        let mut out = String::from("<pre class=\"diff\">");
        let mut section = "";
        for change in list {
            if change.section != section {
                let _ = writeln!(out, "<span class=\"section\">{}</span>", escape(&change.section));
                section = &change.section;
            }
            let key = escape(&change.key);
            let _ = write!(
                out,
                "<del>- {key} = {}</del>\n<ins>+ {key} = {}</ins>\n",
                escape(&change.was),
                escape(&change.now)
            );
        }
        out + "</pre>"
    };
    let (written, follows): (Vec<&Change>, Vec<&Change>) = changes.iter().partition(|c| c.written);
    let mut out = block(&written);
    if !follows.is_empty() {
        let lines =
            if follows.len() == 1 { "one more line".to_string() } else { format!("{} more lines", follows.len()) };
        let _ = write!(out, "<details><summary>It brings with it {lines}</summary>{}</details>", block(&follows));
    }
    out
}

fn table(topics: &[TopicAccount]) -> String {
    let mut out = String::from(
        "<table><thead><tr><th>topic<th>input<th>visible<th>duplicates<th>lost<th>leaked</tr></thead><tbody>",
    );
    for t in topics {
        let cell = |n: u64, bad: bool| {
            let class = if bad && n > 0 { " class=\"bad\"" } else { "" };
            format!("<td{class}>{}</td>", thousands(n))
        };
        let _ = write!(
            out,
            "<tr><td>{}</td>{}{}{}{}{}</tr>",
            escape(&t.name),
            cell(t.input, false),
            cell(t.visible, t.visible != t.input),
            cell(t.duplicates, true),
            cell(t.lost, true),
            cell(t.leaked, true)
        );
    }
    out + "</tbody></table>"
}

/// Verdict, table and figures of a run.
fn outcome(story: &Story) -> String {
    let figures = story.figures.total.words();
    let figures =
        if figures.is_empty() { String::new() } else { format!("<p class=\"figures\">{}</p>", escape(&figures)) };
    let sentence = escape(&capital(&story.judgement.sentence));
    format!("<p class=\"sentence\">{sentence}</p>{}{figures}", table(&story.judgement.topics))
}

fn side(name: &str, story: &Story) -> String {
    format!(
        "<section class=\"side {}\"><h3>{name} {}</h3>{}</section>",
        story.judgement.verdict,
        pill(story),
        outcome(story)
    )
}

fn question(number: usize, card: &Card<'_>) -> String {
    let shown = match card.outcome {
        Ok(story) => outcome(story),
        Err(refusal) => format!("<p class=\"sentence\">Refused: {}</p>", escape(refusal)),
    };
    format!(
        "<li><div class=\"ask\"><b>{number}</b>{}</div>{}<details><summary>The answer</summary>\
         <div class=\"answer\">{shown}<div class=\"said\">{}</div></div></details></li>",
        paragraphs(card.ask),
        command(card.command),
        paragraphs(card.answer)
    )
}

fn foot(sheet: &Sheet<'_>) -> String {
    let (broken, fixed) = (sheet.broken.story, sheet.fixed.story);
    format!(
        "Every number on this page comes from a run of {}; the same commands give the same runs. Digests {} and {}.",
        escape(sheet.program),
        escape(&broken.digest),
        escape(&fixed.digest)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::story::Window;

    fn page(title: &str, words: &[(String, String)]) -> String {
        let story = Story { label: title.to_string(), ..Story::default() };
        let window = Window::default();
        let exhibit = Exhibit { story: &story, window: &window };
        let change = |key: &str, written| Change {
            key: key.into(),
            was: "false".into(),
            now: "true".into(),
            written,
            ..Change::default()
        };
        let changes = [change("enable.idempotence", true), change("retries", false)];
        let card = Card { ask: "Why?", command: "fencepost run", answer: "`so`", outcome: Err("acks must be all") };
        html(&Sheet {
            title,
            story: "Leadership of brokers: a broker stores a batch.\n\nA leader leads.",
            words,
            before: "b",
            ask: "a",
            after: "c",
            thread: "t",
            broken: exhibit,
            fixed: exhibit,
            changes: &changes,
            questions: vec![card],
            course: vec![Entry { title: title.to_string(), link: None, here: true }],
            program: "fencepost",
        })
    }

    #[test]
    fn a_lesson_stands_alone_and_nothing_in_it_can_end_its_script() {
        let page = page("</script><script>alert(1)</script>", &[]);
        assert!(!page.contains("alert(1)</script>"), "markup of a story is escaped");
        assert_eq!(page.matches("</script>").count(), PAGE.matches("</script>").count());
        let addresses = ["http://", "https://", "src=", "@import", "url("];
        for address in addresses {
            let found = page.replace("http://www.w3.org/2000/svg", "").replace("url(#", "");
            assert!(!found.contains(address), "the page refers to nothing outside: {address}");
        }
    }

    #[test]
    fn a_word_is_explained_where_it_stands_first_and_code_is_code() {
        let word = |word: &str, meaning: &str| (word.to_string(), meaning.to_string());
        let words = [word("broker", "a \"server\" of the batch"), word("batch", "some records"), word("leader", "l")];
        let page = page("t", &words);
        let marked = "<p>Leadership of <dfn title=\"a &quot;server&quot; of the batch\">brokers</dfn>: a broker stores a \
            <dfn title=\"some records\">batch</dfn>.</p><p>A <dfn title=\"l\">leader</dfn> leads.</p>";
        assert!(page.contains(marked), "{page}");
        assert_eq!(page.matches("<dfn").count(), 3);
        assert!(page.contains("<p><code>so</code></p>"));
    }

    #[test]
    fn the_line_that_somebody_wrote_is_in_full_view_and_what_follows_is_folded() {
        let page = page("t", &[]);
        let (view, folded) = page.split_once("It brings with it one more line").expect("what follows is folded");
        assert!(view.contains("<ins>+ enable.idempotence = true</ins>") && !view.contains("+ retries"));
        assert!(folded.contains("<ins>+ retries = true</ins>"));
    }
}
