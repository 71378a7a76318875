//! What a holder no longer needs goes back to the system. A holder lives for days, and there may be dozens: a screen that was
//! large once, or a snapshot for a client, is not to be kept for good.
//!
//! glibc keeps what was freed: it raises its own limit for large pieces with the first one that is freed, makes a heap of
//! its own for each thread, and gives back the end of a heap only. So the limit is fixed, there is one heap, and from time
//! to time the free pages inside it are given back too.

use std::time::{Duration, Instant};

/// Larger pieces are pages of their own, which go back as soon as they are freed. Source: glibc's default.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_PAGES_BYTES: libc::c_int = 128 * 1024;
/// How often free pages are given back at most. It takes about a millisecond.
const GIVE_BACK_EVERY: Duration = Duration::from_secs(2);

/// Call it while there is one thread.
pub fn set_up() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes two integers.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
        libc::mallopt(libc::M_MMAP_THRESHOLD, OWN_PAGES_BYTES);
    }
}

/// When something was last given back, and how much was done then.
#[derive(Debug)]
pub struct Memory {
    last: Instant,
    done: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self { last: Instant::now(), done: 0 }
    }
}

impl Memory {
    /// Gives back what is free, when it is time and something was done since: `done` is any count of that.
    pub fn give_back(&mut self, done: u64) {
        if done == self.done || self.last.elapsed() < GIVE_BACK_EVERY {
            return;
        }
        self.last = Instant::now();
        self.done = done;
        #[cfg(all(target_os = "linux", target_env = "gnu"))]
        // SAFETY: takes an integer, how much to keep.
        unsafe {
            libc::malloc_trim(0);
        }
    }
}
