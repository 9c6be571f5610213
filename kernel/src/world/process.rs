//! Processes: whether they run, and how they end.

/// State of a node's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// It runs.
    Running,
    /// It stands still; its kernel works on.
    Paused {
        /// Which pause.
        number: u32,
    },
    /// It is not there, its host is.
    Down,
    /// Its host is not there.
    HostDown,
}

impl Process {
    /// Whether it can do something.
    #[inline]
    pub fn is_running(self) -> bool {
        self == Process::Running
    }

    /// Whether it is there, running or not.
    #[inline]
    pub fn is_alive(self) -> bool {
        matches!(self, Process::Running | Process::Paused { .. })
    }
}

/// How a process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, having finished.
    Cleanly,
    /// It was killed.
    Crash,
    /// With its host.
    PowerLoss {
        /// Parts per million of what was not flushed that survive.
        keep_ppm: u64,
    },
}

impl Ended {
    pub(super) fn is_power_loss(self) -> bool {
        matches!(self, Ended::PowerLoss { .. })
    }
}
