//! A broker's life as the controller sees it: registration, heartbeats, controlled shutdown (§7.5).

use super::Broker;
use super::link::Link;
use super::timer::Timer;
use crate::config::BrokerVariant;
use crate::ids::*;
use crate::io::*;
use crate::message::*;
use crate::net::Reconnect;
use crate::time::{Instant, Now, Span};

/// First pause after a failed registration or heartbeat; doubles up to the session timeout.
const FIRST_PAUSE_MS: i64 = 100;
const RECONNECT: Reconnect = Reconnect::after_ms(50);

/// How far a controlled shutdown has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shutdown {
    No,
    Wanted,
    /// The controller has been asked; leaderships are moving.
    Asked,
    Granted,
}

/// The broker's standing with the controller.
#[derive(Clone, Debug)]
pub(super) struct Life {
    pub link: Link,
    incarnation: u64,
    /// Of the run before, if that one shut down cleanly; else -1.
    previous_broker_epoch: i64,
    /// Given at registration.
    pub broker_epoch: Option<i64>,
    /// The own registration is in the applied image: roles are taken from it.
    pub caught_up: bool,
    /// The last heartbeat's answer said so; a broker begins fenced.
    pub fenced: bool,
    /// It takes requests: from the first time that it is not fenced.
    serving: bool,
    shutdown: Shutdown,
    failures: u32,
    /// When to speak to the controller next.
    due: Instant,
    /// Something changed while a request was in flight: speak again at once.
    hurry: bool,
}

impl Life {
    pub fn new(incarnation: u64, previous_broker_epoch: Option<i64>) -> Life {
        Life {
            link: Link::new(Channel { to: NodeId::CONTROLLER, purpose: Purpose::ControllerHeartbeat }),
            incarnation,
            previous_broker_epoch: previous_broker_epoch.unwrap_or(-1),
            broker_epoch: None,
            caught_up: false,
            fenced: true,
            serving: false,
            shutdown: Shutdown::No,
            failures: 0,
            due: Instant::NEVER,
            hurry: false,
        }
    }
}

impl Broker {
    /// Asks the controller to move all leaderships away, so that the broker can stop.
    pub fn begin_shutdown(&mut self, now: Now, out: &mut Outputs) {
        self.now = now;
        if self.life.shutdown == Shutdown::No {
            self.life.shutdown = Shutdown::Wanted;
            self.speak_soon(out);
            self.deadline = self.earliest();
        }
    }

    /// Whether it takes requests. A broker that starts does so only once it has caught up with the metadata and the
    /// controller has unfenced it (§7.8); being fenced later does not end it.
    pub fn is_serving(&self) -> bool {
        self.life.serving || self.config.variant.has(BrokerVariant::MetadataFlapSeqReset)
    }

    /// Whether the controller has agreed to the shutdown: the process may end, cleanly.
    pub fn is_stopped(&self) -> bool {
        self.life.shutdown == Shutdown::Granted
    }

    fn plan_speaking(&mut self, pause: Span) {
        self.timers.clear(self.life.due, Timer::Heartbeat);
        self.life.due = self.now.mono + pause;
        self.timers.set(self.life.due, Timer::Heartbeat);
    }

    /// Speaks to the controller now, or as soon as its answer in flight is here.
    pub(super) fn speak_soon(&mut self, out: &mut Outputs) {
        self.life.hurry = true;
        self.speak(out);
    }

    /// Registration, or the heartbeat.
    pub(super) fn speak(&mut self, out: &mut Outputs) {
        if self.is_stopped() {
            return;
        }
        if !self.life.link.is_free() {
            self.life.link.open(self.now.mono, &mut self.timers, out);
            return;
        }
        self.life.hurry = false;
        let request: Request = match self.life.broker_epoch {
            None => BrokerRegistrationRequest {
                broker: self.id,
                incarnation: self.life.incarnation,
                previous_broker_epoch: self.life.previous_broker_epoch,
            }
            .into(),
            Some(broker_epoch) => BrokerHeartbeatRequest {
                broker: self.id,
                broker_epoch,
                current_metadata_version: self.image.version,
                want_fence: !self.life.caught_up,
                want_shutdown: self.life.shutdown != Shutdown::No,
            }
            .into(),
        };
        let timeout = Span::from_millis((self.config.session_timeout_ms / 2).max(1).into());
        self.life.link.send(request, timeout, self.now.mono, &mut self.timers, out);
    }

    fn speaking_failed(&mut self) {
        let limit = i64::from(self.config.session_timeout_ms);
        let pause = FIRST_PAUSE_MS.saturating_mul(1 << self.life.failures.min(20)).min(limit);
        self.life.failures += 1;
        self.plan_speaking(Span::from_millis(pause));
    }

    /// The connection for heartbeats is gone.
    pub(super) fn life_link_lost(&mut self, out: &mut Outputs) {
        self.life.link.lost(self.now, RECONNECT);
        self.life.hurry = true;
        self.speak(out);
    }

    /// The controller answered the registration.
    pub(super) fn registered(&mut self, response: BrokerRegistrationResponse, out: &mut Outputs) {
        match response.broker_epoch {
            Ok(epoch) => {
                self.life.broker_epoch = Some(epoch);
                self.life.failures = 0;
                self.transactions.set_broker_epoch(epoch);
                self.maybe_catch_up(out);
                if !self.life.caught_up {
                    self.speak_soon(out);
                }
            }
            // An earlier incarnation's session still lives, or something else: try again.
            Err(_) => self.speaking_failed(),
        }
    }

    /// The controller answered a heartbeat.
    pub(super) fn heartbeat_answered(&mut self, response: BrokerHeartbeatResponse, out: &mut Outputs) {
        if response.error.is_some() {
            return self.speaking_failed();
        }
        self.life.failures = 0;
        self.life.fenced = response.is_fenced;
        self.life.serving |= !response.is_fenced;
        match self.life.shutdown {
            Shutdown::Wanted | Shutdown::Asked if response.should_shutdown => {
                self.life.shutdown = Shutdown::Granted;
                return;
            }
            Shutdown::Wanted => self.life.shutdown = Shutdown::Asked,
            _ => {}
        }
        if self.life.hurry {
            self.speak(out);
        } else {
            self.plan_speaking(Span::from_millis(self.config.heartbeat_interval_ms.into()));
        }
    }
}
