//! Programs that fill a terminal (vim, less, htop, tmux) in the real window, driven with the X server's own keys and
//! pointer. Each leaves a picture of itself in the tests' directory.

use anyhow::{Context, Result, ensure};
use magia_tests::{Cli, Display, PATIENCE, Sandbox, ShownTerminal, hold, sandbox_test, wait_until};
use std::fs;
use std::path::Path;

/// Starts a program in a terminal and shows it.
fn start<'a>(
    sandbox: &'a Sandbox,
    display: &'a Display,
    name: &str,
    argv: &[&str],
) -> Result<ShownTerminal<'a>> {
    let argv: Vec<String> = argv.iter().map(ToString::to_string).collect();
    hold(sandbox, name, &argv, &[])?;
    ShownTerminal::open(sandbox, display, name)
}

fn picture(shown: &ShownTerminal<'_>, name: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tui-{name}.png"));
    shown.picture(&path)?;
    ensure!(fs::read(&path)?.starts_with(b"\x89PNG"), "a picture");
    Ok(())
}

/// How the program in a terminal has ended.
fn exit_code(sandbox: &Sandbox, name: &str) -> Result<i64> {
    wait_until(&format!("the end of {name}"), PATIENCE, || {
        Cli::new(sandbox).json(&["term", "show", name]).ok()?.get("exit_code")?.as_i64()
    })
}

/// The first row that is not empty.
fn first_row(screen: &str) -> &str {
    screen.lines().map(str::trim).find(|row| !row.is_empty()).unwrap_or_default()
}

#[test]
fn vim_takes_keys_pointer_and_paste() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let shown = start(sandbox, &display, "vim", &["vim", "-N", "-u", "NONE", "notes.txt"])?;
        shown.wait_for("~\n~")?;
        shown.type_text("i")?;
        shown.wait_for("-- INSERT --")?;
        shown.type_text("first line")?;
        shown.keys(&["Return"])?;
        shown.type_text("second lune")?;
        // Keys that are sequences: before a letter and without it, to the row above, to its beginning.
        shown.keys(&["Left", "Left", "Left", "Delete"])?;
        shown.type_text("i")?;
        shown.keys(&["Up", "Home"])?;
        shown.type_text(">> ")?;
        shown.keys(&["Escape"])?;
        shown.wait_until("the rows as they were typed", |screen| {
            screen.starts_with(">> first line")
                && screen.contains("\nsecond line")
                && !screen.contains("INSERT")
        })?;
        // The pointer far below the text puts the cursor into the last row.
        shown.enter(":set mouse=a")?;
        shown.click(0.5, 0.5, &["1"])?;
        shown.type_text("A, and more")?;
        shown.keys(&["Escape"])?;
        shown.wait_for("second line, and more")?;
        // Ctrl+V is vim's own: a block of two rows, to which a letter is put in front.
        shown.type_text("gg0")?;
        shown.keys(&["ctrl+v", "Down"])?;
        shown.type_text("I#")?;
        shown.keys(&["Escape"])?;
        shown.wait_until("the block", |screen| screen.starts_with("#>> first line\n#second line"))?;
        picture(&shown, "vim")?;
        shown.enter(":wq")?;
        assert_eq!(exit_code(sandbox, "vim")?, 0);
        let written = fs::read_to_string(sandbox.work().join("notes.txt"))?;
        assert_eq!(written, "#>> first line\n#second line, and more\n");
        Ok(())
    })
}

