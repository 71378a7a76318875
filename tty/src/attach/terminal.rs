//! The terminal in front of the user, and its modes.

use crate::size::Size;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::fd::AsRawFd as _;

/// What a program may have switched on, switched off: mouse, focus, paste, keyboard flags, synchronized output, colours,
/// link, cursor, margins, character sets.
pub const ALL_OFF: &[u8] =
    b"\x1b[?2026l\x1b[?1000;1002;1003;1005;1006;1015;1016l\x1b[?1004l\x1b[?2004l\x1b[?1007h\
    \x1b[=0;1u\x1b[>4;0m\x1b]8;;\x1b\\\x1b[!p\x1b[?7h\x1b[?5l\x1b[?1l\x1b>\x1b(B\x0f\x1b[m\x1b[0 q\x1b[?25h";
pub const LEAVE_ALTERNATE: &[u8] = b"\x1b[?1049l";

/// The user's terminal in raw mode; it gets its modes back on drop.
#[derive(Debug)]
pub struct RawTerminal {
    /// The modes that it had; `None` when input or output is none.
    before: Option<libc::termios>,
    start: Vec<u8>,
}

impl RawTerminal {
    /// Switches to raw mode when both input and output are a terminal.
    ///
    /// # Errors
    /// What the system says.
    pub fn enter() -> io::Result<Self> {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return Ok(Self { before: None, start: Vec::new() });
        }
        let fd = io::stdin().as_raw_fd();
        // SAFETY: all zeros is a valid termios, which the calls fill and read; the descriptor is open.
        let before = unsafe {
            let mut before: libc::termios = std::mem::zeroed();
            if libc::tcgetattr(fd, &raw mut before) != 0 {
                return Err(io::Error::last_os_error());
            }
            let mut raw = before;
            libc::cfmakeraw(&raw mut raw);
            if libc::tcsetattr(fd, libc::TCSADRAIN, &raw const raw) != 0 {
                return Err(io::Error::last_os_error());
            }
            before
        };
        // What is on the screen goes to the scrollback: the program believes that its screen was empty.
        let rows = size().map_or(0, |size| usize::from(size.rows));
        let start = [vec![b'\n'; rows], b"\x1b[H\x1b[2J".to_vec()].concat();
        Ok(Self { before: Some(before), start })
    }

    /// Whether there is a terminal, whose keys are the program's.
    pub fn is_terminal(&self) -> bool {
        self.before.is_some()
    }

    /// What makes room for the program's screen.
    pub fn start(&self) -> &[u8] {
        &self.start
    }

    /// Switches everything off that the program may have switched on. `is_alternate`: it has left its alternate screen
    /// behind. `is_over`: its last words stay where they are; else the user's shell goes on below.
    pub fn clear_modes(&self, is_alternate: bool, is_over: bool) {
        if self.before.is_none() {
            return;
        }
        let rows = size().map_or(0, |size| size.rows);
        let below = format!("\x1b[{rows};1H\r\n");
        let mut stdout = io::stdout().lock();
        let parts: [&[u8]; 3] = [
            if is_alternate { LEAVE_ALTERNATE } else { b"" },
            ALL_OFF,
            if is_over || is_alternate { b"\r" } else { below.as_bytes() },
        ];
        // A terminal that was closed needs no modes.
        drop(parts.iter().try_for_each(|part| stdout.write_all(part)).and_then(|()| stdout.flush()));
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // SAFETY: reads a termios; the descriptor is open. A terminal that was closed needs no modes.
            unsafe { libc::tcsetattr(io::stdin().as_raw_fd(), libc::TCSADRAIN, before) };
        }
    }
}

/// The size of the terminal that is the standard output, else the standard input.
pub fn size() -> Option<Size> {
    [io::stdout().as_raw_fd(), io::stdin().as_raw_fd()].into_iter().find_map(|fd| {
        // SAFETY: all zeros is a valid winsize, which the call fills; the descriptor is open or the call fails.
        let size = unsafe {
            let mut size: libc::winsize = std::mem::zeroed();
            (libc::ioctl(fd, libc::TIOCGWINSZ as _, &raw mut size) == 0).then_some(size)
        }?;
        let cell = |pixels: u16, cells: u16| pixels.checked_div(cells).unwrap_or(0);
        let (width, height) = (cell(size.ws_xpixel, size.ws_col), cell(size.ws_ypixel, size.ws_row));
        Size::new(size.ws_col, size.ws_row).with_cell(width, height).usable()
    })
}
