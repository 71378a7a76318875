//! What belongs to the program as a whole: keys, themes, first launch, reset, doctor, logs, reports, and leaving again.

use anyhow::{Context, Result};
use magia_tests::{
    App, Cli, Display, PATIENCE, Program, Sandbox, Window, binary, magia, sandbox_test, text, wait_until,
};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

const DUSK: &str = r#"{"name": "Dusk", "modes": {"dark": {"primary": "20 80% 70%"}}}"#;

fn write(path: &Path, text: &str) -> Result<()> {
    let dir = path.parent().context("no directory")?;
    fs::create_dir_all(dir).with_context(|| format!("making {}", dir.display()))?;
    fs::write(path, text).with_context(|| format!("writing {}", path.display()))
}

fn config(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.root().join("config/magia").join(name)
}

fn statuses(cli: Cli<'_>) -> Result<Vec<(String, String)>> {
    // It ends with 1 when something is wrong, and prints all the same.
    let reply = cli.run(&["doctor", "--json"])?;
    let rows: Vec<Value> = serde_json::from_str(&reply.stdout).context("reading the checks")?;
    Ok(rows.iter().map(|row| (text(row, "id").to_owned(), text(row, "status").to_owned())).collect())
}

#[test]
fn keys_are_changed_from_outside_and_by_the_command_line() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        // Without the app as well.
        let rows = cli.rows(&["keys", "set", "app.settings", "ctrl+,", "f10"])?;
        let of = |rows: &[Value], id: &str| -> Result<Value> {
            Ok(rows.iter().find(|row| row["id"] == *id).context("no such command")?["keys"].clone())
        };
        assert_eq!(of(&rows, "app.settings")?, json!(["Ctrl+,", "F10"]));
        let kept: Value = serde_json::from_str(&fs::read_to_string(config(sandbox, "keybindings.json"))?)?;
        assert_eq!(kept, json!({"app.settings": ["ctrl+,", "f10"]}));

        let _app = App::start(sandbox)?;
        assert_eq!(of(&cli.rows(&["keys"])?, "app.settings")?, json!(["Ctrl+,", "F10"]));
        write(&config(sandbox, "keybindings.json"), r#"{"app.settings": "N"}"#)?;
        wait_until("the file's keys", PATIENCE, || {
            (of(&cli.rows(&["keys"]).ok()?, "app.settings").ok()? == json!(["N"])).then_some(())
        })?;
        let warned = |statuses: &[(String, String)]| {
            statuses.contains(&("keys.conflicts".to_owned(), "warn".to_owned()))
        };
        assert!(warned(&statuses(cli)?), "N is also a key of the next that needs you");
        write(&config(sandbox, "keybindings.json"), r#"{"app.settings": "#)?;
        wait_until("the broken file to be reported", PATIENCE, || {
            let found = statuses(cli).ok()?;
            found.contains(&("keybindings".to_owned(), "fail".to_owned())).then_some(())
        })?;
        assert_eq!(of(&cli.rows(&["keys"])?, "app.settings")?, json!(["Ctrl+,"]), "the defaults hold");
        let refused = magia(sandbox, &["keys", "set", "nav.up", "W"])?;
        assert!(refused.code == 1 && refused.stderr.contains("does not parse"), "{}", refused.stderr);
        fs::remove_file(config(sandbox, "keybindings.json"))?;
        wait_until("the report to go", PATIENCE, || {
            (!statuses(cli).ok()?.iter().any(|(id, _)| id == "keybindings")).then_some(())
        })?;
        let wrong = magia(sandbox, &["keys", "set", "app.setings", "F9"])?;
        assert!(wrong.code == 2 && wrong.stderr.contains("did you mean app.settings?"), "{}", wrong.stderr);
        Ok(())
    })
}

