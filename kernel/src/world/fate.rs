//! What befalls a message: looked up, or drawn.

use super::World;
use super::connection::{Fate, InHand, Tag};
use crate::ConnId;
use crate::explorer::{Explorer, Replay};
use crate::link::LinkId;
use crate::schedule::{Deviation, Effect, MessageName};
use crate::system::System;
use crate::time::{Instant, Span};
use crate::vocabulary::{Message as _, Vocabulary};

type Channel<S> = <<S as System>::Vocabulary as Vocabulary>::Channel;
type Request<S> = <<S as System>::Vocabulary as Vocabulary>::Request;
type Response<S> = <<S as System>::Vocabulary as Vocabulary>::Response;

/// How long a request is delayed, whether it is lost, and what goes with it for its answer.
type FateOfRequest<S> = (Span, bool, Option<Box<Tag<<S as System>::Vocabulary>>>);

impl<S: System> World<'_, S> {
    /// What befalls a request.
    #[inline(always)]
    pub(super) fn fate_of_request(
        &mut self,
        conn: ConnId,
        link: LinkId,
        channel: Channel<S>,
        request: &Request<S>,
    ) -> FateOfRequest<S> {
        let net = &mut self.net;
        let mut drawn = None;
        if net.is_plain && net.faults.for_this_message.is_empty() {
            if let Explorer::Draw(draw) = &mut net.explorer {
                drawn = draw.draw(net.now, link, request.kind(), true);
            }
            // What most messages meet.
            match drawn {
                None => return (Span::ZERO, false, None),
                Some(Effect::DelayRequest(span)) if !self.system.counts_effects() => return (span, false, None),
                Some(_) => {}
            }
        }
        if net.recorded.is_none() && net.faults.for_this_message.is_empty() && self.is_nominal(conn, channel, request) {
            return (Span::ZERO, false, None);
        }
        let Tag { name, fate } = self.name_and_fate(conn, channel, request, drawn);
        // The answer's deviation is written down under the name of its request.
        let name = name.filter(|_| self.net.recorded.is_some());
        let tag = (name.is_some() || fate.concerns_answer()).then(|| Box::new(Tag { name, fate }));
        (fate.delay_request, fate.lose_request, tag)
    }

    /// Looks up what happens to a request, or draws it, unless that is done.
    #[inline(never)]
    fn name_and_fate(
        &mut self,
        conn: ConnId,
        channel: Channel<S>,
        request: &Request<S>,
        drawn: Option<Effect<S::Vocabulary>>,
    ) -> Tag<S::Vocabulary> {
        self.forget_names_after_the_splice();
        let net = &mut self.net;
        let connection = &net.connections[conn.0 as usize];
        let (from, link) = (connection.client, connection.to_server);
        let incarnation = net.nodes[from as usize].incarnation;
        let name = net.attempts.as_mut().map(|attempts| attempts.name(from, incarnation, channel, request));
        let mut fate = Fate::default();
        net.faults.for_this_message.drain(..).for_each(|effect| fate.apply(effect));
        let effect = match &mut net.explorer {
            _ if drawn.is_some() => drawn,
            Explorer::Nominal => None,
            Explorer::Splice(replay, until, _) if net.now < *until => {
                take(replay, net.now, name, &mut fate, &mut net.recorded);
                None
            }
            Explorer::Replay(replay) => {
                take(replay, net.now, name, &mut fate, &mut net.recorded);
                None
            }
            Explorer::Draw(draw) | Explorer::Splice(_, _, draw) => draw.draw(net.now, link, request.kind(), true),
        };
        if let Some(effect) = effect {
            fate.apply(effect);
            self.system.befalls(&effect);
            net.faults.executed += u32::from(!matches!(effect, Effect::DelayRequest(_)));
            if let (Some(recorded), Some(name)) = (&mut net.recorded, name) {
                recorded.push((net.now, Deviation::Message(name, effect)));
            }
        }
        Tag { name, fate }
    }

    /// Whether no written deviation can be meant for a request, and none is drawn now: then it needs no name.
    fn is_nominal(&mut self, conn: ConnId, channel: Channel<S>, request: &Request<S>) -> bool {
        let net = &mut self.net;
        let (from, kind) = (net.connections[conn.0 as usize].client, request.kind());
        let replay = match &net.explorer {
            Explorer::Replay(replay) => replay,
            Explorer::Splice(replay, until, _) if net.now < *until => replay,
            _ => return false,
        };
        let Some(attempts) = &mut net.attempts else { return false };
        // Subjects are only asked for where a kind may deviate, and then for all of that kind.
        !replay.concerns(from, kind) || !replay.concerns_subject(from, kind, attempts.subject(from, channel, request))
    }

    /// Once everything is drawn, messages need names only if deviations are written down.
    fn forget_names_after_the_splice(&mut self) {
        let net = &mut self.net;
        let is_over = matches!(&net.explorer, Explorer::Splice(_, until, _) if net.now >= *until);
        if net.recorded.is_none() && is_over {
            if let Explorer::Splice(_, _, draw) = std::mem::replace(&mut net.explorer, Explorer::Nominal) {
                net.explorer = Explorer::Draw(draw);
            }
            net.attempts = None;
            net.is_plain = true;
        }
    }

    /// How long an answer is delayed; none if it is lost with its connection.
    #[inline(always)]
    pub(super) fn fate_of_answer(
        &mut self,
        conn: ConnId,
        link: LinkId,
        in_hand: InHand<S::Vocabulary>,
        response: &mut Response<S>,
    ) -> Option<Span> {
        let mut delay = Span::ZERO;
        if in_hand.tag.is_some() || !self.net.faults.lost_answers.is_empty() {
            delay = self.tagged_fate_of_answer(conn, &in_hand, response)?;
        }
        let net = &mut self.net;
        let draw = match &mut net.explorer {
            Explorer::Draw(draw) => draw,
            Explorer::Splice(_, from, draw) if net.now >= *from => draw,
            _ => return Some(delay),
        };
        let Some(effect) = draw.draw(net.now, link, in_hand.kind, false) else { return Some(delay) };
        if let Effect::DelayResponse(span) = effect {
            delay = delay + span; // nothing else is drawn for an answer
        }
        self.system.befalls(&effect);
        if let (Some(recorded), Some(name)) = (&mut net.recorded, in_hand.tag.as_ref().and_then(|t| t.name)) {
            recorded.push((net.now, Deviation::Message(name, effect)));
        }
        Some(delay)
    }

    /// The same, as far as it was known before.
    #[inline(never)]
    fn tagged_fate_of_answer(
        &mut self,
        conn: ConnId,
        in_hand: &InHand<S::Vocabulary>,
        response: &mut Response<S>,
    ) -> Option<Span> {
        let net = &mut self.net;
        let fate = in_hand.tag.as_ref().map_or(Fate::default(), |t| t.fate);
        let client = net.connections[conn.0 as usize].client;
        if fate.lose_response || net.faults.lost_answers.iter().any(|l| l.node == client && l.kind == in_hand.kind) {
            return None;
        }
        if let Some(error) = fate.error_after {
            S::Vocabulary::overwrite(response, error);
        }
        Some(fate.delay_response)
    }
}

/// Applies what a written list says about a message.
fn take<V: Vocabulary>(
    replay: &mut Replay<V>,
    now: Instant,
    name: Option<MessageName<V>>,
    fate: &mut Fate<V>,
    recorded: &mut Option<Vec<(Instant, Deviation<V>)>>,
) {
    let name = name.expect("a replay names its messages");
    for effect in replay.take(&name) {
        fate.apply(effect);
        if let Some(recorded) = recorded {
            recorded.push((now, Deviation::Message(name, effect)));
        }
    }
}
