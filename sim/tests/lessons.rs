//! The course as its readers meet it: every lesson shows what it says, in the terminal, as JSON and as a page.

use std::process::{Command, Output};

use fencepost_sim::lesson::{Lesson, Reply, builtin};

fn fencepost(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fencepost")).args(arguments).output().expect("the command starts")
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_broken_run_goes_wrong_the_mended_one_does_not_and_every_answer_is_true() {
    for (name, text) in builtin::LESSONS {
        let lesson = Lesson::load(name, text).unwrap_or_else(|p| panic!("{p}"));
        let given = lesson.give(builtin::SCENARIOS).unwrap_or_else(|p| panic!("{p}"));
        assert_eq!(given.differences, Vec::<String>::new(), "{name}");
        assert!(!given.broken.run.report.violations.is_empty(), "{name}: something is wrong");
        assert!(given.fixed.run.report.violations.is_empty(), "{name}: nothing is wrong");
        assert!(given.changes.iter().any(|c| c.written), "{name}: a line of configuration makes the difference");
        assert_eq!(given.questions.len(), 3, "{name}");
        for question in &given.questions {
            let shown = format!("{}{}", question.ask, question.answer);
            assert!(!shown.contains('{'), "{name}: every figure is filled in: {shown}");
            if let Reply::Refused(_, message) = &question.reply {
                assert!(message.contains("Kafka refuses"), "{name}: {message}");
            }
        }
    }
}

#[test]
fn a_lesson_reads_like_this() {
    for lesson in ["lost-ack", "zombie-consumer"] {
        let shown = text(&fencepost(&["lesson", lesson, "--answers"]));
        // The place in the course, and the next lesson, are not the lesson's.
        let own = shown.split_once(": ").map_or("", |(_, rest)| rest);
        let own = own.split("\nnext:").next().unwrap_or(own);
        insta::assert_snapshot!(lesson, own);
    }
}

#[test]
fn without_answers_the_questions_are_asked_with_the_commands_that_answer_them() {
    let shown = text(&fencepost(&["lesson", "1"]));
    assert!(shown.contains("run:  fencepost run lessons/lost-ack --case request-lost --seed 1\n"));
    assert!(!shown.contains("Every sale is there once"));
    assert!(shown.contains("'fencepost lesson 1 --answers'"));
}

#[test]
fn the_list_names_every_lesson_in_order_and_json_has_the_runs() {
    let shown = text(&fencepost(&["lesson"]));
    let places: Vec<usize> = builtin::LESSONS.iter().map(|(name, _)| shown.find(name).expect(name)).collect();
    assert!(places.is_sorted());
    let json = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&text(&fencepost(arguments))).expect("one JSON document")
    };
    assert_eq!(json(&["lesson", "--json"])["lessons"].as_array().map(Vec::len), Some(builtin::LESSONS.len()));
    let lesson = json(&["lesson", "1", "--json"]);
    assert_eq!(lesson["broken"]["verdict"], "violated");
    assert_eq!(lesson["fixed"]["verdict"], "clean");
    assert_eq!(lesson["changes"][0]["key"], "enable.idempotence");
    assert_eq!(lesson["questions"][0]["run"]["topics"][0]["visible"], 10);
}

#[test]
fn a_page_has_the_line_both_runs_and_the_answers_and_asks_for_nothing_outside() {
    let folder = std::env::temp_dir().join(format!("fencepost-lessons-{}", std::process::id()));
    let path = folder.display().to_string();
    let said = text(&fencepost(&["lesson", "--html", &path]));
    let page = std::fs::read_to_string(folder.join("01-lost-ack.html")).expect("it was written");
    let index = std::fs::read_to_string(folder.join("index.html")).expect("it was written");
    let files = std::fs::read_dir(&folder).expect("the folder is there").count();
    std::fs::remove_dir_all(&folder).expect("it can be removed");
    assert!(said.contains("index.html"));
    assert_eq!(files, builtin::LESSONS.len() + 1, "a page for each lesson, and one that leads to them");
    assert!(page.contains("<del>- enable.idempotence = false</del>"));
    assert!(page.contains("<ins>+ enable.idempotence = true</ins>"));
    assert_eq!(page.matches("<svg class=\"picture\"").count(), 2);
    assert_eq!(page.matches("<summary>The answer</summary>").count(), 3);
    for (name, _) in builtin::LESSONS {
        assert!(index.contains(&format!("-{name}.html\"")), "{name}");
    }
    let outside = page.replace("http://www.w3.org/2000/svg", "");
    assert!(!outside.contains("http://") && !outside.contains("https://"));
}

#[test]
fn a_lesson_in_a_file_runs_a_scenario_beside_it_and_bad_ones_are_refused() {
    let folder = std::env::temp_dir().join(format!("fencepost-own-lesson-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("it can be made");
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).expect("it can be written");
    let (_, scenario) = fencepost_sim::scenario::builtin::find("lessons/lost-ack").expect("it is built in");
    let (_, lesson) = builtin::LESSONS[builtin::find("lost-ack").expect("it is in the course")];
    write("own.toml", scenario);
    write("own.lesson.toml", &lesson.replace("scenario = \"lessons/lost-ack\"", "scenario = \"own.toml\""));
    write("bad.lesson.toml", &lesson.replace("lessons/lost-ack", "lessons/lost-ak"));
    let path = |name: &str| folder.join(name).display().to_string();
    let own = fencepost(&["lesson", &path("own.lesson.toml")]);
    let bad = fencepost(&["lesson", &path("bad.lesson.toml"), "--html", &path("page.html")]);
    let missing = fencepost(&["lesson", "99"]);
    let left = std::fs::read_dir(&folder).expect("it is there").count();
    std::fs::remove_dir_all(&folder).expect("it can be removed");
    assert!(text(&own).contains("verdict: violated: 10 duplicates"));
    for (output, says) in [(bad, "did you mean 'lessons/lost-ack'"), (missing, "there is no lesson 99")] {
        assert_eq!(output.status.code(), Some(2));
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(message.contains(says), "{message}");
    }
    assert_eq!(left, 3, "nothing was written");
}
