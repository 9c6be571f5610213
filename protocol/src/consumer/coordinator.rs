//! A consumer's group coordinator: who it is, heartbeats, and the time-outs of both (§4.6).

use super::membership::Member;
use super::*;

impl Consumer {
    /// The connection to the coordinator, if it is known.
    pub(super) fn coordinator(&self) -> Option<Channel> {
        let to = self.group.as_ref()?.coordinator?;
        Some(Channel { to, purpose: Purpose::GroupCoordinator })
    }

    pub(super) fn group_mut(&mut self) -> &mut Member {
        self.group.as_mut().expect("group requests are made by a group")
    }

    pub(super) fn drive_group(&mut self, now: Now, out: &mut Outputs) {
        if self.group.is_none() {
            return;
        }
        self.check_timeouts(now, out);
        self.find_coordinator(now, out);
        self.heartbeat(now, out);
        while self.closing.is_none() && !self.dead && self.take_step(now, out) {}
    }

    pub(super) fn check_timeouts(&mut self, now: Now, out: &mut Outputs) {
        if now.mono >= self.poll_deadline {
            self.poll_deadline = Instant::NEVER;
            if self.closing.is_none() && !self.group_mut().member_id.is_empty() {
                // The heartbeat thread leaves on behalf of an application that has not polled in time.
                self.send_leave(now, out);
                self.reset_generation(true);
                self.say(ConsumerEvent::PollTimeout);
            }
        }
        let deadline = self.group_mut().session_deadline;
        if now.mono >= deadline {
            self.group_mut().session_deadline = Instant::NEVER;
            self.mark_coordinator_unknown(now, out);
        }
        let deadline = self.group_mut().session_deadline;
        self.until(deadline.min(self.poll_deadline));
    }

    // ---- Coordinator ------------------------------------------------------------------------------------------------

    pub(super) fn find_coordinator(&mut self, now: Now, out: &mut Outputs) {
        let joins = !self.subscription.is_empty() && self.closing.is_none();
        let wanted =
            joins || !self.commits.is_empty() || !self.initializing.is_empty() || !self.offset_fetches.is_empty();
        let group = self.group_mut();
        if group.coordinator.is_some() || group.finding || !wanted {
            return;
        }
        let at = group.find_not_before;
        if at > now.mono {
            return self.until(at);
        }
        if let Some(channel) = self.least_loaded(now, out) {
            let group = self.group_mut();
            group.finding = true;
            let request = FindCoordinatorRequest { key_type: CoordinatorType::Group, key: group.id.clone() };
            self.connections.send(now, channel, request, Cookie::FindCoordinator, out);
        }
    }

    pub(super) fn on_coordinator(&mut self, now: Now, answer: Result<NodeId, ErrorCode>, out: &mut Outputs) {
        let session = Span::from_millis(i64::from(self.config.session_timeout_ms));
        let failures = self.group_mut().find_failures;
        let pause = self.pause_after(now, failures);
        let group = self.group_mut();
        group.finding = false;
        match answer {
            Ok(node) => {
                group.coordinator = Some(node);
                group.find_failures = 0;
                if group.heartbeats() {
                    group.session_deadline = now.mono + session;
                }
            }
            Err(error) if error.is_retriable() => {
                group.find_failures += 1;
                group.find_not_before = now.mono + pause;
            }
            Err(error) => self.die(error, out),
        }
    }

    /// The connection to the coordinator is gone, or was never made.
    pub(super) fn forget_coordinator(&mut self, node: NodeId) {
        if let Some(group) = &mut self.group
            && group.coordinator == Some(node)
        {
            group.coordinator = None;
            group.session_deadline = Instant::NEVER;
        }
    }

    /// Kafka closes the connection, and what is in flight on it fails.
    pub(super) fn mark_coordinator_unknown(&mut self, now: Now, out: &mut Outputs) {
        let Some(channel) = self.coordinator() else { return };
        self.forget_coordinator(channel.to);
        for cookie in self.connections.close(now, channel, out) {
            self.lost(now, channel, cookie, ErrorCode::NetworkException, out);
        }
    }

    // ---- Heartbeats -------------------------------------------------------------------------------------------------

    pub(super) fn heartbeat(&mut self, now: Now, out: &mut Outputs) {
        let group = self.group_mut();
        if !group.heartbeats() || group.heartbeat_in_flight || group.left {
            return;
        }
        let at = group.heartbeat_at;
        if at > now.mono {
            return self.until(at);
        }
        let Some(channel) = self.coordinator() else { return };
        if self.ready(now, channel, out) {
            let interval = Span::from_millis(i64::from(self.config.heartbeat_interval_ms));
            let group = self.group_mut();
            group.heartbeat_in_flight = true;
            group.heartbeat_at = now.mono + interval;
            let (request, cookie) =
                (HeartbeatRequest { group: group.wire_identity() }, Cookie::Heartbeat(group.identity));
            self.connections.send(now, channel, request, cookie, out);
        }
    }

    pub(super) fn on_heartbeat(&mut self, now: Now, identity: u32, error: Option<ErrorCode>, out: &mut Outputs) {
        let session = Span::from_millis(i64::from(self.config.session_timeout_ms));
        let backoff = Span::from_millis(self.config.retry_backoff_ms);
        let group = self.group_mut();
        group.heartbeat_in_flight = false;
        let current = group.identity == identity;
        match error {
            None => {
                if group.heartbeats() {
                    group.session_deadline = now.mono + session;
                }
            }
            Some(ErrorCode::RebalanceInProgress) => {
                if group.heartbeats() {
                    group.session_deadline = now.mono + session;
                }
                if group.is_stable() && current {
                    group.request_rejoin();
                }
            }
            Some(ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId) => {
                if current {
                    self.reset_generation(error == Some(ErrorCode::UnknownMemberId));
                }
            }
            Some(error) if error.needs_refresh() => {
                group.heartbeat_at = now.mono + backoff;
                self.mark_coordinator_unknown(now, out);
            }
            Some(error) if error.is_retriable() => group.heartbeat_at = now.mono + backoff,
            Some(error) if current => self.die(error, out),
            Some(_) => {}
        }
    }

    pub(super) fn on_heartbeat_lost(&mut self, now: Now) {
        let backoff = Span::from_millis(self.config.retry_backoff_ms);
        let group = self.group_mut();
        group.heartbeat_in_flight = false;
        group.heartbeat_at = now.mono + backoff;
    }

    // ---- Joining ----------------------------------------------------------------------------------------------------
}
