//! Gemini CLI. Source: exports of 0.61.0 to a receiver of ours. Its metrics count from a start. It tells no cost.

use super::super::tally::{Token, Tokens};
use super::{Call, Into, Request, sum};
use crate::metrics::series::Growth;
use crate::telemetry::{Log, Point, Span};

pub(super) fn point(into: &mut Into<'_>, point: &Point, growth: &Growth) {
    let about = &point.attributes;
    let text = |name| about.text(name).unwrap_or_default();
    let Some(name) = point.metric.strip_prefix("gemini_cli.") else { return };
    match (name, growth) {
        ("token.usage", _) => {
            let kind = match text("type") {
                "input" => Token::Input,
                "output" => Token::Output,
                "cache" => Token::CacheRead,
                "thought" => Token::Thought,
                "tool" => Token::Tool,
                _ => return,
            };
            into.tokens(text("model"), "", kind, sum(growth));
        }
        ("api.request.count", _) => {
            let added = sum(growth);
            into.tally().usage(text("model"), "").requests += added;
            if about.number("status_code").is_some_and(|status| status >= 400.0) {
                into.tally().errors += added;
            }
        }
        ("api.request.latency", Growth::Histogram(grown)) => into.request_times(grown),
        ("tool.call.count", _) => {
            let added = sum(growth);
            let row = into.tally().tool(text("function_name"));
            row.calls += added;
            if about.flag("success") == Some(false) {
                row.failed += added;
            }
            let (tool, decision) = (text("function_name"), text("decision"));
            if !decision.is_empty() {
                into.tally().decided(tool, decision, "", added);
            }
        }
        ("tool.call.latency", Growth::Histogram(grown)) => {
            into.tally().tool(text("function_name")).took.add_histogram(grown, 1.0);
        }
        ("hook_call.count", _) => into.tally().hook(text("hook_event_name")).runs += sum(growth),
        ("hook_call.latency", Growth::Histogram(grown)) => {
            into.tally().hook(text("hook_event_name")).took.add_histogram(grown, 1.0);
        }
        ("lines.changed", _) if text("type") == "removed" => into.tally().lines_removed += sum(growth),
        ("lines.changed", _) => into.tally().lines_added += sum(growth),
        _ => {}
    }
}

pub(super) fn log(into: &mut Into<'_>, log: &Log) {
    let about = &log.attributes;
    let text = |name| about.text(name).unwrap_or_default();
    let number = |name| about.number(name).unwrap_or_default();
    let Some(name) = log.name.strip_prefix("gemini_cli.") else { return };
    let prompt = about.text("prompt_id");
    match name {
        "user_prompt" => prompt.into_iter().for_each(|id| into.prompt(id, about.text("prompt"))),
        "api_response" => into.request(&Request {
            model: text("model"),
            query_source: text("role"),
            prompt,
            tokens: Tokens {
                input: number("input_token_count"),
                output: number("output_token_count"),
                cache_read: number("cached_content_token_count"),
                thought: number("thoughts_token_count"),
                tool: number("tool_token_count"),
                cache_creation: 0.0,
            },
            context: number("input_token_count"),
            cost_usd: 0.0,
            ms: about.number("duration_ms"),
        }),
        "api_error" => into.error(prompt),
        "tool_call" => {
            into.call(&Call {
                tool: text("function_name"),
                prompt,
                ms: about.number("duration_ms"),
                failed: about.flag("success") == Some(false),
            });
            if let Some(decision) = about.text("decision") {
                into.tally().decided(text("function_name"), decision, "", 1.0);
            }
        }
        "hook_call" => into.hook(text("hook_event_name"), 1.0, about.number("duration_ms")),
        _ => {}
    }
}

pub(super) fn span(into: &mut Into<'_>, span: &Span) {
    let kind = match span.name.as_str() {
        "llm_call" => "request",
        "tool_call" => "tool",
        _ => return,
    };
    let about = &span.attributes;
    let names = ["function_name", "gen_ai.tool.name", "gen_ai.request.model", "model"];
    let name = names.iter().find_map(|name| about.text(name)).unwrap_or(&span.name);
    into.row(span, kind, name);
}
