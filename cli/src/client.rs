//! The app's CLI socket: one request line, one reply line; for a subscription, lines until it ends.

use crate::failure::{Failure, is_not_running, say};
use crate::programs;
use anyhow::{Context as _, Result, bail};
use magia_protocol::ipc::{BlockingStream, connect_blocking};
use magia_protocol::paths::{PathError, Socket, check_runtime_dir, runtime_candidates};
use magia_protocol::wire::{Command, Request, WIRE_VERSION};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use std::io::{BufRead, BufReader, ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long the app may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a reply may take; `doctor` and looking for providers run other programs.
const REPLY_TIMEOUT: Duration = Duration::from_secs(90);
/// A reply over this is not one: it bounds what a broken server can make us hold.
const REPLY_MAX_BYTES: u64 = 256 * 1024 * 1024;

/// What can be done without the app's listeners: files of the user, read or changed in a process of its own.
const WORKS_WITHOUT_APP: &[&str] = &[
    "hooks_status",
    "install_hooks",
    "uninstall_hooks",
    "read_claude_settings",
    "update_claude_settings",
    "read_gemini_settings",
    "inject_gemini_hooks",
    "detect_installed_providers",
    "load_settings",
    "save_settings",
    "settings_schema",
    "load_keybindings",
    "save_keybindings",
    "is_first_launch",
    "factory_reset",
    "telemetry_status",
    "set_telemetry",
];

/// A reply's result as the app wrote it.
pub type Reply = Box<RawValue>;

#[derive(Deserialize)]
struct ReplyLine {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    result: Option<Reply>,
    #[serde(default)]
    error: Option<ErrorReply>,
}

/// As the wire's error, but codes of later versions are read as well.
#[derive(Deserialize)]
struct ErrorReply {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    hint: Option<String>,
}

/// Reads a result into the type that a table shows.
pub fn read<T: DeserializeOwned>(reply: &RawValue) -> Result<T> {
    serde_json::from_str(reply.get()).map_err(|err| {
        Failure::Advised {
            message: format!("the app's reply is not understood: {err}"),
            hint: "app and command line may differ in version (`magia version`); `--json` prints the reply \
                   as it is"
                .to_owned(),
        }
        .into()
    })
}

/// Prints what a reply warns of: the command was done, but is not kept.
pub fn warn(reply: &RawValue) {
    #[derive(Deserialize)]
    struct Warned {
        warning: String,
    }
    if let Ok(Warned { warning }) = serde_json::from_str(reply.get()) {
        say(&format!("warning: {warning}"));
    }
}

/// Asks the running app; what works without it is asked of a `magia-app` process of its own when none runs.
pub fn ask(command: &Command) -> Result<Reply> {
    let (method, params) = command.to_request();
    ask_by_name(&method, &params)
}

/// As [`ask`], for a method by any of its names.
pub fn ask_by_name(method: &str, params: &Value) -> Result<Reply> {
    match Client::connect() {
        Ok(mut client) => client.call(method, params),
        Err(err) => {
            let name = magia_protocol::wire::method::find(method).map_or(method, |spec| spec.name);
            if is_not_running(&err)
                && WORKS_WITHOUT_APP.contains(&name)
                && let Some(app) = programs::find(programs::APP)
            {
                return ask_process(&app, method, params);
            }
            Err(err)
        }
    }
}

/// Asks as [`ask`] and reads the result.
pub fn fetch<T: DeserializeOwned>(command: &Command) -> Result<T> {
    read(&ask(command)?)
}

/// What to do about a runtime directory that is not to be trusted.
pub fn remedy(found: &PathError) -> String {
    match found {
        PathError::OpenToOthers { path, .. } => format!("chmod 700 {}", path.display()),
        _ => "remove it if it is yours, or set MAGIA_RUNTIME_DIR".to_owned(),
    }
}

/// What came of waiting for a line.
pub enum Heard {
    /// A line.
    Line(String),
    /// The app has closed the connection.
    Closed,
    /// The time was over before.
    TimedOut,
}

/// A connection to the app.
pub struct Client {
    stream: BufReader<BlockingStream>,
    last_id: u64,
}

impl Client {
    /// Connects to the app where it may be; [`Failure::NotRunning`] when it is nowhere.
    pub fn connect() -> Result<Self> {
        for dir in runtime_candidates() {
            match Self::connect_in(&dir) {
                Err(err) if is_not_running(&err) => {}
                connected => return connected,
            }
        }
        Err(Failure::not_running().into())
    }

    /// Connects to the app in one runtime directory.
    pub fn connect_in(dir: &Path) -> Result<Self> {
        let path = Socket::Cli.path_in(dir)?;
        let stream = connect_blocking(&path, CONNECT_TIMEOUT).map_err(|err| {
            if err.is_not_running() {
                return anyhow::Error::from(Failure::not_running());
            }
            match check_runtime_dir(dir) {
                Err(found) => Failure::RuntimeDir { message: found.to_string(), hint: remedy(&found) }.into(),
                Ok(()) => anyhow::Error::from(err),
            }
        })?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT)).context("cannot set the time limit of the socket")?;
        Ok(Self { stream: BufReader::new(stream), last_id: 0 })
    }

    /// Sends a request and waits for its reply.
    pub fn call(&mut self, method: &str, params: &Value) -> Result<Reply> {
        self.last_id += 1;
        let id = Value::from(self.last_id);
        let request =
            Request { id: id.clone(), method: method.to_owned(), params: params.clone(), v: WIRE_VERSION };
        let mut line = serde_json::to_vec(&request).context("cannot write the request")?;
        line.push(b'\n');
        // A server that refused us may have closed before it read the request; its reply says why.
        let sent = self.stream.get_mut().write_all(&line);
        loop {
            let line = match (self.line()?, &sent) {
                (Some(line), _) => line,
                (None, Ok(())) => bail!("the app closed the connection without a reply"),
                (None, Err(err)) => bail!("the app closed the connection ({err})"),
            };
            let reply: ReplyLine =
                serde_json::from_str(&line).context("the app's reply is not a line of JSON")?;
            // A line that could not be read as a request is answered without an id.
            if reply.id == id || (reply.id.is_null() && reply.error.is_some()) {
                return outcome(reply);
            }
        }
    }

    /// Sends a command and waits for its reply.
    pub fn ask(&mut self, command: &Command) -> Result<Reply> {
        let (method, params) = command.to_request();
        self.call(&method, &params)
    }

    /// From now on a reply may take at most so long.
    pub fn answer_within(&mut self, limit: Duration) -> Result<()> {
        self.stream.get_mut().set_read_timeout(Some(limit)).context("cannot set the time limit of the socket")
    }

    /// From now on lines may take as long as they like, as those of a subscription do.
    pub fn wait_without_limit(&mut self) -> Result<()> {
        self.stream.get_mut().set_read_timeout(None).context("cannot lift the time limit of the socket")
    }

    /// The next line; `None` when the app has closed the connection.
    pub fn line(&mut self) -> Result<Option<String>> {
        match self.hear()? {
            Heard::Line(line) => Ok(Some(line)),
            Heard::Closed => Ok(None),
            Heard::TimedOut => Err(Failure::Advised {
                message: format!("the app did not answer within {} s", REPLY_TIMEOUT.as_secs()),
                hint: "`magia doctor` and the app's log may say why".to_owned(),
            }
            .into()),
        }
    }

    /// The next line, if it comes before `deadline`; without one it may take as long as it likes.
    pub fn line_by(&mut self, deadline: Option<Instant>) -> Result<Heard> {
        let Some(deadline) = deadline else {
            self.wait_without_limit()?;
            return self.hear();
        };
        let left = deadline.saturating_duration_since(Instant::now());
        // What has arrived is read even when the time is over; zero would mean no limit.
        self.answer_within(left.max(Duration::from_millis(1)))?;
        self.hear()
    }

    fn hear(&mut self) -> Result<Heard> {
        let mut bytes = Vec::new();
        match (&mut self.stream).take(REPLY_MAX_BYTES).read_until(b'\n', &mut bytes) {
            Ok(0) => return Ok(Heard::Closed),
            Ok(_) => {}
            Err(err) if matches!(err.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(Heard::TimedOut);
            }
            Err(err) if err.kind() == ErrorKind::ConnectionReset => return Ok(Heard::Closed),
            Err(err) => return Err(anyhow::Error::new(err).context("cannot read the app's reply")),
        }
        if bytes.pop() != Some(b'\n') {
            bail!("the app closed the connection in the middle of its reply");
        }
        String::from_utf8(bytes).map(Heard::Line).context("the app's reply is not UTF-8")
    }
}

fn outcome(reply: ReplyLine) -> Result<Reply> {
    match (reply.error, reply.result) {
        (Some(error), _) => {
            Err(Failure::Refused { code: error.code, message: error.message, hint: error.hint }.into())
        }
        (None, Some(result)) => Ok(result),
        (None, None) => Ok(RawValue::NULL.to_owned()),
    }
}

/// One command in a process of its own: it prints one reply line and exits 0 or 1.
fn ask_process(app: &Path, method: &str, params: &Value) -> Result<Reply> {
    let output = std::process::Command::new(app)
        .args(["--call", method, &params.to_string()])
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("cannot run {}", app.display()))?;
    let line = String::from_utf8_lossy(&output.stdout);
    let line = line.lines().next_back().unwrap_or_default();
    let reply: ReplyLine = serde_json::from_str(line)
        .with_context(|| format!("no reply ({}) from {}", output.status, app.display()))?;
    outcome(reply)
}
