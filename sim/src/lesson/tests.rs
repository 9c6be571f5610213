//! Lessons are read with care, and say nothing that their runs do not.

use super::{Lesson, Told, builtin, fill, lines};
use crate::scenario::{Choice, Scenario};

const LESSON: &str = r#"
title = "t"
scenario = "lessons/lost-ack"
fixed = "fixed"
story = "s"
before = "b"
ask = "a"
after = "f"
thread = "t"
[[question]]
ask = "1"
answer = "1"
expect = { verdict = "violated" }
[[question]]
ask = "2"
answer = "2"
case = "fixed"
expect = { verdict = "clean" }
[[question]]
ask = "3"
answer = "3"
set = { enable.idempotence = true, acks = 1 }
refused = true
"#;

fn lesson(change: impl Fn(&str) -> String) -> Result<Lesson, String> {
    Lesson::load("x.lesson.toml", &change(LESSON)).map_err(|problem| problem.to_string())
}

#[test]
fn slips_in_a_lesson_are_named_with_their_place() {
    assert!(lesson(str::to_string).is_ok());
    let wrong: [(&str, &str, &str); 5] = [
        (
            "story = \"s\"",
            "stroy = \"s\"",
            "x.lesson.toml:5:9: unknown key 'stroy' in the lesson; did you mean 'story'?",
        ),
        ("fixed = \"fixed\"", "", "the broken and the fixed run are the same"),
        ("[[question]]\nask = \"1\"\nanswer = \"1\"\nexpect = { verdict = \"violated\" }", "", "there are 2"),
        ("expect = { verdict = \"clean\" }", "", "what the run that answers it must come to"),
        ("answer = \"2\"", "anwser = \"2\"", "did you mean 'answer'?"),
    ];
    for (from, to, says) in wrong {
        let message = lesson(|text| text.replacen(from, to, 1)).expect_err(to);
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn a_lesson_that_says_what_its_runs_do_not_is_found_out() {
    let given =
        |text: &str| lesson(|_| text.to_string()).and_then(|l| l.give(builtin::SCENARIOS).map_err(|p| p.to_string()));
    assert_eq!(given(LESSON).expect("it is in order").differences, Vec::<String>::new());
    let swapped = LESSON.replace("fixed = \"fixed\"", "broken = \"fixed\"\nfixed = \"base\"");
    let differences = given(&swapped).expect("it can be given").differences;
    assert_eq!(differences[0], "the broken run is clean");
    assert!(differences[1].contains("10 duplicates"), "{differences:?}");
    let differences = given(&LESSON.replace("refused = true", "refused = false\nexpect = { verdict = \"clean\" }"));
    assert!(differences.expect_err("Kafka refuses them").contains("acks must be 'all'"));
    let differences = given(&LESSON.replace(", acks = 1", "")).expect("it can be given").differences;
    assert!(differences[0].contains("these settings are not refused"), "{differences:?}");
    let message =
        given(&LESSON.replace("after = \"f\"", "after = \"{fixed.topics.sails.visible}\"")).expect_err("no such topic");
    assert!(message.contains("{fixed.topics.sails.visible}: there is no figure"), "{message}");
}

fn told(case: Option<&str>, sets: &[&str]) -> Told {
    let sets = sets.iter().map(|s| s.to_string()).collect();
    let choice = Choice { case: case.map(str::to_string), sets };
    Told::of(Scenario::load_built_in("lessons/lost-ack", choice).expect("a built-in scenario"))
}

#[test]
fn figures_are_taken_from_the_runs() {
    let (broken, fixed) = (told(None, &[]), told(Some("fixed"), &[]));
    let runs = [("broken", &broken), ("fixed", &fixed)];
    for (text, filled) in [
        ("{broken.verdict}, {fixed.verdict}", "violated, clean"),
        ("{broken.topics.sales.visible} of {broken.topics.sales.input}", "20 of 10"),
        ("{broken.counted.duplicate}; {fixed.counted.duplicate}", "10 duplicates; 0 duplicates"),
        ("{fixed.figures.retries} and {fixed.figures.absorbed}", "1 and 10"),
        ("{broken.offsets.sales} {fixed.offsets.sales}", "20 10"),
        ("{broken.sent.Produce} {fixed.time} {fixed.faults}", "2 300 ms 1"),
        ("{fixed.setting.till.enable.idempotence} {fixed.setting.cluster.brokers}", "true 3"),
        ("{fixed.error.till.InitProducerId}", "COORDINATOR_LOAD_IN_PROGRESS"),
        ("{broken.proof.duplicate}", "record 0 of till is visible 2 times, at sales-0@0, sales-0@10; it was sent once"),
    ] {
        assert_eq!(fill::fill(text, &runs).as_deref(), Ok(filled), "{text}");
    }
    for wrong in ["{answer.verdict}", "{fixed}", "{fixed.proof.duplicate}", "{fixed.held}", "{fixed.verdict"] {
        assert!(fill::fill(wrong, &runs).is_err(), "{wrong}");
    }
}

#[test]
fn times_read_like_this() {
    let ms = 1_000_000;
    for (ns, text) in
        [(0, "0 ms"), (194_950_000, "194.9 ms"), (19_686_000_000, "19.6 s"), (909 * 1_000 * ms, "15 min 9 s")]
    {
        assert_eq!(fill::time(ns), text);
    }
}

#[test]
fn the_line_that_a_case_writes_is_told_from_those_that_follow() {
    let change = |broken: Option<&str>, fixed: Option<&str>, name: &str| {
        let load = |case: Option<&str>| {
            let choice = Choice { case: case.map(str::to_string), sets: Vec::new() };
            Scenario::load_built_in(name, choice).expect("a built-in scenario")
        };
        let changes = lines::changes(&load(broken), &load(fixed));
        changes.into_iter().map(|c| (c.section, c.key, c.was, c.now, c.written)).collect::<Vec<_>>()
    };
    let line = |section: &str, key: &str, was: &str, now: &str, written| {
        (section.to_string(), key.to_string(), was.to_string(), now.to_string(), written)
    };
    assert_eq!(
        change(None, Some("fixed"), "lessons/rolling-restart"),
        [line("[pipeline.producer] enrich", "enable.idempotence", "false", "true", true)]
    );
    assert_eq!(
        change(None, Some("fixed"), "lessons/silent-switch"),
        [
            line("[[producer]] shop", "acks", "1", "\"all\"", true),
            line("[[producer]] shop", "enable.idempotence", "false", "true", false)
        ]
    );
    let two = change(Some("one-replica"), Some("three-replicas"), "lessons/coordinator-failover");
    assert_eq!(two.len(), 2);
    assert!(two.iter().all(|(section, .., written)| section == "[cluster]" && *written));
}

#[test]
fn every_lesson_of_the_folder_is_in_the_course() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/lessons");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .filter_map(|file| file.unwrap().file_name().to_str()?.strip_suffix(".lesson.toml").map(str::to_string))
        .collect();
    files.sort();
    let mut course: Vec<&str> = builtin::LESSONS.iter().map(|(name, _)| *name).collect();
    course.sort_unstable();
    assert_eq!(files, course);
}

#[test]
fn a_lesson_is_found_by_number_and_by_name() {
    assert_eq!(builtin::find("1"), Ok(0));
    assert_eq!(builtin::find("lessons/lost-ack"), builtin::find("lost-ack"));
    assert!(builtin::find("0").unwrap_err().contains("there is no lesson 0; there are lessons 1 to"));
    assert!(builtin::find("lost-ak").unwrap_err().contains("'lost-ack'"));
}

/// A number in a sentence is a figure of a run, or it goes stale. Names with numbers (KIP-447, Kafka 4.0, lesson 5) and what
/// is typed (in backticks) are none.
#[test]
fn sentences_of_lessons_state_no_numbers_of_their_own() {
    for (name, text) in builtin::LESSONS {
        let lesson = Lesson::load(name, text).expect("a lesson of the course");
        let mut texts = vec![lesson.story, lesson.before, lesson.ask, lesson.after, lesson.thread];
        texts.extend(lesson.questions.into_iter().flat_map(|q| [q.ask, q.answer]));
        for text in texts {
            let typed_left_out: String = text.split('`').step_by(2).collect::<Vec<_>>().join(" ");
            let mut prose = String::new();
            let mut depth = 0;
            for c in typed_left_out.chars() {
                depth += i32::from(c == '{');
                if depth == 0 {
                    prose.push(c);
                }
                depth -= i32::from(c == '}');
            }
            let words: Vec<&str> =
                prose.split_whitespace().map(|w| w.trim_matches(['(', ')', ',', '.', ':'])).collect();
            for (n, word) in words.iter().enumerate() {
                let named = ["KIP-", "KAFKA-"].iter().any(|prefix| word.starts_with(prefix))
                    || n > 0 && ["Kafka", "lesson"].contains(&words[n - 1]);
                let stated = word.chars().any(|c| c.is_ascii_digit()) && !named;
                assert!(!stated, "{name}: '{word}' in: {}", text.trim());
            }
        }
    }
}
