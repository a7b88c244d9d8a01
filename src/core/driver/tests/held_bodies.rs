//! Every byte of a held body reaches the provider, in hosts with the bug of Envoy before 1.39 too.

use super::*;

const BODY: &[u8] = br#"{"model":"m","messages":[1,2,3,4]}"#;
const VERSIONS: [Option<(u64, u64)>; 5] = [
    None,
    Some((1, 35)),
    Some((1, 38)),
    Some((1, 39)),
    Some((2, 0)),
];

fn has_bug(version: Option<(u64, u64)>) -> bool {
    version.is_none_or(|version| version < (1, 39))
}

/// A world without keys, whose host has this version.
fn cold(version: Option<(u64, u64)>) -> World {
    let host = FakeHost::new(&Rc::default());
    host.0.version.set(version);
    let mut world = World::on(host, &document());
    world.tick();
    world
}

#[test]
fn every_body_arrives_whole_whenever_the_keys_do() {
    for version in [None, Some((1, 38)), Some((1, 39))] {
        for path in [CHAT, LISTED, SIGNED] {
            for (size, ticks) in [(4, false), (9, true), (40, true)] {
                let pieces: Vec<_> = BODY.chunks(size).collect();
                for pieces_before in 0..=pieces.len() {
                    let mut world = cold(version);
                    let (context, _) = world.request(path);
                    for (index, piece) in pieces.iter().enumerate() {
                        if index == pieces_before {
                            keys_arrive(&mut world, context);
                        }
                        let is_last = index + 1 == pieces.len();
                        world.body(context, piece, is_last.into());
                        if ticks {
                            world.tick();
                        }
                    }
                    if pieces_before == pieces.len() {
                        keys_arrive(&mut world, context);
                    }
                    let case = format!("{version:?} {path} {size} {pieces_before}");
                    assert_eq!(world.sent(context), BODY, "{case}");
                }
            }
        }
    }
}

/// The held part of the body can be read while the request is resumed.
fn keys_arrive(world: &mut World, context: u32) {
    world.with(context, fake_host::Stream::show_held);
    world.respond_with_keys(1);
}

#[test]
fn a_request_of_which_a_part_has_arrived_goes_on_with_the_next_piece() {
    for version in VERSIONS {
        let mut world = cold(version);
        let (context, _) = world.request(CHAT);
        world.body(context, &BODY[..5], EndOfStream::No);
        world.calls();
        keys_arrive(&mut world, context);
        let resumed: &[_] = if has_bug(version) {
            &[Call::Forward(context)]
        } else {
            &[Call::Forward(context), Call::Resume(context)]
        };
        assert_eq!(world.calls(), resumed, "{version:?}");
        let flow = world.body(context, &BODY[5..], EndOfStream::Yes);
        assert_eq!(flow, Flow::Continue);
        assert_eq!(world.sent(context), BODY);
        assert_eq!(world.calls(), []);
    }
}

#[test]
fn what_was_read_before_the_request_went_on_is_not_read_again() {
    let mut world = cold(Some((1, 38)));
    let (context, _) = world.request(LISTED);
    let (read, rest) = BODY.split_at(13);
    world.body(context, read, EndOfStream::No);
    keys_arrive(&mut world, context);
    world.body(context, rest, EndOfStream::Yes);
    assert_eq!(world.sent(context), BODY);
    let reads = world.host.0.reads.borrow();
    assert_eq!(*reads, [read.len(), rest.len()]);
}

#[test]
fn held_bytes_that_the_host_shows_again_are_not_read_again() {
    let (read, rest) = BODY.split_at(13);
    for later_filter_waits in [false, true] {
        let mut world = cold(Some((1, 40)));
        let (context, _) = world.request(LISTED);
        world.with(context, |stream| {
            stream.later_filter_waits = later_filter_waits;
        });
        world.body(context, read, EndOfStream::No);
        keys_arrive(&mut world, context);
        let mut pieces = rest.chunks(9);
        let next = pieces.next().unwrap();
        assert_eq!(world.body(context, next, EndOfStream::No), Flow::Continue);
        for piece in pieces {
            world.body(context, piece, EndOfStream::No);
        }
        let flow = world.body(context, b"", EndOfStream::Yes);
        assert_eq!(flow, Flow::Continue, "{later_filter_waits}");
        assert_eq!(world.sent(context), BODY, "{later_filter_waits}");
        let reads = world.host.0.reads.borrow();
        assert_eq!(reads.iter().sum::<usize>(), BODY.len(), "{reads:?}");
    }
}

