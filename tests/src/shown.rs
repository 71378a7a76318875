//! A terminal of magia's in the real window: looked at and typed into as a person does.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::app::binary;
use crate::display::Display;
use crate::process::Program;
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};
use crate::window::{Element, Window};

/// Starts a program in a terminal of magia's, which belongs to a holder of its own; `id` is its name too.
pub fn hold(sandbox: &Sandbox, id: &str, argv: &[String], env: &[(String, String)]) -> Result<()> {
    hold_with(sandbox, &binary("magia")?, id, argv, env)
}

/// The same with another copy of `magia`, which the holder then is.
pub fn hold_with(
    sandbox: &Sandbox,
    magia: &Path,
    id: &str,
    argv: &[String],
    env: &[(String, String)],
) -> Result<()> {
    let mut command = sandbox.command(magia);
    command.args(["run", "--detach", "--id", id, "--name", id, "--"]).args(argv);
    command.envs(env.iter().map(|(name, value)| (name, value)));
    let output = command.output().context("running magia")?;
    if !output.status.success() {
        let code = Program::exit_code(output.status);
        bail!("magia run ended with {code}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// A window that shows one terminal, which has the keyboard.
pub struct ShownTerminal<'a> {
    /// The window.
    pub window: Window<'a>,
    sandbox: &'a Sandbox,
    /// Its name at first, which its program may change.
    label: String,
}

impl<'a> ShownTerminal<'a> {
    /// Starts the window and chooses the terminal `name` in it with the pointer, or the only one that runs: a program may
    /// have set another title.
    pub fn open(sandbox: &'a Sandbox, display: &'a Display, name: &str) -> Result<Self> {
        let window = Window::start(sandbox, display)?;
        window.click(&window.wait_for("Button", "Terminals")?)?;
        let row = wait_until(&format!("the terminal {name} in the list"), PATIENCE, || {
            let elements = window.elements().ok()?.into_iter();
            let mut rows = elements.filter(|it| {
                it.role == "Button" && it.label.starts_with("Terminal ") && it.label.ends_with(", running")
            });
            let first = rows.next()?;
            let named = format!("Terminal {name}, running");
            if first.label == named {
                return Some(first);
            }
            match rows.next() {
                None => Some(first),
                Some(second) => [second].into_iter().chain(rows).find(|row| row.label == named),
            }
        })?;
        window.click(&row)?;
        let label = window.wait_for("Terminal", "Terminal of ")?.label;
        Ok(Self { window, sandbox, label })
    }

    /// The view, with what it shows for its value.
    pub fn view(&self) -> Result<Element> {
        let mut views: Vec<Element> = self.window.elements()?;
        views.retain(|it| it.role == "Terminal");
        if views.len() > 1 {
            views.retain(|it| it.label == self.label);
        }
        views.pop().context("the terminal is not in the window")
    }

    /// The text that it shows, a line per row.
    pub fn screen(&self) -> String {
        self.view().map(|view| view.value).unwrap_or_default()
    }

    /// Whether it shows `text`, however that is wrapped.
    pub fn shows(&self, text: &str) -> bool {
        squeezed(&self.screen()).contains(&squeezed(text))
    }

    /// Waits until it shows `text`, and gives the screen.
    pub fn wait_for(&self, text: &str) -> Result<String> {
        self.wait_until(&format!("{text:?} in the terminal"), |screen| {
            squeezed(screen).contains(&squeezed(text))
        })
    }

    /// Waits until its screen is as wanted, and gives it.
    pub fn wait_until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> Result<String> {
        wait_until(what, PATIENCE, || Some(self.screen()).filter(|screen| wanted(screen))).with_context(
            || match self.view() {
                Ok(view) => format!("{}:\n{}", view.label, view.value),
                Err(err) => format!("{err:#}: {:#?}", self.window.elements().unwrap_or_default()),
            },
        )
    }

    /// Presses keys, one after the other.
    pub fn keys(&self, chords: &[&str]) -> Result<()> {
        self.window.keys(chords)
    }

    /// Types text.
    pub fn type_text(&self, text: &str) -> Result<()> {
        self.window.type_text(text)
    }

    /// Types text, waits until the screen has it, and presses Enter.
    pub fn enter(&self, text: &str) -> Result<()> {
        self.type_text(text)?;
        self.wait_for(text)?;
        self.keys(&["Return"])
    }

    /// Clicks at a part of its width and height, with a button as in [`Window::click_at`].
    pub fn click(&self, across: f64, down: f64, button: &[&str]) -> Result<()> {
        let (left, top, width, height) = self.place()?;
        self.window.click_at((left + width * across, top + height * down), button)
    }

    /// Writes a picture of the window.
    pub fn picture(&self, path: &Path) -> Result<()> {
        self.window.settle()?;
        self.window.screenshot(path)
    }

    /// The pixels of the terminal alone, row by row, with their width and height.
    pub fn pixels(&self) -> Result<(u32, u32, Vec<u8>)> {
        self.window.settle()?;
        let whole = self.sandbox.root().join("window.png");
        self.window.screenshot(&whole)?;
        let (left, top, width, height) = self.place()?;
        let part = format!("{width:.0}x{height:.0}+{left:.0}+{top:.0}");
        let output = self
            .sandbox
            .command("convert")
            .arg(&whole)
            .args(["-crop", &part, "+repage", "-depth", "8", "rgb:-"])
            .output()
            .context("running convert; `make install-deps` installs it")?;
        if !output.status.success() || output.stdout.is_empty() {
            bail!("convert gave no pixels: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok((width.round() as u32, height.round() as u32, output.stdout))
    }

    /// Left, top, width and height in the window.
    fn place(&self) -> Result<(f64, f64, f64, f64)> {
        let view = self.view()?;
        let ((x, y), (width, height)) = view.middle.zip(view.size).context("the terminal has no place")?;
        Ok((x - width / 2.0, y - height / 2.0, width, height))
    }
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_text_is_found() {
        assert!(squeezed("a long li\nne of  text").contains(&squeezed("long line of text")));
    }
}
