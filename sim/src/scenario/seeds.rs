//! Seeds as they are written.

use super::range;

/// Reads `7` or `1..100`, both ends included.
///
/// # Errors
/// Why it is no range of seeds.
pub fn parse_seeds(text: &str) -> Result<(u64, u64), String> {
    range::parse(text, range::number).map_err(range::Wrong::words)
}
