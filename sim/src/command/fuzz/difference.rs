//! The first event in which two executions differ.

use std::sync::Arc;

use super::super::execute::{line, plan_traced};
use crate::plan::Plan;
use crate::run::Course;
use crate::world::Traced;

/// Runs twice more with a trace and names the first event that differs; a difference that does not come again is said to
/// have been seen once.
pub fn first(plan: &Arc<Plan>, course: Course<'_>) -> String {
    let trace = || {
        let mut lines = Vec::new();
        let mut tracer = |traced: &Traced<'_>| lines.extend(line(traced).map(|line| line.to_string()));
        let _ = plan_traced(plan, course, &mut tracer);
        lines
    };
    between(&trace(), &trace()).unwrap_or_else(|| {
        "two more runs, with a trace, did not differ: the difference does not come every time".to_string()
    })
}

fn between(one: &[String], two: &[String]) -> Option<String> {
    let index = one.iter().zip(two).position(|(a, b)| a != b);
    let index = index.or((one.len() != two.len()).then(|| one.len().min(two.len())))?;
    let at = |list: &[String]| list.get(index).cloned().unwrap_or_else(|| "(it had ended)".to_string());
    Some(format!("the first event that differs is number {}:\n  {}\n  {}", index + 1, at(one), at(two)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let lines = |text: &str| text.split_whitespace().map(String::from).collect::<Vec<_>>();
        assert_eq!(between(&lines("a b c"), &lines("a b c")), None);
        let text = between(&lines("a b c"), &lines("a x c")).unwrap();
        assert_eq!(text, "the first event that differs is number 2:\n  b\n  x");
        assert!(between(&lines("a b"), &lines("a b c")).unwrap().contains("number 3:\n  (it had ended)\n  c"));
    }
}
