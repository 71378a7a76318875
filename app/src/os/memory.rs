//! Memory that is not needed any more.

/// Gives back to the system what a program that rests does not need: what was freed, which its allocator would keep, and
/// the code that only ran to start. Whoever needs some of it again has it after a page fault.
pub fn give_back() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: any thread may call it at any time; it touches nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
    #[cfg(target_os = "linux")]
    let_go_of_code();
}

/// Takes the pages of program and libraries out of this process; they stay in the system's cache. Most are the compiler of
/// an OpenGL that draws in software, which ran for the first frame.
#[cfg(target_os = "linux")]
fn let_go_of_code() {
    let maps = match std::fs::read_to_string("/proc/self/maps") {
        Ok(maps) => maps,
        Err(err) => return tracing::debug!("reading what is mapped: {err}"),
    };
    for (start, end) in maps.lines().filter_map(code) {
        // SAFETY: nobody can have written to the pages of a file that are mapped to be run and not to be written, so what
        // is read from it again is what was there.
        let code = unsafe { libc::madvise(start as *mut libc::c_void, end - start, libc::MADV_DONTNEED) };
        if code != 0 {
            tracing::debug!("letting go of code: {}", std::io::Error::last_os_error());
        }
    }
}

/// Where a file's code is, from a line of `/proc/self/maps` (`START-END PERMISSIONS OFFSET DEVICE INODE PATH`, proc(5)).
#[cfg(target_os = "linux")]
fn code(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let is_code = fields.next()? == "r-xp";
    let path = fields.nth(3)?;
    // What has a name and no file behind it was put there by hand.
    let is_file = path.starts_with('/') && !path.starts_with("/memfd:") && !path.starts_with("/dev/");
    let address = |text| usize::from_str_radix(text, 16).ok();
    (is_code && is_file).then_some((address(start)?, address(end)?))
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_a_files_code_is_let_go_of() {
        let maps = "\
5580-5590 r--p 00000000 fe:00 1321 /usr/bin/magia-app
5590-55a0 r-xp 00010000 fe:00 1321 /usr/bin/magia-app
55a0-55b0 rw-p 00020000 fe:00 1321 /usr/bin/magia-app
7f10-7f20 r-xp 00000000 00:00 0
7f20-7f30 r-xp 00000000 00:01 77 /memfd:jit (deleted)
7f30-7f40 rwxp 00000000 fe:00 99 /tmp/patched
7ff0-7ff8 r-xp 00000000 00:00 0 [vdso]
7f50-7f60 r-xp 00000000 fe:00 42 /usr/lib/x y/libGL.so (deleted)";
        let found: Vec<_> = maps.lines().filter_map(code).collect();
        assert_eq!(found, [(0x5590, 0x55a0), (0x7f50, 0x7f60)]);
    }

    #[test]
    fn a_program_goes_on_without_what_it_gave_back() {
        let kept: Vec<String> = (0..10_000).map(|number| format!("kept {number}")).collect();
        let resident = |of: &str| {
            let smaps = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
            let line = smaps.lines().find(|line| line.starts_with(of)).unwrap().to_owned();
            line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        };
        let before = resident("Pss_File:");
        give_back();
        let after = resident("Pss_File:");
        assert!(after < before, "{before} KiB of files before, {after} after");
        assert!(kept.iter().enumerate().all(|(number, text)| *text == format!("kept {number}")));
    }
}
