//! A client of the HTTP API that says exactly what it is told to.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

/// Where the API of a sandbox's app listens, and its token.
#[derive(Debug, Clone)]
pub struct Http {
    /// As `127.0.0.1:4020`.
    pub address: String,
    /// The token.
    pub token: String,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// All header lines.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answered {
    /// The body as JSON; `null` when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

impl Http {
    /// Waits until the app has written down where it listens.
    pub fn of(sandbox: &Sandbox) -> Result<Self> {
        let state = sandbox.root().join("state/magia");
        let address = wait_until("the API's address", PATIENCE, || {
            let text = fs::read_to_string(state.join("http-address")).ok()?;
            text.trim().strip_prefix("http://").map(str::to_owned)
        })?;
        let token = fs::read_to_string(state.join("http-token")).context("reading the token")?;
        Ok(Self { address, token: token.trim().to_owned() })
    }

    /// A request as a program makes it.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answered> {
        let token = format!("Authorization: Bearer {}", self.token);
        let body = body.map(ToString::to_string);
        self.raw(method, path, &[&token, "Content-Type: application/json"], body.as_deref())
    }

    /// A request with these header lines; `Host` is added when none is among them.
    pub fn raw(&self, method: &str, path: &str, headers: &[&str], body: Option<&str>) -> Result<Answered> {
        let mut stream = self.send(method, path, headers, body)?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).context("reading the answer")?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").context("an answer without an end of its head")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("no status")?;
        Ok(Answered { status, head: head.to_owned(), body: body.to_owned() })
    }

    fn send(&self, method: &str, path: &str, headers: &[&str], body: Option<&str>) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).context("connecting to the API")?;
        stream.set_read_timeout(Some(PATIENCE)).context("setting a limit")?;
        let body = body.unwrap_or_default();
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
        if !headers.iter().any(|line| line.to_lowercase().starts_with("host:")) {
            head.push_str(&format!("Host: {}\r\n", self.address));
        }
        for line in headers {
            head.push_str(line);
            head.push_str("\r\n");
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes()).context("sending the request")?;
        Ok(stream)
    }

    /// Opens an event stream: returns once the server has begun it.
    pub fn stream(&self, path: &str, headers: &[&str]) -> Result<EventStream> {
        let token = format!("Authorization: Bearer {}", self.token);
        let headers: Vec<&str> = headers.iter().copied().chain([token.as_str()]).collect();
        let stream = self.send("GET", path, &headers, None)?;
        let mut lines = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = lines.read_line(&mut head).context("reading the head of the stream")?;
            ensure!(read > 0, "the head has no end: {head}");
        }
        ensure!(head.starts_with("HTTP/1.1 200 "), "{head}");
        Ok(EventStream { lines })
    }
}

/// An event stream that is read message by message.
pub struct EventStream {
    lines: BufReader<TcpStream>,
}

/// A message.
#[derive(Debug, Clone, Default)]
pub struct Message {
    /// Its id.
    pub id: Option<String>,
    /// Its data.
    pub data: String,
}

impl EventStream {
    /// The next message.
    pub fn message(&mut self) -> Result<Message> {
        let mut message = Message::default();
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).context("reading the stream")? == 0 {
                anyhow::bail!("the stream has ended");
            }
            let line = line.trim_end();
            if let Some(id) = line.strip_prefix("id:") {
                message.id = Some(id.trim().to_owned());
            } else if let Some(data) = line.strip_prefix("data:") {
                message.data = data.strip_prefix(' ').unwrap_or(data).to_owned();
            } else if line.is_empty() && !message.data.is_empty() {
                return Ok(message);
            }
        }
    }

    /// The next message whose data holds a text.
    pub fn until(&mut self, text: &str) -> Result<Message> {
        loop {
            let message = self.message()?;
            if message.data.contains(text) {
                return Ok(message);
            }
        }
    }
}
