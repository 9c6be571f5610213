//! A document as flat tables: every key is its full path within its section, every value knows where it stands.
//!
//! Kafka's keys contain dots. `enable.idempotence = false`, `"enable.idempotence" = false` and
//! `enable = { idempotence = false }` are one and the same path here, and giving one path twice is an error.

use std::borrow::Cow;

use fencepost_protocol::time::Span;
use indexmap::IndexMap;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::duration;
use super::problem::{Complaint, Place};
use crate::nearest::hint;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// `true` or `false`.
    Bool(bool),
    /// A list.
    List(Vec<Item>),
    /// A table within a list; elsewhere tables are flattened.
    Table(Fields),
    /// A text from a `--set`: whatever type is wanted is read from it.
    Raw(String),
    /// Something that no key takes.
    Other(&'static str),
}

impl Value {
    fn what(&self) -> String {
        match self {
            Value::Text(text) => format!("the text \"{text}\""),
            Value::Integer(number) => format!("the number {number}"),
            Value::Bool(value) => format!("{value}"),
            Value::List(_) => "a list".into(),
            Value::Table(_) => "a table".into(),
            Value::Raw(text) => format!("'{text}'"),
            Value::Other(what) => (*what).into(),
        }
    }
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What.
    pub value: Value,
    /// Where.
    pub place: Place,
}

/// A flat table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fields {
    /// How to call it in messages.
    pub what: String,
    /// Where it begins.
    pub place: Place,
    entries: IndexMap<String, Item>,
}

type Result<T> = core::result::Result<T, Complaint>;

impl Fields {
    /// An empty table.
    pub fn new(what: impl Into<String>, place: Place) -> Fields {
        Fields { what: what.into(), place, entries: IndexMap::new() }
    }

    /// Parses TOML.
    ///
    /// # Errors
    /// What is wrong with the text, with line and column.
    pub fn from_toml(text: &str) -> Result<Fields> {
        let lines = Lines::new(text);
        let table = DeTable::parse(text).map_err(|error| {
            let place = error.span().map_or(Place::Whole, |span| lines.place(span.start));
            Complaint { place, message: error.message().to_string() }
        })?;
        let mut fields = Fields::new("the scenario", Place::Text { line: 1, column: 1 });
        fields.take_table("", table.get_ref(), &lines)?;
        Ok(fields)
    }

    /// Reads a JSON object; `item` says which one in messages.
    ///
    /// # Errors
    /// One path given twice.
    pub fn from_json(object: &serde_json::Map<String, serde_json::Value>, item: &str) -> Result<Fields> {
        let mut fields = Fields::new(item, Place::Item(item.to_string()));
        fields.take_json("", object)?;
        Ok(fields)
    }

