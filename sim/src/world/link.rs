//! The way from one node to another, which all connections between the two share.

use fencepost_protocol::time::Span;

use crate::plan::{NetworkPlan, Plan};
use crate::schedule::Actor;

/// Number of a link. What is kept by link is a table.
pub(crate) type LinkId = u32;

/// Which links there are, and their numbers.
///
/// Nobody connects to a client, so between two clients there is none: there are as many as the nodes that serve times
/// twice all nodes. First come those from a node that serves, then those to one from a client.
#[derive(Clone, Debug)]
pub(crate) struct LinkTable {
    /// Of each node that serves, its place among them.
    places: Vec<Option<u32>>,
    /// The nodes that serve.
    servers: Vec<Actor>,
}

impl LinkTable {
    /// Of so many nodes; `is_client` tells which of them are clients.
    pub fn new(nodes: usize, is_client: impl Fn(usize) -> bool) -> LinkTable {
        let (mut places, mut servers) = (Vec::with_capacity(nodes), Vec::new());
        for node in 0..nodes {
            let serves = !is_client(node);
            places.push(serves.then_some(servers.len() as u32));
            servers.extend(serves.then_some(node as Actor));
        }
        LinkTable { places, servers }
    }

    /// Of the nodes of a plan.
    pub fn of(plan: &Plan) -> LinkTable {
        let cast = plan.cast();
        LinkTable::new(cast.len(), |node| cast[node].part.role.is_client())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        2 * self.servers.len() * self.places.len()
    }

    /// Number of a link; none between two clients.
    #[inline]
    pub fn id(&self, from: Actor, to: Actor) -> Option<LinkId> {
        let nodes = self.places.len() as u32;
        match (self.places[from as usize], self.places[to as usize]) {
            (Some(place), _) => Some(place * nodes + u32::from(to)),
            (None, Some(place)) => Some((self.servers.len() as u32 + place) * nodes + u32::from(from)),
            (None, None) => None,
        }
    }

    /// From where to where a link leads.
    pub fn ends(&self, link: LinkId) -> (Actor, Actor) {
        let nodes = self.places.len();
        let (row, other) = (link as usize / nodes, (link as usize % nodes) as Actor);
        match row.checked_sub(self.servers.len()) {
            None => (self.servers[row], other),
            Some(place) => (other, self.servers[place]),
        }
    }
}

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
    table: LinkTable,
    links: Vec<Link>,
}

impl Links {
    /// The links of a table, nothing being wrong with them.
    pub fn new(plan: &NetworkPlan, table: LinkTable) -> Links {
        let serves = |node: Actor| table.places[node as usize].is_some();
        let latency = |(from, to): (Actor, Actor)| match () {
            () if from == to => plan.loopback_latency,
            () if serves(from) && serves(to) => plan.broker_latency,
            () => plan.client_latency,
        };
        let links =
            (0..table.len() as LinkId).map(|link| Link { latency: latency(table.ends(link)), cuts: 0 }).collect();
        Links { table, links }
    }

    /// Number of the link between two nodes of which one serves.
    pub fn id(&self, from: Actor, to: Actor) -> LinkId {
        self.table.id(from, to).expect("nobody connects to a client")
    }

    #[inline]
    pub fn latency(&self, link: LinkId) -> Span {
        self.links[link as usize].latency
    }

    #[inline]
    pub fn is_cut(&self, link: LinkId) -> bool {
        self.links[link as usize].cuts > 0
    }

    /// The link, if there is one: a fault may name any two nodes.
    fn link(&mut self, from: Actor, to: Actor) -> Option<&mut Link> {
        self.table.id(from, to).map(|link| &mut self.links[link as usize])
    }

    /// One more fault holds its bytes back.
    pub fn cut(&mut self, from: Actor, to: Actor) {
        if let Some(link) = self.link(from, to) {
            link.cuts += 1;
        }
    }

    /// One fault less does.
    pub fn mend(&mut self, from: Actor, to: Actor) {
        if let Some(link) = self.link(from, to) {
            link.cuts -= 1;
        }
    }

    /// It takes longer.
    pub fn slow(&mut self, from: Actor, to: Actor, by: Span) {
        if let Some(link) = self.link(from, to) {
            link.latency = link.latency + by;
        }
    }

    /// It takes as much less, as it took longer before.
    pub fn quicken(&mut self, from: Actor, to: Actor, by: Span) {
        if let Some(link) = self.link(from, to) {
            link.latency = Span(link.latency.0.saturating_sub(by.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Choice, Scenario};

    #[test]
    fn every_link_has_a_number_of_its_own_and_two_clients_have_none() {
        let is_client = |n: usize| [1, 4, 5].contains(&n);
        let table = LinkTable::new(6, is_client);
        let mut seen = vec![false; table.len()];
        for from in 0..6 {
            for to in 0..6 {
                match table.id(from, to) {
                    None => assert!(is_client(from.into()) && is_client(to.into()), "{from} -> {to}"),
                    Some(link) => {
                        assert_eq!(table.ends(link), (from, to));
                        assert!(!std::mem::replace(&mut seen[link as usize], true), "{from} -> {to}");
                    }
                }
            }
        }
    }

    #[test]
    fn five_thousand_producers_have_as_many_links_as_it_takes_to_talk_to_the_brokers() {
        let producer = |n| format!("[[producer]]\nname = 'p{n:04}'\ntopic = 'orders'\nrecords = 1\n");
        let producers: String = (0..5_000).map(producer).collect();
        let text = format!("title = 't'\n[[topic]]\nname = 'orders'\n{producers}");
        let read = &mut |path: &str| panic!("{path} is not read");
        let scenario = Scenario::load("many", &text, Choice::default(), read).expect("it is a scenario");
        // Three brokers and the controller, to and from everybody.
        assert_eq!(LinkTable::of(&scenario.plan).len(), 2 * 4 * 5_004);
    }

    #[test]
    fn links_grow_with_the_clients_and_not_with_their_square() {
        let of = |clients: usize| LinkTable::new(clients + 4, |n| n >= 4).len();
        assert_eq!(of(5_000), 2 * 4 * 5_004);
        assert_eq!(of(5_000) - of(4_000), of(2_000) - of(1_000));
    }
}
