//! Who may ask: nobody on behalf of a web page, and nobody without the token.
//!
//! A page can make a browser send requests to this machine: under its own name (then `Origin` or `Sec-Fetch-Site` tell),
//! or under a name that it has let point here (then `Host` tells). Neither reads a byte of what it sent.

use super::Api;
use super::answer::Refused;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use magia_protocol::wire::spawn::SpawnCode;

/// The path that everybody may ask for: it says only that something listens.
const OPEN: &str = "/api/health";

/// The names under which this server may be asked.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    hosts: [String; 3],
}

impl Guard {
    pub(super) fn new(port: u16) -> Self {
        Self { hosts: [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")] }
    }

    /// Whether a request comes from a program of this machine and not from a page.
    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), &'static str> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().map(|host| host.to_str().unwrap_or_default());
        let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()));
        let known = |name: &str| self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        if !host.is_some_and(known) || hosts.next().is_some() {
            return Err("this server is not called by that name");
        }
        for origin in headers.get_all(header::ORIGIN) {
            let origin = origin.to_str().unwrap_or_default();
            if !origin.strip_prefix("http://").is_some_and(known) {
                return Err("web pages are not served");
            }
        }
        for site in headers.get_all("sec-fetch-site") {
            if !matches!(site.to_str(), Ok("same-origin" | "none")) {
                return Err("web pages are not served");
            }
        }
        Ok(())
    }
}

/// Lets a request pass, or answers it.
pub(super) async fn watch(State(api): State<Api>, request: Request, next: Next) -> Response {
    match refusal(&api, &request) {
        Some(refused) => {
            api.shared.health.refuse(&super::super::health::Refusal::Garbage);
            refused.into_response()
        }
        None => {
            api.shared.health.count_message();
            next.run(request).await
        }
    }
}

fn refusal(api: &Api, request: &Request) -> Option<Refused> {
    let headers = request.headers();
    if let Err(why) = api.guard.check(request.uri(), headers) {
        return Some(Refused::new(403, SpawnCode::PermissionDenied, why));
    }
    if request.uri().path() != OPEN && !is_known(api, request) {
        let why = "Authorization: Bearer and the token of the file http-token in magia's state directory are wanted";
        return Some(Refused::new(401, SpawnCode::Unauthorized, why));
    }
    let sends = matches!(*request.method(), Method::POST | Method::PATCH | Method::PUT);
    if sends && !is_json(headers) {
        let why = "Content-Type: application/json is wanted";
        return Some(Refused::new(415, SpawnCode::InvalidRequest, why));
    }
    None
}

fn is_known(api: &Api, request: &Request) -> bool {
    let mut shown = request.headers().get_all(header::AUTHORIZATION).iter();
    match (shown.next().and_then(|value| value.to_str().ok()), shown.next()) {
        (Some(value), None) => match value.split_once(' ') {
            Some((scheme, token)) => scheme.eq_ignore_ascii_case("bearer") && api.token.is(token.trim()),
            None => false,
        },
        (None, None) if *request.method() == Method::GET && request.uri().path().ends_with("stream") => {
            let query = request.uri().query().unwrap_or_default();
            let ticket = query.split('&').find_map(|pair| pair.strip_prefix("ticket="));
            ticket.is_some_and(|ticket| api.tickets.take(ticket))
        }
        _ => false,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn hosts_and_origins() {
        let guard = Guard::new(4020);
        let check = |pairs: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.append(*name, HeaderValue::from_str(value).unwrap());
            }
            guard.check(&Uri::from_static("/api/sessions"), &headers).is_ok()
        };
        for host in ["127.0.0.1:4020", "localhost:4020", "LOCALHOST:4020", "[::1]:4020"] {
            assert!(check(&[("host", host)]), "{host}");
            assert!(check(&[("host", host), ("sec-fetch-site", "none")]));
            assert!(check(&[("host", host), ("origin", "http://127.0.0.1:4020")]));
        }
        for host in [
            "evil.example:4020",
            "127.0.0.1",
            "127.0.0.1:80",
            "localhost.evil.example:4020",
            "127.1:4020",
            "",
        ] {
            assert!(!check(&[("host", host)]), "{host}");
        }
        let ours = ("host", "127.0.0.1:4020");
        assert!(!check(&[]));
        assert!(!check(&[ours, ("host", "evil.example")]));
        for origin in
            ["http://evil.example", "null", "https://127.0.0.1:4020", "http://127.0.0.1:80", "file://"]
        {
            assert!(!check(&[ours, ("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", "x"] {
            assert!(!check(&[ours, ("sec-fetch-site", site)]), "{site}");
        }
    }
}
