//! The gateways that the fuzz targets use.

use ai_gateway_core::config::Config;
use ai_gateway_core::testing::{TestGateway, document};
use serde_json::json;

/// A gateway that has fetched the issuer's key set with the key of this id.
pub fn with_key(id: &str) -> TestGateway {
    let gateway = TestGateway::new(ai_gateway_core::testing::config(&document()));
    gateway.publish_keys(&[id]);
    gateway
}

/// A configuration with one provider of each kind and state. It needs to fetch the issuer's keys and the credentials of
/// one provider.
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
