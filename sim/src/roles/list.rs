//! The list of roles. What is made of each role is made from here: its number, its place in plans, its section of the TOML
//! with reader, writer and documentation, and its client. Adding a role is a line in each of the two tables, and a folder.

/// Roles with a section of the TOML: role, module, list of the document, word of the section, how it is drawn, what it does.
macro_rules! each_section {
    ($then:ident) => {
        $then! {
            Producer, producer, producers, "producer", Producer, "Sends a workload's records.";
            Pipeline, pipeline, pipelines, "pipeline", Pipeline, "Reads, processes, writes.";
            Reader, reader, readers, "reader", Reader, "Reads.";
            Connector, connector, connectors, "connector", Reader, "Brings records to a sink.";
            Service, service, services, "service", Producer, "Writes to a database and announces it.";
            Relay, relay, relays, "relay", Producer, "Sends what stands in an outbox.";
        }
    };
}

/// Clients, in the order of their lists in a plan: kind, module, list of the plan, plan, client.
macro_rules! each_client {
    ($then:ident) => {
        $then! {
            Producer, producer, producers: ProducerPlan, ProducerClient;
            Pipeline, pipeline, pipelines: PipelinePlan, PipelineClient;
            Reader, reader, readers: ReaderPlan, ReaderClient;
            Service, service, services: ServicePlan, ServiceClient;
            Relay, relay, relays: RelayPlan, RelayClient;
            Echo, echo, echoes: EchoPlan, EchoClient;
            External, external, externals: ExternalPlan, ExternalClient;
        }
    };
}

pub(crate) use {each_client, each_section};
