//! Why the operating system does not let us, and who can change that.

use std::path::Path;

use crate::detect::Found;

#[cfg(unix)]
pub(super) fn reason(node: &Path, found: &Found) -> Option<String> {
    use nix::unistd::{AccessFlags, Gid, Group, Uid, User, access};
    use std::os::unix::fs::MetadataExt;

    /// What a group may do that may read and write (inode(7)).
    const GROUP_RW: u32 = 0o060;

    access(node, AccessFlags::R_OK | AccessFlags::W_OK).err()?;
    let meta = std::fs::metadata(node).ok();
    let group = meta.filter(|meta| meta.gid() != 0 && meta.mode() & GROUP_RW == GROUP_RW);
    let group = group.and_then(|meta| Group::from_gid(Gid::from_raw(meta.gid())).ok().flatten());
    let Some(group) = group else { return Some(without_group(found)) };
    let user = User::from_uid(Uid::current()).ok().flatten().map(|user| user.name);
    let is_member = user.as_ref().is_some_and(|user| group.mem.contains(user));
    Some(if is_member {
        format!("you are a member of group `{}`, but were not yet when this session began: log in again", group.name)
    } else {
        let user = user.unwrap_or_else(|| "USER".into());
        format!(
            "you may not open it: `sudo usermod -aG {0} {user}` makes you a member of group `{0}`, then log in again",
            group.name
        )
    })
}

#[cfg(not(unix))]
pub(super) fn reason(_node: &Path, _found: &Found) -> Option<String> {
    None
}

/// Its owner is root alone: a udev rule has to change that, and there is one for what Hardwire drives.
#[cfg(unix)]
fn without_group(found: &Found) -> String {
    use crate::detect::udev::{self, Installed};

    let reason = if found.driver.is_none() {
        "only root may open it, and no rule of Hardwire's is for it"
    } else {
        match udev::installed() {
            Installed::Current => {
                "only root may open it although the udev rules are there: plug it in again, or see `hardwire udev check`"
            }
            Installed::Outdated(_) => {
                "only root may open it: the udev rules are of another version, `sudo hardwire udev install` renews them"
            }
            Installed::Absent => {
                "only root may open it: `sudo hardwire udev install` brings the udev rules that give you access"
            }
        }
    };
    reason.into()
}
