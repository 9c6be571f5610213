//! A vocabulary for the kernel's own tests: messages that are numbers.

use crate::Actor;
use crate::vocabulary::{About, Kind, Message, Nothing, Vocabulary};
use crate::world::Output;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Numbers {}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct One;

impl Kind for One {
    fn word(self) -> u64 {
        1
    }

    fn name(self) -> &'static str {
        "One"
    }
}

impl Message for u64 {
    type Kind = One;

    const EMPTY: u64 = 0;

    fn kind(&self) -> One {
        One
    }

    fn content(&self) -> u64 {
        *self
    }
}

impl crate::vocabulary::Subject for u64 {
    fn words(self) -> (u64, u64) {
        (0, self)
    }
}

impl Vocabulary for Numbers {
    type Request = u64;
    type Response = u64;
    type Kind = One;
    type Subject = u64;
    type Item = u64;
    type Address = Actor;
    type Channel = Actor;
    type Error = u64;
    type Action = Nothing;
    type Step = Nothing;
    type Output = Output<Numbers>;
    type Traced = Nothing;

    const AIMS: &'static [One] = &[One];

    fn about(_: Actor, request: &u64) -> About<u64> {
        About::Itself(*request)
    }

    fn addressee(_: One, channel: Actor) -> Option<Actor> {
        Some(channel)
    }

    fn channel_word(channel: Actor) -> u64 {
        channel.into()
    }

    fn item(subject: u64) -> Option<u64> {
        Some(subject)
    }

    fn request_concerns(request: &u64, item: u64) -> bool {
        *request == item
    }

    fn response_concerns(response: &u64, item: u64) -> bool {
        *response == item
    }

    fn refusal(_: &u64, error: u64) -> Option<u64> {
        Some(error)
    }

    fn overwrite(response: &mut u64, error: u64) {
        *response = error;
    }
}
