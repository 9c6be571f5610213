//! The view, drawn into memory.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::app::App;
use super::{What, input, load, view};
use crate::run::{Course, run};
use crate::scenario::{Choice, Scenario};
use crate::world::Keep;

fn app(name: &str) -> App {
    let what = What { scenario: name.to_string(), case: None, sets: Vec::new() };
    load(&what, None).unwrap_or_else(|e| panic!("{name}: {}", e.0)).0
}

fn zoo(name: &str) -> App {
    app(&format!("{}/../scenarios/zoo/{name}.json", env!("CARGO_MANIFEST_DIR")))
}

fn press(app: &mut App, keys: &str) {
    for key in keys.chars() {
        let code = match key {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '>' => KeyCode::Right,
            '<' => KeyCode::Left,
            '^' => KeyCode::Home,
            '$' => KeyCode::End,
            c => KeyCode::Char(c),
        };
        input::key(app, KeyEvent::new(code, KeyModifiers::NONE));
    }
}

fn screen(app: &mut App, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("memory can be drawn into");
    terminal.draw(|frame| view::draw(frame, app)).expect("memory can be drawn into");
    terminal.backend().to_string()
}

/// What a node says of itself at the current step.
fn standing(app: &App, node: &str) -> Vec<String> {
    let lane = app.story.lanes.iter().position(|lane| lane.name == node).expect("there is such a node") as u32;
    let at = app.at().expect("the run has steps");
    app.tape.standing(lane, at).iter().map(ToString::to_string).collect()
}

#[test]
fn the_violation_of_the_lost_acknowledgement_looks_like_this() {
    let mut app = app("lessons/lost-ack");
    press(&mut app, "v");
    insta::assert_snapshot!("lost_ack_wide", screen(&mut app, 140, 24));
    insta::assert_snapshot!("lost_ack_narrow", screen(&mut app, 80, 24));
}

#[test]
fn a_transaction_of_the_zoo_looks_like_this() {
    let mut app = zoo("late-endtxn-hits-next-txn");
    press(&mut app, "/EndTxn\n");
    insta::assert_snapshot!(screen(&mut app, 120, 40));
}

#[test]
fn the_help_names_every_key() {
    let mut app = app("lessons/lost-ack");
    press(&mut app, "?");
    insta::assert_snapshot!(screen(&mut app, 100, 24));
    press(&mut app, "?");
    assert!(app.sheet.is_none(), "any key takes the help away");
}

#[test]
fn a_step_shows_what_the_machines_became_by_it() {
    let mut app = app("lessons/lost-ack");
    press(&mut app, "v");
    let leader = |app: &App| standing(app, "broker-3")[0].clone();
    assert!(leader(&app).contains("end 20,"), "the copy is appended: {}", leader(&app));
    press(&mut app, "<");
    assert!(leader(&app).contains("end 10,"), "one step back it is not there: {}", leader(&app));
}

#[test]
fn the_coordinator_goes_through_the_states_of_a_commit() {
    let mut app = app("lessons/coordinator-failover");
    let mut states: Vec<String> = Vec::new();
    press(&mut app, "a^");
    for step in 0..app.tape.steps.len() {
        for lane in 0..app.story.lanes.len() as u32 {
            for line in app.tape.standing(lane, step) {
                if let Some((_, rest)) = line.split_once("coordinator of txn ") {
                    let state = rest.split([':', ',']).nth(1).expect("a state").trim().to_string();
                    if !states.contains(&state) {
                        states.push(state);
                    }
                }
            }
        }
    }
    for state in ["Empty", "Ongoing", "PrepareCommit", "CompleteCommit"] {
        assert!(states.iter().any(|s| s == state), "{state} among {states:?}");
    }
}

#[test]
fn going_back_shows_the_same_as_going_forward() {
    let mut app = zoo("zombie-eos-group-id-only");
    let mut forward = vec![screen(&mut app, 120, 40)];
    for _ in 0..40 {
        press(&mut app, ">");
        forward.push(screen(&mut app, 120, 40));
    }
    assert_ne!(forward[0], forward[40]);
    for expected in forward.iter().rev().skip(1) {
        press(&mut app, "<");
        assert_eq!(screen(&mut app, 120, 40), *expected);
    }
}

