//! Wrong values, and near misses.

use crate::Checker;
use crate::function::{Function, fingerprint_of};
use crate::history;
use crate::report::{Kind, Report};

/// Topic 0 is `in`, topic 1 is `out`, each with one partition; 0 a producer, 1 a reader at read_uncommitted of both topics,
/// 2 a pipeline that appends `!`, 3 a producer with transactions.
const PREAMBLE: &str = r#"
{"topic":{"id":0,"name":"in","partitions":1}}
{"topic":{"id":1,"name":"out","partitions":1}}
{"group":{"id":0,"name":"g"}}
{"client":{"id":0,"name":"shop","kind":"producer","outputs":[0]}}
{"client":{"id":1,"name":"eye","kind":"reader","isolation":"read_uncommitted","inputs":[0,1]}}
{"client":{"id":2,"name":"loud","kind":"pipeline","group":0,"inputs":[0],"outputs":[1],"stage":1,"outputs_per_input":1,"guarantee":"at_least_once","function":"FUNCTION"}}
{"client":{"id":3,"name":"bank","kind":"producer","idempotent":true,"transactional_id":"b","outputs":[0]}}
"#;

/// A history, line by line.
struct Book {
    function: &'static str,
    lines: Vec<String>,
    ends: [i64; 2],
    finals: Vec<String>,
}

/// The record of a producer's workload.
fn input(n: i64) -> String {
    format!("[2147483648,0,{n},0,0]")
}

/// The output of the pipeline for an offset of `in`.
fn output(offset: i64) -> String {
    format!("[0,0,{offset},1,0]")
}

fn value(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(",\"value\":{}", fingerprint_of(text)) }
}

impl Book {
    fn new(function: &'static str) -> Book {
        Book { function, lines: Vec::new(), ends: [0; 2], finals: Vec::new() }
    }

    fn line(mut self, line: String) -> Book {
        self.lines.push(line);
        self
    }

    fn send(self, c: u32, op: u32, topic: u32, id: &str, text: &str) -> Book {
        let value = value(text);
        self.line(format!("{{\"send\":{{\"t\":1,\"c\":{c},\"op\":{op},\"topic\":{topic},\"id\":{id}{value}}}}}"))
    }

    fn ack(self, c: u32, op: u32, topic: u32, offset: i64) -> Book {
        self.line(format!("{{\"ack\":{{\"t\":1,\"c\":{c},\"op\":{op},\"at\":[{topic},0],\"offset\":{offset}}}}}"))
    }

    fn unknown(self, c: u32, op: u32) -> Book {
        self.line(format!("{{\"unknown\":{{\"t\":1,\"c\":{c},\"op\":{op},\"error\":\"REQUEST_TIMED_OUT\"}}}}"))
    }

    fn read(self, topic: u32, offset: i64, id: &str, text: &str) -> Book {
        self.read_by(1, topic, offset, id, text)
    }

    fn read_by(self, c: u32, topic: u32, offset: i64, id: &str, text: &str) -> Book {
        let value = value(text);
        self.line(format!(
            "{{\"read\":{{\"t\":1,\"c\":{c},\"at\":[{topic},0],\"offset\":{offset},\"id\":{id}{value}}}}}"
        ))
    }

    /// In the final read, in order of offsets within a topic.
    fn stands(mut self, topic: usize, id: &str, text: &str) -> Book {
        let (offset, value) = (self.ends[topic], value(text));
        self.ends[topic] += 1;
        self.finals.push(format!(
            "{{\"final\":{{\"at\":[{topic},0],\"offset\":{offset},\"id\":{id},\"visible\":true{value}}}}}"
        ));
        self
    }

    /// One input that is sent, acknowledged at offset 0 and there in the end.
    fn with_input(self, text: &str) -> Book {
        self.send(0, 0, 0, &input(0), text).ack(0, 0, 0, 0).stands(0, &input(0), text)
    }

