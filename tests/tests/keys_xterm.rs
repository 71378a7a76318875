//! What xterm sends for a key is what our encoder gives, and what a terminal in the real window sends: keys pressed by the
//! X server in both.
#![allow(clippy::indexing_slicing)]

use anyhow::{Context, Result, ensure};
use magia_tests::{Display, PATIENCE, Sandbox, ShownTerminal, hold, sandbox_test, wait_until};
use magia_tty::input::Key;
use std::path::{Path, PathBuf};

/// Pressed between two keys: no other key sends what it sends.
const BETWEEN: &str = "F12";
const BETWEEN_SENT: &[u8] = b"\x1b[24~";

/// xterm as it comes, but for its own shortcuts, and with Alt as Escape.
const RESOURCES: [&str; 3] = [
    "XTerm*VT100.translations: <KeyPress>: insert-seven-bit()",
    "XTerm*VT100.metaSendsEscape: true",
    "XTerm*VT100.altSendsEscape: true",
];

/// The X server's names of keys, and ours. Alt+Escape is not among them: the window manager takes it.
const KEYS: &[(&str, &str)] = &[
    ("a", "a"),
    ("shift+a", "A"),
    ("1", "1"),
    ("shift+1", "shift+1"),
    ("ctrl+a", "ctrl+a"),
    ("ctrl+shift+a", "ctrl+shift+a"),
    ("ctrl+z", "ctrl+z"),
    ("ctrl+i", "ctrl+i"),
    ("ctrl+m", "ctrl+m"),
    ("ctrl+space", "ctrl+space"),
    ("ctrl+2", "ctrl+2"),
    ("ctrl+shift+2", "ctrl+@"),
    ("ctrl+3", "ctrl+3"),
    ("ctrl+4", "ctrl+4"),
    ("ctrl+5", "ctrl+5"),
    ("ctrl+6", "ctrl+6"),
    ("ctrl+7", "ctrl+7"),
    ("ctrl+8", "ctrl+8"),
    ("ctrl+1", "ctrl+1"),
    ("ctrl+9", "ctrl+9"),
    ("ctrl+bracketleft", "ctrl+["),
    ("ctrl+backslash", "ctrl+\\"),
    ("ctrl+bracketright", "ctrl+]"),
    ("ctrl+shift+6", "ctrl+^"),
    ("ctrl+shift+minus", "ctrl+_"),
    ("ctrl+slash", "ctrl+/"),
    ("ctrl+semicolon", "ctrl+;"),
    ("alt+f", "alt+f"),
    ("alt+shift+f", "alt+F"),
    ("alt+period", "alt+."),
    ("alt+ctrl+c", "ctrl+alt+c"),
    ("Return", "enter"),
    ("ctrl+Return", "ctrl+enter"),
    ("alt+Return", "alt+enter"),
    ("Tab", "tab"),
    ("shift+Tab", "shift+tab"),
    ("Escape", "escape"),
    ("BackSpace", "backspace"),
    ("ctrl+BackSpace", "ctrl+backspace"),
    ("alt+BackSpace", "alt+backspace"),
    ("Up", "up"),
    ("Down", "down"),
    ("Right", "right"),
    ("Left", "left"),
    ("shift+Up", "shift+up"),
    ("alt+Left", "alt+left"),
    ("ctrl+Right", "ctrl+right"),
    ("ctrl+shift+Down", "ctrl+shift+down"),
    ("ctrl+alt+shift+Left", "ctrl+alt+shift+left"),
    ("Home", "home"),
    ("End", "end"),
    ("shift+Home", "shift+home"),
    ("ctrl+End", "ctrl+end"),
    ("Insert", "insert"),
    ("Delete", "delete"),
    ("shift+Insert", "shift+insert"),
    ("ctrl+Delete", "ctrl+delete"),
    ("Prior", "pageup"),
    ("Next", "pagedown"),
    ("shift+Prior", "shift+pageup"),
    ("ctrl+Next", "ctrl+pagedown"),
    ("F1", "f1"),
    ("F2", "f2"),
    ("F3", "f3"),
    ("F4", "f4"),
    ("shift+F1", "shift+f1"),
    ("ctrl+F4", "ctrl+f4"),
    ("F5", "f5"),
    ("F6", "f6"),
    ("F7", "f7"),
    ("F8", "f8"),
    ("F9", "f9"),
    ("F10", "f10"),
    ("F11", "f11"),
    ("shift+F5", "shift+f5"),
    ("alt+F11", "alt+f11"),
    ("ctrl+shift+F6", "ctrl+shift+f6"),
    ("F13", "f13"),
    ("F20", "f20"),
    ("F21", "f21"),
    ("F24", "f24"),
    ("Menu", "menu"),
    ("KP_Enter", "kpenter"),
    ("KP_Home", "kphome"),
    ("KP_Up", "kpup"),
    ("KP_Begin", "kpbegin"),
    ("KP_Delete", "kpdelete"),
];

