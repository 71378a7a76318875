//! A hundred thousand orders of requests, terminal answers, hang-ups, restarts, duplicate inputs and late replies: no
//! decision twice, none to the wrong request, none invented, no card left behind. For Claude, for Codex's hooks, and for
//! Codex's daemon, which has a world of its own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod daemon_world;
mod script;
mod world;

use std::fmt::Debug;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use world::{CLAUDE, CODEX_HOOKS, Dice, World};

/// Cases for each kind of agent; there are three.
const CASES: u64 = 34_000;

/// A kind of agent: how its cases are made and run.
struct Kind<O> {
    name: &'static str,
    op: fn(&mut Dice) -> O,
    run: fn(&[O]),
}

impl<O: Clone + Debug> Kind<O> {
    fn case(&self, seed: u64) -> Vec<O> {
        let mut dice = Dice::new(seed);
        let length = 8 + dice.below(25);
        (0..length).map(|_| (self.op)(&mut dice)).collect()
    }

    fn fails(&self, ops: &[O]) -> bool {
        catch_unwind(AssertUnwindSafe(|| (self.run)(ops))).is_err()
    }

    /// Leaves out whatever is not needed for the failure.
    fn smallest(&self, mut ops: Vec<O>) -> Vec<O> {
        let mut at = 0;
        while at < ops.len() {
            let mut fewer = ops.clone();
            fewer.remove(at);
            if self.fails(&fewer) {
                (ops, at) = (fewer, 0);
            } else {
                at += 1;
            }
        }
        ops
    }

    fn run_all(&self)
    where
        Self: Sync,
    {
        let (next, ran) = (AtomicU64::new(0), AtomicU64::new(0));
        let failed: Vec<u64> = std::thread::scope(|scope| {
            let work = || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= CASES {
                        return None;
                    }
                    if self.fails(&self.case(seed)) {
                        // The others end too.
                        next.store(CASES, Ordering::Relaxed);
                        return Some(seed);
                    }
                    ran.fetch_add(1, Ordering::Relaxed);
                }
            };
            let workers: Vec<_> = (0..std::thread::available_parallelism().map_or(2, usize::from))
                .map(|_| scope.spawn(work))
                .collect();
            workers.into_iter().filter_map(|worker| worker.join().unwrap()).collect()
        });
        if let Some(seed) = failed.first() {
            let ops = self.smallest(self.case(*seed));
            // Once more, outside of any catching.
            let shown = format!("{}: case {seed} fails, made small: {ops:#?}", self.name);
            writeln!(std::io::stderr(), "{shown}").expect("written");
            (self.run)(&ops);
            panic!("{shown}");
        }
        let ran = ran.into_inner();
        // Not captured: how many ran is part of what this test says.
        writeln!(std::io::stderr(), "interleavings of {}: {ran} cases ran", self.name).expect("written");
        assert_eq!(ran, CASES);
    }
}

#[test]
fn no_order_of_events_doubles_misleads_or_invents_a_decision_or_leaves_a_card() {
    Kind { name: "claude", op: Dice::op, run: |ops| World::run(&CLAUDE, ops) }.run_all();
}

#[test]
fn the_same_holds_for_hooks_that_are_held_only_for_someone_at_the_window() {
    Kind { name: "codex's hooks", op: Dice::op, run: |ops| World::run(&CODEX_HOOKS, ops) }.run_all();
}

#[test]
fn the_same_holds_for_requests_of_a_daemon_that_is_lost_and_found_again() {
    Kind { name: "codex's daemon", op: daemon_world::op, run: daemon_world::World::run }.run_all();
}
