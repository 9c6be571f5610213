//! The way from one node to another, which all connections between the two share.

use fencepost_protocol::time::Span;

use crate::plan::NetworkPlan;
use crate::schedule::Actor;

/// Number of a link: that of the one node times the number of nodes, plus that of the other. So what is kept by link is a
/// table.
pub(crate) type LinkId = u32;

/// One way.
#[derive(Clone, Copy, Debug)]
struct Link {
    /// How long a message takes now.
    latency: Span,
    /// Faults that hold its bytes back.
    cuts: u32,
}

/// All of them.
#[derive(Clone, Debug)]
pub(super) struct Links {
    nodes: usize,
    links: Vec<Link>,
}

impl Links {
    /// The links of so many nodes; `is_client` tells which of them are clients.
    pub fn new(plan: &NetworkPlan, nodes: usize, is_client: impl Fn(usize) -> bool) -> Links {
        let mut links = Vec::with_capacity(nodes * nodes);
        for from in 0..nodes {
            for to in 0..nodes {
                let latency = match () {
                    () if from == to => plan.loopback_latency,
                    () if is_client(from) || is_client(to) => plan.client_latency,
                    () => plan.broker_latency,
                };
                links.push(Link { latency, cuts: 0 });
            }
        }
        Links { nodes, links }
    }

    pub fn id(&self, from: Actor, to: Actor) -> LinkId {
        u32::from(from) * self.nodes as u32 + u32::from(to)
    }

    #[inline]
    pub fn latency(&self, link: LinkId) -> Span {
        self.links[link as usize].latency
    }

    #[inline]
    pub fn is_cut(&self, link: LinkId) -> bool {
        self.links[link as usize].cuts > 0
    }

    /// One more fault holds its bytes back.
    pub fn cut(&mut self, from: Actor, to: Actor) {
        let link = self.id(from, to);
        self.links[link as usize].cuts += 1;
    }

    /// One fault less does.
    pub fn mend(&mut self, from: Actor, to: Actor) {
        let link = self.id(from, to);
        self.links[link as usize].cuts -= 1;
    }

    /// It takes longer.
    pub fn slow(&mut self, from: Actor, to: Actor, by: Span) {
        let link = self.id(from, to);
        let latency = &mut self.links[link as usize].latency;
        *latency = *latency + by;
    }

    /// It takes as much less, as it took longer before.
    pub fn quicken(&mut self, from: Actor, to: Actor, by: Span) {
        let link = self.id(from, to);
        let latency = &mut self.links[link as usize].latency;
        *latency = Span(latency.0.saturating_sub(by.0));
    }
}
