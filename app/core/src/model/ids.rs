//! New ids: UUIDv7 of the given time and a seeded generator, so that the core needs neither clock nor entropy.

use magia_protocol::wire::{RequestId, SessionId};
use uuid::{Builder, Uuid};

/// Makes ids.
#[derive(Clone, Debug)]
pub struct Ids {
    state: u64,
    last_ms: u64,
    counter: u16,
}

impl Ids {
    /// A generator; the shell gives a random seed, a test a fixed one.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed, last_ms: 0, counter: 0 }
    }

    /// A new session id.
    pub fn session(&mut self, unix_ms: u64) -> SessionId {
        SessionId::from_uuid(self.uuid(unix_ms))
    }

    /// A new request id.
    pub fn request(&mut self, unix_ms: u64) -> RequestId {
        RequestId::from_uuid(self.uuid(unix_ms))
    }

    /// Later ids are greater, also within one millisecond (twelve bits count up) and when the clock goes back.
    fn uuid(&mut self, unix_ms: u64) -> Uuid {
        if unix_ms > self.last_ms {
            (self.last_ms, self.counter) = (unix_ms, 0);
        } else if self.counter == 0x0FFF {
            (self.last_ms, self.counter) = (self.last_ms + 1, 0);
        } else {
            self.counter += 1;
        }
        let mut random = [0; 10];
        let count = self.counter.to_be_bytes();
        let fresh = count.into_iter().chain(self.next().to_le_bytes());
        for (byte, fresh) in random.iter_mut().zip(fresh) {
            *byte = fresh;
        }
        Builder::from_unix_timestamp_millis(self.last_ms, &random).into_uuid()
    }

    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_grow_even_within_a_millisecond_and_over_a_clock_that_goes_back() {
        let mut ids = Ids::new(7);
        let made: Vec<_> = (0..10_000u64).map(|n| ids.request(1_000_000 - n / 100)).collect();
        assert!(made.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
