//! Command lines as a person would type them.

use fencepost_reports::terminal::is_obeyed;

/// A word as a shell reads it back.
pub fn word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    if word.chars().any(is_obeyed) {
        // Within `$'...'` a shell reads escapes, and a terminal none.
        let part = |c: char| match c {
            '\'' | '\\' => format!("\\{c}"),
            c if is_obeyed(c) => format!("\\U{:08x}", u32::from(c)),
            c => c.to_string(),
        };
        return format!("$'{}'", word.chars().map(part).collect::<String>());
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_needs_it() {
        assert_eq!(word("lessons/lost-ack"), "lessons/lost-ack");
        assert_eq!(word("a b"), "'a b'");
        assert_eq!(word("it's"), "'it'\\''s'");
        assert_eq!(word("it's\na\u{202e}b"), "$'it\\'s\\U0000000aa\\U0000202eb'");
    }
}
