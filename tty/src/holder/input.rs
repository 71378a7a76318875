//! What waits to be read by the program. A program that does not read holds up those who type, not the holder.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use tokio::sync::Notify;

/// How much of one client's input may wait, and how much of all clients' together, also of those that have gone; until it is
/// read, no more is taken.
const CLIENT_MAX_BYTES: usize = 1024 * 1024;
const ALL_MAX_BYTES: usize = 4 * 1024 * 1024;
/// What a piece takes beside its bytes. A client's next ones go into the same up to a length.
const PIECE_COST_BYTES: usize = 64;
const PIECE_MAX_BYTES: usize = 64 * 1024;
/// How many bytes of answers to a program's own questions may wait; a program that asks and never reads gets no more.
const REPLIES_MAX_BYTES: usize = 64 * 1024;

/// How much of a client's input waits.
#[derive(Debug, Default)]
pub struct Pending {
    bytes: Cell<usize>,
}

/// How much waits in all.
#[derive(Debug, Default)]
struct All {
    bytes: Cell<usize>,
    freed: Notify,
}

/// A piece of input.
#[derive(Debug)]
pub struct Piece {
    bytes: Vec<u8>,
    written: usize,
    from: Rc<Pending>,
    all: Rc<All>,
}

impl Piece {
    fn new(from: &Rc<Pending>, all: &Rc<All>) -> Self {
        all.bytes.set(all.bytes.get() + PIECE_COST_BYTES);
        Self { bytes: Vec::new(), written: 0, from: Rc::clone(from), all: Rc::clone(all) }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.from.bytes.set(self.from.bytes.get() + bytes.len());
        self.all.bytes.set(self.all.bytes.get() + bytes.len());
    }

    /// What is not written of it.
    pub fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// So much more has been written.
    pub fn wrote(&mut self, count: usize) {
        self.written += count;
        self.free(count, 0);
    }

    fn free(&self, count: usize, cost: usize) {
        self.from.bytes.set(self.from.bytes.get().saturating_sub(count));
        self.all.bytes.set(self.all.bytes.get().saturating_sub(count + cost));
        self.all.freed.notify_waiters();
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        self.free(self.rest().len(), PIECE_COST_BYTES);
    }
}

/// The input that waits, in the order it came.
#[derive(Debug, Default)]
pub struct Input {
    waiting: RefCell<VecDeque<Piece>>,
    replies: Rc<Pending>,
    all: Rc<All>,
    changed: Notify,
}

impl Input {
    /// Whether more is taken from a client.
    pub fn has_room(&self, from: &Pending) -> bool {
        from.bytes.get() < CLIENT_MAX_BYTES && self.all.bytes.get() < ALL_MAX_BYTES
    }

    /// Waits until more is taken from a client.
    pub async fn room(&self, from: &Pending) {
        loop {
            let freed = self.all.freed.notified();
            if self.has_room(from) {
                return;
            }
            freed.await;
        }
    }

    /// Adds what a client has typed.
    pub fn push(&self, bytes: &[u8], from: &Rc<Pending>) {
        if bytes.is_empty() {
            return;
        }
        let mut waiting = self.waiting.borrow_mut();
        match waiting.back_mut() {
            Some(last)
                if Rc::ptr_eq(&last.from, from) && last.bytes.len() + bytes.len() <= PIECE_MAX_BYTES =>
            {
                last.add(bytes);
            }
            _ => {
                let mut piece = Piece::new(from, &self.all);
                piece.add(bytes);
                waiting.push_back(piece);
            }
        }
        drop(waiting);
        self.changed.notify_one();
    }

    /// Adds the answer to a question of the program.
    pub fn reply(&self, bytes: &[u8]) {
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

    fn first(input: &Input) -> Piece {
        input.waiting.borrow_mut().pop_front().unwrap()
    }

    #[test]
    fn a_client_that_types_too_much_waits_and_the_others_do_not() {
        let input = Input::default();
        let (one, other) = (Rc::new(Pending::default()), Rc::new(Pending::default()));
        input.push(&vec![b'x'; CLIENT_MAX_BYTES], &one);
        assert!(!input.has_room(&one) && input.has_room(&other));
        input.push(b"y", &other);
        assert_eq!((one.bytes.get(), other.bytes.get()), (CLIENT_MAX_BYTES, 1));
        let mut piece = first(&input);
        piece.wrote(3);
        assert_eq!((piece.rest().len(), one.bytes.get()), (CLIENT_MAX_BYTES - 3, CLIENT_MAX_BYTES - 3));
        assert!(input.has_room(&one));
        drop(piece);
        assert_eq!(one.bytes.get(), 0);
        input.clear();
        assert_eq!((other.bytes.get(), input.all.bytes.get()), (0, 0));
    }

    #[test]
    fn clients_that_come_and_go_type_no_more_than_one_that_stays() {
        let input = Input::default();
        let mut count = 0;
        loop {
            let client = Rc::new(Pending::default());
            if !input.has_room(&client) {
                break;
            }
            input.push(b"x", &client);
            count += 1;
        }
        assert_eq!(count, ALL_MAX_BYTES.div_ceil(PIECE_COST_BYTES + 1), "small ones count too");
        drop(first(&input));
        assert!(input.has_room(&Pending::default()));
    }

    #[test]
    fn one_clients_keys_are_few_pieces() {
        let input = Input::default();
        let (one, other) = (Rc::new(Pending::default()), Rc::new(Pending::default()));
        for _ in 0..PIECE_MAX_BYTES {
            input.push(b"x", &one);
        }
        input.push(b"y", &one);
        input.push(b"z", &other);
        input.push(b"", &other);
        input.push(b"x", &one);
        let pieces: Vec<Piece> = std::iter::from_fn(|| input.waiting.borrow_mut().pop_front()).collect();
        assert_eq!(pieces[0].rest().len(), PIECE_MAX_BYTES);
        assert_eq!(pieces[1..].iter().map(Piece::rest).collect::<Vec<_>>(), [b"y", b"z", b"x"]);
    }

    #[test]
    fn questions_without_end_are_not_answered_without_end() {
        let input = Input::default();
        for _ in 0..100 {
            input.reply(&[0; 1024]);
        }
        assert_eq!(first(&input).rest().len(), REPLIES_MAX_BYTES);
        assert!(input.waiting.borrow().is_empty());
    }
}
