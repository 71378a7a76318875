//! `magia` alone: the window.

use crate::client::Client;
use crate::failure::{Exit, is_not_running, say};
use crate::output::Out;
use crate::programs;
use anyhow::Result;
use magia_protocol::wire::Command;
use magia_protocol::wire::command::OpenWindow;
use serde_json::json;

/// Raises the window of the running app, or starts the app.
pub fn open(out: &mut Out) -> Result<Exit> {
    match Client::connect() {
        Ok(mut client) => {
            let reply = client.ask(&Command::OpenWindow(OpenWindow { session: None }))?;
            if out.is_json() {
                out.json(reply.get())?;
            }
        }
        Err(err) if is_not_running(&err) => {
            programs::start_app()?;
            if out.is_json() {
                out.json_of(&json!({ "raised": true, "started": true }))?;
            } else {
                say("magia has started");
            }
        }
        Err(err) => return Err(err),
    }
    Ok(Exit::Done)
}
