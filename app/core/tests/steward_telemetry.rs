//! Telemetry in the settings of three agents: on and off again leaves every byte as it was, and another's collector stays.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use magia_core::steward::{
    Collector, StewardError, TelemetryState, Written, endpoint_is_of, plan_telemetry_off, plan_telemetry_on,
    telemetry_state,
};
use magia_protocol::wire::Provider;

const OURS: &str = "http://127.0.0.1:4318";

fn collector() -> Collector {
    Collector { endpoint: OURS.to_owned(), traces: true }
}

fn ours(endpoint: &str) -> bool {
    endpoint_is_of(endpoint, OURS)
}

fn state(provider: Provider, text: &str) -> TelemetryState {
    telemetry_state(Some(text.as_bytes()), provider, &ours).unwrap()
}

fn on(provider: Provider, text: Option<&str>) -> (String, Written) {
    let bytes = text.map(str::as_bytes);
    let (plan, written) =
        plan_telemetry_on(bytes, provider, &collector(), &Written::default(), &ours).unwrap();
    (String::from_utf8(plan.after.unwrap()).unwrap(), written)
}

/// On and off comes back to the same bytes; what stands in between is right.
#[track_caller]
fn check(provider: Provider, text: Option<&str>, holds: &[&str]) -> String {
    let (with, written) = on(provider, text);
    assert_eq!(state(provider, &with), TelemetryState::On(OURS.to_owned()), "{with}");
    for part in holds {
        assert!(with.contains(part), "{part} is missing: {with}");
    }
    let (twice, _) = on(provider, Some(&with));
    assert_eq!(twice, with, "a second time changes nothing");
    let off = plan_telemetry_off(Some(with.as_bytes()), provider, &written).unwrap();
    let after = off.after.map(|after| String::from_utf8(after).unwrap());
    assert_eq!(after.as_deref(), text, "what it was: {with}");
    with
}

#[test]
fn claude() {
    let provider = Provider::Claude;
    let held = [
        "\"CLAUDE_CODE_ENABLE_TELEMETRY\": \"1\"",
        "\"OTEL_EXPORTER_OTLP_PROTOCOL\": \"http/protobuf\"",
        OURS,
    ];
    check(provider, None, &held);
    check(provider, Some("{}"), &[OURS]);
    check(provider, Some("{\n  \"model\": \"opus\"\n}\n"), &held);
    check(
        provider,
        Some("{\n  \"env\": {\n    \"A\": \"b\"\n  },\n  \"model\": \"opus\"\n}\n"),
        &["\"A\": \"b\""],
    );
    check(provider, Some("{\r\n\t\"env\": {},\r\n\t\"x\": [1,2]\r\n}"), &["\r\n"]);
    // A switch of the user's own comes back.
    let text = "{\n  \"env\": {\n    \"CLAUDE_CODE_ENABLE_TELEMETRY\": \"0\",\n    \"OTEL_LOGS_EXPORTER\": \"none\"\n  }\n}\n";
    check(provider, Some(text), &["\"CLAUDE_CODE_ENABLE_TELEMETRY\": \"1\""]);
}

#[test]
fn what_was_changed_since_stays() {
    let (with, written) = on(Provider::Claude, Some("{\n  \"model\": \"opus\"\n}\n"));
    let edited = with
        .replace("\"OTEL_METRIC_EXPORT_INTERVAL\": \"10000\"", "\"OTEL_METRIC_EXPORT_INTERVAL\": \"5000\"")
        .replace("\"env\": {", "\"env\": {\n    \"MINE\": \"1\",");
    let off = plan_telemetry_off(Some(edited.as_bytes()), Provider::Claude, &written).unwrap();
    let after = String::from_utf8(off.after.unwrap()).unwrap();
    let value: serde_json::Value = serde_json::from_str(&after).unwrap();
    let left = serde_json::json!({
        "model": "opus",
        "env": { "MINE": "1", "OTEL_METRIC_EXPORT_INTERVAL": "5000" },
    });
    assert_eq!(value, left);
    // Nothing is known of what was written: nothing is taken.
    let unknown = plan_telemetry_off(Some(with.as_bytes()), Provider::Claude, &Default::default()).unwrap();
    assert!(unknown.is_unchanged());
}

#[test]
fn gemini_keeps_comments() {
    let provider = Provider::Gemini;
    check(provider, None, &["\"otlpProtocol\": \"http\"", "\"logPrompts\": false"]);
    let text = "{\n  // mine\n  \"ui\": { \"theme\": \"x\" }, // behind\n}\n";
    check(provider, Some(text), &["// mine", "// behind", OURS]);
    let text = "{\n  \"telemetry\": {\n    \"enabled\": false, // no\n    \"logPrompts\": true\n  }\n}\n";
    check(provider, Some(text), &["// no", "\"enabled\": true"]);
    assert_eq!(
        state(provider, "{\"telemetry\":{\"enabled\":false,\"otlpEndpoint\":\"http://x:1\"}}"),
        TelemetryState::Off
    );
}