    fn judged(self) -> Report {
        let preamble = PREAMBLE.replace("FUNCTION", self.function);
        let mut lines: Vec<String> = preamble.lines().filter(|l| !l.is_empty()).map(str::to_owned).collect();
        // The pipeline commits what it has written for.
        let commit =
            format!("\"t\":2,\"c\":2,\"op\":0,\"group\":0,\"at\":[0,0],\"next\":{}", self.ends[1].min(self.ends[0]));
        lines.extend(self.lines);
        lines.push(format!("{{\"commit\":{{{commit}}}}}"));
        lines.push("{\"commit_result\":{\"t\":2,\"c\":2,\"op\":0,\"outcome\":\"ok\"}}".to_owned());
        for (topic, end) in self.ends.iter().enumerate() {
            let marks = format!("\"start\":0,\"lso\":{end},\"hw\":{end},\"leo\":{end}");
            lines.push(format!("{{\"end\":{{\"t\":9,\"at\":[{topic},0],{marks}}}}}"));
        }
        lines.extend(self.finals);
        let text = format!(
            "{{\"history\":{{\"version\":2}}}}\n{}\n{{\"done\":{{\"events\":{}}}}}\n",
            lines.join("\n"),
            lines.len()
        );
        let mut checker = Checker::new();
        history::read(text.as_bytes(), &mut checker).unwrap_or_else(|error| panic!("{error}\n{text}"));
        checker.finish()
    }

    /// So many wrong values are found; returns the proofs' sentences.
    #[track_caller]
    fn finds(self, count: u64) -> Vec<String> {
        let report = self.judged();
        let found = report.violations.iter().find(|v| v.kind == Kind::WrongValue);
        assert_eq!(found.map_or(0, |v| v.count), count, "\n{}", report.render_text());
        found
            .into_iter()
            .flat_map(|v| core::iter::once(&v.proof).chain(&v.further))
            .map(|p| p.sentence.clone())
            .collect()
    }
}

fn shown(text: &str) -> String {
    super::shown(fingerprint_of(text))
}

#[test]
fn what_stands_in_the_end_with_another_value_than_it_was_sent_with_is_found() {
    let book = Book::new("copy").send(0, 0, 0, &input(0), "a").ack(0, 0, 0, 0).stands(0, &input(0), "b");
    let report = book.judged();
    let wrong = report.violations.iter().find(|v| v.kind == Kind::WrongValue).expect("it is found");
    assert_eq!(wrong.count, 1);
    let proof = &wrong.proof;
    assert_eq!((proof.record.map(|id| id.offset), &proof.offsets[..]), (Some(0), &[(0, 0)][..]));
    assert!(proof.sentence.contains("record 0 of shop stands at in-0@0"), "{}", proof.sentence);
    assert!(proof.sentence.contains(&shown("a")) && proof.sentence.contains(&shown("b")), "{}", proof.sentence);
}

#[test]
fn the_first_record_that_differs_is_the_proof() {
    let book =
        (0..5).fold(Book::new("copy"), |book, n| book.send(0, n, 0, &input(n.into()), "a").ack(0, n, 0, n.into()));
    let book = ["a", "a", "b", "c", "a"]
        .iter()
        .enumerate()
        .fold(book, |book, (n, text)| book.stands(0, &input(n as i64), text));
    let sentences = book.finds(2);
    assert!(sentences[0].contains("record 2 of shop stands at in-0@2"), "{sentences:?}");
    assert!(sentences[1].contains("record 3 of shop stands at in-0@3"), "{sentences:?}");
}

#[test]
fn what_a_reader_is_given_with_another_value_is_found_once() {
    let book = Book::new("copy").send(0, 0, 0, &input(0), "a").ack(0, 0, 0, 0);
    let book = book.read(0, 0, &input(0), "b").read(0, 0, &input(0), "b").stands(0, &input(0), "a");
    let sentences = book.finds(1);
    assert!(sentences[0].contains("was given to eye at in-0@0"), "{sentences:?}");
}

#[test]
fn two_values_at_one_place_are_found_where_no_sender_tells_any() {
    let book = Book::new("copy").send(0, 0, 0, &input(0), "").ack(0, 0, 0, 0);
    let sentences = book.read(0, 0, &input(0), "a").stands(0, &input(0), "b").finds(1);
    assert!(sentences[0].contains("was first seen with"), "{sentences:?}");
}