#[test]
fn a_websocket_that_was_held_with_an_empty_piece_goes_on_at_once() {
    for version in VERSIONS {
        let mut world = cold(version);
        let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
        let (context, flow) =
            world.request_with("/my-openai/v1/realtime", &upgrade, EndOfStream::No);
        assert_eq!(flow, Flow::Pause);
        assert_eq!(world.body(context, b"", EndOfStream::No), Flow::Pause);
        world.calls();
        keys_arrive(&mut world, context);
        assert_eq!(
            world.calls(),
            [Call::Forward(context), Call::Resume(context)]
        );

        // Each message is alone: the next is sent when this one has been answered.
        for message in ["first", "second", "third"] {
            let flow = world.body(context, message.as_bytes(), EndOfStream::No);
            if has_bug(version) {
                assert_eq!(flow, Flow::Pause);
                assert_eq!(world.calls(), [period(1)], "{version:?}");
                world.tick();
                assert_eq!(world.calls(), [Call::Resume(context), period(1000)]);
            } else {
                assert_eq!((flow, world.calls()), (Flow::Continue, vec![]));
            }
        }
        // Two in a row: the second releases the first, and the bug does not strike any more.
        for message in ["fourth", "fifth", "sixth"] {
            world.body(context, message.as_bytes(), EndOfStream::No);
        }
        assert_eq!(world.sent(context), b"firstsecondthirdfourthfifthsixth");
        world.calls();
        world.tick();
        assert_eq!(world.calls(), [period(1000)]);
    }
}

#[test]
fn a_piece_that_is_held_again_ends_with_its_request() {
    let mut world = cold(Some((1, 38)));
    let (context, _) = world.request(CHAT);
    world.body(context, b"", EndOfStream::No);
    keys_arrive(&mut world, context);
    assert_eq!(world.body(context, b"{", EndOfStream::No), Flow::Pause);
    world.disconnect(context);
    world.calls();
    world.tick();
    assert_eq!(world.calls(), [period(1000)]);
}

#[test]
fn trailers_release_a_piece_that_is_held_again() {
    let mut world = cold(Some((1, 38)));
    let (context, _) = world.request(CHAT);
    world.body(context, b"", EndOfStream::No);
    keys_arrive(&mut world, context);
    assert_eq!(world.body(context, BODY, EndOfStream::No), Flow::Pause);
    world.calls();
    let flow = world.driver.on_request_trailers(context);
    assert_eq!(flow, Some(Flow::Continue));
    world.tick();
    assert_eq!(world.calls(), [period(1000)]);
}

const MIB: usize = 1024 * 1024;

/// A piece of a body that names no model.
fn filler(size: usize) -> Vec<u8> {
    let mut piece = br#"{"x":""#.to_vec();
    piece.resize(size, b'a');
    piece
}

impl World {
    /// A client of its own credential, of which the gateway knows nothing.
    fn anonymous(&mut self) -> u32 {
        let own = "sk-ant-oat01-own";
        self.request_by(own, ANONYMOUS, &[], EndOfStream::No).0
    }
}

#[test]
fn little_is_held_of_a_request_whose_token_cannot_be_verified_yet() {
    for path in [CHAT, SIGNED, LISTED, "/nobody/v1/models"] {
        let mut world = World::cold();
        let (context, flow) = world.request(path);
        assert_eq!(flow, Flow::Pause);
        world.calls();
        assert_eq!(
            world.body(context, &filler(MIB), EndOfStream::No),
            Flow::Pause
        );
        assert_eq!(world.calls(), []);
        world.body(context, b"a", EndOfStream::No);
        assert_eq!(world.calls(), [reply(context, "keys_pending")], "{path}");
        world.body(context, b"a", EndOfStream::Yes);
        assert_eq!(world.calls(), [], "it is answered once");
    }
}

