//! A notification daemon of the test's own, and a person who clicks on what it shows.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::bus::Bus;
use crate::display::Display;
use crate::process::Program;
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

/// A running dunst.
pub struct Dunst<'a> {
    sandbox: &'a Sandbox,
    display: String,
    address: String,
    picked: PathBuf,
    program: Program,
}

impl<'a> Dunst<'a> {
    /// Starts it and waits until it answers.
    pub fn start(sandbox: &'a Sandbox, display: &Display, bus: &Bus) -> Result<Self> {
        let dir = sandbox.root().join("dunst");
        fs::create_dir_all(&dir).context("making its directory")?;
        let (menu, picked, config) = (dir.join("menu"), dir.join("picked"), dir.join("dunstrc"));
        fs::write(&menu, format!("#!/bin/sh\ngrep -m1 \"$(cat {})\"\n", picked.display()))?;
        fs::set_permissions(&menu, fs::Permissions::from_mode(0o755))?;
        fs::write(&config, format!("[global]\ndmenu = {}\n", menu.display()))?;
        let mut command = sandbox.command("dunst");
        command.arg("-conf").arg(&config);
        command.env("DISPLAY", display.name()).env("DBUS_SESSION_BUS_ADDRESS", bus.address());
        let program = sandbox.spawn("dunst", command)?;
        let (display, address) = (display.name().to_owned(), bus.address().to_owned());
        let dunst = Self { sandbox, display, address, picked, program };
        // dunstctl would have the bus start another.
        wait_until("dunst to come up", PATIENCE, || {
            let mut asks = dunst.command("dbus-send");
            asks.args(["--session", "--print-reply", "--dest=org.freedesktop.DBus", "/"]);
            asks.args(["org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.Notifications"]);
            let output = asks.output().ok()?;
            String::from_utf8_lossy(&output.stdout).contains("true").then_some(())
        })
        .with_context(|| dunst.program.stderr())?;
        Ok(dunst)
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) -> Result<()> {
        self.program.kill9().map(drop)
    }

    /// The titles of what it shows, or has shown.
    pub fn count(&self, which: &str) -> Result<usize> {
        self.ctl(&["count", which])?.trim().parse().context("a number")
    }

    /// Waits until so many are shown.
    pub fn wait_for(&self, count: usize) -> Result<()> {
        wait_until(&format!("{count} notifications on the screen"), PATIENCE, || {
            (self.count("displayed").ok()? == count).then_some(())
        })
    }

    /// Clicks on the newest.
    pub fn click(&self) -> Result<()> {
        self.ctl(&["action", "0"]).map(drop)
    }

    /// Presses a button of a notification by its words.
    pub fn press(&self, button: &str) -> Result<()> {
        fs::write(&self.picked, button).context("picking")?;
        self.ctl(&["context"]).map(drop)
    }

    /// What was shown and is gone, as dunst lists it, newest first.
    pub fn history(&self) -> Result<Value> {
        serde_json::from_str(&self.ctl(&["history"])?).context("reading the history")
    }

    fn ctl(&self, words: &[&str]) -> Result<String> {
        let output = self.command("dunstctl").args(words).output().context("running dunstctl")?;
        if !output.status.success() {
            bail!("dunstctl {words:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self, program: &str) -> std::process::Command {
        let mut command = self.sandbox.command(program);
        command.env("DISPLAY", &self.display).env("DBUS_SESSION_BUS_ADDRESS", &self.address);
        command
    }
}
