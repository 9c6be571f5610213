//! Text for a terminal: what one would obey is shown and not carried out, and lines end where its columns do.

use core::fmt::Write;

/// Columns of a terminal.
pub const WIDTH: usize = 80;

/// Whether a terminal obeys a character, or shows what stands beside it elsewhere than it stands: control characters, and
/// marks that turn the direction of a text.
pub const fn is_obeyed(c: char) -> bool {
    matches!(c, '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text of several lines as it is safe to print: lines stay lines, as a name never becomes one (see [`one_line`]).
pub fn lines(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        // A file may have been written where lines end in both.
        let ends = c == '\n' || c == '\r' && characters.peek() == Some(&'\n');
        if is_obeyed(c) && c != '\t' && !ends { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// What was taken from a file or from a program, as it is safe to print within a line.
pub fn one_line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_obeyed(c) { shown.extend(c.escape_default()) } else { shown.push(c) }
    }
    shown
}

/// JSON with escapes for what a terminal obeys: strings are all that can hold it, so the document means the same.
pub fn json(document: &str) -> String {
    let mut shown = String::with_capacity(document.len());
    for c in document.chars() {
        if is_obeyed(c) && c != '\n' {
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    shown
}

/// The words of a sentence; a number and its unit are one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let is_unit = matches!(word.trim_end_matches([',', ';', ':', ')', '.']), "s" | "ms");
        match words.last_mut() {
            Some(number) if is_unit && number.ends_with(|c: char| c.is_ascii_digit()) => {
                number.push(' ');
                number.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// Writes a sentence in lines of at most [`WIDTH`] columns, as far as its words allow: before the first line stands
/// `first`, before the others `further`.
pub fn wrapped(out: &mut String, text: &str, first: &str, further: &str) {
    let mut line = String::from(first);
    let mut columns = first.chars().count();
    let mut is_empty = true;
    for word in words(&one_line(text)) {
        let length = word.chars().count();
        if !is_empty && columns + 1 + length > WIDTH {
            let _ = writeln!(out, "{}", line.trim_end());
            (line, columns, is_empty) = (String::from(further), further.chars().count(), true);
        }
        if !is_empty {
            line.push(' ');
            columns += 1;
        }
        line.push_str(&word);
        (columns, is_empty) = (columns + length, false);
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_shown_and_lines_stay_lines() {
        assert_eq!(lines("a\u{1b}[31mb\0c\rd\u{9b}e\nf\tg\r\n"), "a\\u{1b}[31mb\\u{0}c\\rd\\u{9b}e\nf\tg\r\n");
        assert_eq!(lines("x\u{202e}y\u{2066}z\u{200f}"), "x\\u{202e}y\\u{2066}z\\u{200f}");
    }

    #[test]
    fn a_name_never_ends_a_line() {
        assert_eq!(one_line("a\nverdict: clean\r\n\tb\u{2028}"), "a\\nverdict: clean\\r\\n\\tb\\u{2028}");
        let mut out = String::new();
        wrapped(&mut out, "record 1 of a\nb", "- ", "  ");
        assert_eq!(out, "- record 1 of a\\nb\n");
    }

    #[test]
    fn json_means_the_same_when_nothing_in_it_is_obeyed() {
        let value = serde_json::json!({ "name": "a\u{9b}b\u{202e}\u{7f}\n\u{1b}", "n": 1 });
        let printed = json(&format!("{value:#}\n"));
        assert!(printed.chars().all(|c| c == '\n' || !is_obeyed(c)), "{printed:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).expect("it is still JSON"), value);
    }

    #[test]
    fn a_number_stays_with_its_unit() {
        let mut out = String::new();
        wrapped(&mut out, &format!("{} 0.213 s, at 5 ms", "x".repeat(73)), "", "  ");
        assert_eq!(out, format!("{}\n  0.213 s, at 5 ms\n", "x".repeat(73)));
    }

    #[test]
    fn lines_hang_below_their_first_and_words_stay_whole() {
        let mut out = String::new();
        let word = "x".repeat(100);
        wrapped(&mut out, &format!("{} {word} end", ["four"; 20].join(" ")), "  - ", "    ");
        let found: Vec<&str> = out.lines().collect();
        assert_eq!(found[0], format!("  - {}", ["four"; 15].join(" ")));
        assert_eq!(found[1], format!("    {}", ["four"; 5].join(" ")));
        assert_eq!((found[2], found[3], found.len()), (&*format!("    {word}"), "    end", 4));
    }
}
