//! Puts a dialogue to a target, step by step.
//!
//! How a step settles: the codes 14, 15 and 16 (their stand-in 19, and those of a leader that is being elected) are always asked again, for
//! they speak of the cluster's start, unless the step says `raw`; `settle` asks again after 51 too; `until=FIELD=VALUE`
//! asks again until a field of the answer has that value; `repeat=N` sends the request until it
//! has succeeded N times. After 30 seconds the last answer stands.

mod arguments;
mod place;
mod request;

use std::collections::BTreeMap;

use fencepost_protocol::ids::*;
use fencepost_protocol::message::*;
use serde_json::{Value, json};

use crate::answer;
use crate::dialogue::{Dialogue, Step, Topic};
use crate::names::Names;
use crate::target::{Ending, Reply, Target};

/// How long a step is asked again, milliseconds.
const PATIENCE_MS: u64 = 30_000;
/// Pause between attempts, milliseconds.
const PAUSE_MS: u64 = 20;

struct Run<'a> {
    target: &'a mut dyn Target,
    dialogue: &'a Dialogue,
    topics: &'a [Topic],
    names: Names,
    producers: BTreeMap<String, ProducerIdAndEpoch>,
    members: BTreeMap<String, GroupMetadata>,
    /// Requests whose answers are still awaited, by connection: the node, the request, and what its answer binds.
    later: BTreeMap<String, (NodeId, Request, Option<String>)>,
    prefix: String,
}

/// The answers of a dialogue, one a step; `null` where there is nothing to say.
///
/// # Errors
/// The dialogue is wrong, or the machinery around the target fails; with the step's number and text.
pub fn run(target: &mut dyn Target, dialogue: &Dialogue) -> Result<Vec<Value>, String> {
    target.begin(&dialogue.topics).map_err(|e| format!("{}: {e}", dialogue.name))?;
    let prefix = target.prefix();
    let mut run = Run {
        target,
        dialogue,
        topics: &dialogue.topics,
        names: Names::default(),
        producers: BTreeMap::new(),
        members: BTreeMap::new(),
        later: BTreeMap::new(),
        prefix,
    };
    let mut answers = Vec::new();
    for (i, step) in dialogue.steps.iter().enumerate() {
        let answer = run.step(i, step);
        answers.push(answer.map_err(|e| format!("{}, step {} ({}): {e}", dialogue.name, i + 1, step.text))?);
    }
    Ok(answers)
}

/// Milliseconds of "250ms", "3s" or "3".
fn duration(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => (text.strip_suffix('s').unwrap_or(text), 1000),
    };
    digits.parse::<u64>().map(|n| n * unit).map_err(|_| format!("'{text}' is no duration"))
}

