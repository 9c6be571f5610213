//! What a pipeline makes of a value.

use std::sync::Arc;

use crate::value::{Blob, Value};

/// A pure function from the value of an input to the value of its outputs. A tombstone stays one, whatever the function.
///
/// Each can be computed on fingerprints alone (`docs/history-format.md`): that is how a judge, who has no values, knows what
/// an output's must be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Function {
    /// The value as it is.
    #[default]
    Copy,
    /// The value, then a text.
    Append(Arc<str>),
    /// The value's fingerprint as 16 lower-case hexadecimal digits.
    Hash,
}

impl Function {
    /// The function of that name: `copy`, `append:TEXT` or `hash`.
    pub fn from_name(name: &str) -> Option<Function> {
        match (name, name.strip_prefix("append:")) {
            ("copy", _) => Some(Function::Copy),
            ("hash", _) => Some(Function::Hash),
            (_, Some(text)) => Some(Function::Append(text.into())),
            _ => None,
        }
    }

    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Function::Copy => "copy".to_owned(),
            Function::Append(text) => format!("append:{text}"),
            Function::Hash => "hash".to_owned(),
        }
    }

    /// The value of an output for an input that has this one.
    pub fn apply(&self, value: &Value) -> Value {
        match self {
            Function::Copy => value.clone(),
            Function::Append(text) => {
                let bytes = [&*value.blob().bytes(), text.as_bytes()].concat();
                Value::from(Blob::Bytes(bytes.into()))
            }
            Function::Hash => Value::from(&*format!("{:016x}", value.fingerprint())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_known_by_its_name() {
        for name in ["copy", "hash", "append:!", "append:", "append:append:x"] {
            assert_eq!(Function::from_name(name).map(|f| f.name()).as_deref(), Some(name));
        }
        assert_eq!(Function::from_name("reverse"), None);
        assert_eq!(Function::from_name("append"), None);
    }

    #[test]
    fn functions_make_of_a_value_what_they_say() {
        let of = |name: &str, value: &str| Function::from_name(name).expect("a function").apply(&value.into());
        assert_eq!(of("copy", "a"), "a".into());
        assert_eq!(of("append:b c", "a"), "ab c".into());
        assert_eq!(of("hash", "a"), "af63dc4c8601ec8c".into());
        let generated = Value::from(Blob::Generated { id: 1, len: 30 });
        let appended = Function::Append("!".into()).apply(&generated);
        assert_eq!(appended.blob().bytes().into_owned(), [&*generated.blob().bytes(), b"!"].concat());
    }
}
