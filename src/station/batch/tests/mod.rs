#[cfg(unix)]
mod floor;
mod invariants;
mod line;
mod shop;
