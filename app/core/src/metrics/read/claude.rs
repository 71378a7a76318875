//! Claude Code. Source: exports of 2.1.197 to a receiver of ours; the kinds that were not seen there are named as in its
//! program (`hook_execution_complete`, `api_error`).

use super::super::tally::{Token, Tokens};
use super::{Call, Into, Request, sum};
use crate::metrics::series::Growth;
use crate::telemetry::{Attributes, Log, Point, Span};

pub(super) fn point(into: &mut Into<'_>, point: &Point, growth: &Growth) {
    let Some(name) = point.metric.strip_prefix("claude_code.") else { return };
    let about = &point.attributes;
    let text = |name| about.text(name).unwrap_or_default();
    let added = sum(growth);
    match name {
        "token.usage" => {
            if let Some(kind) = token(text("type")) {
                into.tokens(text("model"), text("query_source"), kind, added);
            }
        }
        "cost.usage" => into.cost(text("model"), text("query_source"), added),
        "active_time.total" if text("type") == "user" => into.tally().active_user_s += added,
        "active_time.total" => into.tally().active_cli_s += added,
        "lines_of_code.count" if text("type") == "removed" => into.tally().lines_removed += added,
        "lines_of_code.count" => into.tally().lines_added += added,
        "commit.count" => into.tally().commits += added,
        "pull_request.count" => into.tally().pull_requests += added,
        "code_edit_tool.decision" => {
            into.tally().decided(text("tool_name"), text("decision"), text("source"), added);
        }
        _ => {}
    }
}

fn token(word: &str) -> Option<Token> {
    match word {
        "input" => Some(Token::Input),
        "output" => Some(Token::Output),
        "cacheRead" => Some(Token::CacheRead),
        "cacheCreation" => Some(Token::CacheCreation),
        _ => None,
    }
}

pub(super) fn log(into: &mut Into<'_>, log: &Log) {
    let about = &log.attributes;
    let text = |name| about.text(name).unwrap_or_default();
    let prompt = about.text("prompt.id");
    match log.name.strip_prefix("claude_code.").unwrap_or(&log.name) {
        "user_prompt" => prompt.into_iter().for_each(|id| into.prompt(id, about.text("prompt"))),
        "api_request" => {
            let request = Request { prompt, cost_usd: cost(about), ..request(about) };
            into.request(&request);
        }
        "api_error" | "api_retries_exhausted" | "api_refusal" => into.error(prompt),
        "tool_result" => into.call(&Call {
            tool: text("tool_name"),
            prompt,
            ms: about.number("duration_ms"),
            failed: about.flag("success") == Some(false),
        }),
        "tool_decision" => into.tally().decided(text("tool_name"), text("decision"), text("source"), 1.0),
        "hook_execution_complete" => {
            let ms = about.number("total_duration_ms").or_else(|| about.number("duration_ms"));
            let runs = about.number("num_hooks").unwrap_or(1.0);
            into.hook(hook_name(about), runs, ms);
        }
        _ => {}
    }
}

pub(super) fn span(into: &mut Into<'_>, span: &Span) {
    let about = &span.attributes;
    let text = |name| about.text(name).unwrap_or_default();
    let ms = about.number("duration_ms").or_else(|| span.took_ms());
    match span.name.strip_prefix("claude_code.").unwrap_or(&span.name) {
        "interaction" => {
            let ms = about.number("interaction.duration_ms").or(ms);
            ms.into_iter().for_each(|ms| into.tally().turns.add(ms));
            into.row(span, "turn", "turn");
        }
        "llm_request" => {
            let request =
                Request { query_source: text("llm_request.context"), ms, prompt: None, ..request(about) };
            if about.flag("success") == Some(false) {
                into.error(None);
            } else {
                into.request(&request);
            }
            about.number("ttft_ms").into_iter().for_each(|ms| into.tally().ttft.add(ms));
            into.row(span, "request", text("model"));
        }
        "tool" => {
            let failed = about.flag("success") == Some(false) || span.failed;
            into.call(&Call { tool: text("tool_name"), prompt: None, ms, failed });
            into.row(span, "tool", text("tool_name"));
        }
        "tool.blocked_on_user" => {
            into.row(span, "waiting", text("decision"));
            ms.into_iter().for_each(|ms| into.tally().tool("(waiting for you)").waited.add(ms));
        }
        "hook" => {
            into.hook(hook_name(about), about.number("num_hooks").unwrap_or(1.0), ms);
            into.row(span, "hook", hook_name(about));
        }
        _ => {}
    }
}

/// The hook's own name, as `PreToolUse:Bash`, else its event.
fn hook_name(about: &Attributes) -> &str {
    about.text("hook_name").or_else(|| about.text("hook_event")).unwrap_or("hook")
}

fn request(about: &Attributes) -> Request<'_> {
    let number = |name| about.number(name).unwrap_or_default();
    let tokens = Tokens {
        input: number("input_tokens"),
        output: number("output_tokens"),
        cache_read: number("cache_read_tokens"),
        cache_creation: number("cache_creation_tokens"),
        ..Tokens::default()
    };
    Request {
        model: about.text("model").unwrap_or_default(),
        query_source: about.text("query_source").unwrap_or_default(),
        prompt: None,
        // Claude's input is what was in no cache.
        context: tokens.input + tokens.cache_read + tokens.cache_creation,
        tokens,
        cost_usd: 0.0,
        ms: about.number("duration_ms"),
    }
}

fn cost(about: &Attributes) -> f64 {
    about.number("cost_usd").or_else(|| Some(about.number("cost_usd_micros")? / 1e6)).unwrap_or_default()
}
