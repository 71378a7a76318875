//! The API's connections, which count as open as long as they are.

use crate::listeners::health::{Health, OpenConnection};
use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};

/// The accepting end.
#[derive(Debug)]
pub(super) struct Door {
    listener: TcpListener,
    health: Arc<Health>,
}

/// Who is at the other end. A connection keeps it to its end.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    _open: Option<Arc<OpenConnection>>,
}

impl Door {
    pub(super) fn new(listener: TcpListener, health: Arc<Health>) -> Self {
        Self { listener, health }
    }
}

impl Listener for Door {
    type Io = TcpStream;
    type Addr = Peer;

    async fn accept(&mut self) -> (TcpStream, Peer) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        self.health.count_accepted();
        (stream, Peer { address, _open: Some(Arc::new(OpenConnection::new(&self.health))) })
    }

    fn local_addr(&self) -> io::Result<Peer> {
        Ok(Peer { address: self.listener.local_addr()?, _open: None })
    }
}

impl Connected<IncomingStream<'_, Door>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Door>) -> Self {
        stream.remote_addr().clone()
    }
}
