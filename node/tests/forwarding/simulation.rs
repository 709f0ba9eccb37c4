//! Thousands of small fleets in which everything goes wrong, and what must hold in all of them. `SEEDS=n` runs more or
//! fewer, `SEED=n` one of them.

use crate::world::{Faults, Shape, World};
use node::forwarding::core::Limits;
use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicU64, Ordering},
};

const SEEDS: u64 = 2_000;
const GENERATIONS: usize = 4;
const STEPS: usize = 150;
/// Virtual ms within which a fleet at peace has all that it shall have.
const PEACE: i64 = 400_000;

#[expect(clippy::disallowed_methods, reason = "the tests' own switches")]
fn switch(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The life of one fleet.
fn live(seed: u64) -> World {
    let limits = Limits::default();
    let shape = Shape::ALL[usize::try_from(seed % 5).unwrap()];
    let mut world = World::new(seed, shape, limits);
    // One in eight has no faults: there, nothing is sent twice.
    world.strict = seed.is_multiple_of(8);
    world.trace = switch("TRACE").is_some();
    for _ in 0..GENERATIONS {
        let strict = world.strict;
        world.faults = if strict {
            Faults::default()
        } else {
            let mut some = |most: u64| world.dice.roll() % (most + 1);
            Faults {
                drop: some(120),
                double: some(60),
                delay: some(60),
                garble: some(15),
                season: some(40),
            }
        };
        for _ in 0..STEPS {
            act(&mut world, strict, limits);
        }
        world.check();
        peace(&mut world, limits, seed);
        world.check();
    }
    world
}

/// Something happens, or time passes.
fn act(world: &mut World, strict: bool, limits: Limits) {
    let node = world.dice.below(world.nodes.len());
    let edge = world.dice.below(world.edges.len());
    let side = world.dice.below(2);
    let what = world.dice.below(1_000);
    match what {
        0..170 => {
            let many = 1 + world.dice.below(4);
            world.commit(node, many);
        }
        170..180 => world.refilter(edge, side),
        _ if strict => pass(world),
        180..195 => world.crash(node),
        195..230 => world.start(node, limits),
        230..236 => world.copy(node),
        236..240 => world.restore(node, limits),
        240..250 => world.edges[edge].cut = true,
        250..265 => world.edges[edge].cut = false,
        265..275 => world.reset(edge),
        275..285 => {
            let paused = world.edges[edge].ends[side].paused;
            world.pause(edge, side, !paused);
        }
        285..295 => world.jump(node),
        295..305 => world.garbage(edge, side),
        305 if world.dice.in_1000(200) => world.revoke(edge, side),
        306..309 => world.run(20_000),
        _ => pass(world),
    }
}

fn pass(world: &mut World) {
    let until = world.now + 1_000;
    world.step(until);
}

/// Nothing goes wrong any more: everybody gets what they shall have, and then nobody says anything but that they live.
fn peace(world: &mut World, limits: Limits, seed: u64) {
    world.faults = Faults::default();
    for node in 0..world.nodes.len() {
        world.start(node, limits);
    }
    for edge in 0..world.edges.len() {
        world.edges[edge].cut = false;
        for side in 0..2 {
            if world.edges[edge].ends[side].paused {
                world.pause(edge, side, false);
            }
        }
    }
    let end = world.now + PEACE;
    loop {
        while !world.is_quiet() && world.now < end {
            world.step(end);
        }
        let converged = world.has_converged();
        if converged.is_ok() && world.is_linked() {
            break;
        }
        assert!(world.now < end, "I7: seed {seed}: {converged:?}");
        world.step(end);
    }
    world.run(3_000);
    world.busy = 0;
    world.run(11_000);
    // A link with itself is tried for ever; what others say is pings.
    if seed % 5 != 4 {
        assert_eq!(world.busy, 0, "I8: seed {seed}: somebody still talks");
    }
}

fn fails(seed: u64) -> bool {
    let lived = std::panic::catch_unwind(AssertUnwindSafe(|| live(seed)));
    lived.is_err()
}

#[test]
fn fleets_in_which_everything_goes_wrong_come_to_agree() {
    if let Some(seed) = switch("SEED") {
        let world = live(seed);
        println!("{:?}", world.stats);
        return;
    }
    let seeds = switch("SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(0);
    let failed = std::sync::Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return;
            }
            if fails(seed) {
                failed.lock().unwrap().push(seed);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(work);
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_unstable();
    assert!(
        failed.is_empty(),
        "{} of {seeds} seeds failed; run one with SEED=n: {failed:?}",
        failed.len()
    );
}

/// Seeds that failed once, by what they found.
mod failed_once {
    macro_rules! seeds {
        ($($(#[$doc:meta])* $name:ident = $seed:literal;)+) => {
            $($(#[$doc])* #[test] fn $name() { super::live($seed); })+
        };
    }

    seeds! {
        a_whole_receiver_begins_no_pass_and_the_sender_repeats_itself = 352;
        a_busy_peer_is_still_owed_a_pass = 373;
        a_relay_that_was_set_back_sends_other_contents_under_the_same_number = 186;
        what_an_origin_took_back_may_stay_behind_a_relay = 31;
        what_is_expected_is_said_again_to_a_batch_that_comes_again = 623;
        a_batch_crosses_with_the_same_events_from_another_side = 968;
        holes_from_one_peer_make_another_begin_anew = 32;
    }
}
