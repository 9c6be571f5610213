//! How a run looks in the terminal.

use fencepost_reports::diagram;
use fencepost_reports::render::thousands;
use fencepost_reports::story::{Fate, Story, seconds};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

use super::app::{App, Asked, Sheet};
use super::input::KEYS;
use crate::story::Happening;

/// Characters of the column of times and marks.
const TIME: usize = 14;
/// Width of a lane's column.
const COLUMN: (usize, usize) = (7, 10);
/// Width from which the standings are beside the lanes instead of below.
const WIDE: u16 = 132;

const CHANGED: Style = Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD);
const WRONG: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const QUIET: Style = Style::new().add_modifier(Modifier::DIM);
const HEAD: Style = Style::new().add_modifier(Modifier::BOLD);

/// Draws everything.
pub fn draw(frame: &mut Frame<'_>, app: &mut App) {
    let [top, middle, bottom] =
        Layout::vertical([Constraint::Length(2), Constraint::Min(6), Constraint::Length(1)]).areas(frame.area());
    frame.render_widget(Paragraph::new(heading(app)), top);
    let (lanes, message, standings) = if middle.width >= WIDE {
        let [left, right] = Layout::horizontal([Constraint::Percentage(62), Constraint::Fill(1)]).areas(middle);
        let [lanes, message] = Layout::vertical([Constraint::Fill(1), Constraint::Length(11)]).areas(left);
        (lanes, message, right)
    } else {
        let small = middle.height < 30;
        let message = if small { Constraint::Length(6) } else { Constraint::Length(9) };
        Layout::vertical([Constraint::Fill(1), message, Constraint::Percentage(if small { 35 } else { 40 })])
            .areas::<3>(middle)
            .into()
    };
    draw_lanes(frame, app, lanes);
    draw_message(frame, app, message);
    draw_standings(frame, app, standings);
    frame.render_widget(Paragraph::new(footer(app)), bottom);
    match app.sheet {
        Some(Sheet::Help) => sheet(frame, " keys ", help()),
        Some(Sheet::Verdict) => sheet(frame, " the run ", verdict(app)),
        None => {}
    }
}

fn heading(app: &App) -> Vec<Line<'static>> {
    let story = &app.story;
    let style = if story.judgement.verdict == "clean" { Style::new().fg(Color::Green) } else { WRONG };
    let first = Line::from(vec![
        Span::styled(format!("{} seed {}  ", story.label, story.seed), HEAD),
        Span::styled(story.judgement.sentence.clone(), style),
    ]);
    let Some(step) = app.at() else { return vec![first, Line::raw("nothing happens in this run")] };
    let (place, count) = (app.place() + 1, app.shown().len());
    let mut second = format!("step {} of {}", thousands(place as u64), thousands(count as u64));
    let hidden = app.tape.steps.len() - count;
    if hidden > 0 {
        second += &format!(" ({} not shown)", thousands(hidden as u64));
    }
    if app.tape.is_cut {
        second += " (the rest of the run is not kept)";
    }
    second += &format!("  {}", seconds(app.tape.steps[step].t));
    if let Some(node) = app.node {
        let name = &story.lanes[node as usize].name;
        second += &if app.only_node { format!("  only {name}") } else { format!("  node {name}") };
    }
    vec![first, Line::raw(second)]
}

/// The nodes that have a column: those that take part in what is shown, as many as there is room for.
fn columns(app: &App, room: usize) -> (Vec<u32>, usize) {
    let mut uses = vec![0usize; app.story.lanes.len()];
    for step in app.shown() {
        for lane in app.tape.lanes(*step, &app.story) {
            uses[lane as usize] += 1;
        }
    }
    // Whoever takes part in the current step has a column.
    for lane in app.at().map(|step| app.tape.lanes(step, &app.story)).unwrap_or_default() {
        uses[lane as usize] += usize::MAX / 2;
    }
    let mut lanes: Vec<u32> = (0..uses.len() as u32).filter(|lane| uses[*lane as usize] > 0).collect();
    lanes.sort_by_key(|lane| std::cmp::Reverse(uses[*lane as usize]));
    lanes.truncate((room / COLUMN.0).max(2));
    lanes.sort_unstable();
    let width = (room / lanes.len().max(1)).clamp(COLUMN.0, COLUMN.1);
    (lanes, width)
}

