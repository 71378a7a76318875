//! Memory that is not needed any more.

/// Gives back to the system what was freed: a program that rests needs little, and its allocator would keep the rest.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: any thread may call it at any time; it touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}
