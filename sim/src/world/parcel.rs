//! Messages on their way: each in a box of its own, so that what the queue moves about stays small. Boxes are used again.

/// Something that can be taken out of a box, which leaves something that owns nothing.
pub(crate) trait Content {
    /// What travels in it.
    type Message;

    /// Takes the message out.
    fn take(&mut self) -> Self::Message;
}

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Parcel<T>(Box<T>);

impl<T> Parcel<T> {
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

/// Empty boxes. A parcel that is dropped on its way is not missed: a new box is made when there is no empty one.
#[derive(Clone, Debug)]
pub(crate) struct Parcels<T>(Vec<Box<T>>);

impl<T> Default for Parcels<T> {
    fn default() -> Self {
        Parcels(Vec::new())
    }
}

impl<T: Content> Parcels<T> {
    /// Puts a message in a box.
    #[inline]
    pub fn pack(&mut self, content: T) -> Parcel<T> {
        match self.0.pop() {
            Some(mut empty) => {
                // What is left in an empty box owns nothing: there is nothing to drop.
                std::mem::forget(std::mem::replace(&mut *empty, content));
                Parcel(empty)
            }
            None => Parcel(Box::new(content)),
        }
    }

    /// Takes the message out of its box.
    #[inline]
    pub fn open(&mut self, mut parcel: Parcel<T>) -> T::Message {
        let message = parcel.0.take();
        self.0.push(parcel.0);
        message
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Content for u64 {
        type Message = u64;

        fn take(&mut self) -> u64 {
            std::mem::take(self)
        }
    }

    #[test]
    fn boxes_are_used_again() {
        let mut parcels = Parcels::default();
        for number in 0..10 {
            let parcel = parcels.pack(number);
            assert_eq!(*parcel.content(), number);
            assert_eq!(parcels.open(parcel), number);
        }
        assert_eq!(parcels.0.len(), 1);
    }
}