#[test]
fn the_palette_and_a_changed_key_work_in_the_window() -> Result<()> {
    sandbox_test(|sandbox| {
        write(&config(sandbox, "keybindings.json"), r#"{"app.settings": "F10"}"#)?;
        let display = Display::start(sandbox)?;
        let window = Window::start(sandbox, &display)?;
        window.wait_for("Button", "Skip the welcome")?;
        window.key("F10")?;
        window.wait_for("TextInput", "Search settings")?;
        window.key("Escape")?;
        window.wait_until_gone("TextInput", "Search settings")?;
        window.key("ctrl+k")?;
        window.wait_for("TextInput", "Search everything")?;
        window.settle()?;
        window.type_text("what is new")?;
        window.key("Return")?;
        window.wait_for_text("What is new in magia")?;
        // A theme that is written while the window is open can be chosen at once.
        write(&sandbox.home().join(".magia/themes/dusk.json"), DUSK)?;
        window.key("F10")?;
        let theme = window.wait_for("Button", "Theme Dusk")?;
        window.click(&theme)?;
        wait_until("the theme to be saved", PATIENCE, || {
            let value = Cli::new(sandbox).json(&["settings", "get", "themeId"]).ok()?;
            (value == json!("dusk")).then_some(())
        })?;
        window.wait_for_text("Dusk has no light colours")?;
        Ok(())
    })
}

#[test]
fn the_welcome_leads_through_the_first_start() -> Result<()> {
    sandbox_test(|sandbox| {
        let display = Display::start(sandbox)?;
        let window = Window::start(sandbox, &display)?;
        let press = |label: &str| -> Result<()> {
            let button = window.wait_for("Button", label)?;
            window.settle()?;
            window.click(&button)
        };
        window.wait_for_text("Your agents")?;
        press("Next")?;
        window.wait_for("Button", "Install hooks... of Claude Code")?;
        press("Next")?;
        window.wait_for_text("What they use")?;
        press("Next")?;
        window.wait_for_text("magia demo")?;
        press("Done")?;
        window.wait_for_text("No sessions yet")?;
        assert_eq!(Cli::new(sandbox).json(&["call", "is_first_launch"])?, json!(true), "still this start");
        Ok(())
    })
}

#[test]
fn themes_are_told_to_subscribers() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let mut command = sandbox.command(binary("magia")?);
        command.args(["events", "--follow", "--json", "--channel", "themes:changed"]);
        let follow = sandbox.spawn("follow", command)?;
        // A stream tells from now on: each round is a change that it may have missed.
        let mut round = 0;
        let line = wait_until("the themes", PATIENCE, || {
            round += 1;
            let name = format!("Dusk {round}");
            write(&sandbox.home().join(".magia/themes/dusk.json"), &DUSK.replace("Dusk", &name)).ok()?;
            let out = follow.stdout();
            out.lines().find(|line| line.contains("\"Dusk ")).map(str::to_owned)
        })?;
        assert!(line.contains("themes:changed"), "{line}");
        Ok(())
    })
}

#[test]
fn a_reset_forgets_what_is_ours_and_begins_anew() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let claude = sandbox.home().join(".claude/settings.json");
        write(&claude, "{\n  \"model\": \"opus\"\n}\n")?;
        write(&sandbox.home().join(".magia/themes/dusk.json"), DUSK)?;
        let mut app = App::start(sandbox)?;
        assert_eq!(cli.json(&["call", "is_first_launch"])?, json!(true));
        cli.json(&["settings", "set", "themeMode", "light"])?;
        cli.json(&["keys", "set", "nav.up", "W"])?;
        cli.json(&["hooks", "install"])?;
        assert!(fs::read_to_string(&claude)?.contains("magia-hook-handler"));
        cli.json(&["run", "--detach", "--id", "stays", "--", "cat"])?;
        // Other directories of agents, which nobody else remembers.
        let work = sandbox.home().join("work");
        let own = [("claude", "settings.json"), ("codex", "config.toml")];
        for (agent, file) in own {
            write(&work.join(agent).join(file), if agent == "claude" { "{}" } else { "# mine\n" })?;
            let home = work.join(agent).display().to_string();
            cli.json(&["hooks", "install", agent, "--home", &home])?;
            cli.json(&["telemetry", "on", agent, "--home", &home])?;
        }
        assert!(fs::read_to_string(work.join("claude/settings.json"))?.contains("magia-hook-handler"));
        assert!(fs::read_to_string(work.join("codex/hooks.json"))?.contains("magia-hook-handler"));

        let refused = magia(sandbox, &["call", "factory_reset", r#"{"confirm": "yes"}"#])?;
        assert!(
            refused.code == 2 && refused.stderr.contains("confirm must be \"reset\""),
            "{}",
            refused.stderr
        );
        let asked = magia(sandbox, &["reset"])?;
        assert!(asked.code == 2 && asked.stderr.contains("--yes"), "no terminal, no reset: {}", asked.stderr);
        assert_eq!(cli.json(&["settings", "get", "themeMode"])?, json!("light"), "nothing happened yet");

        // What one agent's file refuses changes nothing of another's.
        let (broken, before) = (sandbox.home().join(".gemini/settings.json"), fs::read_to_string(&claude)?);
        write(&broken, "{ broken")?;
        let refused = magia(sandbox, &["reset", "--yes"])?;
        assert!(refused.code == 1 && refused.stderr.contains("not valid JSON"), "{}", refused.stderr);
        assert_eq!(fs::read_to_string(&claude)?, before);
        assert!(fs::read_to_string(work.join("codex/hooks.json"))?.contains("magia-hook-handler"));
        fs::remove_file(&broken)?;

        let pid = app.pid();
        let done = cli.json(&["reset", "--yes"])?;
        assert_eq!(done["restarting"], json!(true));
        let again = wait_until("magia to be there again", PATIENCE, || {
            // Settings are read without the app too: that they are gone does not mean that it listens again.
            let theme = cli.json(&["settings", "get", "themeMode"]).ok()?;
            (theme == json!("dark")).then_some(())?;
            cli.json(&["status"]).ok()
        })?;
        assert_eq!(app.program().try_wait(), None, "the same process goes on");
        assert_eq!(again["pid"], json!(pid));
        assert_eq!(cli.json(&["call", "is_first_launch"])?, json!(true));
        assert_eq!(
            fs::read_to_string(&claude)?,
            "{\n  \"model\": \"opus\"\n}\n",
            "the hooks are out, the rest stays"
        );
        assert_eq!(fs::read_to_string(work.join("claude/settings.json"))?, "{}");
        assert_eq!(fs::read_to_string(work.join("codex/config.toml"))?, "# mine\n");
        assert!(!work.join("codex/hooks.json").exists(), "it was ours alone");
        assert!(!config(sandbox, "settings.json").exists() && !config(sandbox, "keybindings.json").exists());
        assert!(sandbox.home().join(".magia/themes/dusk.json").exists(), "themes are not ours");
        assert_eq!(cli.json(&["term", "show", "stays"])?["state"], json!("running"), "terminals go on");
        Ok(())
    })
}

