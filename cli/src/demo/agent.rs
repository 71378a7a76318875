use crate::failure::Exit;
use anyhow::Result;
#[derive(Debug, clap::Args)]
pub struct DemoAgent {}
pub fn run(_a: &DemoAgent) -> Result<Exit> {
    Ok(Exit::Done)
}
