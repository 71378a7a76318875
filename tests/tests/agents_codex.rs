//! A real Codex works on its own shared daemon, and magia is one more client there: nothing is installed.
//!
//! Needs `make agents`; `make test-agents` runs it.

use anyhow::{Context, Result};
use magia_tests::{
    App, Cli, Codex, FakeModel, InteractiveCodex, PATIENCE, Sandbox, Vendor, sandbox_test, steps, text,
    wait_until,
};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a daemon keeps a thread that nobody is subscribed to; seen was a minute.
const LETS_GO: Duration = Duration::from_secs(100);

/// A command that Codex asks about, and that leaves a file; the model then says `end`.
fn touch(name: &str, end: &str) -> String {
    let call = format!(
        r#"tool:exec_command {{"cmd":"touch {name}","sandbox_permissions":"require_escalated","justification":"leaves a mark"}}"#
    );
    steps(&[call, format!("say:{end}")])
}

/// magia without hooks, Codex, and the model.
struct Daemon<'a> {
    sandbox: &'a Sandbox,
    cli: Cli<'a>,
    codex: Codex<'a>,
    app: Option<App>,
    _model: FakeModel,
}

impl<'a> Daemon<'a> {
    fn new(sandbox: &'a Sandbox) -> Result<Self> {
        let model = FakeModel::of(sandbox, Vendor::OpenAi)?;
        let codex = Codex::new(sandbox, &model)?;
        let app = Some(App::start(sandbox)?);
        Ok(Self { sandbox, cli: Cli::new(sandbox), codex, app, _model: model })
    }

    fn exists(&self, name: &str) -> bool {
        self.sandbox.work().join(name).exists()
    }

    /// Waits until the only session is in this state.
    fn wait_for_state(&self, state: &str) -> Result<Value> {
        let row =
            self.cli.wait_for_row(&format!("the session to be {state:?}"), &["ls", "--all"], |row| {
                row["state"] == state
            })?;
        let all = self.cli.rows(&["ls", "--all"])?;
        assert_eq!(all.len(), 1, "hidden threads are sessions: {all:#?}");
        Ok(row)
    }

    /// Waits until the connection is as wanted.
    fn wait_for_connection(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let connection = || self.cli.json(&["status"]).ok()?.pointer("/daemons/0").cloned();
        wait_until(what, PATIENCE, || connection().filter(|info| wanted(info)))
            .with_context(|| format!("the connection: {:#?}", connection()))
    }

    fn asked(&self, tui: &InteractiveCodex, name: &str, end: &str) -> Result<String> {
        tui.prompt(&touch(name, end))?;
        let request = self.cli.wait_for_request()?;
        assert_eq!(
            (text(&request, "tool"), request.pointer("/input/command")),
            ("Bash", Some(&json!(format!("touch {name}"))))
        );
        assert!(!self.exists(name));
        Ok(text(&request, "id").to_owned())
    }
}

#[test]
fn codex_runs_in_all_its_ways() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::of(sandbox, Vendor::OpenAi)?;
        let codex = Codex::new(sandbox, &model)?;
        let tui = codex.interactive("codex")?;
        assert!(codex.daemon_pid().is_some(), "the TUI started no daemon");
        tui.prompt(&touch("one", "all done"))?;
        tui.wait_for_dialog()?;
        assert!(!sandbox.work().join("one").exists());
        tui.say_yes()?;
        tui.wait_for_answer("all done")?;
        assert!(sandbox.work().join("one").exists());
        drop(tui);
        codex.kill_daemon()?;

        let tui = codex.embedded("embedded")?;
        assert_eq!(codex.daemon_pid(), None, "--no-daemon started one");
        tui.prompt(&steps(&["say:from the embedded one"]))?;
        tui.wait_for_answer("from the embedded one")?;

        let mut exec = codex.exec("exec", &steps(&["say:from exec"]))?;
        assert!(exec.wait(PATIENCE)?.success(), "{}", exec.stderr());
        assert!(exec.stdout().contains("from exec"), "{}", exec.stdout());
        Ok(())
    })
}

