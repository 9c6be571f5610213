//! Vectors: what a real Kafka answered, one file a dialogue.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::dialogue::{Dialogue, Step};

/// A recorded dialogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Vector {
    /// The dialogue's name.
    pub dialogue: String,
    /// Version of Apache Kafka that answered.
    pub kafka: String,
    /// Each step's text with its answer.
    pub steps: Vec<(String, Value)>,
}

/// A step that was answered otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// Number of the step, from 1.
    pub step: usize,
    /// Its text.
    pub text: String,
    /// What Kafka answered.
    pub kafka: Value,
    /// What our machines answered.
    pub ours: Value,
}

impl core::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "step {} ({})\n    Kafka: {}\n    ours:  {}", self.step, self.text, self.kafka, self.ours)
    }
}

/// Steps with different answers; those that the dialogue declares to differ are left out.
pub fn compare(dialogue: &Dialogue, kafka: &[Value], ours: &[Value]) -> Vec<Mismatch> {
    let steps = dialogue.steps.iter().zip(kafka.iter().zip(ours)).enumerate();
    let different = steps.filter(|(i, (_, (kafka, ours)))| kafka != ours && !dialogue.differs.contains_key(&(i + 1)));
    let mismatch = |(i, (step, (kafka, ours))): (usize, (&Step, (&Value, &Value)))| Mismatch {
        step: i + 1,
        text: step.text.clone(),
        kafka: kafka.clone(),
        ours: ours.clone(),
    };
    different.map(mismatch).collect()
}

impl Vector {
    /// The vector of a dialogue's answers.
    pub fn new(dialogue: &Dialogue, kafka: &str, answers: &[Value]) -> Vector {
        let steps = dialogue.steps.iter().zip(answers).map(|(s, a)| (s.text.clone(), a.clone())).collect();
        Vector { dialogue: dialogue.name.clone(), kafka: kafka.to_string(), steps }
    }

    /// Where the vector of a dialogue lives.
    pub fn path(directory: &Path, dialogue: &str) -> PathBuf {
        directory.join(format!("{dialogue}.json"))
    }

    /// The file's text: one step a line.
    pub fn print(&self) -> String {
        let steps =
            self.steps.iter().map(|(step, answer)| format!("    {}", json!({ "step": step, "answer": answer })));
        let steps: Vec<String> = steps.collect();
        let head = format!("  \"dialogue\": {},\n  \"kafka\": {},", json!(self.dialogue), json!(self.kafka));
        format!("{{\n{head}\n  \"steps\": [\n{}\n  ]\n}}\n", steps.join(",\n"))
    }

    /// Reads a file's text.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Vector, String> {
        let value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let string = |v: &Value| v.as_str().map(str::to_string);
        let steps = value["steps"].as_array().ok_or("no steps")?;
        let steps = steps.iter().map(|s| Some((string(&s["step"])?, s["answer"].clone())));
        Ok(Vector {
            dialogue: string(&value["dialogue"]).ok_or("no dialogue")?,
            kafka: string(&value["kafka"]).ok_or("no version of Kafka")?,
            steps: steps.collect::<Option<_>>().ok_or("a step without text")?,
        })
    }

    /// Whether it was recorded from exactly these steps.
    pub fn is_of(&self, dialogue: &Dialogue) -> bool {
        self.dialogue == dialogue.name
            && self.steps.len() == dialogue.steps.len()
            && self.steps.iter().zip(&dialogue.steps).all(|((text, _), step)| *text == step.text)
    }

    /// The answers alone.
    pub fn answers(&self) -> Vec<Value> {
        self.steps.iter().map(|(_, answer)| answer.clone()).collect()
    }
}
