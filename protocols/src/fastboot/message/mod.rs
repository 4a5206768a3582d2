//! What is asked of a unit, and what it says of itself.

mod command;
#[cfg(test)]
mod tests;
mod variable;

pub use command::{Command, CommandError, Lock};
pub use variable::{Variable, Variables, partition_size, size, yes_no};
