//! A program that asks for terminals, and a program in a terminal that writes down what it was started with.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::app::magia;
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

/// Arguments that shells, terminals and careless programs take for something else.
pub const HOSTILE: [&str; 17] = [
    "a b",
    "it's",
    "say \"hi\"",
    "$HOME",
    "`id`",
    ";",
    "new\nline",
    "--help",
    "-e",
    "",
    "gr\u{fc}\u{df}e \u{2603}",
    "back\\slash",
    "%s",
    "~",
    "*",
    "$(touch pwned)",
    "&&",
];

/// Where programs ask for terminals.
pub fn socket(sandbox: &Sandbox) -> PathBuf {
    sandbox.runtime_dir().join("terminal.sock")
}

/// Sends one request, as it is, and reads the reply to its end.
pub fn ask_raw(sandbox: &Sandbox, request: &[u8]) -> Result<String> {
    let mut stream = UnixStream::connect(socket(sandbox)).context("connecting to the terminals' socket")?;
    stream.set_read_timeout(Some(PATIENCE)).context("setting a limit")?;
    stream.write_all(request).context("sending the request")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply).context("reading the reply")?;
    Ok(reply)
}

/// Sends one request.
pub fn ask(sandbox: &Sandbox, request: &Value) -> Result<Value> {
    let reply = ask_raw(sandbox, request.to_string().as_bytes())?;
    serde_json::from_str(&reply).with_context(|| format!("reading {reply:?}"))
}

/// A program that writes its arguments and its directory into files, and then waits.
pub struct Dumper<'a> {
    sandbox: &'a Sandbox,
    program: PathBuf,
}

impl<'a> Dumper<'a> {
    /// Writes the program.
    pub fn new(sandbox: &'a Sandbox) -> Result<Self> {
        let program = sandbox.root().join("dump");
        let text = "#!/bin/sh\nprintf '%s' \"$PWD\" > \"$OUT.cwd\"\nprintf '%s\\0' \"$@\" > \"$OUT.part\"\n\
                    mv \"$OUT.part\" \"$OUT\"\necho the dumper waits\nread line\n";
        fs::write(&program, text).context("writing the dumper")?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).context("making it a program")?;
        Ok(Self { sandbox, program })
    }

    /// A directory whose name is hostile too.
    pub fn cwd(&self) -> Result<PathBuf> {
        let cwd = self.sandbox.root().join("work dir $x'q");
        fs::create_dir_all(&cwd).context("making a directory")?;
        Ok(cwd)
    }

    fn out(&self, name: &str) -> PathBuf {
        self.sandbox.root().join(format!("dumped-{name}"))
    }

    /// The program and all hostile arguments.
    pub fn argv(&self) -> Vec<String> {
        let program = self.program.to_string_lossy().into_owned();
        std::iter::once(program).chain(HOSTILE.iter().map(|word| (*word).to_owned())).collect()
    }

    /// The variables that it needs.
    pub fn env(&self, name: &str) -> Value {
        json!({ "OUT": self.out(name).to_string_lossy() })
    }

    /// A request for a terminal with it.
    pub fn request(&self, name: &str, terminal: &str) -> Result<Value> {
        Ok(json!({
            "argv": self.argv(),
            "workingDir": self.cwd()?.to_string_lossy(),
            "sessionId": name,
            "terminal": terminal,
            "env": self.env(name),
        }))
    }

    /// Waits until it has written all, and compares.
    pub fn check(&self, name: &str) -> Result<()> {
        let out = self.out(name);
        let bytes = wait_until("the dumped arguments", PATIENCE, || fs::read(&out).ok())?;
        let text = String::from_utf8(bytes).context("reading the dump")?;
        let words: Vec<&str> = text.strip_suffix('\0').unwrap_or_default().split('\0').collect();
        if words != HOSTILE {
            bail!("{name}: the arguments came as {words:?}");
        }
        let cwd = fs::read_to_string(out.with_extension("cwd")).context("reading the directory")?;
        if self.cwd()? != Path::new(&cwd) {
            bail!("{name}: it runs in {cwd:?}");
        }
        Ok(())
    }
}

/// A terminal as `magia term show` tells of it.
pub fn show(sandbox: &Sandbox, id: &str) -> Result<Value> {
    magia(sandbox, &["term", "show", id, "--json"])?.json()
}

/// Ends a terminal.
pub fn kill(sandbox: &Sandbox, id: &str) -> Result<()> {
    let reply = magia(sandbox, &["term", "kill", id])?;
    if reply.code != 0 {
        bail!("killing {id}: {}", reply.stderr);
    }
    Ok(())
}
