//! A hundred thousand orders of requests, terminal answers, hang-ups, restarts, duplicate inputs and late replies: no
//! decision twice, none to the wrong request, none invented, no card left behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;
mod world;

use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use world::{CLAUDE, CODEX_HOOKS, Dice, Op, Peer, World};

/// Cases for each kind of agent.
const CASES: u64 = 34_000;

fn case(seed: u64) -> Vec<Op> {
    let mut dice = Dice::new(seed);
    let length = 8 + dice.below(25);
    (0..length).map(|_| dice.op()).collect()
}

fn fails(peer: &'static Peer, ops: &[Op]) -> bool {
    catch_unwind(AssertUnwindSafe(|| World::run(peer, ops))).is_err()
}

/// Leaves out whatever is not needed for the failure.
fn smallest(peer: &'static Peer, mut ops: Vec<Op>) -> Vec<Op> {
    let mut at = 0;
    while at < ops.len() {
        let mut fewer = ops.clone();
        fewer.remove(at);
        if fails(peer, &fewer) {
            (ops, at) = (fewer, 0);
        } else {
            at += 1;
        }
    }
    ops
}

fn run_all(peer: &'static Peer) {
    let (next, ran) = (AtomicU64::new(0), AtomicU64::new(0));
    let failed: Vec<u64> = std::thread::scope(|scope| {
        let work = || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= CASES {
                    return None;
                }
                if fails(peer, &case(seed)) {
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
        let ops = smallest(peer, case(*seed));
        // Once more, outside of any catching.
        let shown = format!("{}: case {seed} fails, made small: {ops:#?}", peer.name);
        writeln!(std::io::stderr(), "{shown}").expect("written");
        World::run(peer, &ops);
        panic!("{shown}");
    }
    let ran = ran.into_inner();
    // Not captured: how many ran is part of what this test says.
    writeln!(std::io::stderr(), "interleavings of {}: {ran} cases ran", peer.name).expect("written");
    assert_eq!(ran, CASES);
}

#[test]
fn no_order_of_events_doubles_misleads_or_invents_a_decision_or_leaves_a_card() {
    run_all(&CLAUDE);
}

#[test]
fn the_same_holds_for_hooks_that_are_held_only_for_someone_at_the_window() {
    run_all(&CODEX_HOOKS);
}
