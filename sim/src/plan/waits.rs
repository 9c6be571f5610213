//! How long clients and the cluster may wait by their own configuration: whoever watches a run for progress must wait longer.

use fencepost_protocol::time::Span;

use super::wait::{Times, Wait, of_cluster, sum, times};
use super::{Plan, Source};

impl Plan {
    /// The longest time that a client or the cluster may take, by this plan, for something that shows no progress before it
    /// is done: a producer's transaction, what a pipeline is given by one poll, a pause between looks.
    pub fn longest_wait(&self) -> Wait {
        let own = self.times();
        let clients = self.client_plans().into_iter().flat_map(|(_, client)| client.waits(&own));
        let all: Vec<Wait> = of_cluster(&self.cluster.config).into_iter().chain(clients).collect();
        let longest = all.into_iter().rev().max_by_key(|wait| wait.span);
        longest.unwrap_or(Wait { span: Span::ZERO, what: String::new() })
    }

    /// How long there may be no progress: the bound, and twice the longest wait, since whoever waits may have to do it again.
    pub fn patience(&self) -> Span {
        self.end.bound.max(times(self.longest_wait().span, 2))
    }

    /// What clients meet in this plan.
    pub fn times(&self) -> Times {
        let way = self.network.client_latency + self.network.client_latency;
        let databases = self.databases.iter().map(|d| (d.name.clone(), sum(d.service_time, way)));
        let sinks = databases.chain(self.payments.iter().map(|p| (p.name.clone(), sum(p.service_time, way)))).collect();
        let sources = self.producers.iter().map(|p| &p.source).chain(self.services.iter().map(|s| &s.source));
        let records = sources.map(Source::len).fold(0, u64::saturating_add);
        let outputs = self.pipelines.iter().map(|p| u64::from(p.outputs_per_input.max(1))).fold(1, u64::saturating_mul);
        Times { sinks, records: records.saturating_mul(outputs) }
    }
}