    fn take_table(&mut self, prefix: &str, table: &DeTable<'_>, lines: &Lines<'_>) -> Result<()> {
        // The map is in lexicographic order; messages and lists are in the order of the text.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let path = join(prefix, key.get_ref());
            match value.get_ref() {
                DeValue::Table(inner) => self.take_table(&path, inner, lines)?,
                _ => {
                    let item = toml_item(value, lines)?;
                    self.insert_new(path, item, lines.place(key.span().start))?;
                }
            }
        }
        Ok(())
    }

    fn take_json(&mut self, prefix: &str, object: &serde_json::Map<String, serde_json::Value>) -> Result<()> {
        for (key, value) in object {
            let path = join(prefix, key);
            match value {
                serde_json::Value::Object(inner) => self.take_json(&path, inner)?,
                _ => {
                    let item = json_item(value, &self.place);
                    self.insert_new(path, item, self.place.clone())?;
                }
            }
        }
        Ok(())
    }

    fn insert_new(&mut self, path: String, item: Item, key_at: Place) -> Result<()> {
        if let Some(first) = self.entries.get(&path) {
            let message = match &first.place {
                Place::Text { line, .. } => format!("'{path}' is given twice; the first time on line {line}"),
                _ => format!("'{path}' is given twice"),
            };
            return Err(Complaint { place: key_at, message });
        }
        self.entries.insert(path, item);
        Ok(())
    }

    /// Puts a value there, in place of what the text says.
    pub fn replace(&mut self, path: impl Into<String>, item: Item) {
        self.entries.insert(path.into(), item);
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All paths.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// All paths with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Item)> {
        self.entries.iter().map(|(path, item)| (path.as_str(), item))
    }

    /// Removes and returns what begins with `name.`, as a table of its own.
    pub fn split_off(&mut self, name: &str) -> Fields {
        let mut section = Fields::new(format!("[{name}]"), self.place.clone());
        let own = |path: &str| path.strip_prefix(name).and_then(|rest| rest.strip_prefix('.')).map(str::to_string);
        for (path, item) in std::mem::take(&mut self.entries) {
            match own(&path) {
                Some(rest) => {
                    if section.is_empty() {
                        section.place = item.place.clone();
                    }
                    section.entries.insert(rest, item);
                }
                None => {
                    self.entries.insert(path, item);
                }
            }
        }
        section
    }

    /// Removes and returns a list of tables, which may be absent.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn take_tables(&mut self, name: &str) -> Result<Vec<Fields>> {
        if let Some((path, item)) = self.iter().find(|(path, _)| path.starts_with(&format!("{name}."))) {
            let message = format!("'{path}': there may be several of these, so they are written [[{name}]]");
            return Err(Complaint::new(&item.place, message));
        }
        let Some(item) = self.entries.shift_remove(name) else { return Ok(Vec::new()) };
        let place = item.place.clone();
        let wrong = || Complaint::new(&place, format!("'{name}' is written as tables, each under [[{name}]]"));
        let Value::List(items) = item.value else { return Err(wrong()) };
        let mut tables = Vec::new();
        for item in items {
            let Value::Table(mut table) = item.value else { return Err(wrong()) };
            table.what = match table.entries.get("name").map(|i| &i.value) {
                Some(Value::Text(text)) => format!("[[{name}]] '{text}'"),
                _ => format!("[[{name}]]"),
            };
            tables.push(table);
        }
        Ok(tables)
    }

    /// Complains about the first path that is not among those known.
    ///
    /// # Errors
    /// An unknown key, with the nearest known one.
    pub fn only(&self, known: &[&[&str]]) -> Result<()> {
        let all = || known.iter().flat_map(|list| list.iter().copied());
        for (path, item) in &self.entries {
            if !all().any(|k| k == path) {
                let message = format!("unknown key '{path}' in {}{}", self.what, hint(path, all()));
                return Err(Complaint::new(&item.place, message));
            }
        }
        Ok(())
    }

    /// The value at `path`.
    pub fn get(&self, path: &str) -> Option<&Item> {
        self.entries.get(path)
    }

    /// Whether there is one.
    pub fn has(&self, path: &str) -> bool {
        self.entries.contains_key(path)
    }

    /// Where `path` stands, or else the table.
    pub fn place_of(&self, path: &str) -> &Place {
        self.entries.get(path).map_or(&self.place, |item| &item.place)
    }

    /// A complaint about `path`.
    pub fn complain(&self, path: &str, message: impl Into<String>) -> Complaint {
        Complaint::new(self.place_of(path), message)
    }

    /// A complaint about what stands at `path`.
    pub fn wrong(&self, path: &str, item: &Item, expected: &str) -> Complaint {
        let message = format!("'{path}' in {}: expected {expected}, found {}", self.what, item.value.what());
        Complaint::new(&item.place, message)
    }

    fn read<T>(&self, path: &str, expected: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>> {
        match self.entries.get(path) {
            None => Ok(None),
            Some(item) => read(&item.value).map(Some).ok_or_else(|| self.wrong(path, item, expected)),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn text(&self, path: &str) -> Result<Option<String>> {
        self.read(path, "a text", |v| match v {
            Value::Text(text) | Value::Raw(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// It is not, or something else stands there.
    pub fn needed_text(&self, path: &str) -> Result<String> {
        self.text(path)?.ok_or_else(|| Complaint::new(&self.place, format!("{} needs '{path}'", self.what)))
    }

    /// A whole number between two bounds.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn integer<T: TryFrom<i64> + PartialOrd + Copy + core::fmt::Display>(
        &self,
        path: &str,
        min: T,
        max: T,
    ) -> Result<Option<T>> {
        self.read(path, &format!("a whole number between {min} and {max}"), |v| {
            let number = match v {
                Value::Integer(number) => *number,
                Value::Raw(text) => text.trim().replace('_', "").parse().ok()?,
                _ => return None,
            };
            T::try_from(number).ok().filter(|n| *n >= min && *n <= max)
        })
    }

    /// A duration.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn span(&self, path: &str) -> Result<Option<Span>> {
        self.read(path, duration::EXPECTED, |v| match v {
            Value::Text(text) | Value::Raw(text) => duration::parse(text),
            _ => None,
        })
    }

    /// A duration that must be there.
    ///
    /// # Errors
    /// It is not, or something else stands there.
    pub fn needed_span(&self, path: &str) -> Result<Span> {
        self.span(path)?
            .ok_or_else(|| Complaint::new(&self.place, format!("{} needs '{path}', {}", self.what, duration::EXPECTED)))
    }

    /// A duration with sign, in milliseconds.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn signed_ms(&self, path: &str) -> Result<Option<i64>> {
        self.read(path, "a duration in whole milliseconds, which may be negative, such as \"-5s\"", |v| match v {
            Value::Text(text) | Value::Raw(text) => duration::parse_signed_ms(text),
            _ => None,
        })
    }

    /// `true` or `false`.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn boolean(&self, path: &str) -> Result<Option<bool>> {
        self.read(path, "true or false", |v| match v {
            Value::Bool(value) => Some(*value),
            Value::Raw(text) => text.trim().parse().ok(),
            _ => None,
        })
    }

    /// One of a few words.
    ///
    /// # Errors
    /// Something else stands there; the nearest word is offered.
    pub fn word<T: Copy>(&self, path: &str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(item) = self.entries.get(path) else { return Ok(None) };
        let list: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let expected = || format!("one of {}", list.join(", "));
        let (Value::Text(text) | Value::Raw(text)) = &item.value else {
            return Err(self.wrong(path, item, &expected()));
        };
        match words.iter().find(|(word, _)| word == text) {
            Some((_, value)) => Ok(Some(*value)),
            None => Err(self.wrong(path, item, &format!("{}{}", expected(), hint(text, list.iter().copied())))),
        }
    }

    /// A text or a list of texts.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn texts(&self, path: &str) -> Result<Option<Vec<String>>> {
        self.read(path, "a text or a list of texts", |v| match v {
            Value::Text(text) => Some(vec![text.clone()]),
            Value::Raw(text) => Some(text.split(',').map(|t| t.trim().to_string()).collect()),
            Value::List(items) => items
                .iter()
                .map(|i| match &i.value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
    }

    /// A list of lists of whole numbers.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn integer_lists(&self, path: &str) -> Result<Option<Vec<Vec<i64>>>> {
        self.read(path, "a list of lists of broker ids, such as [[1, 2, 3], [2, 3, 1]]", |v| {
            let Value::List(lists) = v else { return None };
            let numbers = |item: &Item| match &item.value {
                Value::List(items) => items
                    .iter()
                    .map(|i| match i.value {
                        Value::Integer(number) => Some(number),
                        _ => None,
                    })
                    .collect(),
                _ => None,
            };
            lists.iter().map(numbers).collect()
        })
    }

    /// A scalar as Kafka's configuration reads it.
    ///
    /// # Errors
    /// A list, a table or the like stands there.
    pub fn config_text<'a>(&self, path: &str, item: &'a Item) -> Result<Cow<'a, str>> {
        match &item.value {
            Value::Text(text) | Value::Raw(text) => Ok(Cow::Borrowed(text)),
            Value::Integer(number) => Ok(Cow::Owned(number.to_string())),
            Value::Bool(value) => Ok(Cow::Borrowed(if *value { "true" } else { "false" })),
            Value::List(_) if path.rsplit('.').next() == Some("variant") => {
                Ok(Cow::Owned(self.texts(path)?.unwrap_or_default().join(",")))
            }
            _ => Err(self.wrong(path, item, "a number, a text, or true or false")),
        }
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() { key.to_string() } else { format!("{prefix}.{key}") }
}

fn toml_item(value: &Spanned<DeValue<'_>>, lines: &Lines<'_>) -> Result<Item> {
    let place = lines.place(value.span().start);
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            Err(_) => return Err(Complaint::new(&place, format!("the number {number} is too large"))),
        },
        DeValue::Boolean(value) => Value::Bool(*value),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date"),
        DeValue::Array(items) => {
            Value::List(items.iter().map(|item| toml_item(item, lines)).collect::<Result<Vec<Item>>>()?)
        }
        DeValue::Table(table) => {
            let mut fields = Fields::new("the table", place.clone());
            fields.take_table("", table, lines)?;
            Value::Table(fields)
        }
    };
    Ok(Item { value, place })
}

