mod invariants;
mod line;
mod shop;
