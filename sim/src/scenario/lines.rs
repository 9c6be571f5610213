//! A user's own records: JSON Lines or CSV with a key and a value.

use std::borrow::Cow;

use fencepost_protocol::batch::Blob;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Key and value of a record.
pub type KeyAndValue = (Option<Blob>, Option<Blob>);

/// Records and the part of the text that they were read from.
#[derive(Clone, Debug)]
pub struct Lines {
    /// The records.
    pub records: Vec<KeyAndValue>,
    /// As much of the text as was used.
    pub used: String,
}

/// Reads at most `limit` records; `path` decides the format by how it ends.
///
/// # Errors
/// The number of the line and what was expected there.
pub fn read(path: &str, text: &str, limit: u64) -> Result<Lines, String> {
    let lines = if path.ends_with(".csv") { read_csv(text, limit) } else { read_json_lines(text, limit) }?;
    if lines.records.is_empty() {
        return Err("there are no records in it".into());
    }
    Ok(lines)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'t> {
    #[serde(borrow, default)]
    key: Option<&'t RawValue>,
    #[serde(borrow, default)]
    value: Option<&'t RawValue>,
}

const JSON_EXPECTED: &str = r#"expected an object with "key" and "value", such as {"key": "order-1", "value": "..."}"#;

fn read_json_lines(text: &str, limit: u64) -> Result<Lines, String> {
    let mut records = Vec::new();
    let mut used = 0;
    for (number, raw) in text.split_inclusive('\n').enumerate() {
        if records.len() as u64 >= limit {
            break;
        }
        used += raw.len();
        let line = raw.trim();
        if line.is_empty() {
            continue;
        }
        let complain = |what: &str| format!("line {}: {what}{JSON_EXPECTED}", number + 1);
        let line: Line<'_> = serde_json::from_str(line).map_err(|e| complain(&format!("{}; ", without_place(&e))))?;
        let (key, value) = (line.key.and_then(json_blob), line.value.and_then(json_blob));
        records.push((key, value));
    }
    Ok(Lines { records, used: text[..used].to_string() })
}

/// The message of an error without the place that `serde_json` adds: lines are numbered by us.
fn without_place(error: &serde_json::Error) -> String {
    let message = error.to_string();
    message.split(" at line ").next().unwrap_or(&message).to_string()
}

/// A text is its characters; anything else is kept as it is written; null is absent.
fn json_blob(raw: &RawValue) -> Option<Blob> {
    let raw = raw.get();
    if raw == "null" {
        return None;
    }
    match serde_json::from_str::<Cow<'_, str>>(raw) {
        Ok(text) => Some(Blob::from(&*text)),
        Err(_) => Some(Blob::from(raw)),
    }
}

fn read_csv(text: &str, limit: u64) -> Result<Lines, String> {
    let mut reader = Csv { text, at: 0, line: 1 };
    let header = reader.row()?.ok_or("line 1: expected a header with the columns key and value")?;
    let column = |name: &str| header.iter().position(|cell| cell.as_deref() == Some(name));
    let (key, value) = (column("key"), column("value"));
    if value.is_none() || header.len() > 2 || (header.len() == 2 && key.is_none()) {
        return Err("line 1: expected a header with the columns key and value".into());
    }
    let mut records = Vec::new();
    while (records.len() as u64) < limit {
        let line = reader.line;
        let Some(row) = reader.row()? else { break };
        if row.len() == 1 && header.len() > 1 && row[0].is_none() {
            continue; // an empty line
        }
        if row.len() != header.len() {
            return Err(format!("line {line}: expected {} columns, found {}", header.len(), row.len()));
        }
        let blob = |column: Option<usize>| column.and_then(|c| row[c].as_deref().map(Blob::from));
        records.push((blob(key), blob(value)));
    }
    Ok(Lines { records, used: text[..reader.at].to_string() })
}

/// RFC 4180. A cell without quotes and without characters is absent; `""` is an empty text.
struct Csv<'t> {
    text: &'t str,
    at: usize,
    line: u32,
}

