//! What a system does: the hooks that a world calls.

use crate::schedule::{Action, Effect};
use crate::time::{Instant, Span};
use crate::vocabulary::Vocabulary;
use crate::world::{Ended, Ending, Net, Occasion, World};
use crate::{Actor, ConnId, CorrelationId};

/// Words of a system.
type V<S> = <S as System>::Vocabulary;
/// A system's connections.
type Channel<S> = <V<S> as Vocabulary>::Channel;

/// The nodes of a system, and all else that the world knows nothing of: what they keep, what is written of them, who judges.
///
/// Whatever a node wants done goes into [`Net::out`], and is done once the hook has returned.
pub trait System: Sized {
    /// Its words.
    type Vocabulary: Vocabulary;

    // ---- nodes -----------------------------------------------------------------------------------------------------

    /// The node at the other end of a channel.
    fn actor_of(&self, channel: Channel<Self>) -> Actor;

    /// How long after the beginning a node's first process starts.
    fn starts_after(&self, actor: Actor) -> Span {
        let _ = actor;
        Span::ZERO
    }

    /// A process begins to run.
    fn start(&mut self, net: &mut Net<'_, V<Self>>, actor: Actor);

    /// A process ends. What it kept on disk stays, as far as `how` lets it.
    fn end(&mut self, net: &mut Net<'_, V<Self>>, actor: Actor, how: Ended);

    /// How long after its end a process is started again, where the fault does not say it.
    fn restarts_after(&self, actor: Actor) -> Option<Span> {
        let _ = actor;
        None
    }

    /// Whether a running process takes requests. Asked when it has started, and as long as the answer is no whenever
    /// something happened on a connection that it opened.
    #[inline(always)]
    fn is_ready(&self, actor: Actor) -> bool {
        let _ = actor;
        true
    }

    /// When a node wants to be told the time; [`Instant::NEVER`] if nothing is pending.
    fn poll_timeout(&self, actor: Actor) -> Instant;

    /// That time has come.
    fn handle_timeout(&mut self, net: &mut Net<'_, V<Self>>, actor: Actor);

    // ---- messages --------------------------------------------------------------------------------------------------

    /// A request reaches a server, on a connection whose previous request has been answered.
    fn request(
        &mut self,
        net: &mut Net<'_, V<Self>>,
        server: Actor,
        client: Actor,
        conn: ConnId,
        request: <V<Self> as Vocabulary>::Request,
    );

    /// A connection that a client asked for is there.
    fn connected(&mut self, net: &mut Net<'_, V<Self>>, client: Actor, channel: Channel<Self>);

    /// A connection is gone, or could not be made. What was not answered on it may have been done or not.
    fn disconnected(&mut self, net: &mut Net<'_, V<Self>>, client: Actor, channel: Channel<Self>);

    /// An answer reaches the client. Answers of one channel come in the order of the requests.
    fn answered(
        &mut self,
        net: &mut Net<'_, V<Self>>,
        client: Actor,
        channel: Channel<Self>,
        correlation: CorrelationId,
        response: <V<Self> as Vocabulary>::Response,
    );

    /// Whether a server is told which of its connections are gone.
    #[inline(always)]
    fn minds_closing(&self, server: Actor) -> bool {
        let _ = server;
        false
    }

    /// The client's end of a connection is gone, and nothing of it is left to be done. May be told again.
    fn closed(&mut self, net: &mut Net<'_, V<Self>>, server: Actor, conn: ConnId) {
        let _ = (net, server, conn);
    }

    /// Does what a machine wants done: [`World::perform`], or what that consists of.
    fn perform(world: &mut World<'_, Self>, actor: Actor, output: <V<Self> as Vocabulary>::Output);

    /// Does what machines want done and did not put into [`Net::out`].
    #[inline(always)]
    fn perform_more(world: &mut World<'_, Self>, actor: Actor) {
        let _ = (world, actor);
    }

    // ---- watching --------------------------------------------------------------------------------------------------

    /// Something was handed over to a node's machine, and what it wants done is not done yet.
    #[inline(always)]
    fn observe(&mut self, net: &mut Net<'_, V<Self>>, actor: Actor) {
        let _ = (net, actor);
    }

    /// Time has moved on.
    #[inline(always)]
    fn time_is(&mut self, now: Instant) {
        let _ = now;
    }

    /// An event has happened, with all that came of it at once.
    #[inline(always)]
    fn stepped(&mut self, net: &mut Net<'_, V<Self>>) {
        let _ = net;
    }

    /// A request leaves its sender.
    #[inline(always)]
    fn sending(&mut self, client: Actor, request: &<V<Self> as Vocabulary>::Request) {
        let _ = (client, request);
    }

    /// A server has answered; whether that arrives is not settled.
    #[inline(always)]
    fn answering(&mut self, conn: ConnId, response: &<V<Self> as Vocabulary>::Response) {
        let _ = (conn, response);
    }

    /// Whether [`System::befalls`] is to be called for every delay.
    #[inline(always)]
    fn counts_effects(&self) -> bool {
        false
    }

    /// Something that was drawn happens to a message.
    #[inline]
    fn befalls(&mut self, effect: &Effect<V<Self>>) {
        let _ = effect;
    }

    // ---- faults ----------------------------------------------------------------------------------------------------

    /// Whether a fault of the system's own makes sense now.
    fn is_possible(&self, net: &Net<'_, V<Self>>, action: &<V<Self> as Vocabulary>::Action) -> bool {
        let _ = (net, action);
        true
    }

    /// Whether the system promises to survive a fault now: drawn ones are left out if it does not.
    fn is_legal(&self, net: &Net<'_, V<Self>>, action: &Action<V<Self>>) -> bool {
        let _ = (net, action);
        true
    }

    /// A fault begins that is counted as one.
    fn began(&mut self, action: &Action<V<Self>>) {
        let _ = action;
    }

    /// A fault of the kernel's has begun; of its own the system knows itself.
    fn fired(&mut self, now: Instant, occasion: &mut Occasion<V<Self>>) {
        let _ = (now, occasion);
    }

    /// Does a fault of its own, and says how long it lasts.
    fn act(
        world: &mut World<'_, Self>,
        action: &<V<Self> as Vocabulary>::Action,
        occasion: &mut Occasion<V<Self>>,
    ) -> Span {
        let _ = (world, action, occasion);
        Span::ZERO
    }

    /// A step of its own is due ([`Net::after`]).
    fn go_on(world: &mut World<'_, Self>, step: <V<Self> as Vocabulary>::Step) {
        let _ = (world, step);
    }

    // ---- the end ---------------------------------------------------------------------------------------------------

    /// Asked ten times a second: how the run ends now, if it does.
    fn ending(&mut self, net: &Net<'_, V<Self>>) -> Option<Ending>;
}
