//! Durations as text: a number and a unit, such as `500us`, `1.5s` or `2m`.

use fencepost_protocol::time::Span;

/// What to say is expected where a duration does not parse.
pub const EXPECTED: &str = "a duration such as \"800ms\", \"1.5s\" or \"2m\" (units: ns, us, ms, s, m, h)";

const UNITS: [(&str, u64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a duration. What [`Span`] prints is read back exactly.
pub fn parse(text: &str) -> Option<Span> {
    let text = text.trim();
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let (_, scale) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let (whole, fraction) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), ""));
    if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let mut total = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let mut digit_scale = scale;
    for digit in fraction.bytes() {
        if !digit_scale.is_multiple_of(10) && digit != b'0' {
            return None; // finer than a nanosecond
        }
        digit_scale /= 10;
        total = total.checked_add(u64::from(digit - b'0') * digit_scale)?;
    }
    Some(Span(total))
}

/// Reads a duration that may be negative, in whole milliseconds.
pub fn parse_signed_ms(text: &str) -> Option<i64> {
    let (sign, rest) = match text.trim().strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.trim()),
    };
    let span = parse(rest)?;
    (span.0 % 1_000_000 == 0).then(|| sign * span.as_millis() as i64)
}

/// Prints milliseconds so that [`parse_signed_ms`] reads them back.
pub fn print_signed_ms(ms: i64) -> String {
    format!("{}{}ms", if ms < 0 { "-" } else { "" }, ms.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_and_fractions() {
        assert_eq!(parse("500us"), Some(Span(500_000)));
        assert_eq!(parse("1.5s"), Some(Span(1_500_000_000)));
        assert_eq!(parse("2m"), Some(Span::from_secs(120)));
        assert_eq!(parse("0.000000001s"), Some(Span(1)));
        assert_eq!(parse_signed_ms("-5s"), Some(-5_000));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["", "5", "ms", "-1s", "1.5ns", "1 fortnight", "99999999999999h", "1e3s", "1.2.3s"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_span_prints_is_read_back() {
        for ns in [0, 1, 999, 50_000, 1_000_000, 1_500_000, 999_000_000, 1_000_000_001, 3_600_000_000_000] {
            assert_eq!(parse(&Span(ns).to_string()), Some(Span(ns)));
        }
    }
}
