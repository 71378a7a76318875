//! The figures in the text format that Prometheus reads.

use magia_protocol::wire::metrics::{FleetMetricsInfo, MetricsInfo, SpreadInfo};
use std::fmt::Write as _;

/// The format's content type.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All sessions' figures.
pub fn text(fleet: &FleetMetricsInfo) -> String {
    let mut page = Page::default();
    page.family("magia_tokens_total", "counter", "Tokens, as agents tell them by telemetry.");
    for session in &fleet.sessions {
        for usage in &session.usage {
            for (kind, count) in [
                ("input", usage.input_tokens),
                ("output", usage.output_tokens),
                ("cache_read", usage.cache_read_tokens),
                ("cache_creation", usage.cache_creation_tokens),
                ("thought", usage.thought_tokens),
            ] {
                let labels =
                    [("model", usage.model.as_str()), ("query_source", &usage.query_source), ("type", kind)];
                page.value("magia_tokens_total", session, &labels, count as f64);
            }
        }
    }
    page.family("magia_cost_usd_total", "counter", "US dollars, of the agents that reckon them.");
    for session in &fleet.sessions {
        for usage in &session.usage {
            if let Some(cost) = usage.cost_usd {
                let labels = [("model", usage.model.as_str()), ("query_source", &usage.query_source)];
                page.value("magia_cost_usd_total", session, &labels, cost);
            }
        }
    }
    page.each(fleet, "magia_requests_total", "Requests to models.", |info| Some(info.requests as f64));
    page.each(fleet, "magia_request_errors_total", "Requests that failed.", |info| Some(info.errors as f64));
    page.each(fleet, "magia_lines_added_total", "Lines added by edits.", |info| {
        Some(info.lines_added as f64)
    });
    page.each(fleet, "magia_lines_removed_total", "Lines removed by edits.", |info| {
        Some(info.lines_removed as f64)
    });
    page.each(fleet, "magia_commits_total", "Commits.", |info| Some(info.commits as f64));
    page.each(fleet, "magia_active_seconds_total", "Seconds in which the agent worked.", |info| {
        Some(info.active_cli_s)
    });
    page.family("magia_context_tokens", "gauge", "Tokens that the last request put into the model's window.");
    for session in &fleet.sessions {
        if let Some(tokens) = session.context_tokens {
            page.value("magia_context_tokens", session, &[], tokens as f64);
        }
    }
    page.spread(fleet, "magia_request_seconds", "From a request to the end of its answer.", |info| {
        info.request_time.as_ref()
    });
    page.spread(fleet, "magia_first_token_seconds", "From a request to its first token.", |info| {
        info.first_token_time.as_ref()
    });
    page.family("magia_tool_calls_total", "counter", "Tool calls.");
    for session in &fleet.sessions {
        for tool in &session.tools {
            let done = tool.calls.saturating_sub(tool.failed) as f64;
            let labels = |outcome| [("tool", tool.tool.as_str()), ("outcome", outcome)];
            page.value("magia_tool_calls_total", session, &labels("done"), done);
            page.value("magia_tool_calls_total", session, &labels("failed"), tool.failed as f64);
        }
    }
    page.family("magia_hook_seconds_total", "counter", "Seconds that hooks took.");
    for session in &fleet.sessions {
        for hook in &session.hooks {
            let took = hook.took.as_ref().map_or(0.0, |took| took.sum_ms / 1_000.0);
            page.value("magia_hook_seconds_total", session, &[("hook", hook.hook.as_str())], took);
        }
    }
    page.family("magia_telemetry_items_total", "counter", "Points, records and spans that were counted.");
    let _written = writeln!(page.0, "magia_telemetry_items_total {}", fleet.items);
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // A text takes all that is written.
        let _written = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn each(
        &mut self,
        fleet: &FleetMetricsInfo,
        name: &str,
        help: &str,
        of: impl Fn(&MetricsInfo) -> Option<f64>,
    ) {
        self.family(name, "counter", help);
        for session in &fleet.sessions {
            if let Some(value) = of(session) {
                self.value(name, session, &[], value);
            }
        }
    }

    fn spread(
        &mut self,
        fleet: &FleetMetricsInfo,
        name: &str,
        help: &str,
        of: impl Fn(&MetricsInfo) -> Option<&SpreadInfo>,
    ) {
        self.family(name, "summary", help);
        for session in &fleet.sessions {
            let Some(spread) = of(session) else { continue };
            self.value(name, session, &[("quantile", "0.5")], spread.p50_ms / 1_000.0);
            self.value(name, session, &[("quantile", "0.95")], spread.p95_ms / 1_000.0);
            self.value(&format!("{name}_sum"), session, &[], spread.sum_ms / 1_000.0);
            self.value(&format!("{name}_count"), session, &[], spread.count as f64);
        }
    }

    fn value(&mut self, name: &str, session: &MetricsInfo, labels: &[(&str, &str)], value: f64) {
        self.0.push_str(name);
        let whose = session.provider_session_id.as_ref().map_or("", |id| id.0.as_str());
        let own = [("provider", session.provider.as_str()), ("session", whose)];
        for (at, (label, text)) in own.iter().chain(labels).enumerate() {
            self.0.push(if at == 0 { '{' } else { ',' });
            let _written = write!(self.0, "{label}=\"{}\"", escaped(text));
        }
        let _written = writeln!(self.0, "}} {value}");
    }
}