#[test]
fn a_thread_of_the_terminal_is_a_session_and_its_turn_is_seen() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Daemon::new(sandbox)?;
        scene.wait_for_connection("no daemon to run", |info| info["state"] == "absent")?;
        assert_eq!(scene.codex.daemon_pid(), None, "magia started a daemon");
        let tui = scene.codex.interactive("codex")?;
        let info = scene.wait_for_connection("the connection", |info| info["state"] == "connected")?;
        assert_eq!(info["version"], magia_tests::CODEX_VERSION);
        tui.prompt(&steps(&[r#"tool:exec_command {"cmd":"echo hi there"}"#, "hang:3000 ;; say:all done"]))?;
        let session = scene.wait_for_state("working")?;
        assert_eq!(session["provider"], "codex");
        assert_eq!(text(&session, "cwd"), sandbox.work().to_string_lossy());
        tui.wait_for_answer("all done")?;
        let session = scene.wait_for_state("idle")?;
        let evidence = &session["evidence"][0];
        assert_eq!((text(evidence, "source"), &evidence["decisive"]), ("codex daemon", &json!(true)));
        assert_eq!(session["model"], "gpt-5.5");
        // Idle and looked at by nobody: the thread is the terminal's alone again.
        scene.wait_for_connection("the subscription's end", |info| {
            info["subscribed"] == 0 && info["sessions"] == 1
        })?;
        let shown = scene.cli.json(&["show", text(&session, "id")])?;
        let told = shown.to_string();
        for words in ["echo hi there", "hi there", "all done"] {
            assert!(told.contains(words), "{words} is missing: {shown:#}");
        }
        Ok(())
    })
}

#[test]
fn allowed_by_magia_the_dialog_closes_and_the_command_runs() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Daemon::new(sandbox)?;
        let tui = scene.codex.interactive("codex")?;
        let id = scene.asked(&tui, "mark", "all done")?;
        scene.wait_for_state("waiting for permission")?;
        tui.wait_for_dialog()?;
        scene.cli.json(&["allow", &id])?;
        tui.wait_for_answer("all done")?;
        assert!(scene.exists("mark") && !tui.asks());
        let request = scene.cli.wait_for_request_state(&id, "took effect")?;
        assert_eq!(request["outcome"]["decision"], "allow");
        scene.wait_for_state("idle")?;
        Ok(())
    })
}

#[test]
fn denied_by_magia_the_command_does_not_run() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Daemon::new(sandbox)?;
        let tui = scene.codex.interactive("codex")?;
        let id = scene.asked(&tui, "mark", "all done")?;
        tui.wait_for_dialog()?;
        scene.cli.json(&["deny", &id])?;
        tui.wait_for_answer("all done")?;
        assert!(!scene.exists("mark") && !tui.asks());
        let request = scene.cli.wait_for_request_state(&id, "took effect")?;
        assert_eq!(request["outcome"]["decision"], "deny");
        scene.wait_for_state("idle")?;
        Ok(())
    })
}

#[test]
fn answered_in_the_terminal_the_card_leaves() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Daemon::new(sandbox)?;
        let tui = scene.codex.interactive("codex")?;
        let id = scene.asked(&tui, "yes", "first done")?;
        tui.say_yes()?;
        let request = scene.cli.wait_for_request_state(&id, "answered in terminal")?;
        assert_eq!(text(&request["outcome"], "by"), "terminal");
        tui.wait_for_answer("first done")?;
        assert!(scene.exists("yes"));
        let late = scene.cli.run(&["allow", &id])?;
        assert!(late.code == 1 && late.stderr.contains("already answered in terminal"), "{late:?}");
        Ok(())
    })
}

#[test]
fn a_restarted_magia_finds_the_request_again_and_answers_it() -> Result<()> {
    sandbox_test(|sandbox| {
        let mut scene = Daemon::new(sandbox)?;
        let tui = scene.codex.interactive("codex")?;
        let first = scene.asked(&tui, "mark", "all done")?;
        scene.app.take().context("no app runs")?.program().kill9()?;
        scene.app = Some(App::start(sandbox)?);
        let request = scene.cli.wait_for_request()?;
        assert_ne!(text(&request, "id"), first, "the old request is settled, this is a new card");
        scene.cli.wait_for_request_state(&first, "app gone")?;
        scene.cli.json(&["allow", text(&request, "id")])?;
        tui.wait_for_answer("all done")?;
        assert!(scene.exists("mark"));
        scene.cli.wait_for_request_state(text(&request, "id"), "took effect")?;
        Ok(())
    })
}

