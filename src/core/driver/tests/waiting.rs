//! Requests that wait for a fetch.

use super::*;
use crate::driver::RESUMED_AT_ONCE;
use crate::driver::wait_list::MAX_WAITING;

#[test]
fn the_tick_comes_at_once_then_often_while_requests_wait_then_each_second() {
    let mut world = World::cold();
    assert_eq!(world.calls(), [period(1)]);
    world.tick();
    assert_eq!(world.calls(), [Call::Callout(1), period(1000)]);
    assert_eq!(world.request(CHAT).1, Flow::Pause);
    assert_eq!(world.calls(), [period(1)]);
    world.tick();
    assert_eq!(world.calls(), [period(5)]);
    world.respond_with_keys(1);
    world.calls();
    world.tick();
    assert_eq!(world.calls(), [period(1000)]);
}

#[test]
fn one_response_resumes_all_that_wait_for_it_in_the_order_of_their_arrival() {
    let mut world = World::cold();
    let requests: Vec<_> = (0..3).map(|_| world.request(CHAT).0).collect();
    world.tick();
    world.calls();
    world.respond_with_keys(1);
    let expected: Vec<_> = requests
        .iter()
        .flat_map(|context| [Call::Forward(*context), Call::Resume(*context)])
        .collect();
    assert_eq!(world.calls(), expected);
    world.respond_with_keys(1);
    assert_eq!(world.calls(), [], "a callout has one response");
}

#[test]
fn a_failed_callout_ends_the_wait_too() {
    for (headers, status, size) in [(0, "200", 2), (3, "none", 2), (3, "200", 256 * 1024 + 1)] {
        let mut world = World::cold();
        let (context, _) = world.request(CHAT);
        world.tick();
        world.calls();
        let response = (status.to_owned(), Vec::new(), b"{}".to_vec());
        world.host.0.callout_response.replace(Some(response));
        world.driver.on_callout_response(1, headers, size);
        assert_eq!(world.calls(), [reply(context, "keys_unavailable")]);
    }
}

#[test]
fn a_callout_that_cannot_be_sent_ends_the_wait_too() {
    let mut world = World::cold();
    let (context, _) = world.request(CHAT);
    world.host.0.refuses_callouts.set(true);
    world.calls();
    world.tick();
    assert_eq!(
        world.calls(),
        [reply(context, "keys_unavailable"), period(1000)]
    );
}

#[test]
fn the_fetch_of_another_worker_resumes_those_that_wait_here() {
    let mut here = World::cold();
    let mut there = here.beside();
    there.tick();
    let (context, flow) = here.request(CHAT);
    assert_eq!(flow, Flow::Pause);
    here.calls();
    here.tick();
    assert_eq!(here.calls(), [period(5)], "one worker fetches");
    there.respond_with_keys(1);
    here.tick();
    let resumed = [Call::Forward(context), Call::Resume(context), period(1000)];
    assert_eq!(here.calls(), resumed);
}

#[test]
fn a_request_that_is_gone_is_not_resumed() {
    let mut world = World::cold();
    let (gone, _) = world.request(CHAT);
    let (stays, _) = world.request(CHAT);
    world.tick();
    world.disconnect(gone);
    world.calls();
    world.respond_with_keys(1);
    assert_eq!(world.calls(), [Call::Forward(stays), Call::Resume(stays)]);
}

#[test]
fn the_fetch_goes_on_when_all_that_wait_for_it_are_gone() {
    let mut world = World::cold();
    let (context, _) = world.request(CHAT);
    world.tick();
    world.disconnect(context);
    world.calls();
    world.tick();
    assert_eq!(world.calls(), [period(1000)]);
    world.respond_with_keys(1);
    assert_eq!(world.calls(), []);
    assert_eq!(world.request(CHAT).1, Flow::Continue);
}