#[test]
fn codex() {
    let provider = Provider::Codex;
    let held = [
        "[otel]",
        "exporter = { otlp-http = { endpoint = \"http://127.0.0.1:4318/v1/logs\", protocol = \"binary\" } }",
        "metrics_exporter = { otlp-http = { endpoint = \"http://127.0.0.1:4318/v1/metrics\", protocol = \"binary\" } }",
    ];
    check(provider, None, &held);
    check(provider, Some("model = \"gpt\" # mine\n"), &held);
    check(provider, Some("model = \"gpt\"\r\n\r\n[features]\r\nx = true\r\n"), &held);
    check(
        provider,
        Some("[otel]\nenvironment = \"dev\" # mine\nlog_user_prompt = false\n\n[tui]\nx = 1\n"),
        &held,
    );
    check(provider, Some("[otel]\nexporter = \"none\"\nenvironment = \"dev\"\n"), &held);
    check(provider, Some("[otel.span_attributes]\nx = \"y\"\n"), &held);
    let dotted = plan_telemetry_on(
        Some(b"otel.environment = \"dev\"\n"),
        provider,
        &collector(),
        &Written::default(),
        &ours,
    );
    assert!(matches!(dotted, Err(StewardError::WrongType { .. })), "{dotted:?}");
    let broken = plan_telemetry_on(Some(b"model = \n"), provider, &collector(), &Written::default(), &ours);
    assert!(matches!(broken, Err(StewardError::Toml { .. })));
}