#[test]
fn a_second_start_is_no_first_launch() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        assert_eq!(cli.json(&["call", "is_first_launch"])?, json!(true), "asked without the app");
        let mut app = App::start(sandbox)?;
        app.program().signal(libc::SIGTERM)?;
        app.program().wait(PATIENCE)?;
        drop(app);
        let _app = App::start(sandbox)?;
        assert_eq!(cli.json(&["call", "is_first_launch"])?, json!(false));
        Ok(())
    })
}

#[test]
fn doctor_looks_at_everything_and_every_fault_has_a_fix() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        cli.json(&["settings", "set", "editorFontFamily", "No Such Font"])?;
        let rows = cli.rows(&["doctor"])?;
        let ids: Vec<&str> = rows.iter().map(|row| text(row, "id")).collect();
        for wanted in [
            "listener.hooks",
            "listener.permissions",
            "listener.cli",
            "provider.claude",
            "provider.codex",
            "provider.gemini",
            "hooks.claude",
            "dir.data",
            "system.watches",
            "system.bus",
            "disk.data",
            "system.clock",
            "fonts.editorFontFamily",
            "keys.conflicts",
        ] {
            assert!(ids.contains(&wanted), "{wanted} is not among {ids:?}");
        }
        for row in &rows {
            assert_eq!(text(row, "status") == "ok", row["fix"].is_null(), "{row}");
        }
        Ok(())
    })
}

#[test]
fn a_report_has_what_is_needed_and_no_secret() -> Result<()> {
    sandbox_test(|sandbox| {
        let _app = App::start(sandbox)?;
        let cli = Cli::new(sandbox);
        let secret = "/srv/secret-project";
        cli.json(&["settings", "set", "workspacePresets", &json!({ secret: "plan" }).to_string()])?;
        cli.json(&[
            "settings",
            "set",
            "telemetryForward",
            "http://ann:hunter2@otel.example:4318/?k=hunter2",
        ])?;
        cli.json(&["settings", "set", "terminal", "hunter2"])?;
        cli.json(&["settings", "set", "ofAnotherVersion", "hunter2", "--force"])?;
        let log = sandbox.root().join("state/magia/logs/magia.log");
        let home = sandbox.home().display().to_string();
        // As an older version, or another program, could have written it.
        write(&log, &format!("WARN cannot read {home}/x: api_key=sk-ant-api03-abc123def456\n"))?;
        let file = sandbox.work().join("report.txt");
        let path = file.to_string_lossy().into_owned();
        assert_eq!(magia(sandbox, &["diagnostics", &path])?.code, 0);
        let report = fs::read_to_string(&file)?;
        for wanted in
            ["## System", "## Checks", "listener.hooks", "\"themeMode\": \"dark\"", "1 entries", "## Log"]
        {
            assert!(report.contains(wanted), "{wanted}: {report}");
        }
        assert!(report.contains("WARN cannot read ~/x: api_key=[redacted]"), "{report}");
        assert!(report.contains("\"telemetryForward\": \"set\""), "{report}");
        for leaked in [secret, "sk-ant", "hunter2", &home] {
            assert!(!report.contains(leaked), "{leaked}: {report}");
        }
        assert_eq!(fs::metadata(&file)?.permissions().mode() & 0o777, 0o600);
        let again = magia(sandbox, &["diagnostics", &path])?;
        assert!(again.code == 1 && again.stderr.contains("not there yet"), "nothing is written over");
        Ok(())
    })
}

