//! What the holder is told: what is typed, and what this terminal is like. It waits while the program does not read; what is
//! read and heard meanwhile must not.

use crate::client::{ClientError, Writer};
use crate::size::Size;
use tokio::sync::{mpsc, watch};

/// What a terminal's line discipline takes for the end of a file.
const END_OF_INPUT: &[u8] = &[0x04];

/// What this terminal would have; the last word counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The size that there is room for, once it has changed.
    pub size: Option<Size>,
    /// How many times the screen was to be shown anew.
    pub screens: u64,
}

/// What comes of what is typed.
#[derive(Debug, Clone, Copy)]
pub struct Typing {
    /// It is for nobody.
    pub is_read_only: bool,
    /// Its end is passed on to the program.
    pub passes_end: bool,
    /// Nothing is to be told after its end.
    pub ends: bool,
}

/// Tells all of it, for as long as the conversation lasts.
///
/// # Errors
/// When the holder has gone; it may have said why.
pub async fn tell(
    mut writer: Writer,
    mut typed: mpsc::Receiver<Vec<u8>>,
    mut wishes: watch::Receiver<Wishes>,
    typing: Typing,
) -> Result<(), ClientError> {
    let mut known = Wishes::default();
    let mut has_input = true;
    loop {
        tokio::select! {
            biased;
            Ok(()) = wishes.changed() => {
                let now = *wishes.borrow_and_update();
                if let Some(size) = now.size.filter(|_| now.size != known.size) {
                    writer.resize(size).await?;
                }
                if now.screens != known.screens {
                    writer.pause(false).await?;
                }
                known = now;
            }
            bytes = typed.recv(), if has_input => match bytes {
                _ if typing.is_read_only => has_input = bytes.is_some(),
                Some(bytes) => writer.input(&bytes).await?,
                None => {
                    has_input = false;
                    if typing.passes_end {
                        writer.input(END_OF_INPUT).await?;
                    }
                }
            },
            // Nobody wishes anything any more.
            else => return Ok(()),
        }
        if typing.ends && !has_input {
            return Ok(());
        }
    }
}
