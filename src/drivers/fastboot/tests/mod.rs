//! The driver against the stand-in, over links in memory and under a clock that is moved by hand.

mod ahead;
mod bench;
mod capabilities;
mod harm;
