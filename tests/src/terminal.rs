//! A program in a pseudo-terminal, its screen read as a person would.

use std::fs;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::process::send_signal;
use crate::sandbox::Sandbox;
use crate::wait::{PATIENCE, wait_until};

const ROWS: NonZeroU16 = NonZeroU16::new(45).unwrap();
const COLUMNS: NonZeroU16 = NonZeroU16::new(130).unwrap();

/// How often a key is pressed at words that stay.
const ANSWERS: usize = 3;
/// How long they may stay before that.
const ANSWER_PATIENCE: Duration = Duration::from_secs(3);

/// A key that is not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Return.
    Enter,
    /// Escape.
    Esc,
    /// Tabulator.
    Tab,
    /// Cursor up.
    Up,
    /// Cursor down.
    Down,
    /// Control and a letter.
    Ctrl(char),
}

impl Key {
    /// What a terminal sends for it.
    pub fn bytes(self) -> Vec<u8> {
        match self {
            Self::Enter => b"\r".to_vec(),
            Self::Esc => b"\x1b".to_vec(),
            Self::Tab => b"\t".to_vec(),
            Self::Up => b"\x1b[A".to_vec(),
            Self::Down => b"\x1b[B".to_vec(),
            Self::Ctrl(letter) => vec![(letter as u8) & 0x1f],
        }
    }
}

/// A running program and the screen it paints; killed with its process group on drop.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    pid: u32,
    screen: Arc<Mutex<vt100::Parser>>,
    writer: Arc<Mutex<Box<dyn Write + Send>>>,
    screen_file: PathBuf,
    ended: bool,
    _master: Box<dyn MasterPty + Send>,
}

impl Terminal {
    /// Starts `argv` in the sandbox with `env` on top of the sandbox's own.
    pub fn start(sandbox: &Sandbox, name: &str, argv: &[String], env: &[(String, String)]) -> Result<Self> {
        let size = PtySize { rows: ROWS.get(), cols: COLUMNS.get(), pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).context("opening a pseudo-terminal")?;
        let mut command = CommandBuilder::from_argv(argv.iter().map(Into::into).collect());
        command.env_clear();
        for (key, value) in sandbox.env().iter().chain(env) {
            command.env(key, value);
        }
        command.cwd(sandbox.work());
        let child = pair.slave.spawn_command(command).with_context(|| format!("starting {name}"))?;
        drop(pair.slave);
        let pid = child.process_id().context("the child has no process id")?;
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let writer = Arc::new(Mutex::new(pair.master.take_writer().context("writing to the terminal")?));
        let reader = pair.master.try_clone_reader().context("reading the terminal")?;
        let painted = (Arc::clone(&screen), Arc::clone(&writer));
        thread::Builder::new()
            .name(format!("{name}-screen"))
            .spawn(move || paint(reader, &painted.0, &painted.1))
            .context("starting the screen's thread")?;
        let screen_file = sandbox.logs().join(format!("{name}.screen"));
        Ok(Self { child, pid, screen, writer, screen_file, ended: false, _master: pair.master })
    }

    /// The program's process id; it leads its session and process group.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The text on the screen, one line per row.
    pub fn screen(&self) -> String {
        lock(&self.screen).screen().contents()
    }

    /// Whether the screen shows `text`, however it is wrapped.
    pub fn shows(&self, text: &str) -> bool {
        squeezed(&self.screen()).contains(&squeezed(text))
    }

    /// Waits until the screen shows `text`.
    pub fn wait_for_text(&self, text: &str, timeout: Duration) -> Result<()> {
        wait_until(&format!("the text {text:?} on the screen"), timeout, || self.shows(text).then_some(()))
            .with_context(|| format!("the screen:\n{}", self.screen()))
    }

    /// Types characters one after the other, as keys.
    pub fn type_text(&self, text: &str) -> Result<()> {
        self.write(text.as_bytes())
    }

    /// Pastes text in one piece (bracketed), so that no character acts as a key.
    pub fn paste(&self, text: &str) -> Result<()> {
        self.write(format!("\x1b[200~{text}\x1b[201~").as_bytes())
    }

    /// Presses a key.
    pub fn press(&self, key: Key) -> Result<()> {
        self.write(&key.bytes())
    }

    /// Types keys when these words are on the screen, and again while the words stay: a program may drop a key that comes
    /// as soon as its dialog.
    pub fn answer(&self, words: &str, keys: &[u8]) -> Result<()> {
        self.wait_for_text(words, PATIENCE)?;
        for _ in 0..ANSWERS {
            self.write(keys)?;
            if wait_until("the words to leave", ANSWER_PATIENCE, || (!self.shows(words)).then_some(()))
                .is_ok()
            {
                break;
            }
        }
        Ok(())
    }

