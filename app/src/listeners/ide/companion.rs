//! Gemini CLI's companion: MCP over HTTP at a port of its own, found by a file in the temporary directory.

use super::agent::propose;
use super::connection::whose;
use super::server::Server;
use super::table::ToPeer;
use crate::listeners::health::Refusal;
use crate::listeners::{loopback, real_paths};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use futures_util::stream;
use magia_core::ide::{Companion, ConnId, IdeFact, Peer, Told};
use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio::sync::{Mutex as AsyncMutex, mpsc, watch};
use tokio::time::timeout;

/// Bytes of a message: a file that an agent writes.
const BODY_MAX: usize = 16 * 1024 * 1024;
/// Clients at once.
const SESSIONS_MAX: usize = 64;
/// A stream of events says something at least so often, so that a client that is gone is noticed.
const BEAT: Duration = Duration::from_secs(20);
/// A client that has lost its stream comes again within that time.
const LEFT_AFTER: Duration = Duration::from_secs(2);
/// Names the session.
const SESSION: &str = "mcp-session-id";

/// The companion.
#[derive(Clone)]
struct Shared {
    server: Arc<Server>,
    token: Arc<str>,
    port: u16,
    sessions: Arc<Mutex<HashMap<String, Arc<Session>>>>,
}

/// One client.
struct Session {
    id: String,
    conn: ConnId,
    cwd: String,
    companion: Mutex<Companion>,
    /// What waits for the stream of events; one stream at a time reads it.
    queue: AsyncMutex<mpsc::Receiver<ToPeer>>,
    /// Ends the stream before, when a new one comes.
    newest: watch::Sender<u64>,
}

