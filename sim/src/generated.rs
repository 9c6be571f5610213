//! The text of generated keys and values.

use fencepost_protocol::batch::Blob;

use crate::stream::mix;

/// Bytes as text; generated ones become words that can be read aloud, a pure function of what they are generated from.
pub fn text(blob: &Blob) -> String {
    match blob {
        Blob::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Blob::Generated { id, len } => {
            const CONSONANTS: &[u8; 16] = b"bdfghjklmnprstvz";
            const VOWELS: &[u8; 4] = b"aeio";
            let mut text = String::with_capacity(*len as usize);
            let mut block = 0;
            while text.len() < *len as usize {
                let mut bits = mix(id.wrapping_add(block));
                block += 1;
                for _ in 0..3 {
                    text.push(CONSONANTS[(bits & 15) as usize] as char);
                    text.push(VOWELS[(bits >> 4 & 3) as usize] as char);
                    bits >>= 6;
                }
                text.push(' ');
            }
            text.truncate(*len as usize);
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_text_has_its_length_and_is_a_function_of_its_id() {
        let of = |id, len| text(&Blob::Generated { id, len });
        assert_eq!(of(7, 100).len(), 100);
        assert_eq!(of(7, 10), of(7, 10));
        assert_ne!(of(7, 10), of(8, 10));
        assert_eq!(of(7, 0), "");
    }
}
