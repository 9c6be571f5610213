//! Messages on their way: each in a box of its own, so that what the queue moves about stays small. Boxes are used again.

/// A message on its way.
#[derive(Clone, Debug)]
pub(crate) struct Parcel<T>(Box<Option<T>>);

impl<T> Parcel<T> {
    /// What is in it.
    #[inline]
    pub fn content(&self) -> &T {
        (*self.0).as_ref().expect("a parcel is opened once, where it ends")
    }
}

/// Empty boxes. A parcel that is dropped on its way is not missed: a new box is made when there is no empty one.
#[derive(Clone, Debug)]
pub(crate) struct Parcels<T>(Vec<Box<Option<T>>>);

impl<T> Default for Parcels<T> {
    fn default() -> Self {
        Parcels(Vec::new())
    }
}

impl<T> Parcels<T> {
    /// Puts a message in a box.
    #[inline]
    pub fn pack(&mut self, content: T) -> Parcel<T> {
        match self.0.pop() {
            Some(mut empty) => {
                *empty = Some(content);
                Parcel(empty)
            }
            None => Parcel(Box::new(Some(content))),
        }
    }

    /// Takes the message out of its box.
    #[inline]
    pub fn open(&mut self, mut parcel: Parcel<T>) -> T {
        let content = parcel.0.take().expect("a parcel is opened once, where it ends");
        self.0.push(parcel.0);
        content
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
