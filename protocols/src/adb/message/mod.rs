//! What packets and streams say: banners, authentication, services, files, shells.

mod auth;
mod banner;
mod service;
pub mod shell;
pub mod sync;
#[cfg(test)]
mod tests;

pub use auth::{AuthKind, TOKEN_LEN};
pub use banner::{Banner, Features, MAX_BANNER, SystemKind, feature};
pub use service::{
    Reboot, SIDELOAD_BLOCK, Sideload, Wanted, abb_exec, exec, reboot, root, shell_v1, shell_v2, sync, unroot,
};
