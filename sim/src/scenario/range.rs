//! `7` and `1..100`, both ends included: seeds, counts, durations and bounds are read, and refused, alike.

use fencepost_protocol::time::Span;

use super::duration;

/// Why a text is no range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// An end of it cannot be read.
    End(String),
    /// It ends before it begins.
    Backwards(String),
}

impl Wrong {
    /// In words.
    pub fn words(self) -> String {
        match self {
            Wrong::End(words) | Wrong::Backwards(words) => words,
        }
    }
}

/// Reads a range, or one value, which is a range of one.
///
/// # Errors
/// An end that `end` cannot read, or ends the wrong way round.
pub fn parse<T: PartialOrd>(text: &str, end: impl Fn(&str) -> Result<T, String>) -> Result<(T, T), Wrong> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let (first, last) = (first.trim(), last.trim_start_matches('=').trim());
    let (low, high) = (end(first).map_err(Wrong::End)?, end(last).map_err(Wrong::End)?);
    if low > high {
        return Err(Wrong::Backwards(format!(
            "the range ends at {last}, before it begins at {first}: write {last}..{first}"
        )));
    }
    Ok((low, high))
}

/// A whole number.
///
/// # Errors
/// It is none, or too large.
pub fn number(text: &str) -> Result<u64, String> {
    let digits = text.replace('_', "");
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    match digits.parse::<u64>() {
        Ok(number) => Ok(number),
        Err(_) if is_number => Err(format!("{digits} is too large: numbers go up to {}", u64::MAX)),
        Err(_) => Err("expected a number or a range such as 1..100".to_string()),
    }
}

/// A duration.
///
/// # Errors
/// It is none.
pub fn span(text: &str) -> Result<Span, String> {
    duration::parse(text).ok_or_else(|| format!("expected {}", duration::EXPECTED))
}

/// What to say of a text that would be a range if it were turned round.
pub fn backwards(text: &str) -> Option<String> {
    let numbers = parse(text, number).err();
    let wrong = numbers.into_iter().chain(parse(text, span).err());
    wrong.into_iter().find(|wrong| matches!(wrong, Wrong::Backwards(_))).map(Wrong::words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_have_both_their_ends_and_one_value_is_a_range() {
        assert_eq!(parse("1..10_000", number), Ok((1, 10_000)));
        assert_eq!(parse(" 3 ..=  5", number), Ok((3, 5)));
        assert_eq!(parse("7", number), Ok((7, 7)));
        assert_eq!(parse("1ms..2s", span), Ok((Span::from_millis(1), Span::from_secs(2))));
        assert!(matches!(parse("1..many", number), Err(Wrong::End(_))));
    }

    #[test]
    fn a_range_that_runs_backwards_says_so_and_how_to_write_it() {
        let words = "the range ends at 3, before it begins at 9: write 3..9";
        assert_eq!(parse("9..3", number).map_err(Wrong::words), Err(words.to_string()));
        assert_eq!(backwards("9..3").as_deref(), Some(words));
        assert_eq!(
            backwards("2s..1ms").as_deref(),
            Some("the range ends at 1ms, before it begins at 2s: write 1ms..2s")
        );
        assert_eq!([backwards("3..9"), backwards("7"), backwards("x..y")], [None, None, None]);
    }
}
