//! The standard input, read by a thread of its own: to make it non-blocking would make it so for the user's shell too.

use std::io::{self, Read as _};
use std::thread::Builder;
use tokio::sync::mpsc;

/// How much is read at a time.
const READ_BYTES: usize = 16 * 1024;
/// How many pieces may wait for the program; then the thread waits.
const PIECES_MAX: usize = 4;

/// What is typed, or comes through a pipe. The channel ends with the input. The thread stays in its last read until the
/// process ends.
///
/// # Errors
/// When the system gives no thread.
pub fn read() -> io::Result<mpsc::Receiver<Vec<u8>>> {
    let (typed, keyboard) = mpsc::channel(PIECES_MAX);
    let work = move || {
        let mut piece = vec![0; READ_BYTES];
        loop {
            match io::stdin().lock().read(&mut piece) {
                Ok(0) => return,
                Ok(count) => {
                    let bytes = piece.get(..count).unwrap_or_default().to_vec();
                    if typed.blocking_send(bytes).is_err() {
                        return;
                    }
                }
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                // A terminal that was closed.
                Err(_) => return,
            }
        }
    };
    Builder::new().name("keyboard".to_owned()).spawn(work)?;
    Ok(keyboard)
}
