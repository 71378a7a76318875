//! One connection, HTTP/1 or HTTP/2, whichever the other end begins with.

use crate::listeners::health::{Health, Refusal};
use crate::listeners::metered::{Meter, Metered};
use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Until when a peer must have said which protocol it speaks.
const FIRST_LIMIT: Duration = Duration::from_secs(5);
/// Bytes that say it: HTTP/2's preface has as many.
const FIRST_BYTES: u64 = 24;
/// How long a request's head may take, and an idle HTTP/1 connection be kept: exporters come every minute.
const HEAD_LIMIT: Duration = Duration::from_secs(90);
/// A peer by HTTP/2 that is silent so long is asked whether it lives.
const PING_EVERY: Duration = Duration::from_secs(60);
/// How long it may take to answer that.
const PING_LIMIT: Duration = Duration::from_secs(20);
/// Exports of one connection at once.
const STREAMS_MAX: u32 = 32;
/// A request's head, in bytes.
const HEAD_MAX_BYTES: u32 = 16 * 1024;
/// What HTTP/1 reads ahead, in bytes.
const BUFFER_MAX_BYTES: usize = 64 * 1024;
/// How long a stop waits for the export at work.
const STOP_LIMIT: Duration = Duration::from_millis(200);

/// Serves one connection to its end.
pub(super) async fn serve<S>(stream: S, router: Router, health: Arc<Health>, mut stop: watch::Receiver<bool>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let heard = Arc::new(AtomicU64::new(0));
    let stream = Metered { stream, meter: Heard(Arc::clone(&heard)) };
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_LIMIT).max_buf_size(BUFFER_MAX_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_MAX_BYTES)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_LIMIT);
    let mut connection =
        pin!(builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    let mut begun = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(err) = ended {
                    tracing::debug!(listener = health.name(), "a connection ended: {err}");
                }
                return;
            }
            () = sleep(FIRST_LIMIT), if !begun => {
                begun = true;
                if heard.load(Ordering::Relaxed) < FIRST_BYTES {
                    return health.refuse(&Refusal::Silent);
                }
            }
            () = ended(&mut stop) => break,
        }
    }
    connection.as_mut().graceful_shutdown();
    if timeout(STOP_LIMIT, connection).await.is_err() {
        tracing::debug!(listener = health.name(), "stopped with an export at work");
    }
}

/// Waits until all is to stop; the owner's end is a stop as well.
pub(super) async fn ended(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stop| *stop).await);
}

/// Counts what was read.
struct Heard(Arc<AtomicU64>);

impl Meter for Heard {
    fn heard(&mut self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}