#[test]
fn little_is_held_of_a_request_whose_provider_authenticates_its_callers() {
    let mut world = World::warm();
    let context = world.anonymous();
    world.calls();
    world.body(context, &filler(MIB), EndOfStream::No);
    assert_eq!(world.calls(), []);
    world.body(context, b"a", EndOfStream::No);
    assert_eq!(world.calls(), [reply(context, "model_too_late")]);

    let context = world.anonymous();
    let mut body = br#"{"model":"m","x":""#.to_vec();
    body.resize(3 * MIB, b'a');
    let flow = world.body(context, &body, EndOfStream::No);
    assert_eq!(flow, Flow::Continue, "a model in front is found in time");

    let (context, _) = world.request(LISTED);
    let flow = world.body(context, &filler(3 * MIB), EndOfStream::No);
    assert_eq!(flow, Flow::Pause, "known callers have the larger limit");
    world.calls();
}

/// The worker's limit here is 8 MiB, of which unauthenticated callers may use a quarter.
fn with_small_limit() -> World {
    let mut document = document();
    document["max_held_bytes"] = json!(8 * MIB);
    document["max_signed_body_bytes"] = json!(4 * MIB);
    document["max_model_lookup_bytes"] = json!(4 * MIB);
    World::on(FakeHost::new(&Rc::default()), &document)
}

#[test]
fn a_worker_holds_a_limited_sum_of_bodies() {
    let mut world = with_small_limit();
    world.fetch_keys();
    let held: Vec<_> = (0..4).map(|_| world.request(SIGNED).0).collect();
    for context in &held {
        world.body(*context, &filler(2 * MIB), EndOfStream::No);
    }
    world.calls();
    let (late, _) = world.request(LISTED);
    world.body(late, b"{", EndOfStream::No);
    assert_eq!(world.calls(), [reply(late, "too_much_held")]);
    world.body(held[1], b"a", EndOfStream::No);
    assert_eq!(world.calls(), [reply(held[1], "too_much_held")]);
    world.disconnect(held[0]);
    assert_eq!(world.body(held[2], b"", EndOfStream::Yes), Flow::Continue);
    world.calls();
    // Three of the four have left, so there is room for two MiB less than all.
    for _ in 0..2 {
        let (context, _) = world.request(SIGNED);
        world.body(context, &filler(3 * MIB), EndOfStream::No);
        assert_eq!(world.calls(), []);
    }
    let (context, _) = world.request(SIGNED);
    world.body(context, b"a", EndOfStream::No);
    assert_eq!(world.calls(), [reply(context, "too_much_held")]);
}

#[test]
fn unauthenticated_callers_cannot_use_up_what_the_others_need() {
    let mut world = with_small_limit();
    world.fetch_keys();
    let two: Vec<_> = (0..3).map(|_| world.anonymous()).collect();
    world.calls();
    for context in &two[..2] {
        world.body(*context, &filler(MIB), EndOfStream::No);
    }
    assert_eq!(world.calls(), []);
    world.body(two[2], b"{", EndOfStream::No);
    assert_eq!(world.calls(), [reply(two[2], "too_much_held")]);
    let (context, _) = world.request(SIGNED);
    world.body(context, &filler(3 * MIB), EndOfStream::No);
    assert_eq!(world.calls(), []);
}

#[test]
fn requests_that_wait_for_keys_count_as_authenticated_only_afterwards() {
    let mut world = with_small_limit();
    let waiting: Vec<_> = (0..2).map(|_| world.request(SIGNED).0).collect();
    for context in &waiting {
        world.body(*context, &filler(MIB), EndOfStream::No);
    }
    let (third, _) = world.request(SIGNED);
    world.calls();
    world.body(third, b"{", EndOfStream::No);
    assert_eq!(world.calls(), [reply(third, "too_much_held")]);
    world.fetch_keys();
    for context in &waiting {
        let flow = world.body(*context, &filler(2 * MIB), EndOfStream::No);
        assert_eq!(flow, Flow::Pause, "it is being hashed");
    }
    let anonymous = world.anonymous();
    world.calls();
    world.body(anonymous, &filler(MIB), EndOfStream::No);
    assert_eq!(world.calls(), []);
}
