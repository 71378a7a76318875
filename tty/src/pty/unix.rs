//! Unix: `/dev/ptmx`, a session of its own for the program, and signals.

use super::{Command, SpawnError};
use crate::size::Size;
use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{self, Stdio};
use std::rc::Rc;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// One past the greatest signal of any system that we know.
const SIGNALS_END: i32 = 65;

/// A program just started.
#[derive(Debug)]
pub struct Spawned {
    /// The holder's end of its terminal.
    pub master: Master,
    /// Its process, which leads the terminal's session.
    pub pid: u32,
}

/// The holder's end of a pseudo-terminal. Reads and writes never wait. One task reads, one writes.
#[derive(Debug)]
pub struct Master {
    file: File,
    reading: Side,
    writing: Side,
}

impl Master {
    fn new(file: File) -> io::Result<Self> {
        let (reading, writing) =
            (Side::new(&file, Interest::READABLE)?, Side::new(&file, Interest::WRITABLE)?);
        Ok(Self { file, reading, writing })
    }

    /// Reads what is there, and waits for the first byte. The kernel gives 4 KiB at a time: [`Self::read_now`] has the rest.
    /// 0 while the program and all that share its terminal have closed it.
    ///
    /// # Errors
    /// What the system says.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reading.when_ready(|mut file| file.read(buffer)).await {
            // How Linux says that nobody has the other end open.
            Err(err) if err.raw_os_error() == Some(libc::EIO) => Ok(0),
            read => read,
        }
    }

    /// The next 4 KiB, without waiting for the program; 0 when there is nothing, for whatever reason: [`Self::read`] knows it.
    pub fn read_now(&self, buffer: &mut [u8]) -> usize {
        (&self.file).read(buffer).unwrap_or(0)
    }

    /// Writes as much as there is room for, and waits for room for the first byte. An error when there is none and nobody has
    /// the other end open.
    ///
    /// # Errors
    /// What the system says.
    pub async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.writing.when_ready(|mut file| file.write(bytes)).await
    }

    /// Tells the terminal its size, and the kernel tells the foreground.
    ///
    /// # Errors
    /// What the system says.
    pub fn resize(&self, size: Size) -> io::Result<()> {
        set_size(&self.file, size)
    }

    /// The process group in the foreground of the terminal.
    pub fn foreground(&self) -> Option<i32> {
        // SAFETY: takes two integers; the descriptor is open.
        let group = unsafe { libc::tcgetpgrp(self.file.as_raw_fd()) };
        (group > 0).then_some(group)
    }
}

/// One direction of a [`Master`], with a descriptor of its own so that each is watched for itself.
///
/// What the system says of a hang-up is remembered for good by whatever watches the descriptor, although the program may
/// open its terminal again: from then on it would be told without end that there is something to do. So it is asked how things
/// are, and watched afresh.
#[derive(Debug)]
struct Side {
    watched: RefCell<Rc<AsyncFd<File>>>,
    interest: Interest,
}

impl Side {
    fn new(file: &File, interest: Interest) -> io::Result<Self> {
        Ok(Self { watched: RefCell::new(Rc::new(watch(file, interest)?)), interest })
    }

    /// Tries until it is done or fails, whenever there may be something to do. EIO once it would wait for nobody.
    async fn when_ready(&self, mut attempt: impl FnMut(&File) -> io::Result<usize>) -> io::Result<usize> {
        loop {
            let watched = Rc::clone(&self.watched.borrow());
            let mut ready = watched.ready(self.interest).await?;
            let was_hung_up = ready.ready().is_read_closed() || ready.ready().is_write_closed();
            match ready.try_io(|watched| attempt(watched.get_ref())) {
                Ok(Err(err)) if err.kind() == io::ErrorKind::Interrupted => {}
                Ok(done) => return done,
                Err(_would_block) if !was_hung_up => {}
                Err(_would_block) if is_hung_up(watched.get_ref())? => {
                    return Err(io::Error::from_raw_os_error(libc::EIO));
                }
                Err(_would_block) => {
                    let afresh = watch(watched.get_ref(), self.interest)?;
                    self.watched.replace(Rc::new(afresh));
                }
            }
        }
    }
}

fn watch(file: &File, interest: Interest) -> io::Result<AsyncFd<File>> {
    // SAFETY: the file owns its descriptor, gives no other, and lives as long as what watches it.
    Ok(unsafe { AsyncFd::register_with_interest(file.try_clone()?, interest) }?)
}

