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
        Self::run(sandbox, display, "--session")
    }

    /// A bus that starts nothing: who is not there is not there.
    pub fn bare(sandbox: &Sandbox, display: &Display) -> Result<Self> {
        let config = sandbox.root().join("bus.conf");
        let text = r#"<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><auth>EXTERNAL</auth>
            <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
            <allow own="*"/></policy></busconfig>"#;
        std::fs::write(&config, text).context("writing the bus's settings")?;
        Self::run(sandbox, display, &format!("--config-file={}", config.display()))
    }

    fn run(sandbox: &Sandbox, display: &Display, config: &str) -> Result<Self> {
        let mut command = sandbox.command("dbus-daemon");
        command.args([config, "--nofork", "--print-address=1"]).env("DISPLAY", display.name());
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