#[test]
fn it_is_opened_at_login_when_wanted() -> Result<()> {
    sandbox_test(|sandbox| {
        let cli = Cli::new(sandbox);
        let entry = sandbox.root().join("config/autostart/magia.desktop");
        assert_eq!(cli.json(&["autostart"])?["on"], json!(false));
        assert_eq!(cli.json(&["autostart", "on"])?["on"], json!(true));
        let written = fs::read_to_string(&entry)?;
        let app = binary("magia-app")?;
        assert!(written.contains(&format!("Exec=\"{}\"\n", app.display())), "{written}");
        assert_eq!(cli.json(&["autostart", "off"])?["on"], json!(false));
        assert!(!entry.exists());
        Ok(())
    })
}

#[test]
fn uninstalling_removes_what_was_installed_and_says_what_stays() -> Result<()> {
    sandbox_test(|sandbox| {
        let prefix = sandbox.root().join("p");
        let programs = binary("magia")?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/install.sh");
        let mut install = sandbox.command(script);
        install.arg(programs.parent().context("no directory")?).env("PREFIX", &prefix);
        let output = install.output()?;
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let run = |args: &[&str]| -> Result<(i32, String)> {
            let output = sandbox.command(prefix.join("bin/magia")).args(args).output()?;
            let told = [output.stdout, output.stderr].concat();
            Ok((Program::exit_code(output.status), String::from_utf8_lossy(&told).into_owned()))
        };
        write(&sandbox.home().join(".claude/settings.json"), "{}\n")?;
        assert_eq!(run(&["hooks", "install"])?.0, 0);
        assert_eq!(run(&["autostart", "on"])?.0, 0);
        write(&prefix.join("share/doc/others.txt"), "not ours")?;

        let (code, told) = run(&["uninstall"])?;
        assert!(
            code == 0 && told.contains("would be removed") && told.contains("nothing was changed"),
            "{told}"
        );
        assert!(prefix.join("bin/magia-app").exists());
        let app = App::start(sandbox)?;
        let (code, told) = run(&["uninstall", "--yes"])?;
        assert!(code == 1 && told.contains("magia runs"), "{told}");
        drop(app);

        let (code, told) = run(&["uninstall", "--yes"])?;
        assert!(code == 0 && told.contains("removed: what is magia's in"), "{told}");
        let data = sandbox.root().join("data/magia");
        assert!(told.contains(&format!("yours, and kept: {}", data.display())), "{told}");
        assert!(data.exists());
        assert!(!fs::read_to_string(sandbox.home().join(".claude/settings.json"))?.contains("magia"));
        assert!(!sandbox.root().join("config/autostart/magia.desktop").exists());
        let mut left = Vec::new();
        let mut open = vec![prefix];
        while let Some(dir) = open.pop() {
            for entry in fs::read_dir(&dir)? {
                let path = entry?.path();
                if path.is_dir() { open.push(path) } else { left.push(path) }
            }
        }
        assert_eq!(left.len(), 1, "only what is not ours: {left:?}");
        Ok(())
    })
}

#[test]
fn the_log_is_begun_anew_and_holds_no_secret() -> Result<()> {
    sandbox_test(|sandbox| {
        let log = sandbox.root().join("state/magia/logs/magia.log");
        write(&log, &"x".repeat(5 * 1024 * 1024))?;
        let _app = App::start_with(sandbox, &[("MAGIA_LOG", "debug")])?;
        let lines = || -> Result<usize> { Ok(BufReader::new(fs::File::open(&log)?).lines().count()) };
        wait_until("the new log", PATIENCE, || (lines().ok()? > 0).then_some(()))?;
        assert!(fs::metadata(&log)?.len() < 4 * 1024 * 1024);
        assert_eq!(fs::metadata(log.with_file_name("magia.log.1"))?.len(), 5 * 1024 * 1024);
        assert!(!fs::read_to_string(&log)?.contains(&sandbox.home().display().to_string()));
        Ok(())
    })
}
