//! Clients of the HTTP API, and HTTP/1 as far as they need it.

use anyhow::{Context, Result, bail, ensure};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::{Crowd, Ground, Kind, add};
use crate::soak::Chance;

/// A connection that is kept from request to request.
pub(super) struct Connection {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Connection {
    pub(super) async fn open(host: &str) -> Result<Self> {
        let stream = TcpStream::connect(host).await.with_context(|| format!("connecting to {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), host: host.to_owned() })
    }

    /// A request; its status and its body.
    pub(super) async fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(u16, Vec<u8>)> {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n", self.host, body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.stream.get_mut().write_all(&[format!("{head}\r\n").as_bytes(), body].concat()).await?;
        let mut line = String::new();
        ensure!(self.stream.read_line(&mut line).await? > 0, "{} hung up at {method} {path}", self.host);
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.with_context(|| format!("no status in {line:?}"))?;
        let mut length = None;
        loop {
            line.clear();
            self.stream.read_line(&mut line).await?;
            let header = line.trim().to_ascii_lowercase();
            if header.is_empty() {
                break;
            }
            if let Some(value) = header.strip_prefix("content-length:") {
                length = Some(value.trim().parse()?);
            }
        }
        let Some(length) = length else { bail!("{method} {path} was answered without a length") };
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await?;
        Ok((status, body))
    }
}

/// Asks this and that; once in a while without the token.
pub(super) async fn client(ground: &Ground, crowd: &Crowd, chance: &mut Chance, things: u64) -> Result<()> {
    let mut connection = Connection::open(&ground.http.address).await?;
    let token = format!("Bearer {}", ground.http.token);
    let known = [("Authorization", token.as_str()), ("Content-Type", "application/json")];
    for _ in 0..things {
        if !crowd.goes_on() {
            break;
        }
        let (method, path, headers, wanted) = match chance.below(7) {
            0 => ("GET", "/api/sessions", &known[..], 200),
            1 => ("GET", "/api/health", &[][..], 200),
            2 => ("POST", "/api/ticket", &known[..], 200),
            3 => ("GET", "/metrics", &known[..], 200),
            4 => ("GET", "/api/sessions/nobody", &known[..], 404),
            5 => ("GET", "/api/openapi.json", &known[..], 200),
            _ => ("GET", "/api/sessions", &[][..], 401),
        };
        let asked = connection.ask(method, path, headers, if method == "POST" { b"{}" } else { b"" });
        let (status, _) = crowd.answered(Kind::Api, asked).await?;
        ensure!(status == wanted, "{method} {path}: {status}, not {wanted}");
        add(&crowd.refused, u64::from(wanted == 401));
        crowd.pause(chance).await;
    }
    Ok(())
}