#[test]
fn a_collector_of_the_users_own_is_never_written_over() {
    for (provider, text, shown) in [
        (
            Provider::Claude,
            r#"{"env":{"OTEL_EXPORTER_OTLP_ENDPOINT":"https://me:key@otel.example/x?token=1"}}"#,
            "https://otel.example/x",
        ),
        (
            Provider::Claude,
            r#"{"env":{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT":"http://10.0.0.1:4318"}}"#,
            "http://10.0.0.1:4318",
        ),
        (Provider::Claude, r#"{"env":{"OTEL_METRICS_EXPORTER":"prometheus"}}"#, "the exporter prometheus"),
        (
            Provider::Gemini,
            r#"{"telemetry":{"enabled":true,"otlpEndpoint":"http://10.0.0.1:4317"}}"#,
            "http://10.0.0.1:4317",
        ),
        (Provider::Gemini, r#"{"telemetry":{"enabled":true,"outfile":"/tmp/x"}}"#, "the file /tmp/x"),
        (Provider::Gemini, r#"{"telemetry":{"enabled":true,"target":"gcp"}}"#, "Google Cloud"),
        (
            Provider::Codex,
            "[otel]\nexporter = { otlp-grpc = { endpoint = \"http://10.0.0.1:4317\" } }\n",
            "http://10.0.0.1:4317",
        ),
        (
            Provider::Codex,
            "[otel.exporter.otlp-http]\nendpoint = \"https://k:v@e.example/v1/logs\"\n",
            "https://e.example/v1/logs",
        ),
        (
            Provider::Codex,
            "[otel]\ntrace_exporter = { otlp-http = { endpoint = \"http://10.0.0.1/v1/traces\" } }\n",
            "http://10.0.0.1/v1/traces",
        ),
    ] {
        assert_eq!(state(provider, text), TelemetryState::Theirs(shown.to_owned()), "{text}");
        match plan_telemetry_on(Some(text.as_bytes()), provider, &collector(), &Written::default(), &ours) {
            Err(err @ StewardError::ForeignCollector { .. }) => {
                assert!(err.to_string().contains(shown) && !err.to_string().contains("key"), "{err}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    assert_eq!(
        state(Provider::Codex, "[otel]\nexporter = \"none\"\nmetrics_exporter = \"statsig\"\n"),
        TelemetryState::Off
    );
    assert_eq!(state(Provider::Claude, "{}"), TelemetryState::Off);
}

/// Switches telemetry on for each collector in turn, then off, as the steward does: what it was.
#[track_caller]
fn turns(provider: Provider, text: &str, collectors: &[Collector]) {
    let mut now = text.to_owned();
    let mut known = Written::default();
    let any = |found: &str| collectors.iter().any(|one| endpoint_is_of(found, &one.endpoint));
    for collector in collectors {
        let (plan, written) =
            plan_telemetry_on(Some(now.as_bytes()), provider, collector, &known, &any).unwrap();
        now = String::from_utf8(plan.after.unwrap()).unwrap();
        known = written;
    }
    let off = plan_telemetry_off(Some(now.as_bytes()), provider, &known).unwrap();
    assert_eq!(String::from_utf8(off.after.unwrap()).unwrap(), text, "{now}");
}

#[test]
fn on_again_and_again_is_taken_back_as_a_whole() {
    let more = collector();
    let less = Collector { traces: false, ..collector() };
    let moved = Collector { endpoint: "http://127.0.0.1:4319".to_owned(), traces: false };
    let texts = [
        "{}",
        "{\n  \"model\": \"opus\"\n}\n",
        "{\n  \"env\": {\n    \"OTEL_TRACES_EXPORTER\": \"none\",\n    \"A\": \"b\"\n  }\n}\n",
        "{\n  \"env\": {\n    \"OTEL_METRICS_EXPORTER\": \"none\"\n  }\n}\n",
    ];
    for text in texts {
        for collectors in [
            &[more.clone(), less.clone()][..],
            &[less.clone(), more.clone()],
            &[less.clone(), more.clone(), less.clone(), moved.clone()],
            &[moved.clone(), more.clone(), more.clone()],
        ] {
            turns(Provider::Claude, text, collectors);
        }
    }
    for text in ["[otel]\nexporter = \"none\"\n", "model = \"x\"\n"] {
        turns(Provider::Codex, text, &[moved.clone(), less.clone(), less.clone()]);
    }
    turns(Provider::Gemini, "{\n  \"telemetry\": {\n    \"logPrompts\": true\n  }\n}\n", &[moved, less]);
}

#[test]
fn a_smaller_wish_takes_back_what_is_not_wanted_any_more() {
    let text = "{\n  \"env\": {\n    \"OTEL_TRACES_EXPORTER\": \"none\"\n  }\n}\n";
    let (with, known) = on(Provider::Claude, Some(text));
    let less = Collector { traces: false, ..collector() };
    let again = plan_telemetry_on(Some(with.as_bytes()), Provider::Claude, &less, &known, &ours).unwrap().0;
    let after = String::from_utf8(again.after.unwrap()).unwrap();
    assert!(after.contains("\"OTEL_TRACES_EXPORTER\": \"none\"") && after.contains(OURS), "{after}");
    assert!(!after.contains("CLAUDE_CODE_ENHANCED_TELEMETRY_BETA"), "{after}");
}

#[test]
fn what_was_changed_between_two_times_comes_back_too() {
    let (with, known) = on(Provider::Claude, Some("{\n  \"model\": \"opus\"\n}\n"));
    let edited = with
        .replace("\"OTEL_METRIC_EXPORT_INTERVAL\": \"10000\"", "\"OTEL_METRIC_EXPORT_INTERVAL\": \"5000\"");
    let bytes = Some(edited.as_bytes());
    let (plan, known) = plan_telemetry_on(bytes, Provider::Claude, &collector(), &known, &ours).unwrap();
    let off = plan_telemetry_off(plan.after.as_deref(), Provider::Claude, &known).unwrap();
    let after: serde_json::Value = serde_json::from_slice(&off.after.unwrap()).unwrap();
    let left = serde_json::json!({ "model": "opus", "env": { "OTEL_METRIC_EXPORT_INTERVAL": "5000" } });
    assert_eq!(after, left);
}

#[test]
fn a_dotted_key_keeps_the_header_it_stands_under() {
    let dotted = "[otel]\nspan_attributes.team = \"x\"\n";
    check(Provider::Codex, Some(dotted), &["span_attributes.team = \"x\""]);
    // The user's own key came after ours.
    let (with, known) = on(Provider::Codex, None);
    for (key, left) in [
        ("span_attributes.team = \"x\"\n", "[otel]\nspan_attributes.team = \"x\"\n"),
        ("environment = \"dev\"\n", "[otel]\nenvironment = \"dev\"\n"),
        ("\n[otel.span_attributes]\nteam = \"x\"\n", "\n[otel.span_attributes]\nteam = \"x\"\n"),
    ] {
        let edited = format!("{with}{key}");
        let off = plan_telemetry_off(Some(edited.as_bytes()), Provider::Codex, &known).unwrap();
        assert_eq!(String::from_utf8(off.after.unwrap()).unwrap(), left);
    }
}

#[test]
fn white_space_comes_back() {
    for text in ["{\n  \"env\": { }\n}\n", "{ }", "", "\n\n", "\u{feff}\n", "{\n}\n", "{ \"env\": {\n} }"] {
        check(Provider::Claude, Some(text), &[OURS]);
    }
    for text in
        ["// mine \n", "/* a */ // b \n\n", "{ \"telemetry\": { } /* x */ }", "{\n  \"a\": 1 // note \n}"]
    {
        check(Provider::Gemini, Some(text), &[OURS]);
    }
}
