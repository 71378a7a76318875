//! Systems without `/proc`: the process group of the program alone. Written, not run.

use super::signal_group;

pub(super) fn signal_all(leader: u32, signals: &[i32]) -> usize {
    let Ok(group) = i32::try_from(leader) else { return 0 };
    let reached = signals.iter().filter(|signal| signal_group(group, **signal).is_ok()).count();
    usize::from(reached > 0)
}

pub(super) fn is_alive(leader: u32) -> bool {
    i32::try_from(leader).is_ok_and(|group| signal_group(group, 0).is_ok())
}

pub(super) fn adopt_orphans() {}
