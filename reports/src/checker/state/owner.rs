//! Who had a producer id.

/// Who had a stretch of epochs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner {
    /// The last epoch of the stretch.
    pub(crate) last: i16,
    pub(crate) session: u32,
    /// When it was given the first of them.
    pub(crate) t: u64,
}
