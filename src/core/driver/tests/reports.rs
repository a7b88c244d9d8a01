//! When counts reach the host, and what a driver leaves behind.

use super::*;

const WAITING: &str = "ai_gateway_waiting_requests";
const ACCEPTED: &str = "outcome=.=accepted;.;ai_gateway_authentications";

fn measured(world: &World, name: &str) -> Option<i64> {
    world.host.metrics().get(name).copied()
}

#[test]
fn counters_are_reported_at_most_once_a_second() {
    let mut world = World::warm();
    world.pass(Duration::from_secs(1));
    world.tick();
    for _ in 0..3 {
        world.request(CHAT);
    }
    for (milliseconds, expected) in [(0, None), (999, None), (1, Some(3)), (999, Some(3))] {
        world.pass(Duration::from_millis(milliseconds));
        world.tick();
        assert_eq!(measured(&world, ACCEPTED), expected, "{milliseconds}");
    }
}

#[test]
fn the_gauge_of_waiting_requests_moves_by_what_changed_here() {
    let mut world = World::cold();
    let (gone, _) = world.request(CHAT);
    world.request(CHAT);
    world.tick();
    assert_eq!(measured(&world, WAITING), Some(2));
    world.disconnect(gone);
    world.tick();
    assert_eq!(measured(&world, WAITING), Some(1));
    world.respond_with_keys(1);
    world.tick();
    assert_eq!(measured(&world, WAITING), Some(0));
}

#[test]
fn a_shutdown_reports_the_rest() {
    let mut world = World::warm();
    world.pass(Duration::from_secs(1));
    world.tick();
    world.request(CHAT);
    world.request(CHAT);
    world.driver.on_shutdown();
    assert_eq!(measured(&world, ACCEPTED), Some(2));

    let mut world = World::cold();
    world.request(CHAT);
    world.tick();
    assert_eq!(measured(&world, WAITING), Some(1));
    world.driver.on_shutdown();
    assert_eq!(measured(&world, WAITING), Some(0));
}

#[test]
fn a_shutdown_leaves_its_fetches_to_other_workers() {
    let mut ends = World::cold();
    let mut stays = ends.beside();
    ends.tick();
    stays.calls();
    stays.tick();
    assert_eq!(stays.calls(), [period(1000)]);
    ends.driver.on_shutdown();
    stays.tick();
    assert_eq!(stays.calls(), [Call::Callout(1), period(1000)]);
}