/// Whether nobody has the other end open now.
fn is_hung_up(file: &File) -> io::Result<bool> {
    let mut asked = libc::pollfd { fd: file.as_raw_fd(), events: 0, revents: 0 };
    // SAFETY: passes one entry, which is ours; the descriptor is open, and nothing is waited for.
    match unsafe { libc::poll(&raw mut asked, 1, 0) } {
        0.. => Ok(asked.revents & libc::POLLHUP != 0),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Starts a program in a new pseudo-terminal. Call it while the process has one thread, and in a tokio runtime.
///
/// # Errors
/// See [`SpawnError`].
pub fn spawn(command: &Command) -> Result<Spawned, SpawnError> {
    let (program, arguments) = command.argv.split_first().ok_or(SpawnError::NoCommand)?;
    let (master, slave) = open(command.size).map_err(SpawnError::Terminal)?;
    let end = || slave.try_clone().map(Stdio::from).map_err(SpawnError::Terminal);
    let mut child = process::Command::new(program);
    child.args(arguments).current_dir(&command.cwd).env_clear();
    child.envs(command.env.iter().map(|(name, value)| (name, value)));
    child.stdin(end()?).stdout(end()?).stderr(end()?);
    let umask = command.umask as libc::mode_t;
    // SAFETY: plain calls into the kernel that are allowed between fork and exec; nothing is allocated.
    unsafe { child.pre_exec(move || become_leader(umask)) };
    let failed = |source| SpawnError::Program { program: program.to_string_lossy().into_owned(), source };
    let pid = child.spawn().map_err(failed)?.id();
    Ok(Spawned { master: Master::new(master).map_err(SpawnError::Terminal)?, pid })
}

/// In the child: leads a new session on the terminal that is its input, with all signals as a login gives them.
fn become_leader(umask: libc::mode_t) -> io::Result<()> {
    for signal in 1..SIGNALS_END {
        // SAFETY: takes two integers. What cannot be set (KILL, STOP, the libc's own) is as it should be.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    // SAFETY: all zeros is a valid set, which sigemptyset fills; the calls take it or integers.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        libc::umask(umask);
        close_later();
        if libc::setsid() < 0 || libc::ioctl(0, libc::TIOCSCTTY as _, 0) < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Marks every descriptor but the standard ones to be closed by exec. Ours are marked already; this is for those that
/// came from whoever started us.
#[cfg(target_os = "linux")]
unsafe fn close_later() {
    // SAFETY: takes three integers. A kernel without the call leaves what the holder has closed itself.
    unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
}
#[cfg(not(target_os = "linux"))]
unsafe fn close_later() {}

/// A new pair of ends, both closed by exec; the master does not block.
fn open(size: Size) -> io::Result<(File, OwnedFd)> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: takes an integer; a descriptor that is not negative is new and ours alone.
    let master = unsafe {
        let fd = libc::posix_openpt(flags);
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        File::from_raw_fd(fd)
    };
    let fd = master.as_raw_fd();
    // SAFETY: take the open descriptor.
    if unsafe { libc::grantpt(fd) != 0 || libc::unlockpt(fd) != 0 } {
        return Err(io::Error::last_os_error());
    }
    let slave = open_slave(&master, flags)?;
    set_size(&master, size)?;
    speak_utf8(&slave)?;
    // SAFETY: takes integers; the descriptor is open.
    unsafe {
        let status = libc::fcntl(fd, libc::F_GETFL);
        if status < 0 || libc::fcntl(fd, libc::F_SETFL, status | libc::O_NONBLOCK) < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok((master, slave))
}

#[cfg(target_os = "linux")]
fn open_slave(master: &File, flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: the master is open; a descriptor that is not negative is new and ours alone.
    unsafe {
        let fd = libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER as _, flags);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}
#[cfg(not(target_os = "linux"))]
fn open_slave(master: &File, flags: i32) -> io::Result<OwnedFd> {
    // SAFETY: the master is open, ptsname's text is ours until the next call (there is one thread), and a descriptor that
    // is not negative is new and ours alone.
    unsafe {
        let name = libc::ptsname(master.as_raw_fd());
        if name.is_null() {
            return Err(io::Error::last_os_error());
        }
        let fd = libc::open(name, flags);
        if fd < 0 { Err(io::Error::last_os_error()) } else { Ok(OwnedFd::from_raw_fd(fd)) }
    }
}

/// So that the line editor of the kernel erases whole characters.
fn speak_utf8(slave: &OwnedFd) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "macos"))]
    // SAFETY: all zeros is a valid termios, which tcgetattr fills; the descriptor is open.
    unsafe {
        let mut modes: libc::termios = std::mem::zeroed();
        if libc::tcgetattr(slave.as_raw_fd(), &raw mut modes) != 0 {
            return Err(io::Error::last_os_error());
        }
        modes.c_iflag |= libc::IUTF8;
        if libc::tcsetattr(slave.as_raw_fd(), libc::TCSANOW, &raw const modes) != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

fn set_size(master: &File, size: Size) -> io::Result<()> {
    let size = libc::winsize {
        ws_row: size.rows,
        ws_col: size.cols,
        ws_xpixel: size.cols.saturating_mul(size.cell_width),
        ws_ypixel: size.rows.saturating_mul(size.cell_height),
    };
    // SAFETY: the descriptor is open and the call reads a winsize.
    match unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ as _, &raw const size) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