#[test]
fn a_killed_daemon_takes_the_card_along_and_a_new_one_is_joined() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Daemon::new(sandbox)?;
        let tui = scene.codex.interactive("codex")?;
        let id = scene.asked(&tui, "mark", "all done")?;
        scene.codex.kill_daemon()?;
        let request = scene.cli.wait_for_request_state(&id, "agent gone")?;
        assert!(text(&request["outcome"], "by").contains("daemon"), "{request:#}");
        let session = scene.wait_for_state("failed")?;
        assert!(text(&session["evidence"][0], "fact").contains("daemon"), "{session:#}");
        scene.wait_for_connection("the daemon's absence", |info| info["state"] == "absent")?;
        scene.codex.daemon("daemon", &["start"])?;
        scene.wait_for_connection("the new daemon", |info| info["state"] == "connected")?;
        Ok(())
    })
}

#[test]
fn the_first_answer_wins_and_the_other_changes_nothing() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Daemon::new(sandbox)?;
        let tui = scene.codex.interactive("codex")?;
        let id = scene.asked(&tui, "mark", "all done")?;
        tui.wait_for_dialog()?;
        // Both at once: whoever was first, the record and the file say the same.
        tui.terminal.type_text("y")?;
        let denied = scene.cli.run(&["deny", &id])?;
        tui.wait_for_answer("all done")?;
        scene.wait_for_state("idle")?;
        let state = text(&request_of(&scene, &id)?, "state").to_owned();
        let wanted = match (denied.code, scene.exists("mark")) {
            (0, true) => "not taken",
            (0, false) => "took effect",
            (1, true) => "answered in terminal",
            other => anyhow::bail!("{other:?}: {denied:?}"),
        };
        assert_eq!(state, wanted);
        Ok(())
    })
}

fn request_of(scene: &Daemon<'_>, id: &str) -> Result<Value> {
    let all = scene.cli.rows(&["permissions", "--all"])?;
    all.into_iter().find(|row| text(row, "id") == id).context("no such request")
}

#[test]
fn allowed_for_the_session_the_same_command_is_not_asked_again() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Daemon::new(sandbox)?;
        let tui = scene.codex.interactive("codex")?;
        let id = scene.asked(&tui, "mark", "first done")?;
        assert_eq!(text(&request_of(&scene, &id)?, "always"), "the same for this session");
        scene.cli.json(&["allow", &id, "--always"])?;
        tui.wait_for_answer("first done")?;
        std::fs::remove_file(sandbox.work().join("mark")).context("taking the mark away")?;
        tui.prompt(&touch("mark", "second done"))?;
        tui.wait_for_answer("second done")?;
        assert!(scene.exists("mark"));
        assert_eq!(scene.cli.rows(&["permissions", "--all"])?.len(), 1);
        Ok(())
    })
}

#[test]
fn a_rule_of_the_settings_answers_codex_too() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Daemon::new(sandbox)?;
        let rules = r#"[{"toolName":"Bash","commandPrefix":"touch","autoApprove":true}]"#;
        scene.cli.json(&["settings", "set", "toolPermissions", rules])?;
        let tui = scene.codex.interactive("codex")?;
        tui.prompt(&touch("mark", "all done"))?;
        tui.wait_for_answer("all done")?;
        assert!(scene.exists("mark"));
        let all = scene.cli.rows(&["permissions", "--all"])?;
        let [request] = all.as_slice() else { anyhow::bail!("not one request: {all:#?}") };
        assert!(text(&request["outcome"], "by").starts_with("policy rule Bash(touch)"), "{request:#}");
        Ok(())
    })
}