#[test]
fn less_scrolls_by_keys_and_wheel_and_follows_the_windows_size() -> Result<()> {
    sandbox_test(|sandbox| {
        let lines: String = (1..=500).map(|line| format!("line {line} of five hundred\n")).collect();
        fs::write(sandbox.work().join("lines.txt"), lines)?;
        let display = Display::start(sandbox)?;
        let shown = start(sandbox, &display, "less", &["less", "lines.txt"])?;
        let at = |line: u32| {
            let wanted = format!("line {line} of five hundred");
            shown.wait_until(&format!("line {line} at the top"), |screen| first_row(screen) == wanted)
        };
        at(1)?;
        shown.keys(&["Down", "Down"])?;
        at(3)?;
        shown.enter("/line 250")?;
        at(250)?;
        shown.keys(&["Up"])?;
        at(249)?;
        // On the alternate screen the wheel is the arrow keys, three for a notch; the window's library takes a click that
        // was not made by a wheel for two of them.
        shown.click(0.5, 0.5, &["5"])?;
        at(255)?;
        shown.click(0.5, 0.5, &["4"])?;
        at(249)?;
        let rows = at(249)?.lines().count() as u32;
        shown.keys(&["Next"])?;
        let page =
            shown.wait_until("a page down", |screen| first_row(screen) != "line 249 of five hundred")?;
        let reached: u32 = first_row(&page).split(' ').nth(1).context("a line's number")?.parse()?;
        assert!((249 + rows - 2..=249 + rows).contains(&reached), "{reached} after {rows} rows from 249");
        shown.keys(&["Prior", "End"])?;
        shown.wait_for("line 500 of five hundred")?;
        picture(&shown, "less")?;
        let before = Cli::new(sandbox).json(&["term", "show", "less"])?;
        shown.window.resize(900, 500)?;
        wait_until("the terminal in the window's size", PATIENCE, || {
            let now = Cli::new(sandbox).json(&["term", "show", "less"]).ok()?;
            let smaller = |key: &str| now[key].as_u64() < before[key].as_u64();
            (smaller("cols") && smaller("rows")).then_some(())
        })?;
        shown.type_text("g")?;
        at(1)?;
        shown.type_text("q")?;
        assert_eq!(exit_code(sandbox, "less")?, 0);
        Ok(())
    })
}

#[test]
fn htop_takes_function_keys() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let shown = start(sandbox, &display, "htop", &["htop"])?;
        shown.wait_until("htop's bars and keys", |screen| {
            screen.contains("Load average") && screen.contains("Quit")
        })?;
        picture(&shown, "htop")?;
        shown.keys(&["F6"])?;
        shown.wait_for("Sort by")?;
        shown.keys(&["Escape"])?;
        shown.wait_until("the list again", |screen| !screen.contains("Sort by"))?;
        shown.keys(&["F4"])?;
        shown.wait_for("Filter:")?;
        shown.type_text("magia-app")?;
        shown.wait_until("the window's own process", |screen| {
            screen.lines().any(|row| row.contains("magia-app") && !row.contains("Filter"))
        })?;
        shown.keys(&["Return", "F10"])?;
        assert_eq!(exit_code(sandbox, "htop")?, 0);
        Ok(())
    })
}

#[test]
fn tmux_splits_and_takes_the_pointer() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let socket = sandbox.root().join("tmux").to_string_lossy().into_owned();
        let argv = ["tmux", "-S", &socket, "-f", "/dev/null", "new-session", "-s", "work", "sh"];
        let shown = start(sandbox, &display, "tmux", &argv)?;
        shown.wait_for("[work]")?;
        shown.enter("echo o''ne; tmux set -g mouse on")?;
        shown.wait_until("the answer", |screen| screen.lines().any(|row| row.trim() == "one"))?;
        shown.keys(&["ctrl+b", "percent"])?;
        shown.wait_for("│")?;
        let pane = |shown: &ShownTerminal<'_>, word: &str, right: bool| {
            shown.wait_until(&format!("{word} in its half"), |screen| {
                screen.lines().any(|row| {
                    let (left, other) = row.split_once(['│', '┃']).unwrap_or((row, ""));
                    if right { other.trim() == word } else { left.trim() == word }
                })
            })
        };
        shown.type_text("echo t''wo")?;
        shown.keys(&["Return"])?;
        pane(&shown, "two", true)?;
        shown.keys(&["ctrl+b", "Left"])?;
        shown.type_text("echo th''ree")?;
        shown.keys(&["Return"])?;
        pane(&shown, "three", false)?;
        // tmux asked for the pointer: a click into the right half goes there.
        shown.click(0.75, 0.5, &["1"])?;
        shown.type_text("echo fo''ur")?;
        shown.keys(&["Return"])?;
        pane(&shown, "four", true)?;
        picture(&shown, "tmux")?;
        shown.keys(&["ctrl+d"])?;
        shown.wait_until("one pane", |screen| !screen.contains('│'))?;
        shown.keys(&["ctrl+d"])?;
        assert_eq!(exit_code(sandbox, "tmux")?, 0);
        Ok(())
    })
}