fn json_item(value: &serde_json::Value, place: &Place) -> Item {
    use serde_json::Value as Json;
    let value = match value {
        Json::String(text) => Value::Text(text.clone()),
        Json::Bool(value) => Value::Bool(*value),
        Json::Number(number) => number.as_i64().map_or(Value::Other("a number out of range"), Value::Integer),
        Json::Array(items) => Value::List(items.iter().map(|item| json_item(item, place)).collect()),
        Json::Null => Value::Other("null"),
        Json::Object(_) => Value::Other("an object"),
    };
    Item { value, place: place.clone() }
}

/// Turns byte offsets into lines and columns.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn new(text: &'t str) -> Lines<'t> {
        let after = text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i + 1);
        Lines { text, starts: std::iter::once(0).chain(after).collect() }
    }

    fn place(&self, offset: usize) -> Place {
        let offset = offset.min(self.text.len());
        let line = self.starts.partition_point(|start| *start <= offset);
        let before = self.text.get(self.starts[line - 1]..offset).unwrap_or("");
        Place::Text { line: line as u32, column: before.chars().count() as u32 + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dotted_quoted_and_nested_keys_are_one_path() {
        for text in ["a.b.c = 1", "\"a.b.c\" = 1", "[a]\nb = { c = 1 }", "[a]\n\"b.c\" = 1", "['a.b']\nc = 1"] {
            let fields = Fields::from_toml(text).unwrap();
            assert_eq!(fields.paths().collect::<Vec<_>>(), ["a.b.c"], "{text}");
        }
    }

    #[test]
    fn one_path_twice_is_refused_where_the_second_stands() {
        let complaint = Fields::from_toml("enable.idempotence = true\n\"enable.idempotence\" = false\n").unwrap_err();
        assert_eq!(complaint.place, Place::Text { line: 2, column: 1 });
        assert!(complaint.message.contains("line 1"), "{}", complaint.message);
    }

    #[test]
    fn a_value_of_the_wrong_type_says_where_it_stands() {
        let fields = Fields::from_toml("x = 1\n\"ünï\" = 'a'\n  records = \"many\"\n").unwrap();
        let complaint = fields.integer("records", 0u64, 10).unwrap_err();
        assert_eq!(complaint.place, Place::Text { line: 3, column: 13 });
        assert!(complaint.message.contains("whole number") && complaint.message.contains("many"));
    }

    #[test]
    fn broken_toml_says_where() {
        let complaint = Fields::from_toml("a = 1\nb = \n").unwrap_err();
        assert!(matches!(complaint.place, Place::Text { line: 2, .. }), "{complaint:?}");
    }

    #[test]
    fn a_single_table_in_place_of_a_list_of_tables_is_explained() {
        let mut fields = Fields::from_toml("[topic]\nname = 'x'\n").unwrap();
        assert!(fields.take_tables("topic").unwrap_err().message.contains("[[topic]]"));
    }
}
