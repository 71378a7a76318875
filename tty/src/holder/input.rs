//! What waits to be read by the program. A program that does not read holds up those who type, not the holder.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::sync::Notify;

/// How much of one client's input may wait; until it is read, no more is taken from that client.
const CLIENT_MAX_BYTES: usize = 1024 * 1024;
/// How many bytes of answers to a program's own questions may wait; a program that asks and never reads gets no more.
const REPLIES_MAX_BYTES: usize = 64 * 1024;

/// How much of a client's input waits.
#[derive(Debug, Default)]
pub struct Pending {
    bytes: Cell<usize>,
    changed: Notify,
}

impl Pending {
    /// Waits until there is room for more.
    pub async fn has_room(&self) {
        loop {
            let changed = self.changed.notified();
            if self.bytes.get() < CLIENT_MAX_BYTES {
                return;
            }
            changed.await;
        }
    }

    fn add(&self, count: usize) {
        self.bytes.set(self.bytes.get() + count);
    }

    fn remove(&self, count: usize) {
        self.bytes.set(self.bytes.get().saturating_sub(count));
        self.changed.notify_one();
    }
}

/// A piece of input.
#[derive(Debug)]
pub struct Piece {
    bytes: Vec<u8>,
    written: usize,
    from: Rc<Pending>,
}

impl Piece {
    /// What is not written of it.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// So much more has been written.
    pub fn wrote(&mut self, count: usize) {
        self.written += count;
        self.from.remove(count);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.from.remove(self.rest().len());
    }
}

/// The input that waits, in the order it came.
#[derive(Debug, Default)]
pub struct Input {
    waiting: RefCell<VecDeque<Piece>>,
    replies: Rc<Pending>,
    changed: Notify,
}

impl Input {
    /// Adds what a client has typed.
    pub fn push(&self, bytes: Vec<u8>, from: &Rc<Pending>) {
        if bytes.is_empty() {
            return;
        }
        from.add(bytes.len());
        self.waiting.borrow_mut().push_back(Piece { bytes, written: 0, from: Rc::clone(from) });
        self.changed.notify_one();
    }

    /// Adds the answer to a question of the program.
    pub fn reply(&self, bytes: Vec<u8>) {
        if self.replies.bytes.get() + bytes.len() <= REPLIES_MAX_BYTES {
            self.push(bytes, &self.replies);
        }
    }

    /// Waits for the next piece.
    pub async fn next(&self) -> Piece {
        loop {
            let changed = self.changed.notified();
            if let Some(piece) = self.waiting.borrow_mut().pop_front() {
                return piece;
            }
            changed.await;
        }
    }

    /// Forgets what waits: nobody will read it.
    pub fn clear(&self) {
        self.waiting.borrow_mut().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_that_types_too_much_waits_and_the_others_do_not() {
        let input = Input::default();
        let (one, other) = (Rc::new(Pending::default()), Rc::new(Pending::default()));
        input.push(vec![b'x'; CLIENT_MAX_BYTES], &one);
        input.push(b"y".to_vec(), &other);
        assert_eq!((one.bytes.get(), other.bytes.get()), (CLIENT_MAX_BYTES, 1));
        let mut piece = input.waiting.borrow_mut().pop_front().unwrap();
        piece.wrote(3);
        assert_eq!((piece.rest().len(), one.bytes.get()), (CLIENT_MAX_BYTES - 3, CLIENT_MAX_BYTES - 3));
        drop(piece);
        assert_eq!(one.bytes.get(), 0);
        input.clear();
        assert_eq!(other.bytes.get(), 0);
    }

    #[test]
    fn questions_without_end_are_not_answered_without_end() {
        let input = Input::default();
        for _ in 0..100 {
            input.reply(vec![0; 1024]);
        }
        assert_eq!(input.waiting.borrow().len(), REPLIES_MAX_BYTES / 1024);
    }
}
