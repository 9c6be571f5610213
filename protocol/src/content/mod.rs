//! What a message says, as one number: a visitor over every field of it.
//!
//! Two messages that differ in any field have different numbers, on every machine and in every build profile alike; that
//! is what a digest of an execution is made of. Whoever adds a field to a struct that is listed with
//! [`content!`](crate::content!) cannot forget it here: the list takes the struct apart without a rest, so it does not
//! compile. A new type does not compile either, for a message that holds it needs its [`Content`].

mod messages;
#[cfg(test)]
mod tests;

use core::fmt;
use core::ops::Deref;
use std::sync::Arc;

/// A running hash over words. What a word counts for depends on its place.
///
/// Not cryptographic. The words do not wait for each other's product, as they would in a chain: a message has twenty of
/// them or so, and there are sixty messages in a millisecond.
#[derive(Clone, Copy, Debug)]
pub struct Hash {
    sum: u64,
    key: u64,
}

impl Default for Hash {
    fn default() -> Self {
        Hash { sum: 0, key: 0x243f_6a88_85a3_08d3 } // digits of pi
    }
}

impl Hash {
    /// Adds a word.
    #[inline(always)]
    pub fn add(&mut self, word: u64) {
        self.key = self.key.wrapping_add(0x9e37_79b9_7f4a_7c15);
        // Both halves of the product: the low one is as good as the word itself (the factor is odd), the high one makes the
        // sum of two of them more than the sum of two words.
        let product = u128::from(word ^ self.key) * 0xd6e8_feb8_6659_fd93_u128;
        self.sum = self.sum.wrapping_add(product as u64 ^ (product >> 64) as u64);
    }

    /// Adds two numbers of at most 32 bits in one word.
    #[inline(always)]
    pub fn add_halves(&mut self, one: i32, other: i32) {
        self.add(u64::from(one as u32) << 32 | u64::from(other as u32));
    }

    /// Adds bytes, their number first.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        self.add(bytes.len() as u64);
        let (whole, rest) = bytes.as_chunks::<8>();
        whole.iter().for_each(|chunk| self.add(u64::from_le_bytes(*chunk)));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            self.add(u64::from_le_bytes(last));
        }
    }

    /// The number for all words so far.
    #[inline]
    pub fn finish(self) -> u64 {
        // The key tells how many words there were.
        let product = u128::from(self.sum ^ self.key) * 0xff51_afd7_ed55_8ccd_u128;
        product as u64 ^ (product >> 64) as u64
    }
}

/// Something that can say all that it contains.
pub trait Content {
    /// Adds every field.
    fn add_to(&self, hash: &mut Hash);
}

/// The number for all that something contains.
#[inline]
pub fn content_of<T: Content + ?Sized>(it: &T) -> u64 {
    let mut hash = Hash::default();
    it.add_to(&mut hash);
    hash.finish()
}

/// [`Content`] of structs: every field, in the order in which they are listed.
#[macro_export]
macro_rules! content {
    ($($name:ident { $($field:ident),* $(,)? })*) => {$(
        impl $crate::content::Content for $name {
            #[inline]
            fn add_to(&self, hash: &mut $crate::content::Hash) {
                let $name { $($field),* } = self;
                $($crate::content::Content::add_to($field, hash);)*
            }
        }
    )*};
}

/// [`Content`] of enums without fields, and of numbers: a word.
macro_rules! words {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::content::Content for $name {
            #[inline]
            fn add_to(&self, hash: &mut $crate::content::Hash) {
                hash.add(*self as u64);
            }
        }
    )*};
}
use words;

words! { bool, u8, u16, u32, u64, i16, i32, i64 }

/// In place of what is not there. No field has this value.
const ABSENT: u64 = 0xa409_3822_299f_31d0;
/// Before an error where there could be a result.
const ERROR: u64 = 0x082e_fa98_ec4e_6c89;

impl<T: Content> Content for Option<T> {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        match self {
            Some(it) => it.add_to(hash),
            None => hash.add(ABSENT),
        }
    }
}

impl<T: Content, E: Content> Content for Result<T, E> {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        match self {
            Ok(it) => it.add_to(hash),
            Err(error) => {
                hash.add(ERROR);
                error.add_to(hash);
            }
        }
    }
}

impl Content for str {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        hash.add_bytes(self.as_bytes());
    }
}

impl<T: Content> Content for [T] {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        hash.add(self.len() as u64);
        self.iter().for_each(|it| it.add_to(hash));
    }
}

impl<T: Content> Content for Vec<T> {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        self.as_slice().add_to(hash);
    }
}

impl<T: Content + ?Sized> Content for Box<T> {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        (**self).add_to(hash);
    }
}

impl<T: Content + ?Sized> Content for Arc<T> {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        (**self).add_to(hash);
    }
}

impl<A: Content, B: Content> Content for (A, B) {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        let (a, b) = self;
        a.add_to(hash);
        b.add_to(hash);
    }
}

impl<A: Content, B: Content, C: Content> Content for (A, B, C) {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        let (a, b, c) = self;
        a.add_to(hash);
        b.add_to(hash);
        c.add_to(hash);
    }
}

/// Items that do not change and travel often: with the number for their content, which is made once.
#[derive(Clone, PartialEq, Eq)]
pub struct Shared<T> {
    items: Arc<[T]>,
    content: u64,
}

impl<T> Shared<T> {
    /// Whether these are the same items, not only equal ones.
    pub fn is(&self, other: &Shared<T>) -> bool {
        Arc::ptr_eq(&self.items, &other.items)
    }
}

impl<T: Content> From<Arc<[T]>> for Shared<T> {
    fn from(items: Arc<[T]>) -> Shared<T> {
        let content = content_of(&*items);
        Shared { items, content }
    }
}

impl<T: Content> From<Vec<T>> for Shared<T> {
    fn from(items: Vec<T>) -> Shared<T> {
        Shared::from(Arc::<[T]>::from(items))
    }
}

impl<T: Content, const N: usize> From<[T; N]> for Shared<T> {
    fn from(items: [T; N]) -> Shared<T> {
        Shared::from(Arc::<[T]>::from(items))
    }
}

impl<T> Deref for Shared<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        &self.items
    }
}

impl<T> Content for Shared<T> {
    #[inline]
    fn add_to(&self, hash: &mut Hash) {
        hash.add(self.content);
    }
}

// What a trace shows is the items.
impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.fmt(f)
    }
}
