//! `run` and `attach` with real holders; pipes and terminals of magia's own are what they run in.

use crate::support::Place;
use magia_tty::client::errand;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::mpsc;

/// A program that reads nothing of its input until there is a file `go`.
const READS_NOTHING: &str = "stty raw -echo; echo ready; while [ ! -e go ]; do sleep 0.05; done; ";

/// Terminals of one test, which end with it.
struct Terminals {
    place: Place,
}

impl Terminals {
    fn new() -> Self {
        Self { place: Place::new() }
    }

    fn dir(&self, id: &str) -> PathBuf {
        self.place.home().join(".local/share/magia/terminals").join(id)
    }

    /// `magia` with these words between pipes.
    fn piped(&self, words: &[&str]) -> (Child, ChildStdin, ChildStdout) {
        let mut command = self.place.magia(words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        (child, stdin, stdout)
    }

    /// Starts a shell line in a terminal, which shows `ready` after a while.
    fn start(&self, id: &str, argv: &[&str]) {
        let ran = self.place.run(&[&["run", "--detach", "--id", id, "--"], argv].concat());
        assert_eq!(ran.exit, Some(0), "{ran:#?}");
    }

    fn shows(&self, id: &str, text: &str) {
        let ran =
            self.place.run(&["term", "wait", id, "--until", "text", "--text", text, "--timeout", "100"]);
        assert_eq!(ran.exit, Some(0), "{text}: {ran:#?}");
    }

    fn go(&self) {
        std::fs::write(self.place.home().join("go"), "").unwrap();
    }
}

impl Drop for Terminals {
    fn drop(&mut self) {
        let Ok(entries) = std::fs::read_dir(self.dir("")) else { return };
        for entry in entries.flatten() {
            let id = entry.file_name().into_string().unwrap();
            // What has ended is told to go.
            for _ in 0..2 {
                self.place.run(&["term", "kill", &id]);
            }
        }
    }
}

/// Reads on until the text is there; all that was read.
#[track_caller]
fn read_until(stdout: &mut ChildStdout, text: &str) -> String {
    let (mut read, mut piece) = (String::new(), [0; 4096]);
    while !read.contains(text) {
        let count = stdout.read(&mut piece).unwrap();
        assert!(count > 0, "{text} is not in {read:?}");
        read.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    read
}

fn signal(child: &Child, signal: i32) {
    // SAFETY: takes two integers.
    unsafe { libc::kill(child.id() as i32, signal) };
}

/// Writes without end, and says when so much is on its way that the terminal is full.
fn fill(mut stdin: ChildStdin) -> mpsc::Receiver<()> {
    let (say, is_full) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let (mut written, mut say) = (0, Some(say));
        while stdin.write_all(&[b'x'; 4096]).is_ok() {
            written += 4096;
            if written > 1_200_000 {
                say.take();
            }
        }
    });
    is_full
}

#[test]
fn input_that_is_not_taken_holds_up_neither_output_nor_signals() {
    let terminals = Terminals::new();
    let script = format!("{READS_NOTHING} echo going; exec sleep 1000");
    let (mut child, stdin, mut stdout) = terminals.piped(&["run", "--id", "full", "--", "sh", "-c", &script]);
    read_until(&mut stdout, "ready");
    // The other end is dropped.
    fill(stdin).recv().unwrap_err();
    terminals.go();
    read_until(&mut stdout, "going");
    signal(&child, libc::SIGTERM);
    assert_eq!(child.wait().unwrap().code(), Some(128 + libc::SIGTERM), "no success, for scripts");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "detached; `magia attach full` comes back\n");
    assert_eq!(terminals.place.run(&["term", "show", "full", "--json"]).json()["state"], "running");
}

#[test]
fn an_output_that_nobody_reads_any_more_ends_it_as_it_ends_others() {
    let terminals = Terminals::new();
    let script = "echo ready; read line; echo more; exec sleep 1000";
    let (mut child, mut stdin, mut stdout) =
        terminals.piped(&["run", "--id", "left", "--", "sh", "-c", script]);
    read_until(&mut stdout, "ready");
    drop(stdout);
    stdin.write_all(b"go\n").unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(128 + libc::SIGPIPE));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "detached; `magia attach left` comes back\n");
}

#[test]
fn a_pipe_that_is_read_late_has_the_last_words_and_is_told_of_the_gap() {
    let terminals = Terminals::new();
    let script = "echo ready; read line; seq 1 300000; echo FATAL_REASON; exit 3";
    let (mut child, mut stdin, mut stdout) =
        terminals.piped(&["run", "--id", "late", "--", "sh", "-c", script]);
    read_until(&mut stdout, "ready");
    stdin.write_all(b"go\n").unwrap();
    errand::block_on(errand::wait_exit(&terminals.dir("late"), None)).unwrap();
    // Nothing of that was read so far.
    let mut read = String::new();
    stdout.read_to_string(&mut read).unwrap();
    assert!(read.contains("\n300000\r\nFATAL_REASON") || read.contains("\n300000\nFATAL_REASON"));
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let recording = terminals.dir("late").join("stdout");
    let expected = format!(
        "warning: output is missing here, for it was not read fast enough; see the recording: {}\n",
        recording.display()
    );
    assert_eq!(said, expected, "once");
}

#[test]
fn a_pipe_that_is_read_in_time_is_told_nothing() {
    let terminals = Terminals::new();
    let script = "echo first; read line; i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); done; exit 3";
    let (mut child, mut stdin, mut stdout) =
        terminals.piped(&["run", "--id", "soon", "--", "sh", "-c", script]);
    assert!(read_until(&mut stdout, "first").starts_with("first"));
    stdin.write_all(b"go\n").unwrap();
    read_until(&mut stdout, "99\r\n");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}

#[test]
fn a_signal_is_no_success() {
    let terminals = Terminals::new();
    for number in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
        let id = format!("signal-{number}");
        let script = "echo ready; exec sleep 1000";
        let (mut child, _stdin, mut stdout) =
            terminals.piped(&["run", "--id", &id, "--", "sh", "-c", script]);
        read_until(&mut stdout, "ready");
        signal(&child, number);
        assert_eq!(child.wait().unwrap().code(), Some(128 + number));
        let (mut child, _stdin, mut stdout) = terminals.piped(&["attach", &id]);
        read_until(&mut stdout, "ready");
        signal(&child, number);
        assert_eq!(child.wait().unwrap().code(), Some(128 + number));
    }
}

#[test]
fn the_key_detaches_while_input_is_not_taken() {
    let terminals = Terminals::new();
    let script = format!("{READS_NOTHING} exec sleep 1000");
    terminals.start("inner", &["sh", "-c", &script]);
    terminals.shows("inner", "ready");
    let magia = terminals.place.magia(&[]).get_program().to_str().unwrap().to_owned();
    let line = format!("{magia} attach inner; echo \"left with $?\"; exec sleep 1000");
    terminals.start("outer", &["sh", "-c", &line]);
    terminals.shows("outer", "ready");
    // More than the holder of the inner one takes, and with the keyboard's own the other would not take it all.
    errand::block_on(errand::type_in(&terminals.dir("outer"), &vec![b'x'; 3_000_000])).unwrap();
    errand::block_on(errand::type_in(&terminals.dir("outer"), b"\x1c")).unwrap();
    terminals.shows("outer", "left with 0");
}
