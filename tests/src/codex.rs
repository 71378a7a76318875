//! The real Codex CLI, pinned, against the fake model.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::model::FakeModel;
use crate::process::{Program, send_signal};
use crate::sandbox::Sandbox;
use crate::terminal::{Key, Terminal};
use crate::wait::{PATIENCE, wait_until};

/// The version that `tests/agents` pins and that these tests were written against.
pub const CODEX_VERSION: &str = "0.169.0";
/// Names the program when it is not where `make agents` puts it.
const PROGRAM: &str = "MAGIA_TEST_CODEX";
const INSTALLED: &str =
    "../.agents/node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex";
/// The first start of a daemon copies the program, some 365 MB.
const FIRST_START: Duration = Duration::from_secs(90);
/// When an Enter seems to have been swallowed, it is pressed again.
const ENTER_PATIENCE: Duration = Duration::from_secs(3);

/// How to start Codex in a sandbox. Ends the daemon, if one was started, when it is dropped.
pub struct Codex<'a> {
    pub(crate) sandbox: &'a Sandbox,
    program: PathBuf,
    home: PathBuf,
    args: Vec<String>,
}

impl<'a> Codex<'a> {
    /// Finds the program and writes `~/.codex/config.toml`, so that nothing is asked at the first start and the model
    /// is `model`, an OpenAI fake. Commands may not write: every `touch` needs an approval.
    pub fn new(sandbox: &'a Sandbox, model: &FakeModel) -> Result<Self> {
        Self::with_home(sandbox, model, sandbox.home().join(".codex"))
    }

    /// The same with its own `CODEX_HOME`.
    pub fn with_home(sandbox: &'a Sandbox, model: &FakeModel, home: PathBuf) -> Result<Self> {
        fs::create_dir_all(&home).context("making CODEX_HOME")?;
        let config = config(&model.url(), &sandbox.work());
        fs::write(home.join("config.toml"), config).context("writing config.toml")?;
        Self::find(sandbox, home)
    }

    /// One more way into a sandbox that has its configuration; it stays as it is.
    pub fn as_configured(sandbox: &'a Sandbox) -> Result<Self> {
        Self::find(sandbox, sandbox.home().join(".codex"))
    }

    fn find(sandbox: &'a Sandbox, home: PathBuf) -> Result<Self> {
        let program = match std::env::var_os(PROGRAM) {
            Some(path) => PathBuf::from(path),
            None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(INSTALLED),
        };
        if !program.is_file() {
            bail!("no Codex at {}; run `make agents` or set {PROGRAM}", program.display());
        }
        Ok(Self { sandbox, program, home, args: Vec::new() })
    }

    /// Adds a command-line argument to every following start.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// `CODEX_HOME`.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.home.join("app-server-control/app-server-control.sock")
    }

    /// Appends to `config.toml`.
    pub fn configure(&self, toml: &str) -> Result<()> {
        let path = self.home.join("config.toml");
        let text = fs::read_to_string(&path).context("reading config.toml")?;
        fs::write(path, text + toml).context("writing config.toml")
    }

    /// Starts the TUI as a user does, on the shared daemon, which it starts if there is none; waits for its prompt box.
    pub fn interactive(&self, name: &str) -> Result<InteractiveCodex> {
        self.terminal(name, &[])
    }

    /// Starts the TUI with a server of its own, which no other client can reach.
    pub fn embedded(&self, name: &str) -> Result<InteractiveCodex> {
        self.terminal(name, &["--no-daemon"])
    }

    /// Starts the TUI with `args`, as `["resume", ID]`, and waits for its prompt box.
    pub fn terminal(&self, name: &str, args: &[&str]) -> Result<InteractiveCodex> {
        let (argv, env) = self.words(args);
        let terminal = Terminal::start(self.sandbox, name, &argv, &env)?;
        let codex = InteractiveCodex { terminal };
        wait_until("Codex's prompt box", FIRST_START, || codex.is_ready().then_some(()))
            .with_context(|| format!("the screen:\n{}", codex.terminal.screen()))?;
        Ok(codex)
    }

    /// The command line of the TUI, and what goes into its environment, to start it elsewhere.
    pub fn words(&self, args: &[&str]) -> (Vec<String>, Vec<(String, String)>) {
        let program = self.program.to_string_lossy().into_owned();
        let own = args.iter().map(|arg| (*arg).to_owned());
        (std::iter::once(program).chain(own).chain(self.args.clone()).collect(), self.env())
    }

    /// Starts `codex exec --json` with one prompt; it never asks.
    pub fn exec(&self, name: &str, prompt: &str) -> Result<Program> {
        let mut command = self.command();
        command.args(["exec", "--json", "--skip-git-repo-check"]).args(&self.args).arg(prompt);
        self.sandbox.spawn(name, command)
    }

    /// Runs `codex app-server daemon ARGS`, as `start` and `version`, to its end.
    pub fn daemon(&self, name: &str, args: &[&str]) -> Result<String> {
        let mut command = self.command();
        command.args(["app-server", "daemon"]).args(args);
        let mut program = self.sandbox.spawn(name, command)?;
        let status = program.wait(FIRST_START)?;
        if !status.success() {
            bail!("codex app-server daemon {args:?} ended with {status}: {}", program.stderr());
        }
        Ok(program.stdout())
    }

    /// The running daemon's process id.
    pub fn daemon_pid(&self) -> Option<u32> {
        let pid = recorded_pid(&self.home.join("app-server-daemon/daemon.pid"))?;
        (!ended(pid)).then_some(pid)
    }

    /// Ends the daemon as `kill -9` does and waits for its end.
    pub fn kill_daemon(&self) -> Result<()> {
        let pid = self.daemon_pid().context("no daemon runs")?;
        send_signal(pid as i32, libc::SIGKILL).context("killing the daemon")?;
        wait_until("the daemon to end", PATIENCE, || ended(pid).then_some(()))
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = self.sandbox.command(&self.program);
        command.envs(self.env());
        command
    }

    fn env(&self) -> Vec<(String, String)> {
        vec![
            ("CODEX_HOME".to_owned(), self.home.to_string_lossy().into_owned()),
            ("FAKE_KEY".to_owned(), "dummy".to_owned()),
            ("SHELL".to_owned(), "/bin/bash".to_owned()),
        ]
    }
}

