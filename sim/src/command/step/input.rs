//! What each key does.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::app::{App, Asked, Sheet};

/// Keys and what they do, for the help.
pub const KEYS: [(&str, &str); 12] = [
    ("→ ↓ l j space", "one step forward"),
    ("← ↑ h k", "one step back"),
    ("PgDn PgUp", "a page forward, back"),
    ("Home End", "to the first step, to the last"),
    ("v V", "to the next step that the verdict is about, to the one before"),
    ("f", "to the next fault or lost message"),
    ("/ n N", "search; the next, the one before"),
    ("t", "go to a time, in seconds"),
    ("a", "also what only keeps the cluster going: replication, heartbeats, connections"),
    ("Tab Shift-Tab o", "choose a node, so that it stands first; only its steps"),
    ("[ ]", "scroll where the nodes stand"),
    ("i ? q", "the verdict and the script; this help; leave"),
];

/// Takes a key.
pub fn key(app: &mut App, key: KeyEvent) {
    app.note.clear();
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        if matches!(key.code, KeyCode::Char('c' | 'd')) {
            app.leave();
        }
        return;
    }
    if let Some((_, text)) = &mut app.asked {
        match key.code {
            KeyCode::Char(c) => text.push(c),
            KeyCode::Backspace => {
                text.pop();
            }
            KeyCode::Enter => app.answer(),
            KeyCode::Esc => app.asked = None,
            _ => {}
        }
        return;
    }
    if app.sheet.take().is_some() {
        return; // any key takes it away
    }
    let page = app.page.max(1) as isize;
    match key.code {
        KeyCode::Right | KeyCode::Down | KeyCode::Char('l' | 'j' | ' ') => app.by(1),
        KeyCode::Left | KeyCode::Up | KeyCode::Char('h' | 'k') => app.by(-1),
        KeyCode::PageDown => app.by(page),
        KeyCode::PageUp => app.by(-page),
        KeyCode::Home => app.go_to_end(false),
        KeyCode::End => app.go_to_end(true),
        KeyCode::Char('v') => app.go_to_mark(true),
        KeyCode::Char('V') => app.go_to_mark(false),
        KeyCode::Char('f') => app.go_to_fault(),
        KeyCode::Char('/') => app.ask(Asked::Search),
        KeyCode::Char('n') => app.search(true),
        KeyCode::Char('N') => app.search(false),
        KeyCode::Char('t') => app.ask(Asked::Time),
        KeyCode::Char('a') => app.toggle_everything(),
        KeyCode::Tab => app.next_node(false),
        KeyCode::BackTab => app.next_node(true),
        KeyCode::Char('o') => app.toggle_only_node(),
        KeyCode::Char(']') => app.scroll += 5,
        KeyCode::Char('[') => app.scroll = app.scroll.saturating_sub(5),
        KeyCode::Char('i') => app.sheet = Some(Sheet::Verdict),
        KeyCode::Char('?') => app.sheet = Some(Sheet::Help),
        KeyCode::Char('q') | KeyCode::Esc => app.leave(),
        _ => app.note = "? shows the keys".to_string(),
    }
}