#[test]
fn an_output_that_its_function_does_not_give_is_found() {
    for (function, text, right, wrong) in
        [("copy", "a", "a", "b"), ("append:!", "a", "a!", "a"), ("hash", "a", "af63dc4c8601ec8c", "af63dc4c8601ec8d")]
    {
        let book = |made: &str| {
            let book = Book::new(function).with_input(text).send(2, 0, 1, &output(0), made).ack(2, 0, 1, 0);
            book.stands(1, &output(0), made)
        };
        assert!(book(right).finds(0).is_empty());
        let sentences = book(wrong).finds(1);
        assert!(sentences[0].starts_with("output 0 of stage 1 for in-0@0 at out-0@0 has the value"), "{sentences:?}");
        assert!(sentences[0].contains(&format!("{function} of record 0 of shop")), "{sentences:?}");
        assert!(sentences[0].contains(&shown(wrong)) && sentences[0].contains(&shown(right)), "{sentences:?}");
    }
}

#[test]
fn an_output_of_which_nobody_told_the_value_when_it_was_sent_is_judged_by_what_stands() {
    let book = |made: &str| {
        let book = Book::new("append:!").with_input("a").send(2, 0, 1, &output(0), "").ack(2, 0, 1, 0);
        book.stands(1, &output(0), made)
    };
    assert!(book("a!").finds(0).is_empty());
    assert_eq!(book("a?").finds(1).len(), 1);
}

#[test]
fn a_stored_value_that_is_wrong_is_not_held_against_the_pipeline_that_read_it() {
    // The input was changed in the log; the pipeline made what it makes of what it was given.
    let book = Book::new("append:!").send(0, 0, 0, &input(0), "a").ack(0, 0, 0, 0).stands(0, &input(0), "b");
    let book = book.send(2, 0, 1, &output(0), "b!").ack(2, 0, 1, 0).stands(1, &output(0), "b!");
    let sentences = book.finds(1);
    assert!(sentences[0].contains("record 0 of shop stands at in-0@0"), "{sentences:?}");
}

#[test]
fn a_pipeline_that_read_an_input_before_it_was_changed_in_the_log_wrote_what_it_should() {
    let book = Book::new("append:!").send(0, 0, 0, &input(0), "a").ack(0, 0, 0, 0).read_by(2, 0, 0, &input(0), "a");
    let book =
        book.send(2, 0, 1, &output(0), "a!").ack(2, 0, 1, 0).stands(0, &input(0), "b").stands(1, &output(0), "a!");
    assert!(book.finds(1)[0].contains("record 0 of shop stands at in-0@0"));
}

#[test]
fn what_another_reader_was_given_is_no_input_of_the_pipeline() {
    for (sent, stands) in [("a", "a"), ("a", ""), ("", "a")] {
        let book = |given: &str, made: &str| {
            let book = Book::new("append:!").send(0, 0, 0, &input(0), sent).ack(0, 0, 0, 0);
            let book = book.read(0, 0, &input(0), given).read_by(2, 0, 0, &input(0), "a");
            let book = book.send(2, 0, 1, &output(0), made).ack(2, 0, 1, 0);
            book.stands(0, &input(0), stands).stands(1, &output(0), made)
        };
        assert!(book("a", "a!").finds(0).is_empty());
        assert_eq!(book("b", "a!").finds(1).len(), 1, "sent {sent:?}, stands {stands:?}");
        // Nor does it excuse what the pipeline wrote.
        let sentences = book("b", "b!").finds(2);
        assert!(
            sentences[1].contains(&format!("append:! of record 0 of shop (value {})", shown("a"))),
            "{sentences:?}"
        );
    }
}

#[test]
fn where_nobody_else_tells_an_inputs_value_it_is_what_the_pipeline_was_given() {
    let book = |others: [&str; 2], given: &str, made: &str| {
        let book = Book::new("append:!").send(0, 0, 0, &input(0), "").ack(0, 0, 0, 0);
        let book =
            book.read(0, 0, &input(0), others[0]).read_by(2, 0, 0, &input(0), given).read(0, 0, &input(0), others[1]);
        let book = book.send(2, 0, 1, &output(0), made).ack(2, 0, 1, 0);
        book.stands(0, &input(0), "").stands(1, &output(0), made)
    };
    assert!(book(["", ""], "a", "a!").finds(0).is_empty());
    assert!(book(["", ""], "a", "b!").finds(1)[0].contains("append:! of record 0 of shop"));
    // Two were given two values: one of them is wrong, and the pipeline's is its input.
    for others in [["b", ""], ["", "b"]] {
        assert!(book(others, "a", "a!").finds(1)[0].contains("was first seen with"));
        assert_eq!(book(others, "a", "b!").finds(2).len(), 2);
    }
    // What only others were given says nothing of the pipeline's input.
    assert!(book(["b", ""], "", "a!").finds(0).is_empty());
}

