//! Detects network file systems, whose locks and renames guarantee less.

use std::path::{Path, PathBuf};

/// Types of file systems that are served over a network or by another process.
const KINDS: [&str; 13] = [
    "9p",
    "afs",
    "ceph",
    "cifs",
    "fuse",
    "gfs2",
    "glusterfs",
    "lustre",
    "nfs",
    "nfs4",
    "ocfs2",
    "smb3",
    "smbfs",
];

/// The type of the network file system that holds a path, by Linux's mount table. `None` for a local one,
/// and on other systems.
pub(super) fn kind(path: &Path) -> Option<String> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    // A path that does not exist yet will be on the file system of its nearest existing ancestor.
    let whole = std::path::absolute(path).ok()?;
    let there = whole
        .ancestors()
        .find_map(|path| path.canonicalize().ok())?;
    kind_by(&table, &there)
}

fn kind_by(table: &str, path: &Path) -> Option<String> {
    let mount = |line: &str| {
        let (mount, rest) = line.split_once(" - ")?;
        let point = PathBuf::from(unescaped(mount.split(' ').nth(4)?));
        Some((point, rest.split(' ').next()?.to_owned()))
    };
    let above = table.lines().filter_map(mount);
    let above = above.filter(|(point, _)| path.starts_with(point));
    // `max_by_key` takes the last of equal ones: a later mount hides an earlier one at the same point.
    let (_, kind) = above.max_by_key(|(point, _)| point.components().count())?;
    let network = KINDS.contains(&kind.as_str()) || kind.starts_with("fuse.");
    network.then_some(kind)
}

/// Decodes the escapes of the mount table: a space is `\040`.
fn unescaped(text: &str) -> String {
    let pairs = [
        ("\\040", " "),
        ("\\011", "\t"),
        ("\\012", "\n"),
        ("\\134", "\\"),
    ];
    let replace = |text: String, (from, to): (&str, &str)| text.replace(from, to);
    pairs.into_iter().fold(text.to_owned(), replace)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:26 / /home rw - nfs4 server:/home rw
31 30 0:27 / /home/local\\040disk rw - xfs /dev/vdb rw
32 22 0:28 / /mnt rw master:1 - ext4 /dev/vdc rw
33 22 0:29 / /mnt rw - fuse.sshfs host:/ rw
34 22 254:9 / /win rw - fuseblk /dev/vdd rw";

    #[test]
    fn the_deepest_mount_above_a_path_decides_and_of_equal_ones_the_last() {
        let of = |path: &str| kind_by(TABLE, Path::new(path));
        assert_eq!(of("/srv/shop.twin"), None);
        assert_eq!(of("/home/a/shop.twin"), Some("nfs4".to_owned()));
        assert_eq!(of("/homes"), None, "another name");
        assert_eq!(of("/home/local disk/a"), None);
        assert_eq!(of("/mnt/a"), Some("fuse.sshfs".to_owned()));
        assert_eq!(of("/win/a"), None, "a local disk behind a driver");
        assert_eq!(kind_by("no table", Path::new("/")), None);
    }
}
