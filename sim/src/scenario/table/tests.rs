use std::collections::BTreeSet;

use super::form::Form;
use super::kafka::{self, Kafka, not_modelled};
use super::*;
use crate::plan::{Announcing, FamilyKind, KeyOf, OnUnknown};

#[test]
fn no_key_stands_twice_in_a_section() {
    for section in sections() {
        let names = section.names(false);
        let unique: BTreeSet<&String> = names.iter().collect();
        assert_eq!(names.len(), unique.len(), "{}", section.head);
    }
}

/// Words of a form are words of the type that is read: else a value that the table allows could not be taken.
#[test]
fn words_that_a_key_allows_are_words_of_its_type() {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    known.extend(FamilyKind::WORDS.iter().map(|w| w.0));
    known.extend(OnUnknown::WORDS.iter().map(|w| w.0));
    known.extend(Announcing::WORDS.iter().map(|w| w.0));
    known.extend(Option::<KeyOf>::WORDS.iter().map(|w| w.0));
    known.extend(words::Mode::WORDS.iter().map(|w| w.0));
    known.extend(fencepost_protocol::pipeline::Guarantee::WORDS.iter().map(|w| w.0));
    known.extend(words::OffsetsWith::WORDS.iter().map(|w| w.0));
    known.extend(["sending", "handled", "answered", "received", "clean", "violated", "stuck", "vacuous"]);
    for key in sections().iter().flat_map(|s| s.keys) {
        if let Form::Words(words) = key.form {
            assert!(words.iter().all(|word| known.contains(word)), "{}: {words:?}", key.name);
        }
    }
    assert!(
        matches!(ChaosFamily::SECTION.keys[0].form, Form::Words(words) if words.len() == FamilyKind::WORDS.len()),
        "every family can be written"
    );
}

#[test]
fn every_key_of_an_action_is_a_key_of_faults_and_every_key_of_faults_belongs_to_one() {
    let mut used: BTreeSet<&str> = actions::WHEN.iter().chain(actions::ALWAYS).copied().collect();
    for action in ActionName::ALL {
        assert_eq!(ActionName::from_name(action.name()), Some(*action));
        used.extend(action.keys());
    }
    let known: BTreeSet<&str> = FAULT.keys.iter().map(|key| key.name).collect();
    assert_eq!(used, known);
}

#[test]
fn a_key_that_is_modelled_is_never_called_unknown_to_the_model() {
    for kafka in [Kafka::Broker, Kafka::Producer, Kafka::Consumer] {
        for key in kafka.keys() {
            assert_eq!(kafka::advice(key), None, "{key}");
        }
    }
    for key in Topic::SECTION.keys {
        assert!(not_modelled().all(|name| name != key.name), "{}", key.name);
    }
    for (key, says) in [
        ("cleanup.policy", "of Kafka's topics that Fencepost does not model"),
        ("compression.type", "none, gzip, snappy, lz4 and zstd"),
        ("compression.codec", "goes as with none, so leave it out"),
        ("log.retention.hours", "of Kafka's brokers"),
        ("statistics.interval.ms", "of librdkafka"),
        ("sasl.username", "of librdkafka"),
        ("message.timeout.ms", "'delivery.timeout.ms'"),
    ] {
        let advice = kafka::advice(key).unwrap_or_default();
        assert!(advice.contains(says), "{key}: {advice}");
    }
}
