//! `magia` alone: the window.

use crate::client::Client;
use crate::failure::{Exit, Failure, is_not_running, say};
use crate::output::Out;
use crate::programs;
use anyhow::Result;
use magia_protocol::wire::Command;
use magia_protocol::wire::command::OpenWindow;
use serde_json::json;

/// Raises the window of the running app, or starts one: where the app runs without, it takes over.
pub fn open(out: &mut Out) -> Result<Exit> {
    match Client::connect() {
        Ok(mut client) => match client.ask(&Command::OpenWindow(OpenWindow { session: None })) {
            Ok(reply) => {
                if out.is_json() {
                    out.json(reply.get())?;
                }
            }
            Err(err) if is_without_window(&err) => {
                drop(client);
                programs::start_window()?;
                if out.is_json() {
                    out.json_of(&json!({ "raised": true, "started": true }))?;
                } else {
                    say("the window has taken over from the magia that ran without one");
                }
            }
            Err(err) => return Err(err),
        },
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

/// Whether the app says that it has no window.
fn is_without_window(err: &anyhow::Error) -> bool {
    matches!(err.downcast_ref(), Some(Failure::Refused { code, .. }) if code == "unsupported")
}
