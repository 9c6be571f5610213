//! Statistics, which a simulated client does not keep.

/// Nothing: in a simulation, `statistics.interval.ms` is accepted and no statistics are made.
#[derive(Clone, Debug, Default)]
pub struct Statistics {}
