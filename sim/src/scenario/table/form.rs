//! What a key takes, and how it is read and printed.

use fencepost_protocol::time::Span;

use super::limits::{LONGEST, LONGEST_MS};
use super::words::{Words, word};
use crate::nearest::hint;
use crate::scenario::duration;
use crate::scenario::fields::{Fields, Item, Value};
use crate::scenario::problem::Complaint;
use crate::scenario::range;
use crate::scenario::seeds::parse_seeds;

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `true` or `false`.
    Bool,
    /// A text.
    Text,
    /// A text or a list of texts.
    Texts,
    /// A whole number, both ends included.
    Integer(i64, i64),
    /// A duration, at least so long.
    Span(Span),
    /// A duration, or `never`.
    SpanOrNever,
    /// A duration that may be negative.
    SignedSpan,
    /// One of these words.
    Words(&'static [&'static str]),
    /// A number or a range of numbers, up to this.
    Count(u32),
    /// A duration or a range of durations.
    SpanRange,
    /// A list of lists of whole numbers.
    IntegerLists,
    /// A number or a range of seeds.
    Seeds,
    /// A list of tables.
    Tables,
    /// What stands below is read by itself.
    Else(&'static str),
}

/// A duration of any length.
pub const SPAN: Form = Form::Span(Span::ZERO);

/// A duration, or for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Never(pub Option<Span>);

impl Form {
    /// What is expected, for messages and for the documentation.
    pub fn expected(&self) -> String {
        let most = LONGEST_MS / 3_600_000;
        match self {
            Form::Bool => "true or false".into(),
            Form::Text => "a text".into(),
            Form::Texts => "a text or a list of texts".into(),
            Form::Integer(min, max) => format!("a whole number between {min} and {max}"),
            Form::Span(Span::ZERO) => format!("{}, at most {most}h", duration::EXPECTED),
            Form::Span(least) => format!("{}, at least {least} and at most {most}h", duration::EXPECTED),
            Form::SpanOrNever => format!("\"never\" or {}, at most {most}h", duration::EXPECTED),
            Form::SignedSpan => {
                format!("{}, with a minus before it for a clock that is set back, at most {most}h", duration::EXPECTED)
            }
            Form::Words(words) => format!("one of {}", words.join(", ")),
            Form::Count(most) => format!("a number or a range such as \"0..2\", at most {most}"),
            Form::SpanRange => format!("a duration or a range such as \"1s..10s\", at most {most}h"),
            Form::IntegerLists => "a list of lists of broker ids, such as [[1, 2, 3], [2, 3, 1]]".into(),
            Form::Seeds => "a number or a range such as \"1..100\"".into(),
            Form::Tables => "tables of their own".into(),
            Form::Else(what) => (*what).into(),
        }
    }

    /// Whether a value is what it takes.
    pub fn fits(&self, value: &Value) -> bool {
        let text = || match value {
            Value::Text(text) | Value::Raw(text) => Some(text.as_str()),
            _ => None,
        };
        let within = |span: &Span| *span <= LONGEST;
        match self {
            Form::Bool => bool::take(value).is_some(),
            Form::Text => text().is_some(),
            Form::Texts => Vec::<String>::take(value).is_some(),
            Form::Integer(min, max) => i64::take(value).is_some_and(|n| n >= *min && n <= *max),
            Form::Span(least) => Span::take(value).is_some_and(|span| span >= *least && within(&span)),
            Form::SpanOrNever => Never::take(value).is_some_and(|Never(span)| span.is_none_or(|span| within(&span))),
            Form::SignedSpan => text()
                .and_then(|text| duration::parse(text.trim().trim_start_matches('-')))
                .is_some_and(|span| within(&span)),
            Form::Words(words) => text().is_some_and(|text| words.contains(&text)),
            Form::Count(most) => <(u32, u32)>::take(value).is_some_and(|(_, high)| high <= *most),
            Form::SpanRange => <(Span, Span)>::take(value).is_some_and(|(_, high)| within(&high)),
            Form::IntegerLists => Vec::<Vec<i64>>::take(value).is_some(),
            Form::Seeds => <(u64, u64)>::take(value).is_some(),
            Form::Tables | Form::Else(_) => true,
        }
    }

    /// Complains about a value that it does not take.
    pub fn check(&self, fields: &Fields, path: &str, item: &Item) -> Result<(), Complaint> {
        if self.fits(&item.value) {
            return Ok(());
        }
        if let (Form::Count(_) | Form::SpanRange | Form::Seeds, Value::Text(text) | Value::Raw(text)) =
            (self, &item.value)
            && let Some(words) = range::backwards(text)
        {
            return Err(Complaint::new(&item.place, format!("'{path}' in {}: {words}", fields.what)));
        }
        let mut expected = self.expected();
        if let (Form::Words(words), Value::Text(text) | Value::Raw(text)) = (self, &item.value) {
            expected += &hint(text, words.iter().copied());
        }
        Err(fields.wrong(path, item, &expected))
    }
}

