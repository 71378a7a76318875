//! The display's pointer, moved by the server itself (XTEST), so that the window sees what a person's hand would do.

use anyhow::{Context, Result};
use x11rb::connection::Connection;
use x11rb::protocol::xproto::{BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, MOTION_NOTIFY_EVENT};
use x11rb::protocol::xtest::ConnectionExt;
use x11rb::rust_connection::RustConnection;

/// The buttons that a wheel's clicks are.
const UP: u8 = 4;
const DOWN: u8 = 5;

/// The pointer.
pub struct Pointer {
    connection: RustConnection,
    root: u32,
}

impl Pointer {
    /// Connects to a display by its name.
    pub fn open(display: &str) -> Result<Self> {
        let (connection, number) =
            RustConnection::connect(Some(display)).with_context(|| format!("connecting to {display}"))?;
        let root = connection.setup().roots.get(number).context("the display has no screen")?.root;
        Ok(Self { connection, root })
    }

    /// Puts it there.
    pub fn move_to(&self, x: i16, y: i16) -> Result<()> {
        self.connection.xtest_fake_input(MOTION_NOTIFY_EVENT, 0, 0, self.root, x, y, 0)?;
        Ok(self.connection.flush()?)
    }

    /// One click of the wheel.
    pub fn wheel(&self, up: bool) -> Result<()> {
        self.click(if up { UP } else { DOWN })
    }

    /// Presses a button and lets it go.
    pub fn click(&self, button: u8) -> Result<()> {
        for event in [BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT] {
            self.connection.xtest_fake_input(event, button, 0, self.root, 0, 0, 0)?;
        }
        Ok(self.connection.flush()?)
    }
}