impl Csv<'_> {
    fn row(&mut self) -> Result<Option<Vec<Option<String>>>, String> {
        if self.at >= self.text.len() {
            return Ok(None);
        }
        let mut row = Vec::new();
        loop {
            let (cell, more) = self.cell()?;
            row.push(cell);
            if !more {
                return Ok(Some(row));
            }
        }
    }

    /// The next cell, and whether another follows in the same row.
    fn cell(&mut self) -> Result<(Option<String>, bool), String> {
        let rest = &self.text[self.at..];
        let begun = self.line;
        let (cell, length) = match rest.strip_prefix('"') {
            None => {
                let end = rest.find([',', '\n']).unwrap_or(rest.len());
                let cell = rest[..end].trim_end_matches('\r');
                ((!cell.is_empty()).then(|| cell.to_string()), end)
            }
            Some(quoted) => {
                let mut cell = String::new();
                let mut chars = quoted.char_indices().peekable();
                let end = loop {
                    match chars.next() {
                        None => return Err(format!("line {begun}: a quoted cell is not closed")),
                        Some((_, '"')) if chars.next_if(|(_, c)| *c == '"').is_some() => cell.push('"'),
                        Some((at, '"')) => break at + 2,
                        Some((_, c)) => {
                            self.line += u32::from(c == '\n');
                            cell.push(c);
                        }
                    }
                };
                let end = end + usize::from(rest[end..].starts_with('\r'));
                (Some(cell), end)
            }
        };
        self.at += length;
        match rest[length..].chars().next() {
            Some(',') => {
                self.at += 1;
                Ok((cell, true))
            }
            Some('\n') => {
                self.at += 1;
                self.line += 1;
                Ok((cell, false))
            }
            None => Ok((cell, false)),
            Some(_) => Err(format!("line {}: expected a comma or the end of the line after a quoted cell", self.line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(blob: &Option<Blob>) -> Option<String> {
        blob.as_ref().map(|b| match b {
            Blob::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Blob::Generated { .. } => unreachable!("read from a file"),
        })
    }

    fn texts(lines: &Lines) -> Vec<(Option<String>, Option<String>)> {
        lines.records.iter().map(|(k, v)| (text(k), text(v))).collect()
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_string())
    }

    #[test]
    fn json_lines_keep_texts_objects_and_nulls() {
        let lines =
            "{\"key\":\"a\",\"value\":\"x\\ny\"}\n\n{\"value\": {\"b\": 1, \"a\": 2}}\n{\"key\":\"c\",\"value\":null}";
        let read = read("f.jsonl", lines, u64::MAX).unwrap();
        let expected = [(some("a"), some("x\ny")), (None, some("{\"b\": 1, \"a\": 2}")), (some("c"), None)];
        assert_eq!(texts(&read), expected);
        assert_eq!(read.used, lines);
    }

    #[test]
    fn no_more_lines_are_used_than_asked_for() {
        let read = read("f.jsonl", "{\"value\":1}\n{\"value\":2}\nnot json\n", 2).unwrap();
        assert_eq!(read.records.len(), 2);
        assert_eq!(read.used, "{\"value\":1}\n{\"value\":2}\n");
    }

    #[test]
    fn a_bad_line_is_named() {
        let error = read("f.jsonl", "{\"value\":1}\n{\"val\":2}\n", 9).unwrap_err();
        assert!(error.starts_with("line 2: ") && error.contains("\"key\" and \"value\""), "{error}");
        assert!(read("f.jsonl", "\n\n", 9).is_err());
    }

    #[test]
    fn csv_quotes_and_absent_cells() {
        let csv = "value,key\r\n\"a, \"\"b\"\"\nc\",k\r\n,\n\"\",z\n";
        let read = read("f.csv", csv, 9).unwrap();
        assert_eq!(texts(&read), [(some("k"), some("a, \"b\"\nc")), (None, None), (some("z"), some(""))]);
    }

    #[test]
    fn bad_csv_is_named() {
        for (csv, says) in [
            ("a,b\n1,2\n", "line 1: expected a header"),
            ("key,value\n1\n", "line 2: expected 2 columns"),
            ("key,value\n1,\"open\n\n", "line 2: a quoted cell is not closed"),
            ("key,value\n\"1\"x,2\n", "line 2: expected a comma"),
        ] {
            let error = read("f.csv", csv, 9).unwrap_err();
            assert!(error.starts_with(says), "{error}");
        }
    }
}
