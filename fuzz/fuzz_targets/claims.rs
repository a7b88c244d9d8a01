//! Tokens with a valid signature and any header and claims. A token is accepted only if an independent
//! implementation of the checks accepts it, too. The first line of the input is the header.
#![no_main]

use ai_gateway_core::authn::Verdict;
use ai_gateway_core::testing::{AUDIENCE, ISSUER, NOW_SECS, SigningKey, TestGateway};
use ai_gateway_filter_fuzz::gateway::with_key;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    thread_local!(static GATEWAY: (TestGateway, SigningKey) = (with_key("1"), SigningKey::new("1")));
    let end = data.iter().position(|byte| *byte == b'\n');
    let (header, payload) = data.split_at(end.unwrap_or(data.len()));
    GATEWAY.with(|(gateway, signer)| {
        let token = signer.sign(header, payload);
        if let Verdict::Accepted(claims) = gateway.authenticate(token.as_bytes()) {
            let header: Value = serde_json::from_slice(header).expect("the header is JSON");
            let payload: Value = serde_json::from_slice(payload).expect("the claims are JSON");
            assert_eq!(header["alg"], "EdDSA");
            assert!(header.get("crit").is_none());
            assert!(matches!(header.get("kid"), None | Some(Value::String(_))));
            assert_eq!(payload["iss"], ISSUER);
            let audiences = match &payload["aud"] {
                Value::Array(audiences) => audiences.clone(),
                audience => vec![audience.clone()],
            };
            assert!(audiences.iter().any(|audience| audience == AUDIENCE));
            assert!(payload["exp"].as_f64().expect("a number") > NOW_SECS as f64);
            for claim in ["nbf", "iat"] {
                let not_before = payload
                    .get(claim)
                    .map_or(0.0, |time| time.as_f64().expect("a number"));
                assert!(not_before <= (NOW_SECS + 60) as f64);
            }
            assert_eq!(
                payload.get("sub").and_then(Value::as_str),
                claims.subject.as_deref()
            );
        }
    });
});