#[test]
fn a_wrong_value_that_the_pipeline_was_given_is_named_once_and_not_again_with_its_output() {
    let book = |made: &str| {
        let book = Book::new("append:!").send(0, 0, 0, &input(0), "a").ack(0, 0, 0, 0).read_by(2, 0, 0, &input(0), "b");
        let book = book.send(2, 0, 1, &output(0), made).ack(2, 0, 1, 0);
        book.stands(0, &input(0), "a").stands(1, &output(0), made)
    };
    for made in ["b!", "a!"] {
        let sentences = book(made).finds(1);
        assert!(sentences[0].contains("record 0 of shop was given to loud at in-0@0"), "{sentences:?}");
    }
    let sentences = book("c!").finds(2);
    assert!(sentences[1].contains(&format!("append:! of record 0 of shop (value {})", shown("a"))), "{sentences:?}");
}

#[test]
fn each_attempt_may_have_a_value_of_its_own_and_a_place_has_that_of_the_one_acknowledged_there() {
    let book = |first: &str, second: &str| {
        let book = Book::new("copy").send(0, 0, 0, &input(0), "a").unknown(0, 0);
        let book = book.send(0, 1, 0, &input(0), "b").ack(0, 1, 0, 1);
        book.stands(0, &input(0), first).stands(0, &input(0), second)
    };
    // Both attempts are there, which is a duplicate and no wrong value.
    assert!(book("a", "b").finds(0).is_empty());
    let sentences = book("a", "a").finds(1);
    assert!(sentences[0].contains("record 0 of shop is at in-0@1"), "{sentences:?}");
    assert_eq!(book("c", "b").finds(1).len(), 1);
}

#[test]
fn values_that_nobody_tells_are_not_judged() {
    let book = Book::new("append:!").with_input("").send(2, 0, 1, &output(0), "x").ack(2, 0, 1, 0);
    assert!(book.stands(1, &output(0), "x").finds(0).is_empty());
    let book = Book::new("append:!").with_input("a").send(2, 0, 1, &output(0), "").ack(2, 0, 1, 0);
    assert!(book.stands(1, &output(0), "").finds(0).is_empty());
    let book = Book::new("copy").with_input("a").read(0, 0, &input(0), "");
    assert!(book.finds(0).is_empty());
}

#[test]
fn an_output_that_was_sent_and_never_seen_is_not_judged() {
    let book = Book::new("append:!").with_input("a").send(2, 0, 1, &output(0), "?").unknown(2, 0);
    assert!(book.finds(0).is_empty());
}

#[test]
fn an_output_of_an_input_that_is_not_known_is_not_judged() {
    let book = Book::new("append:!").send(2, 0, 1, &output(7), "?").ack(2, 0, 1, 0);
    assert!(book.stands(1, &output(7), "?").finds(0).is_empty());
}

#[test]
fn a_function_that_is_not_known_is_noted_and_not_judged() {
    let book = Book::new("reverse").with_input("ab").send(2, 0, 1, &output(0), "ba").ack(2, 0, 1, 0);
    let report = book.stands(1, &output(0), "ba").judged();
    assert!(report.violations.iter().all(|v| v.kind != Kind::WrongValue));
    assert!(report.notes.iter().any(|note| note.contains("no function 'reverse' is known")), "{:?}", report.notes);
}

#[test]
fn a_chain_of_functions_is_judged_link_by_link() {
    let end = ["append:b", "hash", "append:c"]
        .iter()
        .fold(fingerprint_of("a"), |value, name| Function::from_name(name).expect("a function").apply(value));
    assert_eq!(end, fingerprint_of(&format!("{}c", shown("ab"))));
}
