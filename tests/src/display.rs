//! A display without a screen, with a window manager: without one no window gets the keyboard.

use anyhow::{Context, Result, bail};

use crate::process::{Program, send_signal};
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

const SCREEN: &str = "1280x800x24";

/// The program that covers others with its window, and the class of that.
pub(crate) const COVER: &str = "xmessage";

/// A running Xvfb and openbox.
pub struct Display {
    name: String,
    _window_manager: Program,
    server: Program,
}

impl Display {
    /// Starts both and waits until a window manager owns the display.
    pub fn start(sandbox: &Sandbox) -> Result<Self> {
        let mut command = sandbox.command("Xvfb");
        command.args(["-displayfd", "1", "-screen", "0", SCREEN, "-nolisten", "tcp", "-noreset"]);
        let mut server = sandbox.spawn("xvfb", command)?;
        let number = wait_until("the display's number", PATIENCE, || match server.try_wait() {
            Some(status) => Some(Err(status)),
            None => server.stdout().strip_suffix('\n').map(|line| Ok(line.to_owned())),
        })?;
        let number =
            number.map_err(|status| anyhow::anyhow!("Xvfb ended ({status}): {}", server.stderr()))?;
        let name = format!(":{number}");
        let mut command = sandbox.command("openbox");
        command.env("DISPLAY", &name);
        let display = Self { name, _window_manager: sandbox.spawn("openbox", command)?, server };
        wait_until("the window manager", PATIENCE, || {
            let root = display.run(sandbox, &["xprop", "-root", "_NET_SUPPORTING_WM_CHECK"]).ok()?;
            root.contains("window id").then_some(())
        })?;
        Ok(display)
    }

    /// What goes into `DISPLAY`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Ends the server, as a crash of the desktop does.
    pub fn end(&self) -> Result<()> {
        let pid = i32::try_from(self.server.pid()).context("the server's process")?;
        send_signal(pid, libc::SIGKILL).context("ending the server")
    }

    /// Asks the window manager to give a program's windows the keyboard, by their class.
    pub(crate) fn give_keyboard_to(&self, sandbox: &Sandbox, class: &str) -> Result<()> {
        self.run(sandbox, &["xdotool", "search", "--class", class, "windowactivate"]).map(drop)
    }

    /// Opens another program's window, which gets the keyboard.
    pub(crate) fn cover(&self, sandbox: &Sandbox) -> Result<Program> {
        let mut command = sandbox.command(COVER);
        command.env("DISPLAY", &self.name).arg("something else");
        let program = sandbox.spawn(COVER, command)?;
        wait_until("the other window to be in front", PATIENCE, || {
            let active = self.run(sandbox, &["xdotool", "getactivewindow"]).ok()?;
            let class = self.run(sandbox, &["xprop", "-id", active.trim(), "WM_CLASS"]).ok()?;
            if class.contains(COVER) {
                return Some(());
            }
            // The window manager does not always give a new window the focus, but when it is asked to.
            self.give_keyboard_to(sandbox, COVER).ok()?;
            None
        })?;
        Ok(program)
    }

    /// Runs an X client (`xdotool`, `xprop`) to its end and gives what it printed.
    pub fn run(&self, sandbox: &Sandbox, argv: &[&str]) -> Result<String> {
        let (program, args) = argv.split_first().context("no program")?;
        let output = sandbox
            .command(program)
            .env("DISPLAY", &self.name)
            .args(args)
            .output()
            .with_context(|| format!("running {program}; `make install-deps` installs it"))?;
        if !output.status.success() {
            bail!("{argv:?} failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::sandbox_test;

    #[test]
    fn a_display_starts_with_a_window_manager() {
        sandbox_test(|sandbox| {
            let display = Display::start(sandbox)?;
            let size = display.run(sandbox, &["xdotool", "getdisplaygeometry"])?;
            assert_eq!(size.trim(), "1280 800");
            Ok(())
        })
        .unwrap();
    }
}
