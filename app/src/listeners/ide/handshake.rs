//! Who may connect: nobody for a web page, and nobody without a token.

use subtle::ConstantTimeEq as _;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode, header};

/// Claude Code shows its token here.
const CLAUDE_TOKEN: &str = "x-claude-code-ide-authorization";
/// What agents speak.
const SUBPROTOCOL: &str = "mcp";
/// Where editors come.
const EDITOR_PATH: &str = "/editor";

/// As whom a peer comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// An agent, whose editor magia is.
    Agent,
    /// An editor.
    Editor,
}

/// What is checked against.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) port: u16,
    pub(super) agent_token: String,
    pub(super) editor_token: String,
    /// The companion's port and token, when there is one.
    pub(super) companion: Option<(u16, String)>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Door {
    /// Lets a handshake pass, or says with which status it is turned away.
    #[expect(clippy::result_large_err, reason = "the library's own type")]
    pub(super) fn check(
        &self,
        request: &Request,
        mut response: Response,
    ) -> Result<(Role, Response), ErrorResponse> {
        let headers = request.headers();
        if !self.is_called_so(headers)
            || headers.contains_key(header::ORIGIN)
            || headers.contains_key("sec-fetch-site")
        {
            return Err(refused(StatusCode::FORBIDDEN, "web pages are not served\n"));
        }
        let (role, shown, token) = match request.uri().path() {
            "/" => (Role::Agent, single(headers, CLAUDE_TOKEN), &self.agent_token),
            EDITOR_PATH => (Role::Editor, bearer(headers), &self.editor_token),
            _ => return Err(refused(StatusCode::NOT_FOUND, "there is nothing here\n")),
        };
        let known = shown.is_some_and(|shown| bool::from(shown.as_bytes().ct_eq(token.as_bytes())));
        if !known {
            return Err(refused(StatusCode::UNAUTHORIZED, "the token is wrong or missing\n"));
        }
        let offered =
            headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|one| one.to_str().ok());
        let mut offered = offered.flat_map(|line| line.split(',')).map(str::trim);
        if role == Role::Agent && offered.any(|one| one == SUBPROTOCOL) {
            response
                .headers_mut()
                .insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        }
        Ok((role, response))
    }

    fn is_called_so(&self, headers: &HeaderMap) -> bool {
        let host = single(headers, "host").unwrap_or_default();
        let name = host.strip_suffix(&format!(":{}", self.port)).unwrap_or_default();
        ["127.0.0.1", "localhost"].iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// A header that is there once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    match (all.next(), all.next()) {
        (Some(one), None) => one.to_str().ok(),
        _ => None,
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = single(headers, "authorization")?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn refused(status: StatusCode, why: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(why.to_owned()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, pairs: &[(&str, &str)]) -> Result<(Role, Response), u16> {
        let door = Door { port: 4711, agent_token: "aa".into(), editor_token: "ee".into(), companion: None };
        let mut request = Request::new(());
        *request.uri_mut() = path.parse().unwrap();
        for (name, value) in pairs {
            let name: tokio_tungstenite::tungstenite::http::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        door.check(&request, Response::new(())).map_err(|refused| refused.status().as_u16())
    }

    #[test]
    fn each_role_has_its_own_token() {
        let (host, agent) = (("host", "127.0.0.1:4711"), (CLAUDE_TOKEN, "aa"));
        let (role, response) = check("/", &[host, agent, ("sec-websocket-protocol", "other, mcp")]).unwrap();
        assert_eq!(
            (role, response.headers()["sec-websocket-protocol"].as_bytes()),
            (Role::Agent, &b"mcp"[..])
        );
        assert!(check("/", &[host, agent]).unwrap().1.headers().is_empty());
        let editor = ("authorization", "Bearer ee");
        assert_eq!(check("/editor", &[("host", "localhost:4711"), editor]).unwrap().0, Role::Editor);
        for (path, pairs, status) in [
            ("/", vec![host], 401),
            ("/", vec![host, (CLAUDE_TOKEN, "a")], 401),
            ("/", vec![host, (CLAUDE_TOKEN, "ee")], 401),
            ("/", vec![host, agent, agent], 401),
            ("/", vec![host, editor], 401),
            ("/editor", vec![host, agent], 401),
            ("/editor", vec![host, ("authorization", "Basic ee")], 401),
            ("/editor", vec![host, ("authorization", "Bearer aa")], 401),
            ("/x", vec![host, agent], 404),
            ("/", vec![agent], 403),
            ("/", vec![("host", "evil.example:4711"), agent], 403),
            ("/", vec![("host", "127.0.0.1:80"), agent], 403),
            ("/", vec![host, agent, ("origin", "http://127.0.0.1:4711")], 403),
            ("/", vec![host, agent, ("origin", "https://evil.example")], 403),
            ("/", vec![host, agent, ("sec-fetch-site", "cross-site")], 403),
        ] {
            assert_eq!(check(path, &pairs).unwrap_err(), status, "{path} {pairs:?}");
        }
    }
}
