//! Clients whose programs are outside the world: running up to a time, and taking in what they do.

use fencepost_kernel::world::{Ended, Occasion, Origin};
use fencepost_protocol::ids::{Offset, TopicPartition};
use fencepost_protocol::image::ClusterImage;
use fencepost_protocol::io::Output;
use fencepost_protocol::time::{Instant, Now, Span};

use super::World;
use super::node::Body;
use super::settle::Ending;
use crate::digest::Digest;
use crate::evidence::History;
use crate::roles::Client;
use crate::roles::external::{ExternalClient, Mail, Standing};
use crate::schedule::{Actor, Fault, When};

impl<'a> World<'a> {
    /// Does everything that is due up to `until`, and stands at that time. Returns how the run ended, if it did.
    pub(crate) fn run_to(&mut self, until: Instant) -> Option<Ending> {
        self.0.run_to(until)
    }

    /// When something is due next.
    pub(crate) fn next_time(&self) -> Option<Instant> {
        self.0.next_time()
    }

    pub(crate) fn now(&self) -> Instant {
        self.0.net.now()
    }

    pub(crate) fn now_at(&self, actor: Actor) -> Now {
        self.0.net.now_at(actor)
    }

    pub(crate) fn digest(&mut self) -> &mut Digest {
        &mut self.0.net.digest
    }

    pub(crate) fn history(&mut self) -> &mut History<'a> {
        &mut self.0.system.history
    }

    /// Whether the run may end by itself once everything has finished.
    pub(crate) fn hold_open(&mut self, held: bool) {
        self.0.system.settle.held = held;
    }

    /// How long, from then on, what has not finished is waited for.
    pub(crate) fn bound_by(&mut self, bound: Span) {
        self.0.system.settle.patience.bound_by(bound);
    }

    fn external(&mut self, actor: Actor) -> &mut ExternalClient {
        match &mut self.0.system.bodies[actor as usize] {
            Body::Client(Client::External(client)) => client,
            _ => panic!("actor {actor} is a program's client"),
        }
    }

    /// Takes what has reached a program's client, into `mail`.
    pub(crate) fn take_mail(&mut self, actor: Actor, mail: &mut Mail) {
        let kept = &mut self.external(actor).mail;
        mail.inputs.append(&mut kept.inputs);
        mail.due |= std::mem::take(&mut kept.due);
    }

    pub(crate) fn has_mail(&mut self, actor: Actor) -> bool {
        !self.external(actor).mail.is_empty()
    }

    /// A program's client sends, and wants to be woken at `deadline`.
    pub(crate) fn admit(&mut self, actor: Actor, outputs: &mut Vec<Output>, deadline: Instant, standing: Standing) {
        let client = self.external(actor);
        client.deadline = deadline;
        client.stand(standing);
        // The program learns late that a connection is gone: what it wrote to it before is lost with it.
        let node = self.0.net.node(actor);
        outputs.retain(|output| match output {
            Output::Send(channel, ..) => node.has_open(*channel),
            _ => true,
        });
        self.0.net.out.append(outputs);
        self.0.flush(actor);
    }

    /// A program makes a client on this node.
    pub(crate) fn name_external(&mut self, actor: Actor, name: &str) {
        self.0.net.rename(actor, name);
        self.external(actor).takes_over(None);
    }

    /// The program's client is gone; its node is free for another one. Its host resets what connections it had.
    pub(crate) fn end_external(&mut self, actor: Actor) {
        self.0.end_process(actor, Ended::Crash);
        self.0.start_process(actor);
    }

    /// A fault from outside: now, if its time has come.
    pub(crate) fn fault_from_outside(&mut self, mut fault: Fault) {
        if let When::At(at) = &mut fault.when {
            *at = (*at).max(self.now());
        }
        let number = Some(self.0.system.declare_fault(&fault, false));
        self.0.net.schedule([(Occasion { fault, number }, Origin::Written)]);
    }

    /// Whether any fault is at work or still to come.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.0.system.is_disturbed(&self.0.net)
    }

    /// The cluster's metadata, as the controller has it.
    pub(crate) fn image(&self) -> ClusterImage {
        match &self.0.system.bodies[self.0.system.controller as usize] {
            Body::Controller(controller) => controller.image().clone(),
            _ => ClusterImage::empty(),
        }
    }

    /// First offset and high watermark of a partition, by its leader's log.
    pub(crate) fn watermarks(&self, tp: TopicPartition) -> Option<(Offset, Offset)> {
        self.0.system.leader_log(tp).map(|(_, log)| (log.log_start_offset(), log.high_watermark()))
    }

    pub(crate) fn nodes_of_externals(plan: &crate::plan::Plan) -> Vec<Actor> {
        let names = plan.names();
        let number = |place: &crate::plan::ExternalPlan| names.actor(&place.name).expect("every node has a number");
        plan.externals.iter().map(number).collect()
    }
}
