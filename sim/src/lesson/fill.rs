//! Figures of runs in sentences: `{broken.topics.sales.visible}` becomes `20`.
//!
//! | path | is |
//! |---|---|
//! | `verdict`, `sentence` | the verdict in one word, and as a sentence |
//! | `proof.KIND` | the first proof of a kind of violation |
//! | `topics.NAME.COLUMN` | `input`, `visible`, `duplicates`, `lost` or `leaked` of a topic |
//! | `sinks.NAME.COLUMN` | the same of a table or payment API |
//! | `offsets.NAME` | how many offsets a topic's logs have come to, markers included |
//! | `count.KIND`, `counted.KIND` | how many violations of a kind; the same with the noun: `10 duplicates` |
//! | `figures.NAME` | a figure of the report, such as `retries`, `absorbed`, `committed`, `commit_p99` |
//! | `held` | the longest time for which a last stable offset stood still below its high watermark |
//! | `time` | virtual time at the end |
//! | `faults`, `deliveries` | how many |
//! | `sent.KIND` | requests of a kind that were sent |
//! | `error.NODE.KIND` | the error that a node was last answered with, for requests of a kind |
//! | `setting.NAME.KEY` | a line of configuration of a client or topic, or of `cluster` |

use fencepost_reports::figures::milliseconds;
use fencepost_reports::render::thousands;
use fencepost_reports::report::Kind;

use super::{Told, lines};

/// Fills in what stands in braces; `runs` are the runs by the names that they have in the text.
///
/// # Errors
/// There is no such run or figure, or a brace is not closed; the message names it.
pub fn fill(text: &str, runs: &[(&str, &Told)]) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((path, after)) = after.split_once('}') else {
            return Err(format!("a brace is not closed: {{{}", after.chars().take(40).collect::<String>()));
        };
        out.push_str(before);
        let (name, figure) = path.split_once('.').unwrap_or((path, ""));
        let Some((_, run)) = runs.iter().find(|(known, _)| *known == name) else {
            let known: Vec<&str> = runs.iter().map(|(known, _)| *known).collect();
            return Err(format!("{{{path}}}: there is no run '{name}' here, only {}", known.join(", ")));
        };
        out.push_str(&value(figure, run).ok_or_else(|| format!("{{{path}}}: there is no figure '{figure}'"))?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn value(figure: &str, told: &Told) -> Option<String> {
    let (report, outcome) = (&told.run.report, &told.run.outcome);
    let (head, rest) = figure.split_once('.').unwrap_or((figure, ""));
    let last = |rest: &str| -> Option<(String, String)> {
        let (name, key) = rest.rsplit_once('.')?;
        Some((name.to_string(), key.to_string()))
    };
    Some(match head {
        "verdict" => report.verdict.name().to_string(),
        "sentence" => told.story.judgement.sentence.clone(),
        "proof" => {
            let kind = Kind::from_name(rest)?;
            report.violations.iter().find(|v| v.kind == kind)?.proof.sentence.clone()
        }
        "faults" => thousands(outcome.faults.into()),
        "deliveries" => thousands(outcome.deliveries),
        "time" => time(outcome.finished_at.0),
        "held" => time(told.story.held()?),
        "topics" => {
            let (name, column) = last(rest)?;
            let topic = report.topic(&name)?;
            let n = match column.as_str() {
                "input" => topic.input,
                "visible" => topic.visible,
                "duplicates" => topic.duplicates,
                "lost" => topic.lost,
                "leaked" => topic.leaked,
                _ => return None,
            };
            thousands(n)
        }
        "sinks" => {
            let (name, column) = last(rest)?;
            let sink = report.sink(&name)?;
            let n = match column.as_str() {
                "input" => sink.input,
                "visible" => sink.visible,
                "duplicates" => sink.duplicates,
                "lost" => sink.lost,
                "leaked" => sink.leaked,
                _ => return None,
            };
            thousands(n)
        }
        "offsets" => {
            let own = |name: &str| name.rsplit_once('-').is_some_and(|(topic, _)| topic == rest);
            let strips: Vec<_> = told.story.strips.iter().filter(|s| own(&s.name)).collect();
            let ends = strips.iter().map(|s| s.batches.iter().map(|b| b.base + i64::from(b.count)).max().unwrap_or(0));
            (!strips.is_empty()).then(|| thousands(ends.sum::<i64>().unsigned_abs()))?
        }
        "count" => thousands(report.count(Kind::from_name(rest)?)),
        "counted" => {
            let kind = Kind::from_name(rest)?;
            kind.counted(report.count(kind))
        }
        "figures" => tally(rest, told)?,
        "sent" => {
            let sent = told.story.messages.iter().filter(|m| m.kind == rest && !m.answer).count();
            (sent > 0).then(|| thousands(sent as u64))?
        }
        "error" => {
            let (node, kind) = last(rest)?;
            let lane = told.story.lanes.iter().position(|lane| lane.name == node)? as u32;
            let answers = told.story.messages.iter().filter(|m| m.answer && m.to == lane && m.kind == kind);
            answers.filter_map(|m| m.error.clone()).next_back()?
        }
        "setting" => setting(rest, told)?,
        _ => return None,
    })
}

fn tally(name: &str, told: &Told) -> Option<String> {
    let total = &told.run.figures.total;
    Some(match name {
        "commit_p50" => milliseconds(total.commit_p50_ns?),
        "commit_p99" => milliseconds(total.commit_p99_ns?),
        count => thousands(total.counts().into_iter().find(|(name, _)| *name == count)?.1),
    })
}

/// `cluster.KEY`, or `NAME.KEY` of a client or topic.
fn setting(path: &str, told: &Told) -> Option<String> {
    let (name, key) = path.split_once('.')?;
    let own = |section: &str| section == format!("[{name}]") || section.rsplit(' ').next() == Some(name);
    let all = lines::lines(&told.scenario);
    let found = all.iter().find(|(section, known, _)| own(section) && known == key)?;
    Some(found.2.trim_matches('"').to_string())
}

/// A length of time for people: `300 ms`, `42.9 s`, `15 min 2 s`.
pub fn time(ns: u64) -> String {
    let ms = ns / 1_000_000;
    match ms {
        0..1_000 => milliseconds(ns / 100_000 * 100_000),
        1_000..120_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms / 1_000 % 60),
    }
}
