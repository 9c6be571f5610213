//! A fault of a schedule, on its way.

use crate::schedule::Fault;
use crate::vocabulary::Vocabulary;

/// Where a fault comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Written down: it is done as it says.
    Written,
    /// From the seed: it is left out where it would exceed what the system promises to survive ([`crate::system::System::is_legal`]).
    Drawn,
}

/// A fault that is to begin, or begins.
#[derive(Clone, Debug)]
pub struct Occasion<V: Vocabulary> {
    /// The fault.
    pub fault: Fault<V>,
    /// Its number in what the system writes; none as long as it has none there.
    pub number: Option<u32>,
}
