//! Any configuration. It is either usable or rejected with an error that contains no secret.
#![no_main]

use ai_gateway_core::config::Config;
use ai_gateway_core::testing::{SECRET, TestGateway, env};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    match Config::parse(data, &env) {
        Err(error) => assert!(!error.to_string().contains(SECRET), "{error}"),
        Ok(config) => {
            assert!(!format!("{config:?}").contains(SECRET));
            TestGateway::new(config).start_fetches();
        }
    }
});
