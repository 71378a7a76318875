//! What a program costs while nothing happens, and what the machine makes of memory that rests meanwhile.
//!
//! Some hypervisors take pages back that a guest has not used for some seconds, and whoever uses them again pays for it
//! in processor time. So a page of this program's own is let rest as long and then used, in the same run: what the window's
//! few frames in that time cost is to be read beside it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::proc::{cpu_time, tree};

const PAGE: usize = 4096;
/// Pages that rest: as many as a program that wakes up needs.
const PAGES: usize = 4096;

/// A time in which nothing happened.
pub struct Rest {
    /// Of one core.
    pub share: f64,
    length: Duration,
    /// To use a page that rested so long, and one that was just used, in microseconds.
    rested_us: f64,
    used_us: f64,
}

impl Rest {
    /// Leaves a program and its children alone for so long.
    pub fn of(pid: u32, length: Duration) -> Result<Self> {
        let used = || tree(pid).iter().map(|pid| cpu_time(*pid)).sum::<Result<Duration>>();
        let mut pages = vec![1_u8; PAGES * PAGE];
        touch(&mut pages);
        let used_us = touch(&mut pages);
        let (before, begun) = (used()?, Instant::now());
        std::thread::sleep(length);
        let took = used()?.saturating_sub(before);
        let share = took.as_secs_f64() / begun.elapsed().as_secs_f64();
        Ok(Self { share, length, rested_us: touch(&mut pages), used_us })
    }

    /// For people.
    pub fn shown(&self) -> String {
        format!(
            "{:.3} % of a core over {} s; to use a page that rested as long takes {:.1} µs here, one just used {:.2} µs",
            self.share * 100.0,
            self.length.as_secs(),
            self.rested_us,
            self.used_us
        )
    }
}

/// Uses each page once, in an order that nothing foresees; gives the microseconds for one.
fn touch(pages: &mut [u8]) -> f64 {
    let begun = Instant::now();
    for number in 0..PAGES {
        // 2,654,435,761 has no factor in common with the number of pages.
        let page = number.wrapping_mul(2_654_435_761) % PAGES;
        if let Some(byte) = pages.get_mut(page * PAGE) {
            *byte = black_box(*byte).wrapping_add(1);
        }
    }
    begun.elapsed().as_secs_f64() * 1e6 / PAGES as f64
}