impl Drop for Codex<'_> {
    fn drop(&mut self) {
        for file in ["daemon-updater.pid", "daemon.pid"] {
            // A recorded id may be somebody else's by now; the daemon runs from a copy in CODEX_HOME.
            let own = |pid: &u32| {
                fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe.starts_with(&self.home))
            };
            if let Some(pid) = recorded_pid(&self.home.join("app-server-daemon").join(file)).filter(own) {
                let _already_gone = send_signal(pid as i32, libc::SIGKILL);
            }
        }
        // The sockets are links to a place right under /tmp, which nothing else removes.
        let updater = self.home.join("app-server-daemon/daemon-updater.sock");
        for target in [self.socket(), updater].iter().filter_map(|link| fs::read_link(link).ok()) {
            let _already_gone = fs::remove_file(&target);
            let _already_gone = fs::remove_file(target.with_extension("lock"));
        }
    }
}

/// Codex's TUI in a terminal.
pub struct InteractiveCodex {
    /// The terminal, for keys and the screen.
    pub terminal: Terminal,
}

impl InteractiveCodex {
    /// Codex's process id.
    pub fn pid(&self) -> u32 {
        self.terminal.pid()
    }

    /// Enters a prompt and returns once Codex has taken it.
    pub fn prompt(&self, text: &str) -> Result<()> {
        let first = text.lines().next().unwrap_or_default();
        let in_box = || self.marked_line().is_some_and(|line| line.starts_with(first)).then_some(());
        let taken = || in_box().is_none().then_some(());
        self.terminal.paste(text)?;
        wait_until("the prompt in the box", PATIENCE, in_box)
            .with_context(|| format!("the screen:\n{}", self.terminal.screen()))?;
        self.terminal.press(Key::Enter)?;
        if wait_until("the prompt to be taken", ENTER_PATIENCE, taken).is_err() {
            self.terminal.press(Key::Enter)?;
            wait_until("the prompt to be taken at the second Enter", PATIENCE, taken)
                .with_context(|| format!("the screen:\n{}", self.terminal.screen()))?;
        }
        Ok(())
    }

    /// Waits until the model's words are on the screen; the prompt's own echo, which holds them too, does not count.
    pub fn wait_for_answer(&self, text: &str) -> Result<()> {
        self.terminal.wait_for_text(&format!("• {text}"), PATIENCE)
    }

    /// Waits until Codex's own approval dialog is on the screen.
    pub fn wait_for_dialog(&self) -> Result<()> {
        self.terminal.wait_for_text("Would you like to", PATIENCE)
    }

    /// Says yes in Codex's own dialog, again when it did not take the key: one that has just opened takes none.
    pub fn say_yes(&self) -> Result<()> {
        self.wait_for_dialog()?;
        wait_until("Codex's dialog to take the key", PATIENCE, || {
            if let Err(err) = self.terminal.type_text("y") {
                return Some(Err(err));
            }
            let gone = || (!self.asks()).then_some(());
            wait_until("the dialog to go", ENTER_PATIENCE, gone).is_ok().then_some(Ok(()))
        })?
    }

    /// Whether Codex's own approval dialog is on the screen.
    pub fn asks(&self) -> bool {
        self.terminal.shows("Would you like to")
    }

    /// What stands behind the lowest `›`: the text in the prompt box, or the chosen answer of a dialog.
    fn marked_line(&self) -> Option<String> {
        let screen = self.terminal.screen();
        screen
            .lines()
            .rev()
            .find_map(|line| line.trim_start().strip_prefix('›'))
            .map(|line| line.trim().to_owned())
    }

    /// The prompt box is there, and under it the model's name, which the server has told.
    fn is_ready(&self) -> bool {
        self.terminal.shows("OpenAI Codex") && self.terminal.shows("GPT-5.5")
    }
}

fn recorded_pid(file: &Path) -> Option<u32> {
    let text = fs::read_to_string(file).ok()?;
    let value: Value = serde_json::from_str(text.trim()).ok()?;
    let pid = value.get("pid").unwrap_or(&value).as_u64()?;
    pid.try_into().ok()
}

fn ended(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.is_empty() || rest.trim_start().starts_with('Z'))
}

fn config(url: &str, work: &Path) -> String {
    format!(
        r#"model = "gpt-5.5"
model_provider = "fake"
approval_policy = "on-request"
sandbox_mode = "workspace-write"
check_for_update_on_startup = false
[model_providers.fake]
name = "fake"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "FAKE_KEY"
request_max_retries = 0
stream_max_retries = 0
[notice.model_migrations]
"gpt-5.5" = "gpt-6-sol"
[analytics]
enabled = false
[feedback]
enabled = false
[projects."{}"]
trust_level = "trusted"
"#,
        work.display()
    )
}