impl Session {
    fn companion(&self) -> MutexGuard<'_, Companion> {
        self.companion.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until `stop` says otherwise.
pub(super) async fn serve(
    server: Arc<Server>,
    listener: TcpListener,
    token: String,
    mut stop: watch::Receiver<bool>,
) {
    let Ok(bound) = listener.local_addr() else { return };
    let shared = Shared { server, token: token.into(), port: bound.port(), sessions: Arc::default() };
    let router = Router::new()
        .route("/mcp", post(take).get(events).delete(end))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(middleware::from_fn_with_state(shared.clone(), guard))
        .with_state(shared.clone());
    // Whoever is served still when it ends could begin a session that nobody ends.
    loopback::serve(listener, router, &shared.server.shared.health, async {
        drop(stop.wait_for(|stop| *stop).await);
    })
    .await;
    let gone: Vec<ConnId> = {
        let mut sessions = lock(&shared.sessions);
        sessions.drain().map(|(_, session)| session.conn).collect()
    };
    for conn in gone {
        shared.server.table.remove(conn);
        shared.server.tell(IdeFact::Gone(conn)).await;
    }
}

/// Nobody without the token, and nobody for a web page.
async fn guard(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let hosts = [format!("127.0.0.1:{}", shared.port), format!("localhost:{}", shared.port)];
    let from_page = headers.contains_key(header::ORIGIN) || headers.contains_key("sec-fetch-site");
    let shown =
        text("authorization").split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let known =
        shown.is_some_and(|(_, token)| bool::from(token.trim().as_bytes().ct_eq(shared.token.as_bytes())));
    let health = &shared.server.shared.health;
    let refused = if from_page || !hosts.iter().any(|host| host == text("host")) {
        Some((StatusCode::FORBIDDEN, "web pages are not served"))
    } else if !known {
        Some((StatusCode::UNAUTHORIZED, "the token is wrong or missing"))
    } else {
        None
    };
    match refused {
        Some(refused) => {
            health.refuse(&Refusal::Garbage);
            refused.into_response()
        }
        None => {
            health.count_message();
            next.run(request).await
        }
    }
}

fn lock(sessions: &Mutex<HashMap<String, Arc<Session>>>) -> MutexGuard<'_, HashMap<String, Arc<Session>>> {
    sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

fn session_of(shared: &Shared, headers: &HeaderMap) -> Result<Arc<Session>, StatusCode> {
    let named = headers.get(SESSION).and_then(|id| id.to_str().ok()).ok_or(StatusCode::BAD_REQUEST)?;
    lock(&shared.sessions).get(named).cloned().ok_or(StatusCode::NOT_FOUND)
}

async fn take(
    State(shared): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(text) = std::str::from_utf8(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let mut made = None;
    let session = if Companion::is_greeting(text) {
        match begin(&shared, peer).await {
            Some((id, session)) => {
                made = Some(id);
                session
            }
            None => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    } else {
        match session_of(&shared, &headers) {
            Ok(session) => session,
            Err(status) => return status.into_response(),
        }
    };
    let answers = session.companion().take(text);
    for told in answers.told {
        hear(&shared, &session, told).await;
    }
    let Some(answer) = answers.send.into_iter().next() else { return StatusCode::ACCEPTED.into_response() };
    let mut response = ([(header::CONTENT_TYPE, "application/json")], answer).into_response();
    if let Some(id) = made.and_then(|id| id.parse().ok()) {
        response.headers_mut().insert(SESSION, id);
    }
    response
}

async fn begin(shared: &Shared, peer: SocketAddr) -> Option<(String, Arc<Session>)> {
    if lock(&shared.sessions).len() >= SESSIONS_MAX {
        forget_ended(shared).await;
    }
    if lock(&shared.sessions).len() >= SESSIONS_MAX {
        return None;
    }
    let (process, cwd) = whose(peer).await;
    let (conn, queue) = shared.server.table.add(Some(cwd.clone()));
    let id = super::server::token().ok()?;
    let session = Arc::new(Session {
        id: id.clone(),
        conn,
        companion: Mutex::new(Companion::new(conn, cwd.clone())),
        cwd,
        queue: AsyncMutex::new(queue),
        newest: watch::channel(0).0,
    });
    lock(&shared.sessions).insert(id.clone(), Arc::clone(&session));
    let peer = Peer { kind: "gemini", name: "gemini-cli".to_owned(), process };
    shared.server.tell(IdeFact::Connected { conn, peer }).await;
    Some((id, session))
}

/// Sessions whose stream has ended make room.
async fn forget_ended(shared: &Shared) {
    let ended: Vec<String> = lock(&shared.sessions)
        .iter()
        .filter(|(_, session)| session.queue.try_lock().is_ok())
        .map(|(id, _)| id.clone())
        .collect();
    for id in ended {
        forget(shared, &id).await;
    }
}

async fn forget(shared: &Shared, id: &str) {
    let Some(session) = lock(&shared.sessions).remove(id) else { return };
    shared.server.table.remove(session.conn);
    shared.server.tell(IdeFact::Gone(session.conn)).await;
}

async fn hear(shared: &Shared, session: &Session, told: Told) {
    match told {
        Told::Open { gate, path, new } => {
            let paths = real_paths::of_file(PathBuf::from(&session.cwd), PathBuf::from(&path)).await;
            let diff = Box::new(propose(path, new).await);
            shared.server.tell(IdeFact::DiffOpened { gate, diff, paths }).await;
        }
        Told::Closed(gate) => shared.server.tell(IdeFact::DiffClosed(gate)).await,
        Told::Greeted { .. } | Told::Pid(_) | Told::Editor { .. } => {}
    }
}

/// The stream of events: what editors show, and what became of changes.
async fn events(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let session = match session_of(&shared, &headers) {
        Ok(session) => session,
        Err(status) => return status.into_response(),
    };
    let mine = {
        let mut number = 0;
        session.newest.send_modify(|newest| {
            *newest += 1;
            number = *newest;
        });
        number
    };
    let first = context(&shared, &session);
    let follower = Follower { shared, session, mine };
    let frames = stream::unfold((follower, Some(first)), |(follower, first)| async move {
        if let Some(first) = first {
            return Some((Ok::<_, Infallible>(frame(&first)), (follower, None)));
        }
        let Follower { shared, session, mine } = &follower;
        let text = {
            let mut newest = session.newest.subscribe();
            let mut queue = session.queue.lock().await;
            loop {
                let out = tokio::select! {
                    _ = newest.wait_for(|newest| newest > mine) => return None,
                    out = timeout(BEAT, queue.recv()) => out,
                };
                match out {
                    Err(_) => break ": still here\n\n".to_owned(),
                    Ok(None) => return None,
                    Ok(Some(ToPeer::Answer(gate, answer))) => {
                        let told = session.companion().answer(gate, &answer);
                        if let Some(told) = told {
                            // Its stream is there to take it.
                            shared.server.tell(IdeFact::DiffClosed(gate)).await;
                            break frame(&told);
                        }
                    }
                    Ok(Some(ToPeer::Selected(_))) => break frame(&context(shared, session)),
                    // Gemini has no word for it.
                    Ok(Some(ToPeer::Mention(..) | ToPeer::Frame(_))) => {}
                }
            }
        };
        Some((Ok(text), (follower, None)))
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    (kind, Body::from_stream(frames)).into_response()
}

/// A stream of events. A client whose stream has ended and that begins no other one has left.
struct Follower {
    shared: Shared,
    session: Arc<Session>,
    mine: u64,
}

impl Drop for Follower {
    fn drop(&mut self) {
        let (shared, session, mine) = (self.shared.clone(), Arc::clone(&self.session), self.mine);
        tokio::spawn(async move {
            tokio::time::sleep(LEFT_AFTER).await;
            if *session.newest.borrow() == mine {
                forget(&shared, &session.id).await;
            }
        });
    }
}

fn context(shared: &Shared, session: &Session) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let companion = session.companion();
    shared.server.table.editors(|editors| companion.context(editors, now_ms))
}

fn frame(message: &str) -> String {
    format!("event: message\ndata: {message}\n\n")
}

/// The client has left.
async fn end(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    let named = headers.get(SESSION).and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
    forget(&shared, &named).await;
    StatusCode::OK.into_response()
}
