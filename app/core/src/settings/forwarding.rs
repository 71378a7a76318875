//! Where a copy of all telemetry goes.

/// A collector of the user's own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Forwarding {
    /// `http://`, `https://` or `grpc://`, a host, perhaps a port and a path.
    pub url: String,
    /// What is sent along, as a key.
    pub headers: Vec<(String, String)>,
}

impl Forwarding {
    pub(super) fn is_usable(&self) -> bool {
        let rest = ["http://", "https://", "grpc://"].iter().find_map(|scheme| self.url.strip_prefix(scheme));
        rest.is_some_and(|rest| {
            let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
            !host.is_empty() && !host.starts_with(':') && !self.url.contains(char::is_whitespace)
        })
    }

    /// Whether it is spoken to by gRPC.
    pub fn is_grpc(&self) -> bool {
        self.url.starts_with("grpc://")
    }

    fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        host.rsplit('@').next().unwrap_or_default()
    }

    /// Without what may be a secret in it.
    pub fn shown(&self) -> String {
        let scheme = self.url.split_once("://").map_or("", |(scheme, _)| scheme);
        format!("{scheme}://{}", self.host())
    }

    /// The port, when it is one of this machine.
    pub fn loopback_port(&self) -> Option<u16> {
        let (name, port) = self.host().rsplit_once(':')?;
        let own = matches!(name, "localhost" | "[::1]") || name.starts_with("127.");
        own.then(|| port.parse().ok())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use serde_json::{Map, Value, json};

    fn object(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(object) => object,
            other => panic!("not an object: {other}"),
        }
    }

    #[test]
    fn a_collector_of_ones_own() {
        let file = object(json!({
            "telemetryForwardHeaders": {"x-key": "secret"},
            "telemetryForward": "https://me:pass@otel.example:443/base?token=1",
        }));
        let (settings, problems) = Settings::read(file);
        assert_eq!(problems, Vec::<String>::new());
        let forward = settings.telemetry_forward.clone().unwrap();
        assert_eq!(forward.headers, [("x-key".to_owned(), "secret".to_owned())]);
        assert_eq!((forward.shown().as_str(), forward.loopback_port()), ("https://otel.example:443", None));
        assert_eq!(Settings::read(settings.to_json()).0.telemetry_forward, settings.telemetry_forward);
        let port = |url: &str| Forwarding { url: url.to_owned(), headers: Vec::new() }.loopback_port();
        assert_eq!(port("grpc://localhost:4317"), Some(4317));
        assert_eq!(port("http://127.0.0.1:4318/x"), Some(4318));
        assert_eq!(port("http://10.0.0.1:4318"), None);
        for bad in [json!("otel.example"), json!("ftp://x"), json!("http://"), json!("http://:80"), json!(7)]
        {
            assert!(Settings::check(&object(json!({ "telemetryForward": bad }))).is_err(), "{bad}");
        }
        for bad in [json!({"a b": "c"}), json!({"a": "c\n"}), json!({"a": 1}), json!([])] {
            assert!(Settings::check(&object(json!({ "telemetryForwardHeaders": bad }))).is_err(), "{bad}");
        }
    }
}
