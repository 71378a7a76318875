//! Who decides on the terminal's size: the client that typed or took the focus last; when it leaves, the one before it.

use crate::size::Size;

/// A client's number in its holder.
pub type ClientId = u64;

/// The sizes that clients have room for, and whose holds.
#[derive(Debug)]
pub struct Sizes {
    /// What the terminal has when nobody decides.
    base: Size,
    /// What somebody who has no size of his own has set, until the owner acts again.
    forced: Option<Size>,
    /// All clients with a size.
    rooms: Vec<(ClientId, Size)>,
    /// Those that have decided at some time, the last one at the end.
    owners: Vec<ClientId>,
}

impl Sizes {
    /// Nobody decides yet.
    pub fn new(base: Size) -> Self {
        Self { base, forced: None, rooms: Vec::new(), owners: Vec::new() }
    }

    /// A client came that has room for `size`. It decides at once if it has the focus, or if nobody else does.
    pub fn joined(&mut self, client: ClientId, size: Size, has_focus: bool) {
        self.rooms.push((client, size));
        if has_focus || self.owners.is_empty() {
            self.took(client);
        }
    }

    /// A client has room for another size.
    pub fn resized(&mut self, client: ClientId, size: Size) {
        if let Some((_, room)) = self.rooms.iter_mut().find(|(id, _)| *id == client)
            && *room != size
        {
            *room = size;
            if self.owner() == Some(client) {
                self.forced = None;
            }
        }
    }

    /// A client typed or took the focus. One without a size cannot decide.
    pub fn took(&mut self, client: ClientId) {
        if self.room(client).is_some() && self.owner() != Some(client) {
            self.owners.retain(|id| *id != client);
            self.owners.push(client);
            self.forced = None;
        }
    }

    /// A client no longer wants to decide.
    pub fn released(&mut self, client: ClientId) {
        self.base = self.wanted();
        self.owners.retain(|id| *id != client);
    }

    /// A client has gone.
    pub fn left(&mut self, client: ClientId) {
        self.released(client);
        self.rooms.retain(|(id, _)| *id != client);
    }

    /// Somebody without a size of his own has set one.
    pub fn force(&mut self, size: Size) {
        self.forced = Some(size);
    }

    /// Who decides.
    pub fn owner(&self) -> Option<ClientId> {
        self.owners.last().copied()
    }

    /// The size that the terminal should have.
    pub fn wanted(&self) -> Size {
        let owned = || self.owner().and_then(|client| self.room(client));
        self.forced.or_else(owned).unwrap_or(self.base)
    }

    fn room(&self, client: ClientId) -> Option<Size> {
        self.rooms.iter().find(|(id, _)| *id == client).map(|(_, size)| *size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: Size = Size::new(80, 24);
    const WIDE: Size = Size::new(200, 50);
    const SMALL: Size = Size::new(40, 10);

    #[test]
    fn the_last_to_act_decides_and_the_one_before_follows() {
        let mut sizes = Sizes::new(BASE);
        assert_eq!((sizes.owner(), sizes.wanted()), (None, BASE));
        sizes.joined(1, WIDE, false);
        assert_eq!((sizes.owner(), sizes.wanted()), (Some(1), WIDE), "the first one decides");
        sizes.joined(2, SMALL, false);
        assert_eq!(sizes.wanted(), WIDE, "a second one looks on");
        sizes.took(2);
        assert_eq!((sizes.owner(), sizes.wanted()), (Some(2), SMALL));
        sizes.resized(1, Size::new(190, 50));
        assert_eq!(sizes.wanted(), SMALL, "who does not decide may be of any size");
        sizes.left(2);
        assert_eq!((sizes.owner(), sizes.wanted()), (Some(1), Size::new(190, 50)));
        sizes.left(1);
        assert_eq!((sizes.owner(), sizes.wanted()), (None, Size::new(190, 50)), "the last size stays");
    }

    #[test]
    fn who_gives_up_the_size_gives_it_to_the_one_before() {
        let mut sizes = Sizes::new(BASE);
        sizes.joined(1, WIDE, true);
        sizes.joined(2, SMALL, true);
        assert_eq!(sizes.wanted(), SMALL);
        sizes.released(2);
        assert_eq!(sizes.owner(), Some(1));
        sizes.took(2);
        assert_eq!(sizes.wanted(), SMALL, "it can come back");
    }

    #[test]
    fn a_forced_size_holds_until_the_owner_acts() {
        let mut sizes = Sizes::new(BASE);
        sizes.force(SMALL);
        assert_eq!(sizes.wanted(), SMALL);
        sizes.joined(1, WIDE, false);
        assert_eq!(sizes.wanted(), WIDE);
        sizes.force(SMALL);
        sizes.took(1);
        assert_eq!(sizes.wanted(), SMALL, "each key would undo it at once");
        sizes.resized(1, WIDE);
        assert_eq!(sizes.wanted(), SMALL, "nothing has changed");
        sizes.resized(1, BASE);
        assert_eq!(sizes.wanted(), BASE);
        sizes.took(9);
        assert_eq!(sizes.owner(), Some(1), "without a size nobody decides");
    }

    #[test]
    fn a_forced_size_outlives_its_owner() {
        let mut sizes = Sizes::new(BASE);
        sizes.joined(1, WIDE, false);
        sizes.force(SMALL);
        sizes.left(1);
        assert_eq!(sizes.wanted(), SMALL);
    }
}
