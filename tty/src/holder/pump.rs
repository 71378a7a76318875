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
