//! Messages on their way: each in a box of its own, so that what the queue moves about stays small. Boxes are used again.

/// Something that can be taken out of a box, which leaves something that owns nothing.
pub trait Content {
    /// What travels in it.
    type Message;

    /// What is in an empty box: nothing that would have to be dropped.
    const EMPTY: Self;

    /// Takes the message out.
    fn take(&mut self) -> Self::Message;
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Envelope<T>(Box<T>);

impl<T> Envelope<T> {
    /// What is in it.
    #[inline]
    pub fn content(&self) -> &T {
        &self.0
    }

    /// The same, to change it.
    #[inline]
    pub fn content_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Puts something in a place of an empty box. What is there owns nothing, so it need not be dropped.
#[inline]
pub fn put<T>(place: &mut T, content: T) {
    std::mem::forget(std::mem::replace(place, content));
}

/// Empty boxes. An envelope that is dropped on its way is not missed: a new box is made when there is no empty one.
#[derive(Clone, Debug)]
pub struct Envelopes<T>(Vec<Box<T>>);

impl<T> Default for Envelopes<T> {
    fn default() -> Self {
        Envelopes(Vec::new())
    }
}

impl<T: Content> Envelopes<T> {
    /// A box to put a message in. It is filled field by field ([`put`]): a message that is first put together elsewhere
    /// and then moved at once is read in other pieces than it was just written in, for which processors have to wait.
    #[inline(always)]
    pub fn empty(&mut self) -> Envelope<T> {
        Envelope(self.0.pop().unwrap_or_else(|| Box::new(T::EMPTY)))
    }

    /// Takes the message out of its box.
    #[inline(always)]
    pub fn open(&mut self, mut envelope: Envelope<T>) -> T::Message {
        let message = envelope.0.take();
        self.0.push(envelope.0);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Content for u64 {
        type Message = u64;

        const EMPTY: u64 = 0;

        fn take(&mut self) -> u64 {
            std::mem::take(self)
        }
    }

    #[test]
    fn boxes_are_used_again() {
        let mut envelopes = Envelopes::default();
        for number in 0..10 {
            let mut envelope = envelopes.empty();
            assert_eq!(*envelope.content(), 0);
            put(envelope.content_mut(), number);
            assert_eq!(envelopes.open(envelope), number);
        }
        assert_eq!(envelopes.0.len(), 1);
    }
}
