//! How the bodies of held requests reach their transactions.

use sha2::{Digest, Sha256};

use super::*;

const BODY: &[u8] = br#"{"model":"m","messages":[]}"#;

/// What was signed of the body, in hexadecimal.
fn signed_hash(world: &World, context: u32) -> Option<String> {
    world.upstream(context, "x-amz-content-sha256")
}

fn hash(body: &[u8]) -> Option<String> {
    let digest = Sha256::digest(body);
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[test]
fn a_body_in_many_pieces_is_read_once_and_in_order() {
    for sizes in [
        vec![0],
        vec![27],
        vec![1; 40],
        vec![64 * 1024, 1],
        vec![64 * 1024 - 1, 0, 2],
        vec![300_000, 7, 70_000],
    ] {
        let mut world = World::warm();
        let (context, flow) = world.request(SIGNED);
        assert_eq!(flow, Flow::Pause);
        let mut body = Vec::new();
        for (index, size) in sizes.iter().enumerate() {
            assert_eq!(signed_hash(&world, context), None);
            let piece = vec![b'0' + u8::try_from(index).unwrap(); *size];
            body.extend(&piece);
            let end = EndOfStream::from(index + 1 == sizes.len());
            let flow = world.body(context, &piece, end);
            assert_eq!(flow == Flow::Continue, end == EndOfStream::Yes, "{sizes:?}");
        }
        assert_eq!(signed_hash(&world, context), hash(&body), "{sizes:?}");
        assert_eq!(world.sent(context), body);
        let reads = world.host.0.reads.borrow();
        assert_eq!(reads.iter().sum::<usize>(), body.len());
        assert!(reads.iter().all(|size| *size <= 64 * 1024), "{reads:?}");
    }
}

#[test]
fn a_body_may_end_with_its_head_or_with_trailers() {
    let mut world = World::warm();
    let (context, flow) = world.request_with(SIGNED, &[], EndOfStream::Yes);
    assert_eq!(flow, Flow::Continue);
    assert_eq!(signed_hash(&world, context), hash(b""));

    let (context, _) = world.request(SIGNED);
    assert_eq!(world.body(context, BODY, EndOfStream::No), Flow::Pause);
    world.with(context, fake_host::Stream::show_held);
    let flow = world.driver.on_request_trailers(context);
    assert_eq!(flow, Some(Flow::Continue));
    assert_eq!(signed_hash(&world, context), hash(BODY));
}

#[test]
fn a_body_that_arrives_while_its_request_waits_for_keys_is_read_after_that() {
    for end in [EndOfStream::No, EndOfStream::Yes] {
        let mut world = World::cold();
        let (context, _) = world.request(SIGNED);
        assert_eq!(world.body(context, b"{", EndOfStream::No), Flow::Pause);
        assert_eq!(world.body(context, b"}", end), Flow::Pause);
        world.tick();
        world.with(context, fake_host::Stream::show_held);
        world.calls();
        world.respond_with_keys(1);
        if end == EndOfStream::No {
            assert_eq!(world.calls(), []);
            assert_eq!(world.body(context, b"", EndOfStream::Yes), Flow::Continue);
        } else {
            assert_eq!(
                world.calls(),
                [Call::Forward(context), Call::Resume(context)]
            );
        }
        assert_eq!(signed_hash(&world, context), hash(b"{}"));
        assert_eq!(world.sent(context), b"{}");
    }
}

#[test]
fn a_body_is_held_until_it_has_named_its_model() {
    let mut world = World::warm();
    let (context, flow) = world.request(LISTED);
    assert_eq!(flow, Flow::Pause);
    assert_eq!(world.body(context, b"{\"mod", EndOfStream::No), Flow::Pause);
    let flow = world.body(context, b"el\":\"m\",", EndOfStream::No);
    assert_eq!(flow, Flow::Continue);
    let rest = br#""messages":[]}"#;
    assert_eq!(world.body(context, rest, EndOfStream::Yes), Flow::Continue);
    assert_eq!(world.sent(context), br#"{"model":"m","messages":[]}"#);

    let (context, _) = world.request(LISTED);
    world.calls();
    let flow = world.body(context, br#"{"model":"n"}"#, EndOfStream::Yes);
    assert_eq!(flow, Flow::Pause);
    assert_eq!(world.calls(), [reply(context, "model_not_found")]);
    assert_eq!(world.sent(context), b"");
}

#[test]
fn a_second_model_in_a_body_that_passes_ends_the_request() {
    let mut world = World::warm();
    let (context, _) = world.request(LISTED);
    let flow = world.body(context, br#"{"model":"m","#, EndOfStream::No);
    assert_eq!(flow, Flow::Continue);
    world.calls();
    let flow = world.body(context, br#""model":"n"}"#, EndOfStream::Yes);
    assert_eq!(flow, Flow::Pause);
    assert!(matches!(&world.calls()[..], [Call::Reply(..)]));
    assert_eq!(world.sent(context), br#"{"model":"m","#);
}

#[test]
fn a_body_that_the_host_never_delivers_is_rejected_after_four_seconds() {
    for path in [SIGNED, LISTED] {
        let mut world = World::warm();
        let (context, _) = world.request(path);
        world.pass(Duration::from_millis(3999));
        world.calls();
        world.tick();
        assert_eq!(world.calls(), [period(1000)]);
        world.pass(Duration::from_millis(1));
        world.tick();
        assert_eq!(
            world.calls(),
            [reply(context, "body_withheld"), period(1000)]
        );
        world.pass(Duration::from_secs(9));
        world.tick();
        assert_eq!(world.calls(), [period(1000)]);
    }
}

#[test]
fn a_client_of_a_host_that_delivers_bodies_may_take_its_time() {
    let mut world = World::warm();
    let (slow, _) = world.request(SIGNED);
    let (quick, _) = world.request(SIGNED);
    world.body(quick, BODY, EndOfStream::Yes);
    let (later, _) = world.request(SIGNED);
    world.pass(Duration::from_secs(60));
    world.calls();
    world.tick();
    assert_eq!(world.calls(), [period(1000)]);
    for context in [slow, later] {
        assert_eq!(world.body(context, BODY, EndOfStream::Yes), Flow::Continue);
    }
}

#[test]
fn a_request_that_is_gone_is_not_rejected_for_its_body() {
    let mut world = World::warm();
    let (context, _) = world.request(SIGNED);
    world.disconnect(context);
    world.pass(Duration::from_secs(4));
    world.calls();
    world.tick();
    assert_eq!(world.calls(), [period(1000)]);
}

#[test]
fn a_body_that_is_announced_and_not_delivered_is_rejected() {
    let mut world = World::warm();
    let (context, _) = world.request(SIGNED);
    world.calls();
    world.host.0.withholds_bodies.set(true);
    assert_eq!(world.body(context, BODY, EndOfStream::No), Flow::Pause);
    assert_eq!(world.calls(), [reply(context, "body_withheld")]);
}

#[test]
fn a_body_that_passes_and_cannot_be_read_passes_unread() {
    let mut world = World::warm();
    let (context, flow) = world.request(CHAT);
    assert_eq!(flow, Flow::Continue);
    world.host.0.withholds_bodies.set(true);
    assert_eq!(world.body(context, BODY, EndOfStream::Yes), Flow::Continue);
    assert_eq!(world.sent(context), BODY);
}
