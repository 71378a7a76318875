//! Whatever the order of events: a decision is delivered at most once, to the right request, and never invented. Few
//! cases, which are made small when one fails; `interleavings` runs many.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

mod script;
mod world;

use magia_core::event::RegistryStatus::{Busy, Idle, Waiting};
use magia_protocol::wire::info::Decision;
use proptest::prelude::*;
use proptest::sample::select;
use world::{By, CLAUDE, COMMANDS, GOES, Op, SLOTS, Who, World};

fn who() -> impl Strategy<Value = Who> {
    let moves = prop_oneof![9 => Just(0_usize), 1 => 1..SLOTS];
    (0..SLOTS, moves, select(vec![None, None, Some("s1"), Some("s2")])).prop_map(|(slot, moves, agent)| Who {
        slot,
        session: (slot + moves) % SLOTS,
        agent,
    })
}

fn op() -> impl Strategy<Value = Op> {
    let command = || select(COMMANDS.to_vec());
    let decision = select(vec![Decision::Allow, Decision::Deny, Decision::Always, Decision::None]);
    let by = select(vec![By::Window, By::Cli, By::Agent, By::WrongId]);
    let goes = select(GOES.to_vec());
    prop_oneof![
        6 => (who(), command(), 0..4_usize).prop_map(|(who, command, n)| Op::Ask(who, command, n)),
        4 => (who(), command(), 0..4_usize).prop_map(|(who, command, n)| Op::Begin(who, command, n)),
        3 => (who(), command(), 0..4_usize).prop_map(|(who, command, n)| Op::Ran(who, command, n)),
        2 => (who(), prop::collection::vec(0..4_usize, 0..4)).prop_map(|(who, ids)| Op::Batch(who, ids)),
        2 => (who(), goes).prop_map(|(who, event)| Op::Goes(who, event)),
        1 => (0..SLOTS).prop_map(Op::Dies),
        3 => (who(), select(vec![Busy, Idle, Waiting]), 0..100_u64).prop_map(|(who, status, ago)| Op::Registry(who, status, ago)),
        2 => any::<usize>().prop_map(Op::Close),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(gate, delivered)| Op::Written(gate, delivered)),
        8 => (any::<usize>(), decision, by).prop_map(|(request, decision, by)| Op::Decide { request, decision, by }),
        2 => (any::<usize>(), select(vec![Decision::Allow, Decision::Deny, Decision::Always, Decision::None]))
            .prop_map(|(request, decision)| Op::Same { request, decision }),
        1 => any::<usize>().prop_map(Op::Edit),
        1 => Just(Op::Restart),
        1 => (0..4_u8).prop_map(Op::Policy),
        1 => any::<bool>().prop_map(Op::Focus),
        3 => (0..300_u64).prop_map(Op::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn decisions_are_delivered_once_to_the_right_request_and_never_invented(
        ops in prop::collection::vec(op(), 1..60)
    ) {
        World::run(&CLAUDE, &ops);
    }
}
