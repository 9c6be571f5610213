//! Paragraphs and columns of a terminal.

/// Columns of running text.
pub const WIDTH: usize = 96;

/// A text with paragraphs, broken into lines of at most `width` characters after an indent.
pub fn paragraphs(text: &str, indent: &str, width: usize) -> String {
    let mut out = String::new();
    for (n, paragraph) in text.trim().split("\n\n").enumerate() {
        if n > 0 {
            out.push('\n');
        }
        for line in lines(paragraph, width.saturating_sub(indent.chars().count())) {
            out.push_str(indent);
            out.push_str(&line);
            out.push('\n');
        }
    }
    out
}

/// A paragraph as lines of at most `width` characters; longer words stay whole.
pub fn lines(paragraph: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in paragraph.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Two blocks of lines side by side.
pub fn side_by_side(left: &[String], right: &[String], gap: &str) -> String {
    let width = left.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for n in 0..left.len().max(right.len()) {
        let (a, b) = (left.get(n).map_or("", String::as_str), right.get(n).map_or("", String::as_str));
        let line = format!("{a:width$}{gap}{b}");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_are_broken_at_words_and_kept_apart() {
        let text = "one two three\nfour\n\nfive\n";
        assert_eq!(paragraphs(text, "  ", 10), "  one two\n  three\n  four\n\n  five\n");
        assert_eq!(lines("a verylongword b", 5), ["a", "verylongword", "b"]);
    }

    #[test]
    fn blocks_of_unequal_length_stand_side_by_side() {
        let (left, right) = (["a".to_string(), "bcd".to_string()], ["x".to_string()]);
        assert_eq!(side_by_side(&left, &right, " | "), "a   | x\nbcd |\n");
    }
}
