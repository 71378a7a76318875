//! HTTP on a port of loopback, where everybody on the machine may knock: only our own user is served, a bounded number of
//! connections, and what is asked in time. When it ends, all of them do.

use super::connection;
use super::health::{Health, OpenConnection, Refusal};
use crate::os::tcp_peer::tcp_peer_user;
use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use magia_protocol::paths::own_uid;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Connections at once; further ones are closed as they come.
const OPEN_MAX: usize = 256;
/// Out of descriptors, the next try fails as well.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// How long connections may take to end: event streams never do by themselves.
const STOP_GRACE: Duration = Duration::from_millis(300);

/// Why whoever is at the other end of a connection is not served; `None` when it is our own user.
pub(super) fn stranger(peer: SocketAddr, own: SocketAddr) -> Option<Refusal> {
    match tcp_peer_user(peer, own) {
        Some(uid) if uid == own_uid() => None,
        // Other systems have no such table.
        None if cfg!(not(target_os = "linux")) => None,
        Some(uid) => Some(Refusal::ForeignUser(uid)),
        None => Some(Refusal::Broken(io::ErrorKind::NotConnected)),
    }
}

/// Serves until `stop` is over. No connection is left then.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    health: &Arc<Health>,
    stop: impl Future<Output = ()>,
) {
    let Ok(own) = listener.local_addr() else { return };
    let (end, ending) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = connections.join_next() => {
                super::log_panic(ended);
                continue;
            }
            () = &mut stop => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(err) => {
                tracing::debug!(listener = health.name(), "cannot accept: {err}");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let crowded = (connections.len() >= OPEN_MAX).then_some(Refusal::Crowded);
        if let Some(refusal) = stranger(peer, own).or(crowded) {
            health.refuse(&refusal);
            continue;
        }
        health.count_accepted();
        let open = OpenConnection::new(health);
        let router = router.clone().layer(Extension(ConnectInfo(peer)));
        let served = connection::serve(stream, router, Arc::clone(health), ending.clone());
        connections.spawn(async move {
            served.await;
            drop(open);
        });
    }
    drop(listener);
    end.send_replace(true);
    let all_ended = async { while connections.join_next().await.is_some() {} };
    if timeout(STOP_GRACE, all_ended).await.is_err() {
        tracing::debug!(listener = health.name(), "stopped with a connection at work");
    }
    connections.shutdown().await;
}