impl Run<'_> {
    fn bind(&mut self, step_bind: Option<&str>, request: &Request, response: &Response) {
        let Some(bind) = step_bind else { return };
        match (request, response) {
            (_, Response::InitProducerId(InitProducerIdResponse { result: Ok(pair) })) => {
                self.producers.insert(bind.to_string(), *pair);
            }
            (_, Response::EndTxn(r)) if r.error.is_none() && r.producer.is_some() => {
                self.producers.insert(bind.to_string(), r.producer);
            }
            (Request::JoinGroup(asked), Response::JoinGroup(r)) if !r.member_id.is_empty() => {
                let member = GroupMetadata {
                    group_id: asked.group_id.clone(),
                    generation: if r.error.is_none() { r.generation } else { -1 },
                    member_id: r.member_id.clone(),
                    group_instance_id: asked.group_instance_id.clone(),
                };
                self.members.insert(bind.to_string(), member);
            }
            _ => {}
        }
    }

    fn render(&mut self, bind: Option<&str>, request: &Request, reply: &Reply) -> Value {
        match reply {
            Reply::Silence => json!("no answer, as asked"),
            Reply::Closed => json!("connection closed"),
            Reply::Answer(response) => {
                self.bind(bind, request, response);
                answer::render(&mut self.names, self.topics, request, response)
            }
        }
    }

    fn settled(&self, step: &Step, answer: &Value) -> bool {
        if let Some(condition) = self.arg(step, "until") {
            let Some((field, wanted)) = condition.split_once('=') else { return true };
            return answer::fields(answer, field).iter().any(|v| v == wanted);
        }
        if step.says("raw") {
            return true;
        }
        // "connection closed" may only be what is left of a broker that is gone.
        if answer == "connection closed" && self.dialogue.cluster.alone {
            return false;
        }
        let transient = [
            "COORDINATOR_LOAD_IN_PROGRESS",
            "COORDINATOR_NOT_AVAILABLE",
            "NOT_COORDINATOR",
            "NOT_LEADER_OR_FOLLOWER",
            "OFFSET_NOT_AVAILABLE",
            // A leader's stand-in for a coordinator that is not there yet (§1.6).
            "NOT_ENOUGH_REPLICAS",
        ];
        let errors = answer::errors(answer);
        !errors.iter().any(|e| transient.contains(&&**e) || step.says("settle") && e == "CONCURRENT_TRANSACTIONS")
    }

    fn step(&mut self, index: usize, step: &Step) -> Result<Value, String> {
        match &*step.verb {
            "wait" => {
                let text = step.words.first().ok_or("wait how long?")?;
                self.target.pass(duration(text)?);
                Ok(Value::Null)
            }
            "stop" | "kill" | "start" | "restart" | "crash" => self.move_broker(step),
            "AtRest" => self.at_rest(index, step),
            "await" => self.await_answer(step),
            _ => self.put(index, step),
        }
    }

    fn move_broker(&mut self, step: &Step) -> Result<Value, String> {
        let node = self.node(step.words.first().ok_or("which broker?")?)?;
        let ending = if matches!(&*step.verb, "kill" | "crash") { Ending::Kill } else { Ending::Clean };
        if step.verb != "start" {
            self.target.stop(node, ending)?;
        }
        if matches!(&*step.verb, "start" | "restart" | "crash") {
            self.target.start(node)?;
        }
        Ok(Value::Null)
    }

    /// Waits until no marker of the transactional id is on its way; says where it rests.
    fn at_rest(&mut self, index: usize, step: &Step) -> Result<Value, String> {
        let described = crate::dialogue::step(&format!("DescribeTransactions id={}", step.args["id"]))?;
        // A coordinator whose marker was refused gives up (§1.9): then it rests in a Prepare state.
        for _ in 0..150 {
            let answer = self.step(index, &described)?;
            if !answer::fields(&answer, "state").iter().any(|s| s.starts_with("Prepare")) {
                return Ok(answer);
            }
            self.target.pass(5);
        }
        self.step(index, &described)
    }

    fn await_answer(&mut self, step: &Step) -> Result<Value, String> {
        let name = step.words.first().ok_or("await which?")?;
        let (node, request, bind) = self.later.remove(name).ok_or("nothing of that name was begun")?;
        let reply = self.target.receive(node, name, PATIENCE_MS)?;
        let Some(reply) = reply else { return Ok(json!("still waiting")) };
        Ok(self.render(bind.as_deref(), &request, &reply))
    }

    fn put(&mut self, index: usize, step: &Step) -> Result<Value, String> {
        let request = self.request(index, step)?;
        let version = self.number(step, "v", self.version(request.api_key()))?;
        if let Some(name) = self.arg(step, "later") {
            let node = self.destination(step, &request)?.ok_or("nobody is there for it")?;
            self.target.send(node, name, version, request.clone())?;
            // What was sent first must have arrived first.
            self.target.pass(100);
            self.later.insert(name.to_string(), (node, request, step.bind.clone()));
            return Ok(Value::Null);
        }
        let repeat: u32 = self.number(step, "repeat", 1)?;
        let mut done = 1;
        while done < repeat {
            let node = self.destination(step, &request)?.ok_or("nobody is there for it")?;
            self.target.send(node, "main", version, request.clone())?;
            let reply = self.target.receive(node, "main", PATIENCE_MS)?.unwrap_or(Reply::Closed);
            let answer = self.render(None, &request, &reply);
            if answer::errors(&answer).iter().all(|e| e == "NONE") {
                done += 1;
            } else {
                self.target.pass(PAUSE_MS);
            }
        }
        self.settle(version, step, &request)
    }

    /// Asks until the answer is one that stays.
    fn settle(&mut self, version: i16, step: &Step, request: &Request) -> Result<Value, String> {
        let connection = self.arg(step, "on").unwrap_or("main").to_string();
        let mut waited = 0;
        let mut last = json!("nobody is there for it");
        loop {
            if let Some(node) = self.destination(step, request)? {
                self.target.send(node, &connection, version, request.clone())?;
                let reply = self.target.receive(node, &connection, PATIENCE_MS)?;
                let reply = reply.unwrap_or(Reply::Closed);
                last = self.render(step.bind.as_deref(), request, &reply);
                if self.settled(step, &last) {
                    return Ok(last);
                }
            }
            if waited >= PATIENCE_MS {
                return Ok(last);
            }
            self.target.pass(PAUSE_MS);
            waited += PAUSE_MS;
        }
    }
}
