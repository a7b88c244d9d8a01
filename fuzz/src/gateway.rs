//! The gateway in the fuzz targets.

use ai_gateway_core::config::Config;
use ai_gateway_core::testing::{TestGateway, document};
use serde_json::json;

/// A gateway that has fetched the issuer's key with this id.
pub fn with_key(id: &str) -> TestGateway {
    let gateway = TestGateway::new(ai_gateway_core::testing::config(&document()));
    gateway.publish_keys(&[id]);
    gateway
}

/// One provider of each kind and state. The issuer's keys and one provider's credentials are
/// fetched.
pub fn config() -> Config {
    let mut document = document();
    if let Some(providers) = document["providers"].as_array_mut() {
        providers.push(json!({
            "name": "role-bedrock",
            "type": "bedrock",
            "region": "eu-west-1",
            "credentials": {"assume_role": {
                "role_arn": "arn:aws:iam::123456789012:role/r",
                "source": {"imds": {}},
            }},
        }));
    }
    ai_gateway_core::testing::config(&document)
}
