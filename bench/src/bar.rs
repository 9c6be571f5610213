//! Figures against their bars. A bar is printed as passed, failed or void; it never fails the program.

/// What a figure must not go below, or must stay below.
#[derive(Clone, Copy, Debug)]
pub enum Bar {
    /// At least this.
    AtLeast(f64),
    /// Below this.
    Below(f64),
}

impl Bar {
    /// Whether the figure is good enough.
    pub fn is_met(self, figure: f64) -> bool {
        match self {
            Bar::AtLeast(bar) => figure >= bar,
            Bar::Below(bar) => figure < bar,
        }
    }

    /// Prints `what`: the figure with its unit, the bar, PASS or FAIL; VOID where what was measured did not do what it
    /// should have done (`valid`).
    pub fn print(self, valid: bool, what: &str, figure: f64, unit: &str) {
        let word = match (valid, self.is_met(figure)) {
            (false, _) => "VOID",
            (true, true) => "PASS",
            (true, false) => "FAIL",
        };
        let (relation, bar) = match self {
            Bar::AtLeast(bar) => ("at least", bar),
            Bar::Below(bar) => ("below", bar),
        };
        println!("  {word}  {what}: {}{unit} (bar: {relation} {}{unit})", number(figure), number(bar));
    }
}

/// A number as people read it: `1,234,567`, or with two decimals where it is small.
pub fn number(value: f64) -> String {
    if value.abs() < 100.0 {
        let text = format!("{value:.2}");
        return text.strip_suffix(".00").map(str::to_string).unwrap_or(text);
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.as_bytes()[index - 1] != b'-' {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(number(1_234_567.4), "1,234,567");
        assert_eq!(number(123.0), "123");
        assert_eq!(number(-1234.0), "-1,234");
        assert_eq!(number(6.0), "6");
        assert_eq!(number(6.126), "6.13");
    }

    #[test]
    fn a_bar_is_met_on_its_side() {
        assert!(Bar::AtLeast(6.0).is_met(6.0) && !Bar::AtLeast(6.0).is_met(5.99));
        assert!(Bar::Below(2.0).is_met(1.99) && !Bar::Below(2.0).is_met(2.0));
    }
}
