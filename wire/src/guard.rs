//! Counts that are larger than what they count.
//!
//! The library takes memory for as many entries as an array says that it has, before it reads the first: a frame of ten
//! bytes would end the process. Every entry takes at least a byte, so a count beyond the bytes that are left is wrong.

use core::ops::Range;

use bytes::{Buf, Bytes, TryGetError};
use kafka_protocol::protocol::Decodable;
use kafka_protocol::protocol::buf::ByteBuf;

use crate::error::Problem;

/// A message from the front of `bytes`.
pub(crate) fn decode<T: Decodable>(bytes: &mut Bytes, version: i16) -> Result<T, Problem> {
    let whole = bytes.clone();
    let mut guarded = Guarded { bytes, capped: false, begun: 0 };
    let message = T::decode(&mut guarded, version).map_err(|e| Problem::Bytes(e.to_string()))?;
    if !guarded.capped {
        return Ok(message);
    }
    // What was capped cannot have been a count, or the bytes would have run out: it is a number, and is read as it is.
    *bytes = whole;
    T::decode(bytes, version).map_err(|e| Problem::Bytes(e.to_string()))
}

/// Bytes of which no count larger than themselves is read.
struct Guarded<'a> {
    bytes: &'a mut Bytes,
    /// Whether a number was read as less than it is.
    capped: bool,
    /// Bytes just read, one after the other, that may all belong to a number of variable length; the last one lowest.
    begun: u64,
}

impl Guarded<'_> {
    /// One more than can be there.
    fn cap(&self) -> usize {
        self.bytes.len() + 1
    }
}

impl Buf for Guarded<'_> {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.begun = 0;
        self.bytes.advance(count);
    }

    /// Counts of old versions; and other numbers, which look the same.
    fn try_get_i32(&mut self) -> Result<i32, TryGetError> {
        self.begun = 0;
        let number = self.bytes.try_get_i32()?;
        let cap = i32::try_from(self.cap()).unwrap_or(i32::MAX);
        self.capped |= number > cap;
        Ok(number.min(cap))
    }

    /// Counts of flexible versions, byte by byte, one above the truth; and lengths and tags, for which the same holds (tags
    /// are small). A single byte is not looked at: it may be a boolean, and counts little. A boolean that looks like the
    /// beginning of a number may stand before one, so it is looked at where else the number may begin.
    fn try_get_u8(&mut self) -> Result<u8, TryGetError> {
        let byte = self.bytes.try_get_u8()?;
        let read = self.begun << 8 | u64::from(byte);
        let ends = byte & 0x80 == 0;
        for length in 2..=LONGEST {
            let begins = read >> (8 * (length - 1)) & 0x80 != 0;
            if begins && (ends || length == LONGEST) && number(read, length) as usize > self.cap() {
                return Err(TryGetError { requested: number(read, length) as usize, available: self.bytes.len() });
            }
        }
        self.begun = if ends { 0 } else { read };
        Ok(byte)
    }
}

/// Bytes of the longest number of variable length; the library takes the fifth for the last, whatever it says.
const LONGEST: u32 = 5;

/// The number whose bytes are the last `length` of `read`.
fn number(read: u64, length: u32) -> u32 {
    let byte = |n: u32| (read >> (8 * (length - 1 - n))) as u32 & 0x7f;
    (0..length).map(|n| byte(n) << (7 * n)).fold(0, |number, bits| number | bits)
}

impl ByteBuf for Guarded<'_> {
    fn peek_bytes(&mut self, range: Range<usize>) -> Bytes {
        self.bytes.slice(range)
    }

    fn get_bytes(&mut self, size: usize) -> Bytes {
        self.begun = 0;
        self.bytes.split_to(size)
    }
}