/// What we send otherwise on purpose: a line break in an agent's prompt instead of sending it.
const OURS: &[(&str, &str)] = &[("shift+Return", "shift+enter")];

/// Keys that the window's terminal keeps for itself: the scrollback, and pasting.
const VIEWS: &[&str] = &["shift+Home", "shift+Prior", "shift+Insert"];
/// Keys that the X server's keyboard has not: for a moment another one is them, and a program may see that too late.
const BORROWED: &[&str] = &["F13", "F20", "F21", "F24"];
/// How often one of those is pressed, by itself, until xterm has seen which it is.
const BORROWED_TRIES: usize = 6;
/// Keys that egui has no name for.
const NAMELESS: &[&str] = &["Menu", "KP_Begin"];

#[test]
fn keys_in_the_window_are_sent_as_xterm_sends_them() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        // As programs set them: a shell's line, and one that has the whole screen.
        for (at, preamble) in ["", "\\033[?1h\\033="].into_iter().enumerate() {
            let theirs = xterm_sends(sandbox, &display, preamble)?;
            let ours = window_sends(sandbox, &display, preamble, &format!("keys-{at}"))?;
            let mut wrong = Vec::new();
            for (index, (pressed, _)) in KEYS.iter().chain(OURS).enumerate() {
                let (theirs, ours) = (theirs[index].as_slice(), ours[index].as_slice());
                let as_wanted = match index {
                    // egui has one Enter.
                    _ if *pressed == "KP_Enter" => ours == b"\r",
                    _ if BORROWED.contains(pressed) => true,
                    _ if VIEWS.contains(pressed) || NAMELESS.contains(pressed) => ours.is_empty(),
                    _ if index < KEYS.len() => ours == theirs,
                    _ => ours == b"\x1b\r",
                };
                if !as_wanted {
                    let (theirs, ours) = (theirs.escape_ascii(), ours.escape_ascii());
                    wrong.push(format!("{preamble:?} {pressed}: xterm {theirs}, the window {ours}"));
                }
            }
            ensure!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
        }
        Ok(())
    })
}

#[test]
fn keys_are_sent_as_xterm_sends_them() -> Result<()> {
    sandbox_test(|sandbox| compare(sandbox, "", Modes::default()))
}

#[test]
fn keys_in_application_cursor_mode_are_sent_as_xterm_sends_them() -> Result<()> {
    sandbox_test(|sandbox| compare(sandbox, "\\033[?1h", Modes { cursor: true }))
}

#[derive(Default)]
struct Modes {
    cursor: bool,
}

fn compare(sandbox: &Sandbox, preamble: &str, modes: Modes) -> Result<()> {
    let sent = xterm_sends(sandbox, &Display::start(sandbox)?, preamble)?;
    let mut set = alacritty_terminal::term::TermMode::default();
    set.set(alacritty_terminal::term::TermMode::APP_CURSOR, modes.cursor);
    let mut wrong = Vec::new();
    for (index, (pressed, name)) in KEYS.iter().chain(OURS).enumerate() {
        let theirs = sent.get(index).map(Vec::as_slice).unwrap_or_default();
        let ours = Key::parse(name)?.encode(set);
        let same = ours == theirs;
        if same != (index < KEYS.len()) {
            wrong.push(format!("{pressed}: xterm {}, we {}", theirs.escape_ascii(), ours.escape_ascii()));
        }
    }
    ensure!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    Ok(())
}

