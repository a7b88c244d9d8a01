//! The configuration as it is written: shapes only, no meaning. Unknown fields are errors.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::credential::SecretReference;
use crate::provider::credentials_document::CredentialsDocument;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub(super) path_prefix: Option<String>,
    pub(super) usage_path: Option<String>,
    pub(super) authentication: Authentication,
    #[serde(default)]
    pub(super) authorization: Authorization,
    pub(super) providers: Vec<Provider>,
    pub(super) response_headers_to_remove: Option<Vec<String>>,
    pub(super) max_signed_body_bytes: Option<u64>,
    #[serde(default)]
    pub(super) observability: Observability,
    #[serde(default)]
    pub(super) clusters: Clusters,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Authentication {
    #[serde(default)]
    pub(super) issuers: Vec<Issuer>,
    #[serde(default)]
    pub(super) disabled: bool,
    pub(super) token_headers: Option<Vec<String>>,
    pub(super) token_cache_size: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Issuer {
    pub(super) issuer: String,
    pub(super) audiences: Vec<String>,
    pub(super) jwks_uri: Option<String>,
    pub(super) jwks: Option<Value>,
    pub(super) algorithms: Option<Vec<String>>,
    pub(super) clock_skew: Option<String>,
    pub(super) cluster: Option<String>,
    pub(super) fetch_timeout: Option<String>,
    pub(super) refresh_interval: Option<String>,
    pub(super) min_refresh_interval: Option<String>,
    pub(super) max_refresh_interval: Option<String>,
    pub(super) max_stale: Option<String>,
    pub(super) refetch_interval: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Authorization {
    pub(super) claims: Option<Vec<String>>,
    pub(super) invoke: Option<Vec<String>>,
    pub(super) get: Option<Vec<String>>,
    #[serde(default)]
    pub(super) bindings: Vec<Binding>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Binding {
    pub(super) subject: Option<String>,
    pub(super) claim: Option<String>,
    pub(super) value: Option<String>,
    pub(super) permissions: Vec<Permission>,
    pub(super) providers: Option<Vec<String>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
pub(super) enum Permission {
    Invoke,
    Get,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AllowRule {
    pub(super) subject: Option<String>,
    pub(super) claim: Option<String>,
    pub(super) value: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Provider {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) display_name: Option<String>,
    pub(super) enabled: Option<bool>,
    pub(super) base_url: Option<String>,
    pub(super) cluster: Option<String>,
    pub(super) region: Option<String>,
    pub(super) credentials: Option<CredentialsDocument>,
    pub(super) signing: Option<Signing>,
    pub(super) api_key: Option<SecretReference>,
    pub(super) api_key_header: Option<String>,
    #[serde(default)]
    pub(super) authorization_passthrough: bool,
    #[serde(default)]
    pub(super) require_gateway_token: bool,
    #[serde(default)]
    pub(super) models: Vec<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) prices: BTreeMap<String, Prices>,
    pub(super) allow: Option<Vec<AllowRule>>,
}

/// Per million tokens.
#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    pub(super) input: f64,
    pub(super) output: f64,
    pub(super) cached_input: Option<f64>,
    pub(super) cache_write_5m: Option<f64>,
    pub(super) cache_write_1h: Option<f64>,
}

/// Who signs requests to AWS.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Signing {
    Filter,
    Envoy,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Observability {
    pub(super) conversation_headers: Option<Vec<String>>,
    #[serde(default)]
    pub(super) log_claims: Vec<String>,
    pub(super) max_models: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Clusters {
    pub(super) https: Option<String>,
    pub(super) http: Option<String>,
}