/// The value of a key, if it is given.
pub fn read<T: FromItem>(fields: &Fields, path: &str, form: &Form) -> Result<Option<T>, Complaint> {
    let Some(item) = fields.get(path) else { return Ok(None) };
    form.check(fields, path, item)?;
    let value = T::take(&item.value);
    value.map(Some).ok_or_else(|| fields.wrong(path, item, &form.expected()))
}

/// What can be the value of a key.
pub trait FromItem: Sized {
    /// Takes it, if it is that.
    fn take(value: &Value) -> Option<Self>;
    /// Prints it as TOML.
    fn print(&self) -> String;
}

macro_rules! integers {
    ($($ty:ty),*) => {$(
        impl FromItem for $ty {
            fn take(value: &Value) -> Option<Self> {
                <$ty>::try_from(whole(value)?).ok()
            }
            fn print(&self) -> String {
                self.to_string()
            }
        }
    )*};
}
integers!(u8, u16, u32, u64, i16, i32, i64);

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        Value::Raw(text) => text.trim().replace('_', "").parse().ok(),
        _ => None,
    }
}

/// A basic string of TOML: JSON's escapes are among its own.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl FromItem for bool {
    fn take(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(value) => Some(*value),
            Value::Raw(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl FromItem for String {
    fn take(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) | Value::Raw(text) => Some(text.clone()),
            _ => None,
        }
    }

    fn print(&self) -> String {
        quoted(self)
    }
}

impl FromItem for Vec<String> {
    fn take(value: &Value) -> Option<Self> {
        match value {
            Value::Text(text) => Some(vec![text.clone()]),
            Value::Raw(text) => Some(text.split(',').map(|t| t.trim().to_string()).collect()),
            Value::List(items) => items
                .iter()
                .map(|item| match &item.value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                })
                .collect(),
            _ => None,
        }
    }

    fn print(&self) -> String {
        format!("[{}]", self.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", "))
    }
}

impl FromItem for Span {
    fn take(value: &Value) -> Option<Self> {
        String::take(value).and_then(|text| duration::parse(&text))
    }

    fn print(&self) -> String {
        quoted(&self.to_string())
    }
}

impl FromItem for Never {
    fn take(value: &Value) -> Option<Self> {
        match String::take(value)?.as_str() {
            "never" => Some(Never(None)),
            text => duration::parse(text).map(|span| Never(Some(span))),
        }
    }

    fn print(&self) -> String {
        quoted(&self.0.map_or("never".to_string(), |span| span.to_string()))
    }
}

/// `2` or `"0..2"`.
impl FromItem for (u32, u32) {
    fn take(value: &Value) -> Option<Self> {
        if let Some(number) = u32::take(value) {
            return Some((number, number));
        }
        let (low, high) = range::parse(&String::take(value)?, range::number).ok()?;
        Some((u32::try_from(low).ok()?, u32::try_from(high).ok()?))
    }

    fn print(&self) -> String {
        quoted(&format!("{}..{}", self.0, self.1))
    }
}

/// `7` or `"1..100"`.
impl FromItem for (u64, u64) {
    fn take(value: &Value) -> Option<Self> {
        match value {
            Value::Integer(number) => u64::try_from(*number).ok().map(|n| (n, n)),
            _ => parse_seeds(&String::take(value)?).ok(),
        }
    }

    fn print(&self) -> String {
        quoted(&format!("{}..{}", self.0, self.1))
    }
}

/// `"3s"` or `"1s..10s"`.
impl FromItem for (Span, Span) {
    fn take(value: &Value) -> Option<Self> {
        range::parse(&String::take(value)?, range::span).ok()
    }

    fn print(&self) -> String {
        quoted(&format!("{}..{}", self.0, self.1))
    }
}

impl FromItem for Vec<Vec<i64>> {
    fn take(value: &Value) -> Option<Self> {
        let Value::List(lists) = value else { return None };
        let numbers = |item: &Item| match &item.value {
            Value::List(items) => items.iter().map(|i| i64::take(&i.value)).collect(),
            _ => None,
        };
        lists.iter().map(numbers).collect()
    }

    fn print(&self) -> String {
        format!("{self:?}")
    }
}

impl<T: Words> FromItem for T {
    fn take(value: &Value) -> Option<Self> {
        let text = String::take(value)?;
        T::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value)
    }

    fn print(&self) -> String {
        quoted(word(self))
    }
}