#[test]
fn a_change_of_files_is_a_card_with_its_patch() -> Result<()> {
    sandbox_test(|sandbox| {
        let mut scene = Daemon::new(sandbox)?;
        scene.codex = scene.codex.arg("--sandbox").arg("read-only");
        let tui = scene.codex.interactive("codex")?;
        let patch = r"custom:apply_patch *** Begin Patch\n*** Add File: new.txt\n+a new line\n*** End Patch";
        tui.prompt(&steps(&[patch, "say:all done"]))?;
        let request = scene.cli.wait_for_request()?;
        assert_eq!(text(&request, "tool"), "apply_patch");
        let shown = text(&request["input"], "command");
        assert!(shown.contains("new.txt") && shown.contains("+a new line"), "{shown}");
        assert!(!scene.exists("new.txt"));
        scene.cli.json(&["allow", text(&request, "id")])?;
        tui.wait_for_answer("all done")?;
        assert!(scene.exists("new.txt"));
        scene.cli.wait_for_request_state(text(&request, "id"), "took effect")?;
        Ok(())
    })
}

#[test]
fn an_idle_thread_is_left_to_others() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Daemon::new(sandbox)?;
        let tui = scene.codex.interactive("codex")?;
        tui.prompt(&steps(&["say:first done"]))?;
        tui.wait_for_answer("first done")?;
        let session = scene.wait_for_state("idle")?;
        scene.wait_for_connection("the subscription's end", |info| info["subscribed"] == 0)?;
        drop(tui);
        // Without a subscriber the daemon lets go of it after a minute; then another server may have it.
        wait_until("the thread to be let go", LETS_GO, || {
            let rows = scene.cli.rows(&["ls", "--all"]).ok()?;
            rows.iter().all(|row| row["state"] == "ended").then_some(())
        })?;
        let thread = text(&session, "provider_session_id");
        let tui = scene.codex.terminal("resumed", &["resume", "--no-daemon", thread])?;
        tui.prompt(&steps(&["say:second done"]))?;
        tui.wait_for_answer("second done")?;
        Ok(())
    })
}

#[test]
fn two_configuration_directories_have_a_daemon_each() -> Result<()> {
    sandbox_test(|sandbox| {
        let model = FakeModel::of(sandbox, Vendor::OpenAi)?;
        let usual = Codex::new(sandbox, &model)?;
        let other = Codex::with_home(sandbox, &model, sandbox.root().join("codex-other"))?;
        let _app = App::start_with(sandbox, &[("CODEX_HOME", &other.home().to_string_lossy())])?;
        let cli = Cli::new(sandbox);
        let (one, two) = (usual.interactive("usual")?, other.interactive("other")?);
        one.prompt(&touch("one", "one done"))?;
        two.prompt(&touch("two", "two done"))?;
        let open = cli.wait_for_requests(2)?;
        for request in &open {
            cli.json(&["allow", text(request, "id")])?;
        }
        one.wait_for_answer("one done")?;
        two.wait_for_answer("two done")?;
        assert!(sandbox.work().join("one").exists() && sandbox.work().join("two").exists());
        Ok(())
    })
}

#[test]
fn a_question_of_the_model_is_answered_by_a_label() -> Result<()> {
    sandbox_test(|sandbox| {
        let scene = Daemon::new(sandbox)?;
        // Else Codex asks its user in plan mode only.
        scene.codex.configure("[features]\ndefault_mode_request_user_input = true\n")?;
        let tui = scene.codex.interactive("codex")?;
        let questions = json!({ "questions": [{
            "id": "colour",
            "header": "Colour",
            "question": "Which colour?",
            "options": [
                { "label": "Red", "description": "as it was" },
                { "label": "Blue", "description": "as the logo" },
            ],
        }] });
        tui.prompt(&steps(&[format!("tool:request_user_input {questions}"), "say:blue it is".to_owned()]))?;
        let request = scene.cli.wait_for_request()?;
        let id = text(&request, "id");
        assert_eq!((text(&request, "kind"), text(&request, "tool")), ("question", "AskUserQuestion"));
        scene.wait_for_state("waiting for an answer")?;
        let plain = scene.cli.run(&["allow", id])?;
        assert_eq!(plain.code, 2, "a question is not allowed but answered");
        scene.cli.json(&["allow", id, "--answer", "Blue"])?;
        tui.wait_for_answer("blue it is")?;
        scene.cli.wait_for_request_state(id, "took effect")?;
        scene.wait_for_state("idle").map(drop)
    })
}
