//! `policy`: what is answered without you, why a request is called harmful, and what a rule would have done.

use crate::client::{self, Client};
use crate::failure::{Exit, Failure, say};
use crate::output::Out;
use crate::table::{Column, Table};
use anyhow::Result;
use clap::{Args, Subcommand};
use magia_protocol::wire::command::{NoParams, SaveSettings, TryPolicy};
use magia_protocol::wire::info::{RiskInfo, TrialInfo, TrialRow};
use magia_protocol::wire::{Command, visible};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// `policy`.
#[derive(Debug, Args)]
pub struct Policy {
    /// What to do.
    #[command(subcommand)]
    pub verb: PolicyVerb,
}

/// What to do with the policy.
#[derive(Debug, Subcommand)]
pub enum PolicyVerb {
    /// Print the preset, the presets of directories and the rules for tools.
    #[command(after_long_help = "Example:\n  magia policy show")]
    Show,
    /// Set the preset, of everything or of one directory.
    #[command(after_long_help = "Examples:\n  magia policy preset acceptEdits\n  \
                                 magia policy preset plan --workspace ~/work/shop\n  \
                                 magia policy preset none --workspace ~/work/shop")]
    Preset {
        /// default, acceptEdits, plan, auto, dontAsk or bypassPermissions; `none` takes a directory's away.
        preset: String,
        /// Only for what works in or below this directory.
        #[arg(long, value_name = "DIR")]
        workspace: Option<String>,
    },
    /// Set the rule for a tool: allow or deny without asking, or ask again.
    #[command(after_long_help = "Examples:\n  magia policy tool Bash allow --prefix \"cargo test\"\n  \
                                 magia policy tool Bash ask --prefix \"cargo test\"")]
    Tool {
        /// The tool's name as the agent gives it.
        tool: String,
        /// allow, deny or ask.
        #[arg(value_parser = ["allow", "deny", "ask"])]
        what: String,
        /// For a shell tool: only commands that begin with these words.
        #[arg(long, value_name = "WORDS")]
        prefix: Option<String>,
    },
    /// Print the risk table: why a request is called harmful, with examples.
    #[command(after_long_help = "Example:\n  magia policy risks")]
    Risks,
    /// Say what a preset or a rule would have done to the recorded requests; changes nothing.
    #[command(after_long_help = "Examples:\n  magia policy try auto --since 7d\n  \
                                 magia policy try \"Bash(cargo test)\"\n  \
                                 magia policy try \"deny Bash(git push)\"")]
    Try {
        /// A preset, TOOL(PREFIX) to allow, or "deny TOOL(PREFIX)".
        rule: String,
        /// Only requests of the last hours or days, as 12h or 7d.
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
    },
}

/// `magia policy`.
pub fn run(policy: Policy, out: &mut Out) -> Result<Exit> {
    match policy.verb {
        PolicyVerb::Show => show(out),
        PolicyVerb::Preset { preset, workspace } => set_preset(&preset, workspace.as_deref(), out),
        PolicyVerb::Tool { tool, what, prefix } => set_tool(&tool, &what, prefix.as_deref(), out),
        PolicyVerb::Risks => risks(out),
        PolicyVerb::Try { rule, since } => trial(rule, since.as_deref(), out),
    }
}

/// The keys of the settings that are the policy.
const KEYS: [&str; 3] = ["permissionPreset", "workspacePresets", "toolPermissions"];

fn show(out: &mut Out) -> Result<Exit> {
    let settings: Value = client::fetch(&Command::LoadSettings(NoParams {}))?;
    print(&settings, out)
}

fn print(settings: &Value, out: &mut Out) -> Result<Exit> {
    if out.is_json() {
        let policy: Map<String, Value> =
            KEYS.iter().filter_map(|key| Some(((*key).to_owned(), settings.get(*key)?.clone()))).collect();
        out.json_of(&policy)?;
        return Ok(Exit::Done);
    }
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let mut table = Table::new(&[Column::fixed("RULE"), Column::flexible("FOR"), Column::fixed("SAYS")]);
    for rule in settings.get("toolPermissions").and_then(Value::as_array).into_iter().flatten() {
        let about = match rule.get("commandPrefix") {
            Some(Value::String(prefix)) => format!("{}({prefix})", text(rule.get("toolName"))),
            _ => text(rule.get("toolName")),
        };
        let says = if rule.get("autoApprove") == Some(&Value::Bool(true)) { "allow" } else { "deny" };
        table.row(["tool".to_owned(), about, says.to_owned()]);
    }
    for (path, preset) in settings.get("workspacePresets").and_then(Value::as_object).into_iter().flatten() {
        table.row(["directory".to_owned(), path.clone(), text(Some(preset))]);
    }
    let preset = text(settings.get("permissionPreset"));
    table.row(["preset".to_owned(), "everything else".to_owned(), preset]);
    out.table(&table, "")?;
    Ok(Exit::Done)
}

fn save(change: Value, out: &mut Out) -> Result<Exit> {
    let Value::Object(settings) = change else { return Ok(Exit::Failed) };
    print(&client::fetch(&Command::SaveSettings(SaveSettings { settings }))?, out)
}

