//! stub
pub mod agent;
use crate::failure::Exit;
use crate::output::Out;
use anyhow::Result;
#[derive(Debug, clap::Args)]
pub struct Demo {}
pub fn run(_demo: &Demo, _out: &mut Out) -> Result<Exit> {
    Ok(Exit::Done)
}