/// What an agent sent may hold anything.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Metrics, fleet};
    use crate::telemetry::{Attributes, Batch, Export, Items, Log, Value};

    #[test]
    fn every_line_is_a_sample_or_a_comment_and_agents_words_are_escaped() {
        let words = |pairs: &[(&str, &str)]| {
            let pair = |(name, text): &(&str, &str)| ((*name).to_owned(), Value::Text((*text).to_owned()));
            Attributes(pairs.iter().map(pair).collect())
        };
        let log = |name: &str, about: &[(&str, &str)]| Log {
            time_ns: 0,
            name: name.to_owned(),
            attributes: words(about),
        };
        let session = ("session.id", "s\"1\n");
        let items = Items::Logs(vec![
            log(
                "claude_code.api_request",
                &[
                    session,
                    ("model", "m\\x"),
                    ("input_tokens", "12"),
                    ("cost_usd", "0.5"),
                    ("duration_ms", "250"),
                ],
            ),
            log("claude_code.tool_result", &[session, ("tool_name", "Bash"), ("success", "false")]),
        ]);
        let mut metrics = Metrics::default();
        let batch = Batch { resource: Default::default(), scope: String::new(), items };
        metrics.take(&Export { batches: vec![batch] }, 1_800_000_000_000);
        let page = text(&fleet(&metrics, |_| None));
        for wanted in [
            "magia_tokens_total{provider=\"claude\",session=\"s\\\"1\\n\",model=\"m\\\\x\",query_source=\"\",type=\"input\"} 12\n",
            "magia_cost_usd_total{provider=\"claude\",session=\"s\\\"1\\n\",model=\"m\\\\x\",query_source=\"\"} 0.5\n",
            "magia_request_seconds_count{provider=\"claude\",session=\"s\\\"1\\n\"} 1\n",
            "magia_request_seconds_sum{provider=\"claude\",session=\"s\\\"1\\n\"} 0.25\n",
            "tool=\"Bash\",outcome=\"failed\"} 1\n",
            "# TYPE magia_request_seconds summary\n",
            "magia_telemetry_items_total 2\n",
        ] {
            assert!(page.contains(wanted), "{wanted} is missing:\n{page}");
        }
        let odd = page.lines().find(|line| {
            !line.starts_with("# ")
                && line.rsplit_once(' ').is_none_or(|(_, value)| value.parse::<f64>().is_err())
        });
        assert_eq!(odd, None);
    }
}
