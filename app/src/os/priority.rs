//! Which thread goes first when there is not enough processor for all.

/// Lets other threads of this machine go before the calling one. Where the system has no such thing per thread, nothing
/// changes.
pub fn lower_this_thread() {
    #[cfg(target_os = "linux")]
    {
        /// In nice's units; 0 is the usual, 19 the last.
        const NICE: libc::c_int = 5;
        // SAFETY: takes numbers only. On Linux a thread id is a "process" here, and 0 is the calling thread.
        let failed = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
        if failed != 0 {
            tracing::debug!("a thread's priority stays: {}", std::io::Error::last_os_error());
        }
    }
}
