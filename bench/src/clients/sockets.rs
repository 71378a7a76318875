//! Agents that take magia for their editor, and editors.

use anyhow::{Context, Result};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use super::{Crowd, Ground, Kind};
use crate::figures::ide::{Socket, connect};
use crate::soak::Chance;

/// Calls tools, and shows changes, which nobody knows the session of and which are left to the terminal.
pub(super) async fn agent(ground: &Ground, crowd: &Crowd, chance: &mut Chance, things: u64) -> Result<()> {
    let joined = connect(ground.ide_port, Some(&ground.ide_token));
    let mut socket = crowd.answered(Kind::Agent, joined).await?;
    for at in 1..=things {
        if !crowd.goes_on() {
            break;
        }
        let (method, params) = match chance.below(7) {
            0 => ("ping", json!({})),
            1 => ("tools/list", json!({})),
            2 => ("tools/call", json!({ "name": "getDiagnostics", "arguments": {} })),
            3 => ("tools/call", json!({ "name": "getCurrentSelection", "arguments": {} })),
            4 => ("tools/call", json!({ "name": "getOpenEditors", "arguments": {} })),
            5 => ("tools/call", json!({ "name": "closeAllDiffTabs", "arguments": {} })),
            _ => {
                let change = json!({
                    "old_file_path": "/etc/hostname", "new_file_path": "/etc/hostname",
                    "new_file_contents": "x\n".repeat(200), "tab_name": format!("change {at}"),
                });
                ("tools/call", json!({ "name": "openDiff", "arguments": change }))
            }
        };
        crowd.answered(Kind::Agent, ask(&mut socket, at, method, &params)).await?;
        crowd.pause(chance).await;
    }
    leave(socket, chance).await
}

/// Tells what it shows, which all agents hear, and what its problems are.
pub(super) async fn editor(ground: &Ground, crowd: &Crowd, chance: &mut Chance, things: u64) -> Result<()> {
    let mut request = format!("ws://127.0.0.1:{}/editor", ground.ide_port).into_client_request()?;
    request.headers_mut().insert("authorization", format!("Bearer {}", ground.editor_token).parse()?);
    let stream = TcpStream::connect(("127.0.0.1", ground.ide_port)).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = client_async(request, stream).await?;
    let folder = std::env::current_dir()?;
    let hello = json!({ "protocolVersion": 1, "name": "soak", "version": "1", "folders": [folder] });
    crowd.answered(Kind::Editor, ask(&mut socket, 0, "initialize", &hello)).await?;
    crowd.answered(Kind::Editor, ask(&mut socket, 0, "subscribe", &json!({}))).await?;
    let file = folder.join("src/main.rs");
    for at in 1..=things {
        if !crowd.goes_on() {
            break;
        }
        let place = |character: u64| json!({ "line": at, "character": character });
        let (method, params) = match chance.below(4) {
            0 => (
                "files",
                json!({ "files": [{ "filePath": file, "active": true, "dirty": false, "language": "rust" }] }),
            ),
            1 => {
                let problem = json!({ "message": format!("problem {at}"), "severity": "Error",
                    "range": { "start": place(0), "end": place(4) } });
                let uri = format!("file://{}", file.display());
                ("diagnostics", json!({ "uri": uri, "diagnostics": [problem] }))
            }
            _ => {
                ("selection", json!({ "filePath": file, "text": "word", "start": place(0), "end": place(4) }))
            }
        };
        let told = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        socket.send(Message::text(told.to_string())).await?;
        let question = if chance.below(4) == 0 { "sessions" } else { "ping" };
        crowd.answered(Kind::Editor, ask(&mut socket, at, question, &json!({}))).await?;
        crowd.pause(chance).await;
    }
    leave(socket, chance).await
}

/// A request and its answer; what is told between is read over.
async fn ask(socket: &mut Socket, id: u64, method: &str, params: &Value) -> Result<()> {
    let asked = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    socket.send(Message::text(asked.to_string())).await?;
    loop {
        let said = socket.next().await.context("the connection ended")??;
        let Message::Text(said) = said else { continue };
        let said: Value = serde_json::from_str(&said).context("reading an answer")?;
        if said.get("id").and_then(Value::as_u64) == Some(id) {
            anyhow::ensure!(said.get("result").is_some(), "{method} was refused: {said}");
            return Ok(());
        }
    }
}

/// Says goodbye, or is just gone.
async fn leave(mut socket: Socket, chance: &mut Chance) -> Result<()> {
    if chance.below(2) == 0 {
        socket.close(None).await.context("closing")?;
    }
    Ok(())
}
