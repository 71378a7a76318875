//! Codex. Source: exports of 0.169.0 to a receiver of ours. Its log records name the conversation, its metrics only the
//! program, so those count for Codex as a whole. Numbers come as texts. It tells no cost.

use super::super::tally::{Token, Tokens};
use super::{Call, Into, Request, sum};
use crate::metrics::series::Growth;
use crate::telemetry::{Log, Point, Span};

pub(super) fn point(into: &mut Into<'_>, point: &Point, growth: &Growth) {
    let about = &point.attributes;
    let text = |name| about.text(name).unwrap_or_default();
    let Some(name) = point.metric.strip_prefix("codex.") else { return };
    match (name, growth) {
        ("turn.token_usage", Growth::Histogram(grown)) => {
            let kind = match text("token_type") {
                "input" => Token::Input,
                "output" => Token::Output,
                "cached_input" => Token::CacheRead,
                "reasoning_output" => Token::Thought,
                _ => return,
            };
            into.tokens(text("model"), "", kind, grown.sum);
        }
        ("tool.call", _) => {
            let added = sum(growth);
            let row = into.tally().tool(text("tool"));
            row.calls += added;
            if about.flag("success") == Some(false) {
                row.failed += added;
            }
        }
        ("tool.call.duration_ms", Growth::Histogram(grown)) => {
            into.tally().tool(text("tool")).took.add_histogram(grown, 1.0);
        }
        ("api_request.duration_ms", Growth::Histogram(grown)) => into.request_times(grown),
        ("turn.ttft.duration_ms", Growth::Histogram(grown)) => into.tally().ttft.add_histogram(grown, 1.0),
        ("turn.e2e_duration_ms", Growth::Histogram(grown)) => into.tally().turns.add_histogram(grown, 1.0),
        ("hooks.run", _) => into.tally().hook(text("hook_name")).runs += sum(growth),
        ("hooks.run.duration_ms", Growth::Histogram(grown)) => {
            into.tally().hook(text("hook_name")).took.add_histogram(grown, 1.0);
        }
        _ => {}
    }
}

pub(super) fn log(into: &mut Into<'_>, log: &Log) {
    let about = &log.attributes;
    let text = |name| about.text(name).unwrap_or_default();
    let number = |name| about.number(name);
    let Some(name) = log.name.strip_prefix("codex.") else { return };
    // A record has no name of its turn: it belongs to the newest prompt.
    let prompt = into.metrics.recent.prompts.back().map(|prompt| prompt.id.clone());
    let prompt = prompt.as_deref();
    match name {
        "user_prompt" => {
            let id = about.text("turn.id").or_else(|| about.text("event.timestamp")).unwrap_or_default();
            into.prompt(id, about.text("prompt"));
        }
        // The record of the last event of an answer, over whichever wire, has the tokens.
        "sse_event" | "websocket_event" => {
            let (Some(input), Some(output)) = (number("input_token_count"), number("output_token_count"))
            else {
                return;
            };
            let cached = number("cached_token_count").unwrap_or_default();
            let thought = number("reasoning_token_count").unwrap_or_default();
            into.request(&Request {
                model: text("model"),
                query_source: "",
                prompt,
                tokens: Tokens {
                    // Codex counts what was cached, and what was thought, in the whole.
                    input: (input - cached).max(0.0),
                    output: (output - thought).max(0.0),
                    cache_read: cached,
                    cache_creation: number("cache_write_token_count").unwrap_or_default(),
                    thought,
                    tool: 0.0,
                },
                context: input,
                cost_usd: 0.0,
                ms: None,
            });
        }
        "api_request" | "websocket_request" => {
            let failed = number("http.response.status_code").is_some_and(|status| status >= 400.0)
                || about.flag("success") == Some(false);
            if failed {
                into.error(prompt);
            } else if let Some(ms) = number("duration_ms") {
                into.tally().requests.add(ms);
            }
        }
        "turn_ttft" => number("duration_ms").into_iter().for_each(|ms| into.tally().ttft.add(ms)),
        "tool_result" => into.call(&Call {
            tool: text("tool_name"),
            prompt,
            ms: number("duration_ms"),
            failed: about.flag("success") == Some(false),
        }),
        "tool_decision" => into.tally().decided(text("tool_name"), text("decision"), text("source"), 1.0),
        _ => {}
    }
}

/// Codex' spans are half a megabyte for one turn and name no conversation: only a failed one would be worth a look.
pub(super) fn span(_into: &mut Into<'_>, _span: &Span) {}
