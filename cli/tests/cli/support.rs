//! A private place for each run, and the server that answers.

use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use tempfile::TempDir;

/// What the server does with a request.
pub enum Answer {
    /// Replies with this result.
    Result(Value),
    /// Replies with this error.
    Error(&'static str, &'static str, Option<&'static str>),
    /// Sends these bytes as they are; `ID` stands for the request's id. Then the connection is closed.
    Bytes(String),
}

/// Directories of one test, removed when it ends.
pub struct Place {
    /// Home, runtime directory: a short path.
    dir: TempDir,
    /// The binary under test, with nothing beside it but what the test puts there.
    programs: TempDir,
}

impl Place {
    /// A place without any app.
    pub fn new() -> Self {
        let place = Self {
            dir: tempfile::Builder::new().prefix("magia-t-").tempdir_in("/tmp").unwrap(),
            programs: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
        };
        fs::create_dir(place.runtime_dir()).unwrap();
        fs::set_permissions(place.runtime_dir(), fs::Permissions::from_mode(0o700)).unwrap();
        // A link, not a copy: the path it is run by is where it looks for its sister programs.
        fs::hard_link(env!("CARGO_BIN_EXE_magia"), place.program("magia")).unwrap();
        place
    }

    /// A place with a `magia-app` that answers one-shot calls.
    pub fn with_fake_app() -> Self {
        let place = Self::new();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/fake-app.sh");
        std::os::unix::fs::symlink(script, place.program("magia-app")).unwrap();
        place
    }

    pub fn runtime_dir(&self) -> PathBuf {
        self.dir.path().join("run")
    }

    pub fn home(&self) -> &Path {
        self.dir.path()
    }

    fn program(&self, name: &str) -> PathBuf {
        self.programs.path().join(name)
    }

    /// `magia` with these arguments, in a private environment.
    pub fn magia(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.program("magia"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.home())
            .env("PATH", "/usr/bin:/bin")
            .env("MAGIA_RUNTIME_DIR", self.runtime_dir())
            .current_dir(self.home())
            .stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::new(self.magia(args).output().unwrap())
    }
}

/// How a run ended.
#[derive(Debug)]
pub struct Ran {
    pub exit: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        Self {
            exit: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Asserts exit 0, nothing on standard error, and this text on standard output.
    #[track_caller]
    pub fn prints(&self, expected: &str) {
        assert_eq!((self.exit, self.stderr.as_str()), (Some(0), ""), "{self:#?}");
        assert_eq!(self.stdout, expected);
    }

    /// Asserts this exit code and text on standard error, and nothing on standard output.
    #[track_caller]
    pub fn fails(&self, exit: i32, expected: &str) {
        assert_eq!(self.stderr, expected, "{self:#?}");
        assert_eq!((self.exit, self.stdout.as_str()), (Some(exit), ""), "{self:#?}");
    }

    pub fn json(&self) -> Value {
        assert_eq!(self.exit, Some(0), "{self:#?}");
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// The server: answers each request by `answer`, and keeps what was asked.
pub struct Server {
    pub place: Place,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn new(answer: impl Fn(&str, &Value) -> Answer + Send + 'static) -> Self {
        Self::in_place(Place::new(), answer)
    }

    /// A server that has one result for everything.
    pub fn always(result: Value) -> Self {
        Self::new(move |_, _| Answer::Result(result.clone()))
    }

    pub fn in_place(place: Place, answer: impl Fn(&str, &Value) -> Answer + Send + 'static) -> Self {
        let listener = UnixListener::bind(place.runtime_dir().join("cli.sock")).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let stopped = Arc::new(AtomicBool::new(false));
        let (kept, ending) = (Arc::clone(&asked), Arc::clone(&stopped));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                serve(stream.unwrap(), &answer, &kept);
            }
        });
        Self { place, asked, stopped, thread: Some(thread) }
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.place.run(args)
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap().clone()
    }

    /// Asserts that this was the only request.
    #[track_caller]
    pub fn was_asked(&self, method: &str, params: Value) {
        assert_eq!(self.asked(), [(method.to_owned(), params)]);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        drop(UnixStream::connect(self.place.runtime_dir().join("cli.sock")));
        let served = self.thread.take().unwrap().join();
        assert!(served.is_ok() || std::thread::panicking(), "the server panicked");
    }
}

fn serve(stream: UnixStream, answer: &impl Fn(&str, &Value) -> Answer, asked: &Mutex<Vec<(String, Value)>>) {
    let mut writer = stream.try_clone().unwrap();
    for line in BufReader::new(stream).lines() {
        // A client that has what it wants may go at any time.
        let Ok(line) = line else { return };
        let request: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(request["v"], 1, "the client says which wire it speaks");
        let method = request["method"].as_str().unwrap();
        asked.lock().unwrap().push((method.to_owned(), request["params"].clone()));
        let id = &request["id"];
        let reply = match answer(method, &request["params"]) {
            Answer::Result(result) => format!("{}\n", json!({"id": id, "result": result})),
            Answer::Error(code, message, hint) => {
                let mut error = json!({"code": code, "message": message});
                if let Some(hint) = hint {
                    error["hint"] = hint.into();
                }
                format!("{}\n", json!({"id": id, "error": error}))
            }
            Answer::Bytes(bytes) => {
                drop(writer.write_all(bytes.replace("ID", &id.to_string()).as_bytes()));
                return;
            }
        };
        if writer.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}
