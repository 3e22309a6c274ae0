//! One round of trouble: some of it lasts while time passes, some of it strikes in the middle.

use std::time::Duration;

use trtc_exporter::simulator::{Fault, Order};
use trtc_exporter::usage::TimeKey;

use super::dice::Dice;
use super::world::{APPS, World};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// What is wrong for the whole of a round.
#[derive(Clone, Copy, Debug)]
enum Trouble {
    None,
    Upstream,
    Keys,
    Clock,
}

/// What happens at one instant.
#[derive(Clone, Copy, Debug)]
enum Blow {
    None,
    Kill,
    Terminate,
    Reload,
    BadReload,
    Spike,
}

pub(super) async fn play(world: &mut World, dice: &mut Dice) {
    use Trouble::{Clock, Keys, Upstream};
    let trouble = dice.pick(&[Trouble::None, Upstream, Upstream, Upstream, Keys, Clock]);
    world.note(trouble);
    begin(trouble, world, dice);
    for _ in 0..dice.among(1, 4) {
        world.advance(pause(dice));
        world.let_work(dice.among(1, 12)).await;
        world.look().await;
        strike(world, dice).await;
    }
    end(trouble, world);
    world.look().await;
}

/// Minutes most often, hours at times, days now and then.
fn pause(dice: &mut Dice) -> u64 {
    match dice.among(1, 20) {
        1 => dice.among(DAY, 3 * DAY),
        2..=6 => dice.among(HOUR, 12 * HOUR),
        _ => dice.among(1, 90 * MINUTE),
    }
}

fn begin(trouble: Trouble, world: &mut World, dice: &mut Dice) {
    match trouble {
        Trouble::None => {}
        Trouble::Upstream => {
            for _ in 0..dice.among(1, 3) {
                let order = fault(dice);
                world.note(&order);
                world.upstream.order(order);
            }
        }
        Trouble::Keys => world.expire_keys(),
        // An hour wrong, and nothing is accepted; less than five minutes, and everything is.
        Trouble::Clock => {
            let wrong = dice.pick(&[-3600, 3600, -240, 240, 100]);
            world.note(wrong);
            world.mislead(wrong);
        }
    }
}

fn end(trouble: Trouble, world: &mut World) {
    match trouble {
        Trouble::None => {}
        Trouble::Upstream => world.upstream.clear_faults(),
        Trouble::Keys => world.renew_keys(),
        Trouble::Clock => world.mislead(0),
    }
}

fn fault(dice: &mut Dice) -> Order {
    let refusals = [
        "InternalError",
        "InternalError.DBError",
        "RequestLimitExceeded",
        "RequestLimitExceeded.UinLimitExceeded",
        "ResourceUnavailable",
        "AuthFailure.TokenFailure",
        "SomethingNew.NobodyKnows",
    ];
    let fault = match dice.among(1, 15) {
        1..=3 => Fault::refuse(dice.pick(&refusals)),
        4 => Fault::Status(502),
        5 => Fault::Status(503),
        6 => Fault::Hang,
        7 => Fault::Drip(Duration::from_millis(1)),
        8 => Fault::Reset,
        9 => Fault::CutOff,
        10 => Fault::Truncated,
        11 => Fault::WrongJson,
        12 => Fault::Html,
        13 => Fault::Empty,
        _ => Fault::Gaps,
    };
    if dice.happens(30) {
        fault.always()
    } else {
        fault.share(dice.among(5, 80) as f64 / 100.0)
    }
}

async fn strike(world: &mut World, dice: &mut Dice) {
    use Blow::{BadReload, Kill, None, Reload, Spike, Terminate};
    match dice.pick(&[
        None, None, None, Kill, Kill, Terminate, Reload, BadReload, Spike,
    ]) {
        None => {}
        Kill => {
            at_any_instant(world, dice).await;
            world.kill();
            outage(world, dice).await;
        }
        Terminate => {
            at_any_instant(world, dice).await;
            world.terminate().await;
            outage(world, dice).await;
        }
        Reload => world.reconfigure(dice.pick(&APPS)).await,
        BadReload => world.misconfigure().await,
        Spike => spike(world, dice),
    }
}

/// Wherever in a poll the exporter is then.
async fn at_any_instant(world: &mut World, dice: &mut Dice) {
    world.advance(2);
    tokio::time::sleep(Duration::from_micros(dice.among(0, 30_000))).await;
}

/// Nobody is there for a while, and the configuration may be another when somebody is again.
async fn outage(world: &mut World, dice: &mut Dice) {
    if dice.happens(60) {
        world.advance(pause(dice));
    }
    if dice.happens(20) {
        world.reconfigure(dice.pick(&APPS)).await;
    }
    world.start().await;
}

/// More usage than was said so far, some of it of buckets that were shown.
fn spike(world: &mut World, dice: &mut Dice) {
    let now = TimeKey::from_unix(world.now().timestamp());
    let from = now
        .plus_seconds(-(dice.among(0, 2 * HOUR).cast_signed()))
        .slot();
    let duration = Duration::from_secs(dice.among(10 * MINUTE, 6 * HOUR));
    world
        .upstream
        .inject_spike(dice.pick(&APPS), from, 5.0, duration);
}
