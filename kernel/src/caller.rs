//! A client's side of its connections, for machines that make one call at a time.

use std::collections::BTreeSet;

use crate::CorrelationId;
use crate::vocabulary::Vocabulary;
use crate::world::Output;

/// The connections that a client has, one for each channel, and the call that is under way.
#[derive(Clone, Debug)]
pub struct Caller<V: Vocabulary> {
    open: BTreeSet<V::Channel>,
    call: Option<(V::Channel, V::Request)>,
    made: CorrelationId,
}

impl<V: Vocabulary> Default for Caller<V> {
    fn default() -> Self {
        Caller { open: BTreeSet::new(), call: None, made: 0 }
    }
}

impl<V: Vocabulary> Caller<V> {
    /// Sends a request, over a new connection if there is none.
    ///
    /// # Panics
    /// Another call is under way.
    pub fn call(&mut self, channel: V::Channel, request: V::Request, out: &mut Vec<Output<V>>) {
        assert!(self.call.is_none(), "one call at a time");
        self.call = Some((channel, request));
        if self.open.contains(&channel) {
            self.send(out);
        } else {
            out.push(Output::Connect(channel));
        }
    }

    fn send(&mut self, out: &mut Vec<Output<V>>) {
        if let Some((channel, request)) = &self.call {
            self.made += 1;
            out.push(Output::Send(*channel, self.made, request.clone()));
        }
    }

    /// A connection is there.
    pub fn connected(&mut self, channel: V::Channel, out: &mut Vec<Output<V>>) {
        self.open.insert(channel);
        self.send(out);
    }

    /// A connection is gone. Returns whether the call failed by it: then it may have been done or not.
    pub fn disconnected(&mut self, channel: V::Channel) -> bool {
        self.open.remove(&channel);
        self.call.take_if(|(other, _)| *other == channel).is_some()
    }

    /// The call was answered.
    pub fn answered(&mut self) {
        self.call = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Numbers;

    #[test]
    fn a_call_waits_for_its_connection_and_fails_with_it() {
        let (mut caller, mut out) = (Caller::<Numbers>::default(), Vec::new());
        caller.call(1, 42, &mut out);
        assert!(matches!(out[..], [Output::Connect(1)]));
        caller.connected(1, &mut out);
        assert!(matches!(out[1..], [Output::Send(1, 1, 42)]));
        assert!(!caller.disconnected(2), "that was another connection");
        caller.answered();
        caller.call(1, 43, &mut out);
        assert!(matches!(out[2..], [Output::Send(1, 2, 43)]));
        assert!(caller.disconnected(1));
        assert!(!caller.disconnected(1), "nothing is under way");
    }
}
