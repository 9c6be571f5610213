//! Clients whose programs are outside the world: running up to a time, and taking in what they do.

use fencepost_protocol::ids::{Offset, TopicPartition};
use fencepost_protocol::image::ClusterImage;
use fencepost_protocol::io::Output;
use fencepost_protocol::time::{Instant, Span};

use super::World;
use super::faults::{Occasion, Origin};
use super::node::{Body, Ended};
use super::settle::Ending;
use crate::roles::Client;
use crate::roles::external::{ExternalClient, Mail, Standing};
use crate::schedule::{Actor, Fault, When};

impl<'a> World<'a> {
    /// Does everything that is due up to `until`, and stands at that time. Returns how the run ended, if it did.
    pub(crate) fn run_to(&mut self, until: Instant) -> Option<Ending> {
        while self.queue.next_time().is_some_and(|at| at <= until) {
            let next = self.queue.pop().expect("something is due");
            if let Some(ending) = self.happen(next) {
                return Some(ending);
            }
        }
        if until > self.now {
            self.stand_at(until);
        }
        None
    }

    /// When something is due next.
    pub(crate) fn next_time(&self) -> Option<Instant> {
        self.queue.next_time()
    }

    /// Whether the run may end by itself once everything has finished.
    pub(crate) fn hold_open(&mut self, held: bool) {
        self.settle.held = held;
    }

    /// How long, from then on, what has not finished is waited for.
    pub(crate) fn bound_by(&mut self, bound: Span) {
        self.settle.patience.bound_by(bound);
    }

    fn external(&mut self, actor: Actor) -> &mut ExternalClient {
        match &mut self.nodes[actor as usize].body {
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
        let open = &self.nodes[actor as usize].channels;
        outputs.retain(|output| match output {
            Output::Send(channel, ..) => open.iter().any(|(c, _)| c == channel),
            _ => true,
        });
        self.out.append(outputs);
        self.flush(actor);
    }

    /// A program makes a client on this node.
    pub(crate) fn name_external(&mut self, actor: Actor, name: &str) {
        self.nodes[actor as usize].name = name.to_string();
        self.external(actor).takes_over(None);
    }

    /// The program's client is gone; its node is free for another one. Its host resets what connections it had.
    pub(crate) fn end_external(&mut self, actor: Actor) {
        self.end_process(actor, Ended::Crash);
        self.start_process(actor);
    }

    /// A fault from outside: now, if its time has come.
    pub(crate) fn fault_from_outside(&mut self, mut fault: Fault) {
        if let When::At(at) = &mut fault.when {
            *at = (*at).max(self.now);
        }
        let number = Some(self.declare_fault(&fault, false));
        self.schedule_faults(vec![(Occasion { fault, number }, Origin::Written)]);
    }

    /// Whether any fault is at work or still to come.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.faults.is_active(self.now)
    }

    /// The cluster's metadata, as the controller has it.
    pub(crate) fn image(&self) -> ClusterImage {
        match &self.nodes[self.controller as usize].body {
            Body::Controller(controller) => controller.image().clone(),
            _ => ClusterImage::empty(),
        }
    }

    /// First offset and high watermark of a partition, by its leader's log.
    pub(crate) fn watermarks(&self, tp: TopicPartition) -> Option<(Offset, Offset)> {
        self.leader_log(tp).map(|(_, log)| (log.log_start_offset(), log.high_watermark()))
    }

    pub(crate) fn nodes_of_externals(plan: &crate::plan::Plan) -> Vec<Actor> {
        let names = plan.names();
        let number = |place: &crate::plan::ExternalPlan| names.actor(&place.name).expect("every node has a number");
        plan.externals.iter().map(number).collect()
    }
}
