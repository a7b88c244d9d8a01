//! The callbacks of one request, from its head to its end.

use super::*;
use crate::base::shared_data::SharedData;

/// How many requests have ended with this status.
fn requests(world: &World, status: u16) -> i64 {
    let metrics = world.host.metrics();
    let label = format!("status=.={status};.;");
    let found = metrics
        .iter()
        .filter(|(name, _)| name.ends_with("ai_gateway_requests") && name.contains(&label));
    found.map(|(_, count)| count).sum()
}

/// A request that was forwarded, whose response has this status.
fn responding(world: &mut World, status: &str, end: EndOfStream) -> u32 {
    let (context, flow) = world.request_with(CHAT, &[], EndOfStream::Yes);
    assert_eq!(flow, Flow::Continue);
    world.with(context, |stream| {
        let headers = [(":status", status), ("content-type", "application/json")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.into()));
        stream.response_head = headers.into();
    });
    world.driver.on_response_headers(context, end);
    context
}

#[test]
fn a_response_ends_once_with_whatever_comes_last() {
    let mut world = World::warm();
    for (count, last) in (1..).zip(["head", "body", "trailers"]) {
        let context = responding(&mut world, "200", (last == "head").into());
        let body = br#"{"model":"m"}"#;
        if last != "head" {
            world.with(context, |stream| stream.shown = body.to_vec());
            let end = (last == "body").into();
            world.driver.on_response_body(context, body.len(), end);
        }
        if last == "trailers" {
            world.driver.on_response_trailers(context);
        }
        assert_eq!(requests(&world, 200), count, "{last}");
        world.disconnect(context);
        assert_eq!(requests(&world, 200), count, "{last}");
    }
}

#[test]
fn a_response_that_breaks_off_ends_with_the_log() {
    for details in [
        "upstream_reset_after_response_started{}",
        "downstream_remote_disconnect",
    ] {
        let mut world = World::warm();
        let context = responding(&mut world, "200", EndOfStream::No);
        assert_eq!(requests(&world, 200), 0);
        world.host.0.response_details.set(details);
        world.disconnect(context);
        assert_eq!(requests(&world, 200), 1, "{details}");
    }
}

#[test]
fn only_the_host_itself_may_send_headers_of_the_gateway() {
    let error = ("x-ai-gateway-error", "upstream_unavailable");
    for (details, header, is_edited) in [
        ("via_upstream", error, true),
        ("via_upstream", ("x-ai-gateway-anything", "1"), true),
        ("", error, true),
        (
            "upstream_reset_before_response_started{connection_timeout}",
            error,
            false,
        ),
        ("response_timeout", error, false),
        ("response_timeout", ("x-other", "1"), true),
    ] {
        let mut world = World::warm();
        let (context, _) = world.request(CHAT);
        world.calls();
        world.with(context, |stream| {
            stream.response_head = [(":status", "503"), header]
                .map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()))
                .to_vec();
        });
        world.host.0.response_details.set(details);
        world.driver.on_response_headers(context, EndOfStream::Yes);
        let removes = Call::ResponseHeadersRemoved(context);
        assert_eq!(
            world.calls().contains(&removes),
            is_edited,
            "{details} {header:?}"
        );
    }
}

#[test]
fn a_response_is_read_in_pieces_as_long_as_it_is_wanted() {
    let mut world = World::warm();
    let context = responding(&mut world, "200", EndOfStream::No);
    let size = 150 * 1024;
    world.with(context, |stream| stream.shown = vec![b' '; size]);
    world
        .driver
        .on_response_body(context, size, EndOfStream::No);
    let piece = 64 * 1024;
    assert_eq!(
        *world.host.0.reads.borrow(),
        [piece, piece, size - 2 * piece]
    );
    world.host.0.withholds_bodies.set(true);
    world
        .driver
        .on_response_body(context, size, EndOfStream::Yes);
    assert_eq!(world.host.0.reads.borrow().len(), 4);
    world
        .driver
        .on_response_body(context, size, EndOfStream::No);
    assert_eq!(world.host.0.reads.borrow().len(), 4, "it has ended");
}

#[test]
fn an_edit_that_the_host_refuses_ends_the_request() {
    let mut world = World::warm();
    world.host.0.refuses_edits.set(true);
    let (context, flow) = world.request(CHAT);
    assert_eq!(flow, Flow::Pause);
    assert_eq!(world.calls(), [reply(context, "internal_error")]);
    assert_eq!(world.body(context, b"{}", EndOfStream::Yes), Flow::Pause);
    assert_eq!(world.calls(), []);
}

#[test]
fn an_edit_that_is_refused_to_a_request_that_waited_does_not_resume_it() {
    let mut world = World::cold();
    let (context, _) = world.request(CHAT);
    world.tick();
    world.host.0.refuses_edits.set(true);
    world.calls();
    world.respond_with_keys(1);
    assert_eq!(world.calls(), [reply(context, "internal_error")]);
}

#[test]
fn an_unknown_request_is_not_let_through() {
    let mut world = World::warm();
    let unknown = 99;
    let end = EndOfStream::Yes;
    assert_eq!(world.driver.on_request_body(unknown, 1, end), None);
    assert_eq!(world.driver.on_request_trailers(unknown), None);
    world.driver.on_response_headers(unknown, end);
    world.driver.on_response_body(unknown, 1, end);
    world.driver.on_response_trailers(unknown);
    world.driver.on_log(unknown);
    world.driver.on_delete(unknown);
    assert_eq!(world.calls(), []);
}

#[test]
fn a_body_over_the_hosts_limit_is_noted_for_the_status_page() {
    for (code, noted) in [(413, Some(2)), (408, None)] {
        let mut world = World::warm();
        let (context, _) = world.request(SIGNED);
        world.body(context, b"{}", EndOfStream::No);
        world.host.0.response_code.set(Some(code));
        world.disconnect(context);
        world.driver.on_shutdown();
        let (text, _) = world.host.0.shared_data.read("high_water_marks").unwrap();
        let extremes: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(extremes["smallest_refused_body"].as_u64(), noted);
        assert_eq!(extremes["largest_held_body"], 2);
    }
}
