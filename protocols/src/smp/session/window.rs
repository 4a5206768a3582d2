//! How many requests to keep in flight.

/// Grows by one with every answer, up to what the unit claims to hold; a loss lowers the ceiling to below what was in
/// flight, and a long clean run raises it again by one. Units overstate: a reply, or half a request, takes one of the
/// buffers too, and a UART driver may have fewer than the protocol above it.
#[derive(Debug)]
pub(super) struct Window {
    size: usize,
    ceiling: usize,
    max: usize,
    clean: u32,
    raise_after: u32,
}

/// Answers without a loss before the ceiling is tried again; doubled with every loss.
const RAISE_AFTER: u32 = 32;
const RAISE_AFTER_MAX: u32 = 4096;

impl Window {
    pub(super) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self { size: 1, ceiling: max, max, clean: 0, raise_after: RAISE_AFTER }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Most requests in flight that were not seen to be too many.
    pub(super) fn ceiling(&self) -> usize {
        self.ceiling
    }

    pub(super) fn answered(&mut self) {
        self.clean = self.clean.saturating_add(1);
        if self.ceiling < self.max && self.clean >= self.raise_after {
            self.ceiling += 1;
            self.clean = 0;
        }
        self.size = (self.size + 1).min(self.ceiling);
    }

    /// A request was lost while so many were in flight. A loss with one in flight says nothing about the window.
    pub(super) fn lost(&mut self, in_flight: usize) {
        self.clean = 0;
        if in_flight > 1 {
            self.ceiling = self.ceiling.min(in_flight - 1).max(1);
            self.raise_after = (self.raise_after.saturating_mul(2)).min(RAISE_AFTER_MAX);
        }
        self.size = self.size.min(self.ceiling);
    }

    /// Nothing was heard at all: feel the way again from one.
    pub(super) fn silent(&mut self, in_flight: usize) {
        self.lost(in_flight);
        self.size = 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_to_the_limit_and_falls_below_what_was_lost() {
        let mut window = Window::new(4);
        assert_eq!(window.size(), 1);
        for expected in [2, 3, 4, 4] {
            window.answered();
            assert_eq!(window.size(), expected);
        }
        window.lost(4);
        assert_eq!(window.size(), 3);
        window.silent(3);
        assert_eq!(window.size(), 1);
        window.answered();
        window.answered();
        assert_eq!(window.size(), 2, "the ceiling keeps below what was lost");
        for _ in 0..1000 {
            window.answered();
        }
        assert_eq!(window.size(), 4, "a long clean run raises it again");
    }

    #[test]
    fn a_loss_with_one_in_flight_says_nothing_about_the_window() {
        let mut window = Window::new(4);
        window.lost(1);
        window.answered();
        assert_eq!(window.size(), 2);
    }
}
