//! A session bus, for terminal programs that leave their windows to a server.

use anyhow::{Context, Result};

use crate::display::Display;
use crate::process::Program;
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

/// A running bus. What it starts itself sees the display.
pub struct Bus {
    address: String,
    _daemon: Program,
}

impl Bus {
    /// Starts it and waits for its address.
    pub fn start(sandbox: &Sandbox, display: &Display) -> Result<Self> {
        let mut command = sandbox.command("dbus-daemon");
        command.args(["--session", "--nofork", "--print-address=1"]).env("DISPLAY", display.name());
        let daemon = sandbox.spawn("dbus-daemon", command)?;
        let address = wait_until("the bus's address", PATIENCE, || {
            daemon.stdout().strip_suffix('\n').map(str::to_owned)
        });
        let address = address.with_context(|| daemon.stderr())?;
        Ok(Self { address, _daemon: daemon })
    }

    /// What goes into `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> &str {
        &self.address
    }
}
