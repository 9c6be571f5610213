//! The progress bar, and how fast it went.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use fencepost_reports::render::{counted, thousands};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::super::output::say;
use super::super::run::Stopwatch;
use crate::coverage::Coverage;

const BOUNDED: &str = "{pos}/{len} seeds [{bar:24}] {msg} {eta}";
const ENDLESS: &str = "{pos} seeds {msg}";

/// What all workers add to.
pub struct Bar {
    bar: ProgressBar,
    watch: Stopwatch,
    runs: AtomicU64,
    deliveries: AtomicU64,
    virtual_ms: AtomicU64,
    last_shown: AtomicU64,
    found: Mutex<BTreeMap<String, u64>>,
    coverage: Mutex<Coverage>,
    stopped_at: Mutex<Option<u64>>,
}

impl Bar {
    pub fn new(expected: Option<u64>) -> Bar {
        let bar = expected.map_or_else(ProgressBar::no_length, ProgressBar::new);
        let template = if expected.is_some() { BOUNDED } else { ENDLESS };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        Bar {
            bar,
            watch: Stopwatch::start(),
            runs: AtomicU64::new(0),
            deliveries: AtomicU64::new(0),
            virtual_ms: AtomicU64::new(0),
            last_shown: AtomicU64::new(0),
            found: Mutex::default(),
            coverage: Mutex::default(),
            stopped_at: Mutex::default(),
        }
    }

    /// Milliseconds since the beginning.
    pub fn elapsed_ms(&self) -> u64 {
        self.watch.ms()
    }

    /// One more run. `counts` is false for runs that only guide others.
    pub fn ran(&self, counts: bool, deliveries: u64, virtual_ms: u64, points: &[u32]) {
        self.runs.fetch_add(1, Ordering::Relaxed);
        self.deliveries.fetch_add(deliveries, Ordering::Relaxed);
        self.virtual_ms.fetch_add(virtual_ms, Ordering::Relaxed);
        if counts {
            self.bar.inc(1);
        }
        {
            let mut coverage = self.coverage.lock().expect("nothing panics while it holds this");
            points.iter().for_each(|p| {
                coverage.add(*p);
            });
        }
        let now = self.watch.ms();
        let last = self.last_shown.load(Ordering::Relaxed);
        if now >= last + 200
            && self.last_shown.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.bar.set_message(self.words());
        }
    }

    /// A failure of that kind.
    pub fn found(&self, kind: &str) {
        *self.found.lock().expect("nothing panics while it holds this").entry(kind.to_string()).or_default() += 1;
    }

    /// Says something above the bar.
    pub fn say(&self, text: &str) {
        self.bar.suspend(|| say(text));
    }

    fn per_second(&self, amount: u64) -> u64 {
        let ms = self.stopped_at.lock().expect("nothing panics while it holds this").unwrap_or_else(|| self.watch.ms());
        amount.saturating_mul(1_000) / ms.max(1)
    }

    fn words(&self) -> String {
        let runs = self.per_second(self.runs.load(Ordering::Relaxed));
        let deliveries = self.per_second(self.deliveries.load(Ordering::Relaxed));
        // Tenths of simulated hours.
        let hours = self.per_second(self.virtual_ms.load(Ordering::Relaxed)) / 360_000;
        let covered = self.coverage.lock().expect("nothing panics while it holds this").count();
        let mut text = format!(
            "{} seeds/s, {}.{} simulated hours/s, {} deliveries/s, coverage {}",
            thousands(runs),
            thousands(hours / 10),
            hours % 10,
            thousands(deliveries),
            thousands(u64::from(covered)),
        );
        for (kind, count) in self.found.lock().expect("nothing panics while it holds this").iter() {
            text += &format!(", {} {kind}", thousands(*count));
        }
        text
    }

    /// The bar goes; the speed is that of now.
    pub fn finish(&self) {
        *self.stopped_at.lock().expect("nothing panics while it holds this") = Some(self.watch.ms());
        self.bar.finish_and_clear();
    }

    /// One line about how fast it went.
    pub fn speed(&self) -> String {
        format!("{}: {}", counted(self.runs.load(Ordering::Relaxed), "run"), self.words())
    }

    pub fn json(&self) -> serde_json::Value {
        json!({
            "wall_ms": self.stopped_at.lock().expect("nothing panics while it holds this").unwrap_or_default(),
            "runs": self.runs.load(Ordering::Relaxed),
            "runs_per_second": self.per_second(self.runs.load(Ordering::Relaxed)),
            "deliveries_per_second": self.per_second(self.deliveries.load(Ordering::Relaxed)),
        })
    }
}
