//! A payment API: it charges once for each request, or once for each idempotency key for as long as it remembers the key.

use std::collections::BTreeMap;

use fencepost_protocol::io::ConnId;
use fencepost_protocol::time::{Instant, Now, Span};
use fencepost_reports::render::counted;

use super::plan::PaymentsPlan;
use super::{Answer, Call, Effect, Key, Kind, Replies};

/// The machine. A charge and its key are durable before they are answered.
#[derive(Clone, Debug)]
pub struct Payments {
    pub(super) replies: Replies,
    pub(super) restart_after: Span,
    /// For how long a key is remembered; none: for ever.
    keys_expire: Option<Span>,
    charges: Vec<Effect>,
    /// When each key was used first.
    keys: BTreeMap<Key, Instant>,
}

impl Payments {
    /// One that has charged nobody.
    pub fn new(plan: &PaymentsPlan) -> Payments {
        Payments {
            replies: Replies::new(plan.service_time),
            restart_after: plan.restart_after,
            keys_expire: plan.keys_expire,
            charges: Vec::new(),
            keys: BTreeMap::new(),
        }
    }

    /// Where it stands, in words.
    pub(super) fn in_words(&self) -> Vec<String> {
        let keys = counted(self.keys.len() as u64, "idempotency key");
        vec![format!("{}; {keys} known", counted(self.charges.len() as u64, "charge"))]
    }

    /// Every charge, in order.
    pub fn charges(&self) -> &[Effect] {
        &self.charges
    }

    pub(super) fn request(&mut self, now: Now, conn: ConnId, by: u32, call: Call) {
        let Call::Charge { id, key } = call else { panic!("the plan sends only charges to a payment API: {call:?}") };
        let at = now.mono;
        let fresh = |since: &Instant| self.keys_expire.is_none_or(|span| at.since(*since) < span);
        let known = key.and_then(|key| self.keys.get(&key)).is_some_and(fresh);
        if !known {
            self.charges.push(Effect { id, at, by });
            self.keys.extend(key.map(|key| (key, at)));
        }
        self.replies.reply(now, conn, Kind::Charge, Answer::Charged { known });
    }
}

#[cfg(test)]
mod tests {
    use fencepost_protocol::batch::Origin;

    use super::*;

    fn charge(api: &mut Payments, ms: u64, key: Option<i64>) -> bool {
        let origin = |offset| Origin { offset, ..Origin::default() };
        let key = key.map(|offset| Key::Record(origin(offset)));
        let now = Now::at_ms(ms);
        api.request(now, ConnId(0), 0, Call::Charge { id: origin(7), key });
        match &api.replies.take(now)[..] {
            [(ConnId(0), response)] => response.answer == Answer::Charged { known: true },
            other => panic!("one answer, at once: {other:?}"),
        }
    }

    fn api(keys_expire: Option<i64>) -> Payments {
        let name = "bank".to_string();
        let (service_time, restart_after) = (Span::ZERO, Span::ZERO);
        Payments::new(&PaymentsPlan {
            name,
            service_time,
            restart_after,
            keys_expire: keys_expire.map(Span::from_millis),
        })
    }

    #[test]
    fn every_request_without_a_key_charges() {
        let mut api = api(None);
        assert!(!charge(&mut api, 0, None) && !charge(&mut api, 1, None));
        assert_eq!(api.charges().len(), 2);
    }

    #[test]
    fn a_key_charges_once_for_as_long_as_it_is_remembered() {
        let mut api = api(Some(100));
        assert!(!charge(&mut api, 0, Some(1)) && charge(&mut api, 99, Some(1)));
        assert!(!charge(&mut api, 50, Some(2)), "another key");
        assert_eq!(api.charges().len(), 2);
        assert!(!charge(&mut api, 100, Some(1)), "it is forgotten, counted from its first use");
        assert!(charge(&mut api, 199, Some(1)), "and remembered anew");
        assert_eq!(api.charges().len(), 3);
    }
}
