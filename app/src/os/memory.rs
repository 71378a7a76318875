//! Memory that is not needed any more.

/// Gives back to the system what was freed: a program that rests needs little, and its allocator would keep the rest.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: any thread may call it at any time; it touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Heaps of their own for at most so many threads at once. By default there may be eight for each core, and fifty threads
/// that come and go leave holes in all of them: under two hundred clients memory crept up, with two it stays, and answers
/// take as long.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const HEAPS_MAX: libc::c_int = 2;

/// Keeps the program's memory together. Call it while there is one thread.
pub fn set_up() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: takes two integers.
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, HEAPS_MAX);
    }
}
