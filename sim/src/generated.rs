//! The text of generated keys and values.

use fencepost_protocol::batch::Blob;

/// Bytes as text; generated ones are words that can be read aloud.
pub fn text(blob: &Blob) -> String {
    String::from_utf8_lossy(&blob.bytes()).into_owned()
}
