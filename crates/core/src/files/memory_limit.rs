//! How much memory this process may use.

use std::fs;
use std::path::Path;

const CGROUPS: &str = "/sys/fs/cgroup";

/// The memory in bytes that this process and the pages it maps may take: that of the machine, or the least limit of
/// its control groups (version 1 and 2). `None` where the system does not say (anything but Linux).
pub fn memory_limit() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok()?;
    let machine = machine
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = machine.split_whitespace().next()?.parse().ok()?;
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let limits = groups.lines().filter_map(group_limit);
    Some(limits.fold(kilobytes << 10, u64::min))
}

/// The least limit of a group and those around it. A line of `/proc/self/cgroup` is `0::PATH` for version 2 and
/// `NUMBER:CONTROLLERS:PATH` for version 1.
fn group_limit(line: &str) -> Option<u64> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (controllers, path) = (parts.next()?, parts.next()?);
    let (root, name) = match controllers {
        "" => (Path::new(CGROUPS).to_owned(), "memory.max"),
        _ if controllers.split(',').any(|name| name == "memory") => {
            (Path::new(CGROUPS).join("memory"), "memory.limit_in_bytes")
        }
        _ => return None,
    };
    // Inside a container the path may be one of the host, which is not there: the root is the container then.
    let group = root.join(path.trim_start_matches('/'));
    let groups = group
        .ancestors()
        .take_while(|group| group.starts_with(&root));
    let limits = groups.filter_map(|group| fs::read_to_string(group.join(name)).ok());
    // Version 2 says "max" where there is no limit.
    limits.filter_map(|text| text.trim().parse().ok()).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_limit_is_at_most_the_memory_of_the_machine() {
        let limit = memory_limit().unwrap();
        assert!(limit > 1 << 20, "{limit}");
        assert_eq!(group_limit("3:cpu,cpuacct:/"), None);
        assert_eq!(group_limit("a line of another form"), None);
    }
}
