//! Seeds as they are written.

/// Reads `7` or `1..100`, both ends included.
///
/// # Errors
/// Why it is no range of seeds.
pub fn parse_seeds(text: &str) -> Result<(u64, u64), String> {
    let number = |text: &str| {
        let digits = text.trim().replace('_', "");
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        match digits.parse::<u64>() {
            Ok(number) => Ok(number),
            Err(_) if is_number => Err(format!("{digits} is too large: seeds go up to {}", u64::MAX)),
            Err(_) => Err("expected a number or a range such as 1..100".to_string()),
        }
    };
    let (low, high) = match text.split_once("..") {
        Some((low, high)) => (number(low)?, number(high.trim_start_matches('='))?),
        None => (number(text)?, number(text)?),
    };
    if low > high {
        return Err(format!("the range ends at {high}, before it begins at {low}"));
    }
    Ok((low, high))
}
