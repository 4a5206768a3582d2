//! The ledger: every record of a station, chained, and the journals of runs that have no record yet.
//!
//! A record is the exact bytes of an unsigned [in-toto Statement v1][statement]; its name is their SHA-256. Each names
//! its station, its number in the ledger and the digest of the record before it. What is stored is what was hashed:
//! nothing here writes a statement a second time. SQLite is inside, and only here.
//!
//! Left out: signatures (a table beside the records, over the same bytes), and a ledger shared by stations. The chain
//! shows what was changed or taken out of it, not that its newest records were cut off; that takes a signed head.
//!
//! [statement]: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md

mod journal;
mod query;
mod record;
mod recover;
mod store;
mod verify;

pub use journal::Journal;
pub use query::{Filter, OnceKey, Record};
pub use record::{Draft, RecordKind, Subject};
pub use recover::recover;
pub use store::{Ledger, Sealed};
pub use verify::{Damage, Verification, verify, verify_export};

#[cfg(test)]
mod tests;