/// What a program in xterm reads for each key, in order.
fn xterm_sends(sandbox: &Sandbox, display: &Display, preamble: &str) -> Result<Vec<Vec<u8>>> {
    let reader = Reader::new(sandbox, "xterm", preamble);
    let mut command = sandbox.command("xterm");
    command.env("DISPLAY", display.name());
    for resource in RESOURCES {
        command.args(["-xrm", resource]);
    }
    command.arg("-e").args(&reader.argv);
    let _xterm = sandbox.spawn("xterm", command)?;
    reader.wait_for_start()?;
    let found = wait_until("xterm's window", PATIENCE, || {
        let found = display.run(sandbox, &["xdotool", "search", "--onlyvisible", "--class", "xterm"]).ok()?;
        Some(found.trim().to_owned()).filter(|found| !found.is_empty())
    })?;
    let window = found.lines().next().context("a window")?;
    wait_until("xterm to have the keyboard", PATIENCE, || {
        display.run(sandbox, &["xdotool", "windowfocus", window]).ok()?;
        let focused = display.run(sandbox, &["xdotool", "getwindowfocus"]).ok()?;
        (focused.trim() == window).then_some(())
    })?;
    let all = || KEYS.iter().chain(OURS).map(|(pressed, _)| *pressed);
    let there: Vec<&str> = all().filter(|key| !BORROWED.contains(key)).collect();
    let between: Vec<&str> = there.iter().flat_map(|key| [*key, BETWEEN]).collect();
    display.run(sandbox, &[&["xdotool", "key"][..], &between].concat())?;
    let mut pressed = there.len();
    let mut heard = reader.read(pressed)?.into_iter();
    let sent = all().map(|key| {
        if !BORROWED.contains(&key) {
            return heard.next().context("a key that was not heard");
        }
        for _ in 0..BORROWED_TRIES {
            display.run(sandbox, &["xdotool", "key", key, BETWEEN])?;
            pressed += 1;
            let last = reader.read(pressed)?.pop().unwrap_or_default();
            if !last.is_empty() {
                return Ok(last);
            }
        }
        Ok(Vec::new())
    });
    sent.collect()
}

/// What a program in a terminal in the window reads for each key, in order.
fn window_sends(sandbox: &Sandbox, display: &Display, preamble: &str, name: &str) -> Result<Vec<Vec<u8>>> {
    let reader = Reader::new(sandbox, name, preamble);
    hold(sandbox, name, &reader.argv, &[])?;
    let shown = ShownTerminal::open(sandbox, display, name)?;
    reader.wait_for_start()?;
    shown.keys(&all_keys())?;
    reader.all_read()
}

fn all_keys() -> Vec<&'static str> {
    KEYS.iter().chain(OURS).flat_map(|(pressed, _)| [*pressed, BETWEEN]).collect()
}

/// A program that writes down what it reads.
struct Reader {
    argv: Vec<String>,
    ready: PathBuf,
    heard: PathBuf,
}

impl Reader {
    fn new(sandbox: &Sandbox, name: &str, preamble: &str) -> Self {
        let file = |end: &str| sandbox.work().join(format!("{name}.{end}"));
        let (ready, heard) = (file("ready"), file("read"));
        let script = format!("stty raw -echo; printf '{preamble}'; : > \"$1\"; exec cat > \"$2\"");
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let argv = ["sh", "-c", &script, "reader", &path(&ready), &path(&heard)].map(str::to_owned);
        Self { argv: argv.to_vec(), ready, heard }
    }

    fn wait_for_start(&self) -> Result<()> {
        wait_until("the reader", PATIENCE, || self.ready.exists().then_some(()))
    }

    fn all_read(&self) -> Result<Vec<Vec<u8>>> {
        self.read(KEYS.len() + OURS.len())
    }

    /// What was read for each key, of so many at least.
    fn read(&self, wanted: usize) -> Result<Vec<Vec<u8>>> {
        wait_until("all keys to be read", PATIENCE, || {
            let parts = split(&std::fs::read(&self.heard).ok()?);
            (parts.len() >= wanted).then_some(parts)
        })
        .with_context(|| format!("{:?}", std::fs::read(&self.heard).map(|it| it.escape_ascii().to_string())))
    }
}

/// What came before each [`BETWEEN`].
fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = vec![Vec::new()];
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(BETWEEN_SENT) {
            parts.push(Vec::new());
            at += BETWEEN_SENT.len();
        } else if let Some(last) = parts.last_mut() {
            last.push(bytes[at]);
            at += 1;
        }
    }
    parts.pop();
    parts
}
