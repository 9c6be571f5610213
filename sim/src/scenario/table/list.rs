//! All sections.

use super::cluster::{Cluster, Network, Topic};
use super::outside::{Database, PaymentApi};
use super::running::{Case, Chaos, ChaosFamily, EXPECT, End, FAULT, Top};
use super::section::Section;
use crate::roles::sections;

/// All parts of a scenario that have keys of their own.
pub fn sections() -> Vec<&'static Section> {
    let mut all = vec![Top::SECTION, Cluster::SECTION, Network::SECTION, Topic::SECTION];
    all.extend(sections::SECTIONS);
    all.extend([Database::SECTION, PaymentApi::SECTION]);
    all.extend([FAULT, Chaos::SECTION, ChaosFamily::SECTION, End::SECTION, Case::SECTION, EXPECT]);
    all
}

/// Words of lists of tables: `[[word]]`.
pub fn lists() -> impl Iterator<Item = &'static str> {
    let others = ["topic", "database", "payment_api", "fault", "case"];
    sections::WORDS.iter().copied().chain(others)
}