fn set_preset(preset: &str, workspace: Option<&str>, out: &mut Out) -> Result<Exit> {
    let Some(workspace) = workspace else {
        return save(json!({ "permissionPreset": preset }), out);
    };
    let wrong = |err| Failure::usage(format!("{workspace:?} is no directory: {err}"), "give its path");
    // What an agent says of where it works has neither links nor dots.
    let real = Path::new(workspace).canonicalize();
    if preset != "none" {
        let real = real.map_err(wrong)?;
        return save(json!({ "workspacePresets": { real.to_string_lossy(): preset } }), out);
    }
    // One that is gone by now, or that was written as it is typed, is taken away too.
    let typed = std::path::absolute(workspace).map_err(wrong)?;
    let named = real.ok().into_iter().chain([typed.components().collect::<PathBuf>()]);
    let named = named.map(|path| (path.to_string_lossy().into_owned(), Value::Null));
    save(json!({ "workspacePresets": named.collect::<Map<_, _>>() }), out)
}

fn set_tool(tool: &str, what: &str, prefix: Option<&str>, out: &mut Out) -> Result<Exit> {
    let mut client = Client::connect()?;
    let settings: Value = client::read(&client.ask(&Command::LoadSettings(NoParams {}))?)?;
    let same = |rule: &Value| {
        rule.get("toolName").and_then(Value::as_str) == Some(tool)
            && rule.get("commandPrefix").and_then(Value::as_str) == prefix
    };
    let known = settings.get("toolPermissions").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut rules: Vec<Value> = known.iter().filter(|rule| !same(rule)).cloned().collect();
    if what == "ask" && rules.len() == known.len() {
        say(&format!("there was no such rule for {tool}"));
    }
    if what != "ask" {
        let mut rule = Map::new();
        rule.insert("toolName".into(), Value::from(tool));
        rule.extend(prefix.map(|prefix| ("commandPrefix".to_owned(), Value::from(prefix))));
        rule.insert("autoApprove".into(), Value::from(what == "allow"));
        // The first rule that fits holds, so a deny goes before what it makes an exception of.
        let at = if what == "deny" { 0 } else { rules.len() };
        rules.insert(at, Value::Object(rule));
    }
    save(json!({ "toolPermissions": rules }), out)
}

fn risks(out: &mut Out) -> Result<Exit> {
    let reply = client::ask(&Command::GetRiskTable(NoParams {}))?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let rows: Vec<RiskInfo> = client::read(&reply)?;
    for row in &rows {
        out.text(&format!("{:<7} {}", row.risk, row.reason))?;
        out.text(&format!("        {}", row.why))?;
        let example = row.example.get("command").or_else(|| row.example.get("file_path"));
        if let Some(example) = example.and_then(Value::as_str) {
            out.text(&format!("        as in: {} {example}", row.tool))?;
        }
    }
    Ok(Exit::Done)
}

fn trial(rule: String, since: Option<&str>, out: &mut Out) -> Result<Exit> {
    let since_hours = since.map(hours).transpose()?;
    let reply = client::ask(&Command::TryPolicy(TryPolicy { rule, since_hours }))?;
    if out.is_json() {
        out.json(reply.get())?;
        return Ok(Exit::Done);
    }
    let info: TrialInfo = client::read(&reply)?;
    out.text(&visible(&format!("{} would have allowed {} of {}", info.rule, info.allowed, info.requests)))?;
    out.text(&format!("  denied {}, left {} to you", info.denied, info.left))?;
    if info.not_kept > 0 {
        out.text(&format!("  {} were too long to be kept, and count as left to you", info.not_kept))?;
    }
    rows(&format!("allowed, and {} touch what is sensitive", info.sensitive_count), &info.sensitive, out)?;
    rows(&format!("allowed, and {} are of high risk", info.high_risk_count), &info.high_risk, out)?;
    rows("allowed, and you denied", &info.denied_by_person, out)?;
    rows("denied, and you allowed", &info.allowed_by_person, out)?;
    Ok(Exit::Done)
}

fn rows(heading: &str, rows: &[TrialRow], out: &mut Out) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    out.text(&format!("\n{heading}:"))?;
    let mut table = Table::new(&[
        Column::fixed("ID"),
        Column::fixed("RISK"),
        Column::fixed("TOOL"),
        Column::flexible("CALL"),
        Column::fixed("TOUCHES"),
        Column::flexible("WAS"),
    ]);
    for row in rows {
        table.row([
            row.id.short(),
            row.risk.to_string(),
            row.tool.clone(),
            row.summary.clone(),
            row.places.join(", "),
            row.was.clone(),
        ]);
    }
    out.table(&table, "")
}

/// Hours of `12h`, `7d` or `2w`.
fn hours(typed: &str) -> Result<u32> {
    let wrong = || Failure::usage(format!("--since {typed:?} is no time"), "write it as 12h, 7d or 2w");
    let unit = match typed.chars().last() {
        Some('h') => 1,
        Some('d') => 24,
        Some('w') => 7 * 24,
        _ => return Err(wrong().into()),
    };
    let number = typed.get(..typed.len() - 1).and_then(|number| number.parse::<u32>().ok());
    number.and_then(|number| number.checked_mul(unit)).ok_or_else(|| wrong().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_hours() {
        let read = |typed: &str| hours(typed).ok();
        assert_eq!(
            (read("12h"), read("7d"), read("2w"), read("0h")),
            (Some(12), Some(168), Some(336), Some(0))
        );
        for wrong in ["", "d", "7", "7m", "-1d", "99999999999d", "ä"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