#[test]
fn the_ends_of_the_run_are_ends() {
    let mut app = app("lessons/lost-ack");
    press(&mut app, "<<^");
    let first = app.at();
    press(&mut app, "$");
    let last = app.at();
    assert!(first < last);
    press(&mut app, ">>");
    assert_eq!(app.at(), last);
    press(&mut app, "^");
    assert_eq!(app.at(), first);
}

#[test]
fn a_search_goes_round_and_says_when_there_is_nothing() {
    let mut app = app("lessons/lost-ack");
    press(&mut app, "/produce answer\n");
    let first = app.at();
    press(&mut app, "n");
    let second = app.at();
    assert!(first < second, "{first:?} {second:?}");
    press(&mut app, "n");
    assert_eq!(app.at(), first, "from the other end");
    press(&mut app, "N");
    assert_eq!(app.at(), second, "backward, from the other end");
    press(&mut app, "/no such words\n");
    assert_eq!(app.at(), second);
    assert!(screen(&mut app, 80, 24).contains("'no such words' occurs nowhere"));
}

#[test]
fn a_search_finds_what_is_not_shown() {
    let mut app = app("lessons/lost-ack");
    assert!(!screen(&mut app, 80, 24).contains("ApiVersions"));
    press(&mut app, "/apiversions\n");
    assert!(screen(&mut app, 80, 24).contains("ApiVersions"));
}

#[test]
fn a_time_is_gone_to_and_nonsense_is_refused() {
    let mut app = app("lessons/lost-ack");
    let at = app.tape.steps.iter().position(|step| step.t > 100_000_000).expect("the run lasts longer");
    let t = app.tape.steps[at].t;
    press(&mut app, &format!("t0.{t:09}\n"));
    assert_eq!(app.at().map(|at| app.tape.steps[at].t), Some(t));
    let at = app.at().expect("the run has steps");
    press(&mut app, "tnoon\n");
    assert_eq!(app.at(), Some(at));
    assert!(app.note.contains("'noon' is no time"), "{}", app.note);
}

#[test]
fn a_node_can_be_followed_alone() {
    let mut app = zoo("zombie-eos-group-id-only");
    let all = app.shown().len();
    press(&mut app, "o");
    assert_eq!(app.shown().len(), all, "no node is chosen yet");
    press(&mut app, "\to");
    let node = app.node.expect("a node is chosen");
    assert!(app.shown().len() < all);
    let (shown, at) = (app.shown().to_vec(), app.at().expect("the run has steps"));
    for step in shown.into_iter().filter(|step| *step != at) {
        assert!(app.tape.lanes(step, &app.story).contains(&node), "step {step} is about it");
    }
}

#[test]
fn every_violation_has_its_step() {
    for name in ["zombie-eos-group-id-only", "aborted-seq-reuse", "late-produce-hangs-lso"] {
        let mut app = zoo(name);
        assert!(!app.marks.is_empty(), "{name}");
        for mark in app.marks.clone() {
            assert!(mark.step < app.tape.steps.len(), "{name}: {mark:?}");
        }
        press(&mut app, "v");
        assert!(app.marks.iter().any(|mark| Some(mark.step) == app.at()), "{name}");
    }
}

#[test]
fn recording_a_run_does_not_change_it() {
    for name in ["lessons/zombie", "lessons/rolling-restart"] {
        let scenario = Scenario::load_built_in(name, Choice::default()).expect("a built-in scenario");
        let plain = run(&scenario.plan, Course::Seed(scenario.seed), Keep::default(), None, None);
        let app = app(name);
        assert_eq!(app.story.digest, plain.outcome.digest.to_string(), "{name}");
        assert!(app.tape.steps.is_sorted_by_key(|step| step.t), "{name}: steps are in the order of time");
    }
}

#[test]
fn a_very_small_terminal_is_drawn_into_all_the_same() {
    let mut app = app("lessons/lost-ack");
    for (width, height) in [(1, 1), (10, 5), (20, 10), (40, 12), (300, 80)] {
        for keys in ["v", "?", "q"] {
            press(&mut app, keys);
            screen(&mut app, width, height);
        }
    }
}

#[test]
fn q_and_control_c_leave() {
    let mut first = app("lessons/lost-ack");
    press(&mut first, "q");
    assert!(first.is_over());
    let mut second = app("lessons/lost-ack");
    press(&mut second, "/q");
    assert!(!second.is_over(), "while words are typed, q is a letter");
    input::key(&mut second, KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert!(second.is_over());
}