/// A name in so many characters: where it is too long, its end is what tells it from others.
fn short(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_string();
    }
    let tail: String = name.chars().skip(length - 2).collect();
    let head: String = name.chars().take(width - 3).collect();
    format!("{head}…{tail}")
}

/// A line that is not longer than `width`; whether something is missing can be seen.
fn cut(line: String, width: usize) -> String {
    match line.char_indices().nth(width) {
        None => line,
        Some(_) => line.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

fn draw_lanes(frame: &mut Frame<'_>, app: &mut App, area: Rect) {
    let block = Block::bordered().title(" messages ");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let (width, height) = (inner.width as usize, inner.height as usize);
    // A third of the width is for words.
    let (lanes, column) = columns(app, (width.saturating_sub(TIME)) * 3 / 5);
    let mut head = format!("{:>width$} ", "seconds", width = TIME - 1);
    for lane in &lanes {
        head += &format!("{:^column$}", short(&app.story.lanes[*lane as usize].name, column - 1));
    }
    let mut lines = vec![Line::styled(head, HEAD)];
    let rows = height.saturating_sub(1);
    app.page = rows.saturating_sub(1).max(1);
    let place = app.place();
    let from = place.saturating_sub(rows / 2).min(app.shown().len().saturating_sub(rows));
    let mut last = from.checked_sub(1).map(|before| app.tape.steps[app.shown()[before]].t);
    for (n, step) in app.shown().iter().enumerate().skip(from).take(rows) {
        let t = app.tape.steps[*step].t;
        let marked = app.marks.iter().any(|mark| mark.step == *step);
        let (row, style) = row(app, *step, &lanes, column);
        let time = if last == Some(t) && n != place { String::new() } else { clock(t) };
        last = Some(t);
        let gutter = if marked { "◆" } else { " " };
        let text = cut(format!("{gutter}{time:>w$} {row}", w = TIME - 2), width);
        let style = if marked { style.patch(WRONG) } else { style };
        let style = if n == place { style.add_modifier(Modifier::REVERSED) } else { style };
        lines.push(Line::styled(format!("{text:width$}"), style));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

/// Seconds with six decimals, so that points stand below each other.
fn clock(t: u64) -> String {
    format!("{}.{:06}", t / 1_000_000_000, t % 1_000_000_000 / 1_000)
}

/// A step as a row of lifelines with a few words.
fn row(app: &App, step: usize, lanes: &[u32], column: usize) -> (String, Style) {
    let story = &app.story;
    let name = |lane: u32| story.lanes[lane as usize].name.as_str();
    match &app.tape.steps[step].what {
        Happening::Message(n) => {
            let message = &story.messages[*n as usize];
            let style = match message.fate {
                Fate::Lost => WRONG,
                Fate::Late => Style::new().fg(Color::Magenta),
                _ if message.error.is_some() => Style::new().fg(Color::Red),
                _ if !message.purpose.is_essential() => QUIET,
                _ => Style::new(),
            };
            let mut words = diagram::message_words(story, *n as usize);
            if let Some(fence) = fence(story, app.tape.steps[step].t, message.to) {
                words = format!("# {} is fenced: {fence}", name(message.to));
            }
            (format!("{} {words}", diagram::arrow(lanes, column, message)), style)
        }
        Happening::Timer(lane) => {
            (format!("{} a timer of {}", diagram::rails(lanes, column, &[*lane], '◷'), name(*lane)), QUIET)
        }
        Happening::Connection(lane, words) => {
            (format!("{} {} {words}", diagram::rails(lanes, column, &[*lane], '·'), name(*lane)), QUIET)
        }
        Happening::Process(lane, words) => {
            (format!("{} ! {} {words}", diagram::rails(lanes, column, &[*lane], '▒'), name(*lane)), WRONG)
        }
        Happening::Fault(words) => {
            let marked = app.tape.lanes(step, story);
            (format!("{} ! {words}", diagram::rails(lanes, column, &marked, '▒')), WRONG)
        }
    }
}

/// The error by which a node learned at that time that it is fenced.
fn fence(story: &Story, t: u64, lane: u32) -> Option<&str> {
    story.fences.iter().find(|f| f.t == t && f.lane == lane).map(|f| f.error.as_str())
}

/// The current step in full.
fn draw_message(frame: &mut Frame<'_>, app: &App, area: Rect) {
    let block = Block::bordered().title(" what happened ");
    let mut lines: Vec<Line<'_>> = Vec::new();
    if let Some(step) = app.at() {
        let story = &app.story;
        let name = |lane: u32| story.lanes[lane as usize].name.as_str();
        match &app.tape.steps[step].what {
            Happening::Message(n) => message_in_full(story, *n as usize, &mut lines),
            Happening::Timer(lane) => lines.push(Line::raw(format!("a timer of {} fired", name(*lane)))),
            Happening::Connection(lane, words) | Happening::Process(lane, words) => {
                lines.push(Line::raw(format!("{} {words}", name(*lane))));
            }
            Happening::Fault(words) => lines.push(Line::raw(words.clone())),
        }
        let mut marks = app.marks.iter().filter(|mark| mark.step == step);
        if let Some(first) = marks.next() {
            let more = marks.count();
            let more = if more > 0 { format!(" (and {more} more: i lists them)") } else { String::new() };
            // Below the line that says what happened, so that both are seen where there is little room.
            lines.insert(1, Line::styled(format!("◆ {}{more}", first.words), WRONG));
        }
        let t = app.tape.steps[step].t;
        for band in story.bands.iter().filter(|b| b.from < t && t < b.to) {
            lines.push(Line::styled(format!("meanwhile: {}, until {}", band.words, seconds(band.to)), WRONG));
        }
    }
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

fn message_in_full(story: &Story, n: usize, lines: &mut Vec<Line<'_>>) {
    let m = &story.messages[n];
    let name = |lane: u32| story.lanes[lane as usize].name.as_str();
    let what = if m.answer { "answer to " } else { "" };
    let fate = match m.fate {
        Fate::Delivered => format!("taken {}", seconds(m.arrived)),
        Fate::Late => {
            format!("taken {}, late: its connection is closed, nobody will read the answer", seconds(m.arrived))
        }
        Fate::Lost => "lost".to_string(),
        Fate::Underway => "never arrived".to_string(),
    };
    let (from, to) = (name(m.from), name(m.to));
    lines.push(Line::from(vec![
        Span::styled(format!("{what}{} ", m.kind), HEAD),
        Span::raw(format!("{from} → {to}, sent {}, ", seconds(m.sent))),
        Span::styled(fate, if m.fate == Fate::Delivered { Style::new() } else { WRONG }),
    ]));
    if let Some(error) = &m.error {
        lines.push(Line::styled(error.clone(), WRONG));
    }
    let text = if m.detail.is_empty() { &m.label } else { &m.detail };
    let said = text.lines().filter(|line| m.error.as_deref() != Some(line));
    lines.extend(said.map(|line| Line::raw(line.to_string())));
    if let Some(request) = m.request {
        let request = &story.messages[request as usize];
        lines.push(Line::styled(format!("it asked: {}", request.label), QUIET));
    }
}

/// Where every node stands after the current step; what has changed by it is marked.
fn draw_standings(frame: &mut Frame<'_>, app: &mut App, area: Rect) {
    let block = Block::bordered().title(" where they stand (* changed) ");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let Some(step) = app.at() else { return };
    let concerned = app.tape.lanes(step, &app.story);
    let mut order: Vec<u32> = app.node.into_iter().collect();
    order.extend(concerned.iter().copied());
    order.extend(0..app.story.lanes.len() as u32);
    let mut seen = vec![false; app.story.lanes.len()];
    order.retain(|lane| !std::mem::replace(&mut seen[*lane as usize], true));
    let before = app.before();
    let mut lines: Vec<Line<'_>> = Vec::new();
    for lane in order {
        let now = app.tape.standing(lane, step);
        let then = before.map(|before| app.tape.standing(lane, before)).unwrap_or_default();
        let style = if concerned.contains(&lane) { HEAD.add_modifier(Modifier::UNDERLINED) } else { HEAD };
        lines.push(Line::styled(app.story.lanes[lane as usize].name.clone(), style));
        for line in now {
            let changed = !then.contains(line);
            let sign = if changed { "*" } else { " " };
            let text = cut(format!("{sign} {line}"), inner.width as usize);
            lines.push(Line::styled(text, if changed { CHANGED } else { Style::new() }));
        }
    }
    app.scroll = app.scroll.min(lines.len().saturating_sub(inner.height as usize));
    let shown: Vec<Line<'_>> = lines.into_iter().skip(app.scroll).collect();
    frame.render_widget(Paragraph::new(shown), inner);
}

fn footer(app: &App) -> Line<'static> {
    match &app.asked {
        Some((Asked::Search, text)) => Line::raw(format!("search: {text}▏")),
        Some((Asked::Time, text)) => Line::raw(format!("go to second: {text}▏")),
        None if !app.note.is_empty() => Line::styled(app.note.clone(), CHANGED),
        None => Line::styled(
            "←→ step  v violation  f fault  / search  t time  a all  Tab node  i run  ? help  q leave",
            QUIET,
        ),
    }
}

fn help() -> Vec<Line<'static>> {
    let width = KEYS.iter().map(|(keys, _)| keys.chars().count()).max().unwrap_or(0);
    let mut lines: Vec<Line<'_>> = KEYS
        .iter()
        .map(|(keys, what)| {
            Line::from(vec![Span::styled(format!("{keys:width$}  "), HEAD), Span::raw((*what).to_string())])
        })
        .collect();
    lines.push(Line::raw(""));
    lines.push(Line::raw(
        "Time runs down. ─> request, ╌> answer, ~> late, ✗ lost, ▒ fault, ◷ timer, ◆ what the verdict is about.",
    ));
    lines.push(Line::raw("A message stands where it is taken (or lost), and what it changes is marked with *."));
    lines
}

fn verdict(app: &App) -> Vec<Line<'static>> {
    let story = &app.story;
    let mut lines = vec![Line::styled(format!("{}: {}", story.label, story.title), HEAD)];
    lines.push(Line::raw(format!("verdict: {}", story.judgement.sentence)));
    for mark in &app.marks {
        lines.push(Line::styled(format!("◆ {}", mark.words), WRONG));
    }
    lines.push(Line::raw(""));
    lines.push(Line::styled("what deviates from the nominal run:", HEAD));
    if story.script.is_empty() {
        lines.push(Line::raw("nothing"));
    }
    lines.extend(story.script.iter().enumerate().map(|(n, words)| Line::raw(format!("{}. {words}", n + 1))));
    lines.push(Line::raw(""));
    lines.push(Line::raw(format!("again: {}", story.command)));
    lines
}

/// Lays text over the picture.
fn sheet(frame: &mut Frame<'_>, title: &'static str, lines: Vec<Line<'_>>) {
    let all = frame.area();
    let area =
        all.inner(ratatui::layout::Margin { horizontal: 2.min(all.width / 10), vertical: 2.min(all.height / 10) });
    let block = Block::bordered().title(title).title_bottom(" any key ");
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}
