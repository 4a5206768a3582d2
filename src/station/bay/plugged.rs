//! Which device hangs on a port, and what came and went there.

use crate::detect::Found;
use crate::device::Continuity;

/// A device on USB from its arrival to its departure: what comes back after it, be it the same, is another one here.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Plugged {
    port: String,
    /// The number that the system gave it as it was plugged in.
    number: Option<u32>,
}

impl Plugged {
    pub(super) fn of(found: &Found) -> Option<Plugged> {
        let usb = found.usb.as_ref()?;
        Some(Plugged { port: usb.port.clone()?, number: usb.number })
    }

    /// The kernel's name of its port.
    pub(super) fn port(&self) -> &str {
        &self.port
    }
}

/// What comes and goes in a bay while its unit is away.
#[derive(Debug)]
pub(super) struct Track {
    state: State,
    continuity: Continuity,
}

#[derive(Debug)]
enum State {
    /// The unit has not been seen to leave.
    Before(Option<Plugged>),
    /// The bay is empty.
    Away,
    /// Something came.
    Back(Plugged),
}

impl Track {
    pub(super) fn new(held: Option<Plugged>) -> Track {
        Track { state: State::Before(held), continuity: Continuity::Kept }
    }

    /// Notes what is there now.
    pub(super) fn see(&mut self, now: Option<&Plugged>) {
        let next = match (&self.state, now) {
            (State::Before(held), now) if held.as_ref() == now => return,
            (State::Back(back), Some(now)) if back == now => return,
            (State::Back(_), now) => {
                // It had come already: this departure nobody commanded.
                self.continuity = Continuity::Lost;
                now.cloned().map_or(State::Away, State::Back)
            }
            (_, Some(now)) => State::Back(now.clone()),
            (_, None) => State::Away,
        };
        self.state = next;
    }

    /// Whether the unit was seen to leave.
    pub(super) fn has_left(&self) -> bool {
        !matches!(self.state, State::Before(_))
    }

    pub(super) fn continuity(&self) -> Continuity {
        self.continuity
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(held: Option<(&str, u32)>, now: &[Option<(&str, u32)>]) -> Continuity {
        let plugged = |(port, number): (&str, u32)| Plugged { port: port.to_owned(), number: Some(number) };
        let mut track = Track::new(held.map(plugged));
        for now in now {
            track.see(now.map(plugged).as_ref());
        }
        track.continuity()
    }

    #[test]
    fn one_departure_and_one_arrival_are_what_was_commanded() {
        let (old, new) = (Some(("1-1", 7)), Some(("1-1", 8)));
        assert_eq!(seen(old, &[]), Continuity::Kept);
        assert_eq!(seen(old, &[old, None, None, new, new]), Continuity::Kept);
        assert_eq!(seen(old, &[old, new]), Continuity::Kept);
        assert_eq!(seen(old, &[None, Some(("2-1", 3))]), Continuity::Kept);
    }

    #[test]
    fn one_more_departure_breaks_the_thread() {
        let (old, new, third) = (Some(("1-1", 7)), Some(("1-1", 8)), Some(("1-1", 9)));
        assert_eq!(seen(old, &[None, new, None]), Continuity::Lost);
        assert_eq!(seen(old, &[None, new, None, third]), Continuity::Lost);
        assert_eq!(seen(old, &[new, third]), Continuity::Lost);
        assert_eq!(seen(old, &[new, Some(("2-1", 3))]), Continuity::Lost);
    }

    #[test]
    fn where_no_port_tells_nothing_is_seen() {
        assert_eq!(seen(None, &[None, None]), Continuity::Kept);
    }
}
