//! Command lines as a person would type them.

/// A word as a shell reads it back.
pub fn word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A text without the characters that a terminal obeys: names and values from files are shown, never carried out.
/// Lines stay lines.
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown() {
        assert_eq!(escaped("a\u{1b}[31mb\0c\rd\u{9b}e\nf"), "a\\u{1b}[31mb\\u{0}c\\rd\\u{9b}e\nf");
    }

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        assert_eq!(word("lessons/lost-ack"), "lessons/lost-ack");
        assert_eq!(word("a b"), "'a b'");
        assert_eq!(word("it's"), "'it'\\''s'");
    }
}
