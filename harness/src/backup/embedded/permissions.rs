//! Permissions, which the format keeps as Go does.

use rustix::fs::FileType as Kind;

const GO_DIR: u32 = 1 << 31;
const GO_SYMLINK: u32 = 1 << 27;
const GO_DEVICE: u32 = 1 << 26;
const GO_PIPE: u32 = 1 << 25;
const GO_SOCKET: u32 = 1 << 24;
const GO_SETUID: u32 = 1 << 23;
const GO_SETGID: u32 = 1 << 22;
const GO_CHARDEV: u32 = 1 << 21;
const GO_STICKY: u32 = 1 << 20;
/// The three special bits, as the kernel and as Go have them.
const SPECIAL: [(u32, u32); 3] = [(0o4000, GO_SETUID), (0o2000, GO_SETGID), (0o1000, GO_STICKY)];

pub(super) fn mode_to_go(mode: u32) -> u32 {
    let kind = match Kind::from_raw_mode(mode) {
        Kind::Directory => GO_DIR,
        Kind::Symlink => GO_SYMLINK,
        Kind::BlockDevice => GO_DEVICE,
        Kind::CharacterDevice => GO_DEVICE | GO_CHARDEV,
        Kind::Fifo => GO_PIPE,
        Kind::Socket => GO_SOCKET,
        Kind::RegularFile | Kind::Unknown => 0,
    };
    SPECIAL.iter().filter(|(bit, _)| mode & bit != 0).fold(kind | (mode & 0o777), |go, (_, bit)| go | bit)
}

/// Only permissions and the special bits: what kind of thing it is, is told elsewhere.
pub(in crate::backup) fn mode_from_go(go: u32) -> u32 {
    SPECIAL.iter().filter(|(_, bit)| go & bit != 0).fold(go & 0o777, |mode, (bit, _)| mode | bit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_survive_the_way_of_go() {
        for mode in [0o644, 0o755, 0o4755, 0o2770, 0o1777, 0o7777, 0] {
            assert_eq!(mode_from_go(mode_to_go(mode)), mode, "{mode:o}");
        }
        assert_eq!(mode_to_go(0o100_644), 0o644);
        assert_eq!(mode_to_go(0o040_755), GO_DIR | 0o755);
        assert_eq!(mode_to_go(0o041_777), GO_DIR | GO_STICKY | 0o777);
    }
}
