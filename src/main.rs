//! The `hardwire` command.

fn main() {}
