//! Numbers and times as people read them.

/// `1 fault`, `3,000 duplicates`: a number and what is counted, for words whose plural ends in `s`.
pub fn counted(n: u64, what: &str) -> String {
    format!("{} {what}{}", thousands(n), if n == 1 { "" } else { "s" })
}

/// `1234567` as `1,234,567`.
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Virtual time for people: `1.250 s`, with as many decimals as tell something.
pub(crate) fn seconds(t: u64) -> String {
    let (whole, nanos) = (t / 1_000_000_000, t % 1_000_000_000);
    match (nanos % 1_000_000, nanos % 1_000) {
        (0, _) => format!("{whole}.{:03} s", nanos / 1_000_000),
        (_, 0) => format!("{whole}.{:06} s", nanos / 1_000),
        _ => format!("{whole}.{nanos:09} s"),
    }
}
