//! A client of the IDE server that speaks as an agent does to its editor, and that magia knows of no session.

use std::fs;
use std::net::TcpStream;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::client::{IntoClientRequest as _, client};
use tokio_tungstenite::tungstenite::{Message, WebSocket};

use crate::cli::{Cli, text};
use crate::wait::{PATIENCE, wait_until};

/// Port and token of the server, from the lock file that agents read.
pub fn ide_door(cli: Cli<'_>) -> Result<(String, String)> {
    cli.json(&["settings", "set", "ideServer", "always"])?;
    let info = wait_until("the lock file", PATIENCE, || {
        let info = cli.json(&["call", "get_ide_server_port"]).ok()?;
        info.get("lock_file")?.is_string().then_some(info)
    })?;
    let lock: Value = serde_json::from_str(&fs::read_to_string(text(&info, "lock_file"))?)?;
    let port = info.get("port").and_then(Value::as_u64).context("no port")?;
    Ok((port.to_string(), text(&lock, "authToken").to_owned()))
}

/// An agent that works where the test runs.
pub struct IdeAgent {
    socket: WebSocket<TcpStream>,
    last: u64,
}

impl IdeAgent {
    /// Connects and says who it is.
    pub fn connect(cli: Cli<'_>) -> Result<Self> {
        let (port, token) = ide_door(cli)?;
        let address = format!("127.0.0.1:{port}");
        let mut request = format!("ws://{address}/").into_client_request()?;
        request.headers_mut().insert("x-claude-code-ide-authorization", token.parse()?);
        let stream = TcpStream::connect(&address).context("connecting to the IDE server")?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (socket, _) = client(request, stream).context("the handshake")?;
        let mut agent = Self { socket, last: 0 };
        let hello =
            json!({ "protocolVersion": "2025-11-25", "clientInfo": { "name": "test", "version": "1" } });
        let asked = agent.send("initialize", &hello)?;
        agent.answer(asked)?;
        Ok(agent)
    }

    /// Calls a tool; the number of the call.
    pub fn ask(&mut self, tool: &str, arguments: &Value) -> Result<u64> {
        self.send("tools/call", &json!({ "name": tool, "arguments": arguments }))
    }

    /// Calls a tool and waits for its text.
    pub fn call(&mut self, tool: &str, arguments: &Value) -> Result<(bool, String)> {
        let asked = self.ask(tool, arguments)?;
        self.answer(asked)
    }

    /// A question that is answered at once: what was asked before it has been taken, and was answered or not.
    pub fn ping(&mut self) -> Result<u64> {
        self.send("ping", &json!({}))
    }

    /// Waits for the answer to that call, which must be the next: whether it went well, and its text.
    pub fn answer(&mut self, asked: u64) -> Result<(bool, String)> {
        loop {
            let Message::Text(said) = self.socket.read().context("waiting for an answer")? else { continue };
            let said: Value = serde_json::from_str(&said)?;
            match said.get("id").and_then(Value::as_u64) {
                Some(id) if id == asked => {
                    let result = said.get("result").with_context(|| format!("an error: {said}"))?;
                    let well = result.get("isError").and_then(Value::as_bool) != Some(true);
                    let text = result.pointer("/content/0/text").and_then(Value::as_str);
                    return Ok((well, text.unwrap_or_default().to_owned()));
                }
                Some(_) => bail!("another answer came before that to {asked}: {said}"),
                None => {}
            }
        }
    }

    fn send(&mut self, method: &str, params: &Value) -> Result<u64> {
        self.last += 1;
        let message = json!({ "jsonrpc": "2.0", "id": self.last, "method": method, "params": params });
        self.socket.send(Message::text(message.to_string())).context("asking")?;
        Ok(self.last)
    }
}
