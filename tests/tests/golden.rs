//! What `--json` prints for each verb, kept as files: scripts rely on these shapes, which only ever grow.
//!
//! One scripted scene, asked of the real programs. What differs from run to run (ids, times, processes, paths) is
//! replaced. `MAGIA_BLESS=1` writes the files anew; the change is then read in the diff.

use anyhow::{Context, Result, bail};
use magia_tests::{App, Cli, Sandbox, ScriptedAgent, binary, sandbox_test, text, with_json};
use serde_json::{Map, Value, json};
use std::fs;
use std::path::PathBuf;

const BLESS: &str = "MAGIA_BLESS";
/// Numbers that differ from run to run, by their key; `*_ms` too.
const VOLATILE_NUMBERS: &[&str] = &[
    "pid",
    "holder_pid",
    "start",
    "uptime_s",
    "accepted",
    "messages",
    "open",
    "refused",
    "ours_us",
    "ours_max_us",
];
/// Words that depend on the machine, the release or on what is installed at all.
const VOLATILE_WORDS: &[&str] =
    &["started_at", "ended_at", "version", "diff", "backup", "missing", "problems", "question"];

struct Golden<'a> {
    sandbox: &'a Sandbox,
    cli: Cli<'a>,
    /// Ids in the order in which they were met.
    ids: Vec<String>,
    differing: Vec<String>,
}

impl<'a> Golden<'a> {
    /// Compares what a verb prints, whatever its exit code, with its file; gives the reply as it is.
    fn check(&mut self, name: &str, args: &[&str]) -> Result<Value> {
        let args = with_json(args);
        let reply = self.cli.run(&args)?;
        assert_eq!(reply.stdout.lines().count(), 1, "one line from magia {}: {reply:?}", args.join(" "));
        let printed: Value = serde_json::from_str(&reply.stdout)
            .with_context(|| format!("magia {}: {reply:?}", args.join(" ")))?;
        let mut told = serde_json::to_string_pretty(&self.plain("", &printed)).context("writing JSON")?;
        told.push('\n');
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../cli/tests/golden")
            .join(format!("{name}.json"));
        if std::env::var_os(BLESS).is_some() {
            fs::write(&path, &told).with_context(|| format!("writing {}", path.display()))?;
        } else {
            let kept = fs::read_to_string(&path).unwrap_or_default();
            if kept != told {
                self.differing.push(format!("--- {name} was\n{kept}\n+++ {name} is\n{told}"));
            }
        }
        Ok(printed)
    }

    /// The value without what differs from run to run.
    fn plain(&mut self, key: &str, value: &Value) -> Value {
        match value {
            Value::Array(items) if VOLATILE_WORDS.contains(&key) => {
                items.iter().take(1).map(|item| self.plain(key, item)).collect()
            }
            // A check's row: what was found is the machine's.
            Value::Object(fields) if fields.contains_key("detail") => {
                json!({ "id": self.plain("id", &fields["id"]), "status": "<status>", "detail": "<detail>", "fix": "<fix>" })
            }
            Value::Array(items) => items.iter().map(|item| self.plain(key, item)).collect(),
            Value::Object(fields) => {
                let plain: Map<String, Value> =
                    fields.iter().map(|(key, value)| (key.clone(), self.plain(key, value))).collect();
                Value::Object(plain)
            }
            Value::Number(_) if key.ends_with("_ms") || VOLATILE_NUMBERS.contains(&key) => json!(0),
            Value::String(_) if VOLATILE_WORDS.contains(&key) => json!(format!("<{key}>")),
            Value::String(text) => Value::String(self.plain_text(text)),
            other => other.clone(),
        }
    }

    fn plain_text(&mut self, text: &str) -> String {
        let root = self.sandbox.root().to_string_lossy();
        let text = text.replace(&*root, "$SANDBOX");
        if uuid(&text) {
            let at = self.ids.iter().position(|id| *id == text).unwrap_or_else(|| {
                self.ids.push(text.clone());
                self.ids.len() - 1
            });
            return format!("<id {}>", at + 1);
        }
        // `cli 4711 (/a/target/debug/magia)`
        match text.strip_prefix("cli ") {
            Some(_) => "cli <process>".to_owned(),
            None => text,
        }
    }
}

fn uuid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        })
}

