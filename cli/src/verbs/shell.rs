//! `completions` and `man`: what a shell and a manual reader need, made from the definition of the verbs.

use crate::args::Args as Magia;
use crate::failure::{Exit, say};
use crate::output::Out;
use anyhow::{Context as _, Result};
use clap::{Args, CommandFactory as _};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use clap_mangen::Man as Page;
use std::path::{Path, PathBuf};

/// The variable by which the shell's script tells this program to complete.
pub const COMPLETE: &str = "MAGIA_COMPLETE";
const BIN: &str = "magia";

/// `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// A shell that can be completed for.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Shell {
    /// GNU Bash.
    Bash,
    /// Z shell.
    Zsh,
    /// Fish.
    Fish,
}

/// `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Write every page into this directory, which is made; without it the main page is printed.
    #[arg(value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

/// `magia completions`.
pub fn completions(completions: &Completions, out: &mut Out) -> Result<Exit> {
    let shell: &dyn EnvCompleter = match completions.shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
    };
    let mut script = Vec::new();
    shell
        .write_registration(COMPLETE, BIN, BIN, BIN, &mut script)
        .context("cannot write the completion script")?;
    out.bytes(&script)?;
    Ok(Exit::Done)
}

/// `magia man`.
pub fn man(man: &Man, out: &mut Out) -> Result<Exit> {
    let mut command = Magia::command().disable_help_subcommand(true);
    command.build();
    let Some(dir) = &man.dir else {
        let mut page = Vec::new();
        Page::new(command).render(&mut page).context("cannot write the page")?;
        out.bytes(&page)?;
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let written = pages(&command, dir)?;
    say(&format!("{written} pages written to {}", dir.display()));
    Ok(Exit::Done)
}

/// Writes the page of a command and of every visible one below it; gives their number.
fn pages(command: &clap::Command, dir: &Path) -> Result<usize> {
    Page::new(command.clone())
        .generate_to(dir)
        .with_context(|| format!("cannot write a page into {}", dir.display()))?;
    let mut written = 1;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        written += pages(verb, dir)?;
    }
    Ok(written)
}
