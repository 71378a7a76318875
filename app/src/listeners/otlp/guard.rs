//! Who may send: programs of this machine, never a web page. A page can make a browser post to a port of this machine, and
//! a record that it wrote would count.

use super::status::Refused;
use axum::http::{HeaderMap, Uri, header};

/// The names under which the port may be asked; the socket is asked by any.
#[derive(Clone, Debug)]
pub(super) struct Guard {
    hosts: Option<[String; 3]>,
}

impl Guard {
    /// For the port.
    pub(super) fn of_port(port: u16) -> Self {
        let hosts = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")];
        Self { hosts: Some(hosts) }
    }

    /// For the socket: no page reaches one, and exporters name it as they like.
    pub(super) const fn of_socket() -> Self {
        Self { hosts: None }
    }

    /// Whether a request comes from a program of this machine and not from a page.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Refused> {
        if let Some(known) = &self.hosts {
            let mut hosts = headers.get_all(header::HOST).iter();
            let host = hosts.next().map(|host| host.to_str().unwrap_or_default());
            let host = host.or_else(|| uri.authority().map(|authority| authority.as_str()));
            let is_ours = |name: &str| known.iter().any(|host| host.eq_ignore_ascii_case(name));
            if !host.is_some_and(is_ours) || hosts.next().is_some() {
                return Err(Refused::Foreign("this server is not called by that name"));
            }
        }
        // No exporter has one, not even one in a page, which is none of ours.
        let from_page = headers.contains_key(header::ORIGIN)
            || headers.get_all("sec-fetch-site").iter().any(|site| !matches!(site.to_str(), Ok("none")));
        if from_page { Err(Refused::Foreign("web pages are not served")) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[track_caller]
    fn check(guard: &Guard, uri: &'static str, pairs: &[(&'static str, &str)], passes: bool) {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        assert_eq!(guard.check(&Uri::from_static(uri), &headers).is_ok(), passes, "{uri} {pairs:?}");
    }

    #[test]
    fn names_and_pages() {
        let port = Guard::of_port(4318);
        for host in ["127.0.0.1:4318", "localhost:4318", "LOCALHOST:4318", "[::1]:4318"] {
            check(&port, "/v1/logs", &[("host", host)], true);
            check(&port, "/v1/logs", &[("host", host), ("sec-fetch-site", "none")], true);
            check(&port, "/v1/logs", &[("host", host), ("sec-fetch-site", "same-origin")], false);
            check(&port, "/v1/logs", &[("host", host), ("origin", "http://127.0.0.1:4318")], false);
            check(&port, "/v1/logs", &[("host", host), ("origin", "null")], false);
        }
        for host in ["evil.example:4318", "127.0.0.1", "127.0.0.1:80", "localhost.evil.example:4318", ""] {
            check(&port, "/v1/logs", &[("host", host)], false);
        }
        check(&port, "/v1/logs", &[], false);
        check(&port, "/v1/logs", &[("host", "127.0.0.1:4318"), ("host", "evil.example")], false);
        // HTTP/2 has the name in its target.
        check(&port, "http://127.0.0.1:4318/v1/logs", &[], true);
        check(&port, "http://evil.example:4318/v1/logs", &[], false);
        let socket = Guard::of_socket();
        check(&socket, "/v1/logs", &[("host", "localhost")], true);
        check(&socket, "/v1/logs", &[], true);
        check(&socket, "/v1/logs", &[("host", "localhost"), ("origin", "http://evil.example")], false);
    }
}
