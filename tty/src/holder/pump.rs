//! Between the pseudo-terminal and everything else.

use super::terminal::Terminal;
use std::rc::Rc;
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::sleep;

/// How much output is dealt with at a time. In between everybody else has a turn.
const PIECE_BYTES: usize = 64 * 1024;
/// How often a terminal that no program has open is looked at: the program may live and open it again.
const REOPEN_LOOK: Duration = Duration::from_millis(100);

/// Takes the program's output for as long as there may be any, whether or not anybody looks.
///
/// Each 4 KiB are parsed before the next are read: to move those is a thread of the kernel's work, which then has the time
/// for it. All of a turn goes to clients and to the recording together.
pub async fn read(terminal: Rc<Terminal>) {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match terminal.master.read(&mut piece).await {
            Ok(0) | Err(_) => {
                terminal.is_hung_up.set(true);
                terminal.hung_up.notify_one();
                if terminal.core().has_exited() {
                    return;
                }
                tokio::select! {
                    () = sleep(REOPEN_LOOK) => {}
                    () = terminal.look.notified() => {}
                }
            }
            Ok(first) => {
                terminal.is_hung_up.set(false);
                take(&terminal, &mut piece, first);
                yield_now().await;
            }
        }
    }
}

/// Deals with output whose `first` bytes are read, and with what else is there.
fn take(terminal: &Terminal, piece: &mut [u8], first: usize) {
    let mut core = terminal.core();
    let (mut filled, mut parsed) = (first, 0);
    loop {
        core.parse(piece.get(parsed..filled).unwrap_or_default());
        parsed = filled;
        match terminal.master.read_now(piece.get_mut(filled..).unwrap_or_default()) {
            0 => break,
            more => filled += more,
        }
    }
    core.output(piece.get(..filled).unwrap_or_default());
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
