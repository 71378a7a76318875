//! A new connection: its handshake, then what it is.

use super::handshake::{Door, Role};
use super::server::Server;
use super::socket::{Begun, Socket, config};
use super::{agent, editor};
use crate::listeners::health::Refusal;
use crate::listeners::metered::Metered;
use crate::os::ancestry::ancestors;
use crate::os::tcp_peer::tcp_peer;
use magia_protocol::wire::ProcessId;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};

/// A handshake is some hundred bytes.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(5);

/// Serves one connection to its end.
pub(super) async fn serve(server: Arc<Server>, door: Door, stream: TcpStream, peer: SocketAddr) {
    let health = &server.shared.health;
    if let Err(err) = stream.set_nodelay(true) {
        tracing::trace!("a connection of an agent waits for full packets: {err}");
    }
    let mut role = None;
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    let check = |request: &Request, response: Response| {
        let (came_as, response) = door.check(request, response)?;
        role = Some(came_as);
        Ok(response)
    };
    let stream = Metered { stream, meter: Begun::default() };
    let shaken =
        timeout(HANDSHAKE_PATIENCE, accept_hdr_async_with_config(stream, check, Some(config()))).await;
    let (Ok(Ok(stream)), Some(role)) = (shaken, role) else {
        return health.refuse(&Refusal::Garbage);
    };
    health.count_message();
    let socket = Socket::new(stream);
    match role {
        Role::Agent => agent::serve(&server, socket, peer).await,
        Role::Editor => editor::serve(&server, socket, whose(peer).await.0).await,
    }
}

/// The process at the other end, and where it works: what the kernel says, not what the peer says of itself.
pub(super) async fn whose(peer: SocketAddr) -> (Option<ProcessId>, String) {
    let looked = tokio::task::spawn_blocking(move || {
        let pid = tcp_peer(peer)?;
        let process = ancestors(pid).first()?.process;
        Some((process, working_directory(pid)))
    });
    match looked.await {
        Ok(Some((process, cwd))) => (Some(process), cwd),
        _ => (None, String::new()),
    }
}

#[cfg(target_os = "linux")]
fn working_directory(pid: u32) -> String {
    let cwd = std::fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
    cwd.into_os_string().into_string().unwrap_or_default()
}
#[cfg(not(target_os = "linux"))]
fn working_directory(_pid: u32) -> String {
    String::new()
}
