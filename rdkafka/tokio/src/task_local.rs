//! Values of tasks. Tokio keeps the value of the task that runs in a thread-local, for as long as a poll takes; here a
//! poll can be suspended in its middle, and another task runs then. So values are found by the number of their task.

use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::stack::number;

/// Declares values of tasks.
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attribute:meta])* $visible:vis static $name:ident: $ty:ty $(; $($rest:tt)*)?) => {
        $(#[$attribute])*
        $visible static $name: $crate::task::LocalKey<$ty> = $crate::task::LocalKey::new();
        $($crate::task_local! { $($rest)* })?
    };
}

/// Which key, by the place of its static, and whose.
type Place = (usize, u64);

thread_local! {
    static VALUES: RefCell<BTreeMap<Place, Rc<dyn Any>>> = const { RefCell::new(BTreeMap::new()) };
}

/// A value that each task has of its own, within [`LocalKey::scope`].
pub struct LocalKey<T: 'static> {
    /// So that each has a place.
    _place: u8,
    of: PhantomData<fn() -> T>,
}

impl<T: 'static> LocalKey<T> {
    #[doc(hidden)]
    pub const fn new() -> LocalKey<T> {
        LocalKey { _place: 0, of: PhantomData }
    }

    fn place(&'static self) -> Place {
        (ptr::from_ref(self).addr(), number())
    }

    /// Gives the future a value.
    pub fn scope<F: Future>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F> {
        TaskLocalFuture { key: self, value: Some(Box::new(value)), future: Some(Box::pin(future)) }
    }

    /// Gives the closure a value.
    #[track_caller]
    pub fn sync_scope<F: FnOnce() -> R, R>(&'static self, value: T, f: F) -> R {
        let mut value = Some(Box::new(value));
        let _entered = Entered::begin(self, &mut value);
        f()
    }

    /// Calls a closure with the value.
    ///
    /// # Panics
    /// Outside a scope.
    #[track_caller]
    pub fn with<F: FnOnce(&T) -> R, R>(&'static self, f: F) -> R {
        match self.try_with(f) {
            Ok(result) => result,
            Err(error) => panic!("{error}"),
        }
    }

    /// Calls a closure with the value.
    ///
    /// # Errors
    /// Outside a scope.
    pub fn try_with<F: FnOnce(&T) -> R, R>(&'static self, f: F) -> Result<R, AccessError> {
        let value = VALUES.with_borrow(|values| values.get(&self.place()).cloned());
        let value: Rc<T> = value.and_then(|v| v.downcast().ok()).ok_or(AccessError(()))?;
        Ok(f(&value))
    }

    /// A copy of the value.
    ///
    /// # Panics
    /// Outside a scope.
    #[track_caller]
    pub fn get(&'static self) -> T
    where
        T: Clone,
    {
        self.with(T::clone)
    }

    /// A copy of the value.
    ///
    /// # Errors
    /// Outside a scope.
    pub fn try_get(&'static self) -> Result<T, AccessError>
    where
        T: Clone,
    {
        self.try_with(T::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("LocalKey { .. }")
    }
}

/// The value is in its place; it goes back to where it was taken from.
struct Entered<'v, T: 'static> {
    place: Place,
    outer: Option<Rc<dyn Any>>,
    back: &'v mut Option<Box<T>>,
}

impl<'v, T: 'static> Entered<'v, T> {
    fn begin(key: &'static LocalKey<T>, value: &'v mut Option<Box<T>>) -> Entered<'v, T> {
        let place = key.place();
        let inner: Option<Rc<dyn Any>> = value.take().map(|value| Rc::new(*value) as Rc<dyn Any>);
        let outer = put(place, inner);
        Entered { place, outer, back: value }
    }
}

fn put(place: Place, value: Option<Rc<dyn Any>>) -> Option<Rc<dyn Any>> {
    // At the end of a thread there may be no values any more, and what is dropped then needs none.
    let put = VALUES.try_with(|values| match value {
        Some(value) => values.borrow_mut().insert(place, value),
        None => values.borrow_mut().remove(&place),
    });
    put.ok().flatten()
}

impl<T: 'static> Drop for Entered<'_, T> {
    fn drop(&mut self) {
        let inner = put(self.place, self.outer.take());
        // Nobody else has it: who looks at it does so within the scope.
        *self.back = inner.and_then(|v| v.downcast().ok()).and_then(Rc::into_inner).map(Box::new);
    }
}

/// A future with a value.
pub struct TaskLocalFuture<T: 'static, F> {
    key: &'static LocalKey<T>,
    value: Option<Box<T>>,
    /// `None` once it has ended.
    future: Option<Pin<Box<F>>>,
}

impl<T: 'static, F> TaskLocalFuture<T, F> {
    /// Takes the value out; `None` if that was done already.
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.get_mut().value.take().map(|value| *value)
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.get_mut();
        let future = this.future.as_mut().expect("a future is not polled after it has ended");
        let _entered = Entered::begin(this.key, &mut this.value);
        let polled = future.as_mut().poll(context);
        if polled.is_ready() {
            this.future = None;
        }
        polled
    }
}

impl<T: 'static, F> Drop for TaskLocalFuture<T, F> {
    /// What the future drops still has the value.
    fn drop(&mut self) {
        if self.future.is_some() && self.value.is_some() {
            let _entered = Entered::begin(self.key, &mut self.value);
            self.future = None;
        }
    }
}

impl<T: 'static, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("TaskLocalFuture { .. }")
    }
}

/// There is no value: the call is not within a scope of the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessError(());

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("task-local value not set")
    }
}

impl std::error::Error for AccessError {}
