//! The moments in the life of messages at which faults begin.

use super::World;
use super::event::Step;
use super::occasion::Occasion;
use super::triggers::Moment;
use crate::Actor;
use crate::schedule::{Deviation, Phase, When};
use crate::system::System;
use crate::time::Span;
use crate::vocabulary::{Message as _, Vocabulary};

impl<S: System> World<'_, S> {
    /// A request is at `phase`. Returns whether the node that is acting (sender or receiver) was stopped by a fault.
    pub(super) fn triggered(
        &mut self,
        phase: Phase,
        from: Actor,
        to: Actor,
        request: &<S::Vocabulary as Vocabulary>::Request,
    ) -> bool {
        let moment = Moment { phase, from, to, kind: request.kind() };
        let due = self.net.triggers.due(&moment, |item| S::Vocabulary::request_concerns(request, item));
        let acting = if phase == Phase::Sending { from } else { to };
        let incarnation = self.net.nodes[acting as usize].incarnation;
        self.begin(due);
        self.net.nodes[acting as usize].incarnation != incarnation
    }

    /// An answer is at `phase`.
    pub(super) fn triggered_answer(
        &mut self,
        phase: Phase,
        client: Actor,
        server: Actor,
        response: &<S::Vocabulary as Vocabulary>::Response,
    ) {
        let moment = Moment { phase, from: client, to: server, kind: response.kind() };
        let due = self.net.triggers.due(&moment, |item| S::Vocabulary::response_concerns(response, item));
        self.begin(due);
    }

    fn begin(&mut self, due: Vec<(usize, Occasion<S::Vocabulary>)>) {
        for (place, mut occasion) in due {
            self.net.record(|| Deviation::Fault(occasion.fault.clone()));
            let When::After(_, pause) = occasion.fault.when else { continue };
            if pause == Span::ZERO {
                // What the acting machine has pushed and not yet sent is not the fault's to send.
                let pending = std::mem::take(&mut self.net.out);
                self.act(&mut occasion);
                debug_assert!(self.net.out.is_empty(), "a fault sends what it makes a machine say");
                self.net.out = pending;
                self.net.triggers.numbered(place, occasion.number);
            } else {
                // The run does not end before it.
                self.net.lasts_until(self.net.now + pause);
                self.net.step_after(pause, self.net.home, Step::Act(place, occasion));
            }
        }
    }

    /// The fault of a trigger begins, after its pause.
    pub(super) fn begin_after_pause(&mut self, place: usize, mut occasion: Occasion<S::Vocabulary>) {
        self.act(&mut occasion);
        self.net.triggers.numbered(place, occasion.number);
    }
}