#[test]
fn json_of_every_verb_is_as_kept() -> Result<()> {
    sandbox_test(|sandbox| {
        binary("magia-hook-handler")?;
        let cli = Cli::new(sandbox);
        let mut golden = Golden { sandbox, cli, ids: Vec::new(), differing: Vec::new() };
        golden.check("version-without-app", &["version"])?;
        golden.check("doctor-without-app", &["doctor"])?;
        golden.check("term-ls-none", &["term", "ls"])?;
        let script = "echo hello; read line; exit 3";
        let words = [
            "run", "--detach", "--id", "golden", "--name", "a name", "--size", "80x24", "--", "sh", "-c",
            script,
        ];
        golden.check("run-detach", &words)?;
        golden.check("term-wait-text", &["term", "wait", "golden", "--until", "text", "--text", "hello"])?;
        golden.check("term-wait-idle", &["term", "wait", "golden", "--until", "idle", "--quiet", "50ms"])?;
        golden.check("term-ls", &["term", "ls"])?;
        golden.check("term-screen", &["term", "screen", "golden"])?;
        golden.check("term-resize", &["term", "resize", "golden", "100x30"])?;
        golden.check("term-send-keys", &["term", "send-keys", "golden", "enter"])?;
        golden.check("term-wait-exit", &["term", "wait", "golden"])?;
        golden.check("term-show", &["term", "show", "golden"])?;
        cli.json(&["run", "--detach", "--id", "killed", "--", "cat"])?;
        golden.check("term-kill", &["term", "kill", "killed"])?;
        golden.check("term-clean", &["term", "clean"])?;

        let _app = App::start(sandbox)?;
        golden.check("next-none", &["next"])?;
        // Whether this machine has a desktop is then all the same.
        golden.check("notifications-pause", &["notifications", "pause", "--minutes", "60"])?;

        let mut asks = ScriptedAgent::start(sandbox, "asks")?;
        asks.begin("Deploy it")?;
        asks.hook(
            "PreToolUse",
            &json!({
                "tool_name": "Read", "tool_input": { "file_path": "/etc/hosts" }, "tool_use_id": "read-1",
            }),
        )?;
        asks.hook(
            "PostToolUse",
            &json!({
                "tool_name": "Read", "tool_input": { "file_path": "/etc/hosts" }, "tool_use_id": "read-1",
                "tool_response": "127.0.0.1 localhost", "duration_ms": 12,
            }),
        )?;
        let mut idle = ScriptedAgent::start(sandbox, "idle")?;
        idle.begin("Say done")?;
        idle.hook("Stop", &json!({ "last_assistant_message": "done" }))?;
        let state = |own: &str, state: &str| {
            cli.wait_for_row(&format!("{own} to be {state}"), &["ls"], |row| {
                row["provider_session_id"] == *own && row["state"] == *state
            })
        };
        let idle_id = text(&state("idle", "idle")?, "id").to_owned();
        let hook = asks.ask("Bash", &json!({ "command": "./deploy.sh", "description": "Deploy" }))?;
        let asks_id = text(&state("asks", "waiting for permission")?, "id").to_owned();
        let request = text(&cli.wait_for_request()?, "id").to_owned();

        golden.check("ls", &["ls"])?;
        golden.check("show", &["show", &asks_id])?;
        golden.check("why", &["why", &asks_id])?;
        golden.check("events", &["events", "--session", &asks_id])?;
        golden.check("events-follow", &["events", "--follow", "--since", "0", "--limit", "1"])?;
        golden.check("permissions", &["permissions"])?;
        golden.check("status", &["status"])?;
        golden.check("next", &["next"])?;
        golden.check("wait", &["wait", &asks_id, "--until", "permission"])?;
        golden.check("allow", &["allow", &request])?;
        hook.decision()?;
        for verb in ["deny", "pass"] {
            let hook = asks.ask("Bash", &json!({ "command": format!("./{verb}.sh") }))?;
            let request = text(&cli.wait_for_request()?, "id").to_owned();
            match verb {
                "deny" => golden.check(verb, &[verb, &request, "--reason", "not today"])?,
                _ => golden.check(verb, &[verb, &request])?,
            };
            hook.wait()?;
        }
        golden.check("permissions-all", &["permissions", "--all"])?;
        golden.check("rename", &["rename", &idle_id, "Say \u{202e}done"])?;
        for verb in ["pin", "unpin", "hide"] {
            golden.check(verb, &[verb, &idle_id])?;
        }
        golden.check("ls-all", &["ls", "--all"])?;
        golden.check("unhide", &["unhide", &idle_id])?;

        golden.check("notifications", &["notifications"])?;
        golden.check("notifications-read", &["notifications", "read", "1"])?;
        golden.check("notifications-dismiss", &["notifications", "dismiss", "1"])?;
        golden.check("notifications-resume", &["notifications", "resume"])?;
        golden.check("digest", &["digest"])?;

        golden.check("settings-get", &["settings", "get"])?;
        golden.check("settings-get-one", &["settings", "get", "themeMode"])?;
        golden.check("settings-set", &["settings", "set", "themeMode", "light"])?;
        golden.check("settings-unset", &["settings", "unset", "themeMode"])?;
        golden.check("settings-schema", &["settings", "schema"])?;
        golden.check("keys", &["keys"])?;
        golden.check("keys-set", &["keys", "set", "app.settings", "ctrl+,", "f10"])?;
        golden.check("keys-reset", &["keys", "reset"])?;
        golden.check("hooks-install-dry-run", &["hooks", "install", "--dry-run"])?;
        golden.check("hooks-install", &["hooks", "install"])?;
        golden.check("hooks-status", &["hooks", "status"])?;
        golden.check("hooks-uninstall", &["hooks", "uninstall"])?;
        golden.check("retry", &["retry", "hooks"])?;
        golden.check("data-purge", &["data", "purge", "--older-than", "30"])?;
        golden.check("doctor", &["doctor"])?;
        golden.check("version", &["version"])?;
        golden.check("call", &["call", "get_session", &json!({ "session": idle_id }).to_string()])?;
        golden.check("call-list", &["call", "--list"])?;
        golden.check("quit", &["quit"])?;
        if !golden.differing.is_empty() {
            bail!("{}\n(the change is wanted? run again with {BLESS}=1)", golden.differing.join("\n"));
        }
        Ok(())
    })
}
