//! Any bytes as a token. Only the issued token is accepted.
#![no_main]

use ai_gateway_core::authn::Verdict;
use ai_gateway_core::authn::jwt::UnverifiedToken;
use ai_gateway_core::testing::{SigningKey, TestGateway, claims};
use ai_gateway_filter_fuzz::gateway::with_key;
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    thread_local!(static GATEWAY: (TestGateway, String) = (
        with_key("1"),
        SigningKey::new("1").token(&claims(json!({}))),
    ));
    GATEWAY.with(|(gateway, issued)| {
        let _ = UnverifiedToken::parse(data);
        let verdict = gateway.authenticate(data);
        let is_accepted = matches!(verdict, Verdict::Accepted(_));
        assert_eq!(is_accepted, data == issued.as_bytes(), "{verdict:?}");
    });
});