#[test]
fn a_request_too_many_is_rejected_until_another_leaves() {
    let mut world = World::cold();
    let contexts: Vec<_> = (0..MAX_WAITING).map(|_| world.request(CHAT)).collect();
    assert!(contexts.iter().all(|(_, flow)| *flow == Flow::Pause));
    world.calls();
    let (rejected, flow) = world.request(CHAT);
    assert_eq!(flow, Flow::Pause);
    assert_eq!(world.calls(), [reply(rejected, "too_many_waiting")]);
    world.disconnect(rejected);
    world.disconnect(contexts[0].0);
    let (waits, _) = world.request(CHAT);
    assert_eq!(world.calls(), [period(1)]);
    world.tick();
    world.respond_with_keys(1);
    let mut calls = world.calls();
    for _ in 1..MAX_WAITING / RESUMED_AT_ONCE {
        world.tick();
        calls.extend(world.calls());
    }
    let resumed = calls.iter().filter(|call| matches!(call, Call::Resume(_)));
    assert_eq!(resumed.count(), MAX_WAITING);
    assert_eq!(calls[calls.len() - 2], Call::Resume(waits));
}

/// A worker serves nobody else while it verifies the signatures of those that waited.
#[test]
fn those_that_waited_are_resumed_a_few_at_each_tick() {
    let mut world = World::cold();
    let count = 3 * RESUMED_AT_ONCE + 2;
    let contexts: Vec<_> = (0..count).map(|_| world.request(CHAT).0).collect();
    world.tick();
    world.calls();
    world.respond_with_keys(1);
    let resumed = |calls: &[Call]| {
        let mut found = Vec::new();
        for call in calls {
            if let Call::Resume(context) = call {
                found.push(*context);
            }
        }
        found
    };
    let calls = world.calls();
    assert_eq!(resumed(&calls), contexts[..RESUMED_AT_ONCE]);
    assert_eq!(calls.last(), Some(&period(1)), "the others follow at once");
    let (new, flow) = world.request(CHAT);
    assert_eq!(flow, Flow::Continue, "new requests pass meanwhile");
    assert_eq!(world.calls(), [Call::Forward(new)]);
    let gone = contexts[RESUMED_AT_ONCE];
    world.disconnect(gone);
    let mut rest = contexts[RESUMED_AT_ONCE + 1..]
        .chunks(RESUMED_AT_ONCE)
        .peekable();
    while let Some(expected) = rest.next() {
        world.tick();
        let calls = world.calls();
        assert_eq!(resumed(&calls), expected);
        let next = if rest.peek().is_some() { 1 } else { 1000 };
        assert_eq!(calls.last(), Some(&period(next)));
    }
    world.tick();
    assert_eq!(world.calls(), [period(1000)]);
}

#[test]
fn requests_that_wait_during_a_reload_end_on_the_old_configuration() {
    let mut old = World::cold();
    let (waits, _) = old.request(CHAT);
    let (uploads, _) = old.request(SIGNED);
    old.tick();
    let mut changed = document();
    changed["providers"] = json!([
        {"name": "my-openai", "type": "openai", "api_key": {"env": "OTHER_KEY"}},
    ]);
    // Envoy makes a new root context in the same VM. The old one stays until its requests end.
    let host = FakeHost::new(&old.host.0.shared_data);
    let mut new = World::on(host, &changed);
    new.tick();
    old.respond_with_keys(1);
    assert_eq!(
        old.upstream(waits, "authorization"),
        Some(format!("Bearer {SECRET}OPENAI_KEY"))
    );
    assert_eq!(old.body(uploads, b"{}", EndOfStream::Yes), Flow::Continue);
    assert_eq!(old.sent(uploads), b"{}");
    new.tick();
    let (context, _) = new.request(CHAT);
    assert_eq!(
        new.upstream(context, "authorization"),
        Some(format!("Bearer {SECRET}OTHER_KEY"))
    );
}

#[test]
fn requests_that_still_wait_after_the_shutdown_are_resumed_by_the_running_callout() {
    let mut world = World::cold();
    let (context, _) = world.request(CHAT);
    world.tick();
    world.driver.on_shutdown();
    world.calls();
    world.respond_with_keys(1);
    assert_eq!(
        world.calls(),
        [Call::Forward(context), Call::Resume(context)]
    );
}
