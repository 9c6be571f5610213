//! Which part of a campaign this process runs.

use super::super::Refusal;

/// Part `index` (from 0) of `count`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    pub index: u64,
    pub count: u64,
}

/// Reads the environment.
type Environment<'e> = &'e dyn Fn(&str) -> Option<String>;

impl Shard {
    pub const WHOLE: Shard = Shard { index: 0, count: 1 };

    /// `--shard`, or what the environment of parallel jobs says, or everything.
    pub fn choose(option: Option<&str>) -> Result<Shard, Refusal> {
        match option {
            Some(text) => Shard::parse(text),
            None => Shard::from_environment(&variable),
        }
    }

    /// `3/8`, counted from 1.
    fn parse(text: &str) -> Result<Shard, Refusal> {
        let number = |text: &str| text.trim().parse::<u64>().ok();
        let parts = text.split_once('/').and_then(|(i, n)| Some((number(i)?, number(n)?)));
        match parts {
            Some((index, count)) if index >= 1 && index <= count => Ok(Shard { index: index - 1, count }),
            _ => Err(Refusal(format!("--shard {text}: expected I/N, such as 3/8, with I from 1 to N"))),
        }
    }

    /// Kubernetes Indexed Job, Slurm array, GitLab parallel.
    fn from_environment(get: Environment<'_>) -> Result<Shard, Refusal> {
        let number = |name: &str| -> Result<Option<u64>, Refusal> {
            let Some(text) = get(name) else { return Ok(None) };
            text.trim().parse().map(Some).map_err(|_| Refusal(format!("{name}={text} is no number; give --shard I/N")))
        };
        let (name, index, count) = if let Some(index) = number("JOB_COMPLETION_INDEX")? {
            let Some(count) = number("FENCEPOST_SHARDS")? else {
                let message = "JOB_COMPLETION_INDEX is set, as in an Indexed Job of Kubernetes, but Kubernetes does not say how \
                               many indexes there are: set FENCEPOST_SHARDS to the job's completions, or give --shard \
                               (--shard 1/1 for everything)";
                return Err(Refusal(message.into()));
            };
            ("JOB_COMPLETION_INDEX", index, count)
        } else if let (Some(id), Some(count)) = (number("SLURM_ARRAY_TASK_ID")?, number("SLURM_ARRAY_TASK_COUNT")?) {
            ("SLURM_ARRAY_TASK_ID", id.saturating_sub(number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0)), count)
        } else if let (Some(index), Some(count)) = (number("CI_NODE_INDEX")?, number("CI_NODE_TOTAL")?) {
            ("CI_NODE_INDEX", index.saturating_sub(1), count)
        } else {
            return Ok(Shard::WHOLE);
        };
        if index >= count {
            return Err(Refusal(format!("{name} says part {} of {count}; give --shard I/N", index + 1)));
        }
        Ok(Shard { index, count })
    }

    /// The first unit of work from `unit` on that is this shard's.
    pub fn first_from(self, unit: u64) -> Option<u64> {
        let place = unit % self.count;
        let further = if self.index >= place { self.index - place } else { self.count - place + self.index };
        unit.checked_add(further)
    }
}

/// A variable of the environment.
#[expect(clippy::disallowed_methods, reason = "outside the simulation: where a campaign runs, never what a run does")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(list: &[(&str, &str)]) -> Result<Shard, String> {
        let get = |name: &str| list.iter().find(|(n, _)| *n == name).map(|(_, v)| v.to_string());
        Shard::from_environment(&get).map_err(|r| r.0)
    }

    #[test]
    fn the_usual_environments_are_read() {
        assert_eq!(of(&[]), Ok(Shard::WHOLE));
        assert_eq!(of(&[("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "5")]), Ok(Shard { index: 1, count: 5 }));
        let slurm = [("SLURM_ARRAY_TASK_ID", "12"), ("SLURM_ARRAY_TASK_MIN", "10"), ("SLURM_ARRAY_TASK_COUNT", "4")];
        assert_eq!(of(&slurm), Ok(Shard { index: 2, count: 4 }));
        let kubernetes = [("JOB_COMPLETION_INDEX", "0"), ("FENCEPOST_SHARDS", "100")];
        assert_eq!(of(&kubernetes), Ok(Shard { index: 0, count: 100 }));
    }

    #[test]
    fn what_would_run_everything_on_every_machine_is_refused() {
        assert!(of(&[("JOB_COMPLETION_INDEX", "3")]).unwrap_err().contains("FENCEPOST_SHARDS"));
        assert!(of(&[("CI_NODE_INDEX", "6"), ("CI_NODE_TOTAL", "5")]).unwrap_err().contains("part 6 of 5"));
        for text in ["0/4", "5/4", "x", "1", "1/0"] {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_unit_is_exactly_one_shards() {
        for unit in 0..50 {
            let owners =
                (0..7).filter(|index| Shard { index: *index, count: 7 }.first_from(unit) == Some(unit)).count();
            assert_eq!(owners, 1);
        }
    }
}
