//! Topics and partitions of the cluster.

use crate::types::RDKafkaRespErr;

/// A broker.
#[derive(Clone, Debug)]
pub struct MetadataBroker {
    id: i32,
    host: String,
}

impl MetadataBroker {
    /// Its id.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Its name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> i32 {
        9092
    }
}

/// A partition.
#[derive(Clone, Debug)]
pub struct MetadataPartition {
    id: i32,
    leader: i32,
    replicas: Vec<i32>,
    isr: Vec<i32>,
}

impl MetadataPartition {
    /// Its number.
    pub fn id(&self) -> i32 {
        self.id
    }

    /// Its leader; -1 for none.
    pub fn leader(&self) -> i32 {
        self.leader
    }

    /// What is wrong with it.
    pub fn error(&self) -> Option<RDKafkaRespErr> {
        None
    }

    /// Its replicas.
    pub fn replicas(&self) -> &[i32] {
        &self.replicas
    }

    /// Those in sync.
    pub fn isr(&self) -> &[i32] {
        &self.isr
    }
}

/// A topic.
#[derive(Clone, Debug)]
pub struct MetadataTopic {
    name: String,
    partitions: Vec<MetadataPartition>,
}

impl MetadataTopic {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its partitions.
    pub fn partitions(&self) -> &[MetadataPartition] {
        &self.partitions
    }

    /// What is wrong with it.
    pub fn error(&self) -> Option<RDKafkaRespErr> {
        None
    }
}

/// The answer to a question for metadata.
#[derive(Clone, Debug)]
pub struct Metadata {
    brokers: Vec<MetadataBroker>,
    topics: Vec<MetadataTopic>,
}

impl Metadata {
    pub(crate) fn of_world(topic: Option<&str>) -> Option<Metadata> {
        let (ids, image) = crate::simulated::image()?;
        let brokers = ids.iter().map(|id| MetadataBroker { id: id.0, host: format!("broker-{}", id.0) }).collect();
        let topics: Vec<MetadataTopic> = image
            .topics
            .iter()
            .skip(2)
            .filter(|t| topic.is_none_or(|name| *name == *t.name))
            .map(|t| MetadataTopic {
                name: t.name.to_string(),
                partitions: t
                    .partitions
                    .iter()
                    .enumerate()
                    .map(|(id, p)| MetadataPartition {
                        id: id as i32,
                        leader: p.leader.map_or(-1, |l| l.0),
                        replicas: p.replicas.iter().map(|r| r.0).collect(),
                        isr: p.isr.iter().map(|r| r.0).collect(),
                    })
                    .collect(),
            })
            .collect();
        (topic.is_none() || !topics.is_empty()).then_some(Metadata { brokers, topics })
    }

    /// The broker that answered.
    pub fn orig_broker_id(&self) -> i32 {
        self.brokers.first().map_or(-1, MetadataBroker::id)
    }

    /// Its name.
    pub fn orig_broker_name(&self) -> &str {
        self.brokers.first().map_or("", MetadataBroker::host)
    }

    /// All brokers.
    pub fn brokers(&self) -> &[MetadataBroker] {
        &self.brokers
    }

    /// The topics.
    pub fn topics(&self) -> &[MetadataTopic] {
        &self.topics
    }
}
