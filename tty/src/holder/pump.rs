//! Between the pseudo-terminal and everything else.

use super::terminal::Terminal;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::task::yield_now;
use tokio::time::sleep;

/// How much output is dealt with at a time. In between everybody else has a turn.
const PIECE_BYTES: usize = 64 * 1024;
/// How often a terminal that no program has open is looked at: the program may live and open it again.
const REOPEN_LOOK: Duration = Duration::from_millis(100);

/// A program that writes without pause fills the kernel's buffer, of which it gives this much at once. Source: N_TTY_BUF_SIZE.
const FULL_BYTES: usize = 4095;
/// How long such a program's next piece is waited for without sleep. The kernel moves it by a thread of its own; to sleep
/// and to be woken takes longer than that, and the most on a virtual machine.
const AWAKE_FOR: Duration = Duration::from_micros(80);

/// Takes the program's output for as long as there may be any, whether or not anybody looks.
pub async fn read(terminal: Rc<Terminal>) {
    let mut piece = vec![0; PIECE_BYTES];
    let mut stream = Stream::default();
    loop {
        let read = match stream.next_now(&terminal, &mut piece) {
            0 => terminal.master.read(&mut piece).await,
            count => Ok(count),
        };
        if let Ok(count) = read {
            stream.had(count);
        }
        match read {
            Ok(0) | Err(_) => {
                terminal.is_hung_up.set(true);
                terminal.hung_up.notify_one();
                if terminal.core().has_exited() {
                    return;
                }
                sleep(REOPEN_LOOK).await;
            }
            Ok(count) => {
                terminal.is_hung_up.set(false);
                terminal.core().output(piece.get(..count).unwrap_or_default());
                yield_now().await;
            }
        }
    }
}

/// Gives the program its input as it reads it.
pub async fn write(terminal: Rc<Terminal>) {
    loop {
        let mut piece = terminal.input.next().await;
        while !piece.rest().is_empty() {
            match terminal.master.write(piece.rest()).await {
                Ok(count) => piece.wrote(count),
                // Nobody has the terminal open: the piece is for nobody.
                Err(_) => break,
            }
        }
    }
}

/// Whether output comes without pause.
#[derive(Debug, Default)]
struct Stream {
    last: Option<Instant>,
    flows: bool,
}

impl Stream {
    /// The next piece of a program that writes without pause, if it comes at once; 0 when it does not.
    fn next_now(&self, terminal: &Terminal, piece: &mut [u8]) -> usize {
        if !self.flows {
            return 0;
        }
        let begun = Instant::now();
        loop {
            match terminal.master.read_now(piece) {
                0 if begun.elapsed() < AWAKE_FOR => std::thread::yield_now(),
                count => return count,
            }
        }
    }

    /// A piece has come.
    fn had(&mut self, count: usize) {
        let now = Instant::now();
        let soon = self.last.is_some_and(|last| now - last < AWAKE_FOR * 4);
        self.flows = soon && count >= FULL_BYTES;
        self.last = Some(now);
    }
}
