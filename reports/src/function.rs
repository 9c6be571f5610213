//! The pure functions by which pipelines make values of values, on fingerprints: a judge knows no values.
//!
//! A fingerprint is FNV-1a with 64 bits over a value's bytes (`docs/history-format.md`). It goes through the bytes one after
//! the other, so that the fingerprint of a value with something appended follows from that of the value.

/// A pure function from the fingerprint of an input's value to that of its outputs' values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Function {
    /// The value as it is.
    Copy,
    /// The value, then a text.
    Append(String),
    /// The value's fingerprint as 16 lower-case hexadecimal digits.
    Hash,
}

impl Function {
    /// The function of that name: `copy`, `append:TEXT` or `hash`. Another one cannot be judged.
    pub fn from_name(name: &str) -> Option<Function> {
        match name {
            "copy" => Some(Function::Copy),
            "hash" => Some(Function::Hash),
            _ => name.strip_prefix("append:").map(|text| Function::Append(text.to_owned())),
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

    /// The fingerprint of an output's value, where the input's value has this one.
    pub fn apply(&self, fingerprint: u64) -> u64 {
        match self {
            Function::Copy => fingerprint,
            Function::Append(text) => followed_by(fingerprint, text),
            Function::Hash => fingerprint_of(&format!("{fingerprint:016x}")),
        }
    }
}

/// The fingerprint of a value that is this text.
pub fn fingerprint_of(text: &str) -> u64 {
    followed_by(0xcbf2_9ce4_8422_2325, text)
}

fn followed_by(fingerprint: u64, text: &str) -> u64 {
    text.bytes().fold(fingerprint, |state, byte| (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_fnv_1a() {
        // Vectors of the function's authors.
        assert_eq!(fingerprint_of(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint_of("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fingerprint_of("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn functions_on_fingerprints_are_functions_on_values() {
        let of = |name: &str, value: &str| Function::from_name(name).expect("a function").apply(fingerprint_of(value));
        assert_eq!(of("copy", "ab"), fingerprint_of("ab"));
        assert_eq!(of("append:cd", "ab"), fingerprint_of("abcd"));
        assert_eq!(of("append:", "ab"), fingerprint_of("ab"));
        assert_eq!(of("hash", "a"), fingerprint_of("af63dc4c8601ec8c"));
        assert_eq!(Function::from_name("reverse"), None);
        for name in ["copy", "append:x", "hash"] {
            assert_eq!(Function::from_name(name).map(|f| f.name()).as_deref(), Some(name));
        }
    }
}
