//! Zigzag variable-length integers of Kafka's record format.

use crate::error::Problem;

pub(crate) fn put(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

/// Reads one integer and moves `bytes` behind it.
pub(crate) fn take(bytes: &mut &[u8]) -> Result<i64, Problem> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (first, rest) = bytes.split_first().ok_or(Problem::Batch("a record ends within a number"))?;
        *bytes = rest;
        if shift < 64 {
            value |= u64::from(first & 0x7f) << shift;
        }
        if first & 0x80 == 0 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(Problem::Batch("a number of more than ten bytes"))
}

/// Reads a length-prefixed blob; a negative length is none.
pub(crate) fn blob<'a>(bytes: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Problem> {
    let length = take(bytes)?;
    if length < 0 {
        return Ok(None);
    }
    let length = usize::try_from(length).ok().filter(|l| *l <= bytes.len());
    let (head, rest) = bytes.split_at(length.ok_or(Problem::Batch("a blob is longer than its record"))?);
    *bytes = rest;
    Ok(Some(head))
}
