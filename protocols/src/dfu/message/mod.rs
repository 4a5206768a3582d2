//! What a unit says of itself: its state and its status, in numbers and in sentences.

mod codes;
mod state;
mod status;
#[cfg(test)]
mod tests;

pub use state::State;
pub use status::Status;
