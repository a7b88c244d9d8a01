//! The configuration as it is written: shapes only, no meaning. Unknown fields are errors.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::aws_document::CredentialsDocument;
use crate::config::secret::SecretReference;

/// The configuration of the AI gateway filter.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Document {
    /// The JSON Schema of this document, for editors; the filter does not read it.
    #[serde(default, rename = "$schema")]
    _schema: Option<String>,
    /// Where the providers are served; `/llm/v1/providers` by default.
    pub(super) path_prefix: Option<String>,
    /// Where the totals are served; by default `usage` beside the providers.
    pub(super) usage_path: Option<String>,
    /// Where the gateway tells how it does; by default `status` beside the providers.
    pub(super) status_path: Option<String>,
    /// How callers are known.
    pub(super) authentication: Authentication,
    /// What callers may do; by default nothing.
    #[serde(default)]
    pub(super) authorization: Authorization,
    /// The providers.
    pub(super) providers: Vec<Provider>,
    /// The page to connect from is served without a token, too; it is the same for everybody.
    #[serde(default)]
    pub(super) public_connect_page: bool,
    /// Upstream response headers that tell of the gateway's account.
    pub(super) response_headers_to_remove: Option<Vec<String>>,
    /// The largest body that is held back for a signature; 32 MiB by default, as the listener's limit.
    pub(super) max_signed_body_bytes: Option<u64>,
    /// With a catalog: how much of a body is held until it has named its model; 32 MiB by default.
    pub(super) max_model_lookup_bytes: Option<u64>,
    /// The status for a model that is in no catalog: 404, by default, or 403.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = [404, 403, null])))]
    pub(super) unlisted_model_status: Option<u16>,
    /// What is logged and counted beyond what always is.
    #[serde(default)]
    pub(super) observability: Observability,
    /// The Envoy clusters for `https` and `http` URLs.
    #[serde(default)]
    pub(super) clusters: Clusters,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Authentication {
    /// Who may issue tokens.
    #[serde(default)]
    pub(super) issuers: Vec<Issuer>,
    /// `true`, without issuers: whoever reaches the gateway may use it.
    #[serde(default)]
    pub(super) disabled: bool,
    /// Headers that may carry the token for every provider; never forwarded.
    pub(super) token_headers: Option<Vec<String>>,
    /// Tokens that passed and are remembered, in each worker; 1000 by default.
    pub(super) token_cache_size: Option<usize>,
    /// Who checks signatures: the host where it can, by default.
    #[serde(default)]
    pub(super) signature_verifier: SignatureVerifier,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum SignatureVerifier {
    #[default]
    Auto,
    Host,
    Wasm,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Issuer {
    /// The exact `iss`; its `/.well-known/openid-configuration` names the key set.
    pub(super) issuer: String,
    /// A token's `aud` must name one of these.
    pub(super) audiences: Vec<String>,
    /// The key set's URL; by discovery where it is missing.
    pub(super) jwks_uri: Option<String>,
    /// The key set itself, instead of a URL.
    pub(super) jwks: Option<Value>,
    /// The signature algorithms that pass; by default all of them.
    #[cfg_attr(feature = "schema", schemars(extend("items" = super::choices::algorithms())))]
    pub(super) algorithms: Option<Vec<String>>,
    /// Leeway for `nbf` and `iat`; `60s` by default.
    pub(super) clock_skew: Option<String>,
    /// The Envoy cluster to fetch keys through.
    pub(super) cluster: Option<String>,
    /// Whether its keys may be at a link-local address or a metadata service.
    #[serde(default)]
    pub(super) allow_link_local: bool,
    /// For each callout; `5s` by default.
    pub(super) fetch_timeout: Option<String>,
    /// How old keys get before they are fetched anew; `10m` by default.
    pub(super) refresh_interval: Option<String>,
    /// What an issuer's shorter `max-age` counts as at least.
    pub(super) min_refresh_interval: Option<String>,
    /// What an issuer's longer `max-age` counts as at most.
    pub(super) max_refresh_interval: Option<String>,
    /// How long keys serve beyond that while the issuer cannot be reached; `24h` by default.
    pub(super) max_stale: Option<String>,
    /// An unknown `kid` causes one fetch in that time at most; `30s` by default.
    pub(super) refetch_interval: Option<String>,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Authorization {
    /// The claims that carry permissions: names, or JSON pointers where they begin with `/`.
    pub(super) claims: Option<Vec<String>>,
    /// One of these allows to send requests.
    pub(super) invoke: Option<Vec<String>>,
    /// One of these allows to list and show providers.
    pub(super) get: Option<Vec<String>>,
    /// Permissions granted here.
    #[serde(default)]
    pub(super) bindings: Vec<Binding>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Binding {
    /// Whose tokens are meant, one of the `issuers`; by default any.
    pub(super) issuer: Option<String>,
    /// The `sub` that is granted them.
    pub(super) subject: Option<String>,
    /// The claim that tells whom they are granted, with `value`.
    pub(super) claim: Option<String>,
    /// The text that the claim is, or that its array holds.
    pub(super) value: Option<String>,
    /// What is granted.
    pub(super) permissions: Vec<Permission>,
    /// For these providers only; by default for all.
    pub(super) providers: Option<Vec<String>>,
    /// The models that are granted; by default all.
    pub(super) models: Option<Vec<String>>,
    /// What tokens cost whoever is bound, by model, per million.
    #[serde(default)]
    pub(super) prices: BTreeMap<String, Prices>,
}

#[derive(Deserialize, Clone, Copy)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Permission {
    Invoke,
    Get,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct AllowRule {
    /// Whose tokens are meant, one of the `issuers`; by default any.
    pub(super) issuer: Option<String>,
    /// The `sub` of who may use it.
    pub(super) subject: Option<String>,
    /// The claim that tells who may use it, with `value`.
    pub(super) claim: Option<String>,
    /// The text that the claim is, or that its array holds.
    pub(super) value: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Provider {
    /// The segment of the proxy URL.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[a-z][a-z0-9-]{0,62}$")))]
    pub(super) name: String,
    /// Which API it speaks.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = super::choices::provider_types())))]
    pub(super) kind: String,
    /// The name for people.
    pub(super) display_name: Option<String>,
    /// `false` answers 403.
    pub(super) enabled: Option<bool>,
    /// Where requests go; by default the public service.
    pub(super) base_url: Option<String>,
    /// Whether the provider's paths have no version: none is added, a client's is taken off.
    #[serde(default)]
    pub(super) paths_without_version: bool,
    /// Whether `base_url` may be at a link-local address or a metadata service.
    #[serde(default)]
    pub(super) allow_link_local: bool,
    /// The Envoy cluster that reaches it; by default by the scheme.
    pub(super) cluster: Option<String>,
    /// The region that requests are signed for.
    pub(super) region: Option<String>,
    /// What requests are signed with.
    pub(super) credentials: Option<CredentialsDocument>,
    /// Who signs; by default the filter.
    pub(super) signing: Option<Signing>,
    /// The API key, named by its environment variable.
    pub(super) api_key: Option<SecretReference>,
    /// The header whose value is the key.
    pub(super) api_key_header: Option<String>,
    /// The client's own credential goes through unchanged.
    #[serde(default)]
    pub(super) authorization_passthrough: bool,
    /// With passthrough: a gateway token is needed in a side header.
    #[serde(default)]
    pub(super) require_gateway_token: bool,
    /// The models that it serves, by exact id or by a beginning and `*`; by default all.
    pub(super) models: Option<Vec<String>>,
    /// Native paths, without version, that pass without a model although there is a catalog.
    #[serde(default)]
    pub(super) paths_without_model: Vec<String>,
    /// Headers that each request gets.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// What tokens cost, by model, per million.
    #[serde(default)]
    pub(super) prices: BTreeMap<String, Prices>,
    /// Narrows all permissions: one of these must match.
    pub(super) allow: Option<Vec<AllowRule>>,
}

/// Per million tokens.
#[derive(Deserialize, Clone, Copy)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Prices {
    /// Input tokens that no cache is involved with.
    pub(super) input: f64,
    /// Output tokens, reasoning included.
    pub(super) output: f64,
    /// Input tokens read from a cache; `input` by default.
    pub(super) cached_input: Option<f64>,
    /// Input tokens written to a cache for five minutes; `input` by default.
    pub(super) cache_write_5m: Option<f64>,
    /// Input tokens written to a cache for an hour; `cache_write_5m` by default.
    pub(super) cache_write_1h: Option<f64>,
}

/// Who signs requests to AWS.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Signing {
    Filter,
    Envoy,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Observability {
    /// Request headers that name a conversation.
    pub(super) conversation_headers: Option<Vec<String>>,
    /// Claims that the access log gets.
    #[serde(default)]
    pub(super) log_claims: Vec<String>,
    /// Fields that the access log gets; all by default.
    pub(super) log_fields: Option<Vec<String>>,
    /// How many models become a metric's label beside those that are configured; 100 by default.
    pub(super) max_models: Option<usize>,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Clusters {
    /// For `https` URLs; `upstream_https` by default.
    pub(super) https: Option<String>,
    /// For `http` URLs; `upstream_http` by default.
    pub(super) http: Option<String>,
}
