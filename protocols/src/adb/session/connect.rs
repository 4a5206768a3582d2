//! The way in: how often to knock, and how long to wait for a person.

use std::time::Duration;

use super::{Failure, WINDOW};
use crate::time::Moment;

/// How long things may take before there is a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a unit may take to answer a greeting. One that starts its daemon at that moment takes a second or two.
    pub answer: Duration,
    /// Greetings in all: the first may meet what was left of another conversation.
    pub greetings: u32,
    /// How long a person may take to accept our key on the unit's screen.
    pub person: Duration,
    /// Bytes that a unit may send on a stream before any of them is acknowledged, where it counts bytes; at least 1. A daemon
    /// sends whatever it has at that moment as a packet, be it a few bytes: what lets it wait for its turn gets fewer and
    /// larger ones, what leads far lets it run.
    pub window: u32,
}

impl Default for Policy {
    fn default() -> Self {
        Self { answer: Duration::from_secs(3), greetings: 3, person: Duration::ZERO, window: WINDOW }
    }
}

/// Tokens that are answered before somebody has to accept a key: one a key, and a few for greetings that were repeated.
const MOST_TOKENS: u32 = 64;

#[derive(Debug)]
pub(super) struct Connect {
    policy: Policy,
    until: Moment,
    greetings: u32,
    tokens: u32,
    state: State,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Greeted,
    /// The unit wants to know who we are.
    Asked,
    /// A person has to accept our key.
    Offered,
}

/// What a moment brings.
#[derive(Debug)]
pub(super) enum At {
    Wait(Moment),
    Again,
    Over(Failure),
}

impl Connect {
    pub(super) fn new(now: Moment, policy: Policy) -> Self {
        Self { policy, until: now + policy.answer, greetings: 1, tokens: 0, state: State::Greeted }
    }

    pub(super) fn at(&mut self, now: Moment) -> At {
        if now < self.until {
            return At::Wait(self.until);
        }
        match self.state {
            State::Greeted if self.greetings < self.policy.greetings => {
                self.greetings += 1;
                self.until = now + self.policy.answer;
                At::Again
            }
            State::Greeted => At::Over(Failure::NoAnswer { greetings: self.greetings }),
            State::Asked => At::Over(Failure::NoVerdict),
            State::Offered => At::Over(Failure::NotAccepted { waited: self.policy.person }),
        }
    }

    pub(super) fn asked(&mut self, now: Moment) -> Result<(), Failure> {
        self.tokens += 1;
        if self.tokens > MOST_TOKENS {
            return Err(Failure::TooManyTokens);
        }
        // Daemons send tokens while a key waits for a person: those move nothing.
        if self.state != State::Offered {
            self.state = State::Asked;
            self.until = now + self.policy.answer;
        }
        Ok(())
    }

    pub(super) fn offered(&mut self, now: Moment) {
        if self.state != State::Offered {
            self.state = State::Offered;
            self.until = now + self.policy.person;
        }
    }
}
