//! The nearest known name to one that is not known.

/// The known name with the fewest edits from `wanted`, if it is near enough to have been meant.
pub fn nearest<'k>(wanted: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let limit = (wanted.chars().count() / 2).max(2);
    let best = known.into_iter().map(|name| (edits(wanted, name), name)).min()?;
    (best.0 <= limit).then_some(best.1)
}

/// `; did you mean 'X'?`, or nothing.
pub fn hint<'k>(wanted: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(wanted, known).map_or_else(String::new, |name| format!("; did you mean '{name}'?"))
}

/// The same for one of a closed list of words, which follows: `; did you mean 'X'? (figures: X, Y)`. Without a word it says
/// that there are none.
pub fn choices<'k>(wanted: &str, what: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    let mut seen = std::collections::BTreeSet::new();
    known.retain(|name| seen.insert(*name));
    let near = hint(wanted, known.iter().copied());
    if known.is_empty() { format!(" (there are no {what})") } else { format!("{near} ({what}: {})", known.join(", ")) }
}

/// Insertions, deletions, substitutions and neighbours that changed places, which turn one text into the other.
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    // The rows of the last two characters of `a`, and that of this one.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let mut least = (last[j] + usize::from(a[i] != b[j])).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("same", "same"), 0);
        assert_eq!([edits("uot", "out"), edits("lsot", "lost"), edits("ab", "ba")], [1, 1, 1]);
    }

    #[test]
    fn a_closed_list_is_told_once_after_the_nearest_of_its_words() {
        assert_eq!(
            choices("lsot", "columns", ["lost", "input", "lost"]),
            "; did you mean 'lost'? (columns: lost, input)"
        );
        assert_eq!(choices("zzzzzzzz", "columns", ["lost", "input"]), " (columns: lost, input)");
        assert_eq!(choices("x", "sinks", []), " (there are no sinks)");
    }

    #[test]
    fn a_slip_finds_its_key_and_nonsense_finds_none() {
        let keys = ["enable.idempotence", "retries", "acks"];
        assert_eq!(nearest("enable.idempotnce", keys), Some("enable.idempotence"));
        assert_eq!(nearest("ack", keys), Some("acks"));
        assert_eq!(nearest("zzzzzzzz", keys), None);
    }
}
