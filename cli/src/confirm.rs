//! What cannot be undone is asked for by a word to type.

use crate::failure::{Failure, say};
use anyhow::{Context as _, Result};
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

/// Says what will be `lost` and whether the person then typed `word`.
///
/// # Errors
///
/// Without a terminal nobody can be asked: then a usage error that names `command` with `--yes`.
pub fn by_typing(word: &str, command: &str, lost: &str) -> Result<bool> {
    if !io::stdin().is_terminal() {
        let what = format!("{word} asks first, and there is no terminal");
        return Err(Failure::usage(what, format!("`{command} --yes` does not ask")).into());
    }
    say(lost);
    say(&format!("Type {word} to go on:"));
    io::stderr().flush().context("cannot ask")?;
    let mut typed = String::new();
    io::stdin().lock().read_line(&mut typed).context("cannot read the answer")?;
    Ok(typed.trim() == word)
}
