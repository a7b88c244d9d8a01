//! Any bytes as a token: only the token that was issued is accepted.
#![no_main]

use ai_gateway_core::authn::jwt::UnverifiedToken;
use ai_gateway_core::authn::{KeyWaits, Verdict};
use ai_gateway_core::testing::{SigningKey, claims};
use ai_gateway_filter_fuzz::world::Gateway;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    thread_local!(static WORLD: (Gateway, String) = (
        Gateway::warm(),
        SigningKey::new("1").token(&claims(json!({}))),
    ));
    WORLD.with(|(gateway, good)| {
        let _ = UnverifiedToken::parse(data);
        let mut authenticator = gateway.shared.authenticator.borrow_mut();
        let verdict = authenticator.authenticate(data, &KeyWaits::default(), gateway.now);
        let is_accepted = matches!(verdict, Verdict::Accepted(_));
        assert_eq!(is_accepted, data == good.as_bytes(), "{verdict:?}");
    });
});