    /// Presses a key that asks with these words whether the program is to end, and again, until it has ended. The words
    /// go by themselves after a second, and a key that comes later is a first one once more.
    pub fn press_to_end(&mut self, words: &str, key: Key) -> Result<()> {
        for _ in 0..ANSWERS {
            self.press(key)?;
            wait_until("the words or the end", ANSWER_PATIENCE, || {
                (self.shows(words) || self.has_ended()).then_some(())
            })?;
            if !self.has_ended() {
                self.press(key)?;
            }
            if self.wait(ANSWER_PATIENCE).is_ok() {
                return Ok(());
            }
        }
        bail!("the program did not end by {key:?} at {words:?}")
    }

    /// Ends the program as `kill -9` does, without its process group, and waits for its end.
    pub fn kill9(&mut self) -> Result<()> {
        self.signal(libc::SIGKILL)?;
        self.wait(Duration::from_secs(5))
    }

    /// Sends the program a signal.
    pub fn signal(&self, signal: i32) -> Result<()> {
        send_signal(self.pid as i32, signal).context("signalling the program in the terminal")
    }

    /// Waits for the program to end by itself.
    pub fn wait(&mut self, timeout: Duration) -> Result<()> {
        wait_until("the program in the terminal to end", timeout, || self.has_ended().then_some(()))
    }

    /// Whether the program has ended.
    pub fn has_ended(&mut self) -> bool {
        self.ended = self.ended || matches!(self.child.try_wait(), Ok(Some(_)));
        self.ended
    }

    fn write(&self, bytes: &[u8]) -> Result<()> {
        let mut writer = lock(&self.writer);
        writer.write_all(bytes).and_then(|()| writer.flush()).context("writing to the terminal")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _best_effort = fs::write(&self.screen_file, self.screen());
        if !self.has_ended() {
            let _already_gone = send_signal(-(self.pid as i32), libc::SIGKILL);
            let _reaped = self.child.wait();
        }
    }
}

/// Feeds the screen until the program ends, and answers what a terminal must answer.
fn paint(
    mut reader: Box<dyn Read + Send>,
    screen: &Mutex<vt100::Parser>,
    writer: &Mutex<Box<dyn Write + Send>>,
) {
    let mut buffer = [0_u8; 16 * 1024];
    while let Ok(count @ 1..) = reader.read(&mut buffer) {
        let bytes = buffer.get(..count).unwrap_or_default();
        lock(screen).process(bytes);
        let answer = answers(bytes);
        if !answer.is_empty() && lock(writer).write_all(&answer).is_err() {
            return;
        }
    }
}

/// The replies to the queries in `bytes`: device attributes, terminal name, cursor position.
fn answers(bytes: &[u8]) -> Vec<u8> {
    let known: [(&[u8], &[u8]); 3] = [
        (b"\x1b[c", b"\x1b[?62;22c"),
        (b"\x1b[>0q", b"\x1bP>|magia-tests\x1b\\"),
        (b"\x1b[6n", b"\x1b[1;1R"),
    ];
    let asked = |query: &[u8]| bytes.windows(query.len()).any(|window| window == query);
    known.iter().filter(|(query, _)| asked(query)).flat_map(|(_, answer)| answer.to_vec()).collect()
}

fn squeezed(text: &str) -> String {
    text.chars().filter(|character| !character.is_whitespace()).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::sandbox_test;

    #[test]
    fn text_and_keys_reach_the_program_and_its_screen_is_read() {
        sandbox_test(|sandbox| {
            let argv = ["/bin/sh", "-c", "printf 'name? '; read name; echo hello, $name; read wait"]
                .map(String::from);
            let mut terminal = Terminal::start(sandbox, "sh", &argv, &[])?;
            terminal.wait_for_text("name?", PATIENCE)?;
            terminal.type_text("magia")?;
            terminal.press(Key::Enter)?;
            terminal.wait_for_text("hello, magia", PATIENCE)?;
            assert!(!terminal.has_ended());
            terminal.kill9()?;
            assert!(terminal.has_ended());
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn wrapped_text_is_found() {
        assert!(squeezed("a long li\nne of  text").contains(&squeezed("long line of text")));
    }

    #[test]
    fn terminal_queries_are_answered() {
        assert_eq!(answers(b"x\x1b[6ny"), b"\x1b[1;1R");
        assert!(answers(b"plain").is_empty());
    }
}
