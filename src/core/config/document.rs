//! The configuration as it is written: the shape of the JSON, not its meaning. Unknown fields are
//! errors.
//!
//! The doc comments of the fields are their descriptions in the JSON Schema, which editors show.

mod aws;
#[cfg(feature = "schema")]
mod inspection;
mod mcp;
mod secret;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::problem::{ConfigError, shape_error};

pub(super) use aws::{
    AssumeRole, AwsCredentialsConfig, Container, DefaultChain, InstanceMetadata, KeyPair,
    RoleSource, Uri,
};
pub(super) use mcp::{McpClaimValuesConfig, McpConfig, McpCredentialConfig, McpServerConfig};
pub(super) use secret::{SecretError, SecretReference};

/// The configuration of the AI gateway filter.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub struct Document {
    /// The JSON Schema of this document, for editors; the filter ignores it.
    #[serde(default, rename = "$schema")]
    _schema: Option<String>,
    /// The path under which the providers are served; `/llm/v1/providers` by default.
    pub(super) path_prefix: Option<String>,
    /// The path of the usage totals; by default `usage` next to the providers.
    pub(super) usage_path: Option<String>,
    /// The path of the gateway's status; by default `status` next to the providers.
    pub(super) status_path: Option<String>,
    /// How callers are authenticated.
    pub(super) authentication: AuthenticationConfig,
    /// What callers may do; by default only what their tokens' claims grant.
    #[serde(default)]
    pub(super) authorization: Authorization,
    /// The providers.
    pub(super) providers: Vec<ProviderConfig>,
    /// The MCP servers.
    #[serde(default)]
    pub(super) mcp_servers: Vec<McpServerConfig>,
    /// What all MCP servers have in common.
    #[serde(default)]
    pub(super) mcp: McpConfig,
    /// `true` also serves the connect page without a token; the page is the same for everybody.
    #[serde(default)]
    pub(super) public_connect_page: bool,
    /// Request headers that no provider receives, in addition to credentials and to headers that
    /// describe the caller; each a name, or a prefix followed by `*`.
    pub(super) request_headers_to_remove: Option<Vec<String>>,
    /// The only request headers that providers receive, besides those that HTTP needs; by default
    /// all that do not describe the caller. A header that is listed by its name may describe the
    /// caller.
    pub(super) request_headers_allowed: Option<Vec<String>>,
    /// Response headers of the providers that are not forwarded; by default those that identify the
    /// gateway's account or that clients would store for the gateway's host. Each is a name, a
    /// prefix followed by `*`, or `*` followed by a suffix.
    pub(super) response_headers_to_remove: Option<Vec<String>>,
    /// The largest request body that is buffered for signing; 32 MiB by default, the listener's
    /// limit.
    pub(super) max_signed_body_bytes: Option<u64>,
    /// With a model catalog: how much of a request body is buffered while the filter looks for the
    /// model; 32 MiB by default.
    pub(super) max_model_lookup_bytes: Option<u64>,
    /// How much of a request body is buffered while its caller is not authenticated; 1 MiB by
    /// default.
    pub(super) max_unauthenticated_body_bytes: Option<u64>,
    /// How many bytes of request bodies each worker buffers in all; 256 MiB by default.
    pub(super) max_held_bytes: Option<u64>,
    /// The status for a model that is not in the catalog: 404, the default, or 403.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = [404, 403, null])))]
    pub(super) unlisted_model_status: Option<u16>,
    /// Optional logs, metrics and limits.
    #[serde(default)]
    pub(super) observability: ObservabilityConfig,
    /// The Envoy clusters for `https` and `http` URLs.
    #[serde(default)]
    pub(super) clusters: ClustersConfig,
}

impl Document {
    /// Parses a JSON text. It reports only the first mistake of shape, because serde stops there.
    pub fn parse(json: &[u8]) -> Result<Self, ConfigError> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let document = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| shape_error(&error))?;
        match deserializer.end() {
            Ok(()) => Ok(document),
            Err(_) => Err(ConfigError::new("", "has data after the configuration")),
        }
    }
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Authentication"))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct AuthenticationConfig {
    /// Who may issue tokens.
    #[serde(default)]
    pub(super) issuers: Vec<IssuerConfig>,
    /// `true`, without issuers: everyone who can reach the gateway may use it.
    #[serde(default)]
    pub(super) disabled: bool,
    /// The gateway token headers: headers that may carry the token for every provider. They are
    /// never forwarded.
    pub(super) token_headers: Option<Vec<String>>,
    /// How many verified tokens each worker caches; 1000 by default.
    pub(super) token_cache_size: Option<usize>,
    /// The longest token that is accepted, in bytes; 16384 by default.
    pub(super) max_token_bytes: Option<usize>,
    /// What verifies signatures: the host if it can, by default.
    #[serde(default)]
    pub(super) signature_verifier: SignatureVerifierConfig,
}

#[derive(Deserialize, Clone, Copy, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "SignatureVerifier"))]
#[serde(rename_all = "snake_case")]
pub(super) enum SignatureVerifierConfig {
    #[default]
    Auto,
    Host,
    Wasm,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Issuer"))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct IssuerConfig {
    /// The exact `iss`; its `/.well-known/openid-configuration` names the key set.
    pub(super) issuer: String,
    /// One of the `audience_claims` must contain one of these.
    pub(super) audiences: Vec<String>,
    /// The claims that name the audience; `aud` by default.
    pub(super) audience_claims: Option<Vec<String>>,
    /// The key set's URL; found by discovery if missing.
    pub(super) jwks_uri: Option<String>,
    /// The key set itself, instead of a URL.
    pub(super) jwks: Option<Value>,
    /// The accepted signature algorithms; all of them by default.
    #[cfg_attr(feature = "schema", schemars(extend("items" = super::choices::algorithms())))]
    pub(super) algorithms: Option<Vec<String>>,
    /// Leeway for `nbf` and `iat`; `60s` by default.
    pub(super) clock_skew: Option<String>,
    /// The Envoy cluster through which keys are fetched; by default the one for the URL's scheme.
    pub(super) cluster: Option<String>,
    /// Whether the issuer's URL or `jwks_uri` may be a link-local address or a metadata service.
    #[serde(default)]
    pub(super) allow_link_local: bool,
    /// The timeout of each callout; `5s` by default.
    pub(super) fetch_timeout: Option<String>,
    /// How long keys are fresh if their response has no `cache-control`; `10m` by default.
    pub(super) refresh_interval: Option<String>,
    /// The lower bound of the time that a response's `cache-control` sets; `1m` by default.
    pub(super) min_refresh_interval: Option<String>,
    /// The upper bound of the time that a response's `cache-control` sets; `1h` by default.
    pub(super) max_refresh_interval: Option<String>,
    /// How long keys are used after that time while they cannot be fetched; `24h` by default.
    pub(super) max_stale: Option<String>,
    /// Tokens with an unknown `kid` cause at most one fetch in this time; `30s` by default.
    pub(super) refetch_interval: Option<String>,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct Authorization {
    /// The claims that carry permissions: names, or JSON pointers if they start with `/`.
    pub(super) claims: Option<Vec<String>>,
    /// Each of these values permits requests to providers.
    pub(super) invoke: Option<Vec<String>>,
    /// Each of these values permits listing and showing providers.
    pub(super) get: Option<Vec<String>>,
    /// The values that permit the methods of MCP servers.
    #[serde(default)]
    pub(super) mcp: McpClaimValuesConfig,
    /// Permissions granted by this configuration.
    #[serde(default)]
    pub(super) bindings: Vec<BindingConfig>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Binding"))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct BindingConfig {
    /// The issuer whose tokens the binding applies to, one of the `issuers`; any by default.
    pub(super) issuer: Option<String>,
    /// The `sub` that receives the permissions.
    pub(super) subject: Option<String>,
    /// The claim that selects who receives the permissions, together with `value`.
    pub(super) claim: Option<String>,
    /// The text that the claim must equal or contain.
    pub(super) value: Option<String>,
    /// The granted permissions.
    pub(super) permissions: Vec<Permission>,
    /// The names of the providers that the binding applies to; all by default, none if it names only
    /// MCP servers.
    pub(super) providers: Option<Vec<String>>,
    /// The granted models; all by default.
    pub(super) models: Option<Vec<String>>,
    /// Native paths, without their version, that are not granted.
    #[serde(default)]
    pub(super) paths_denied: Vec<String>,
    /// The only native paths, without their version, that are granted; all by default.
    pub(super) paths_allowed: Option<Vec<String>>,
    /// Token prices for these callers, by model.
    #[serde(default)]
    pub(super) prices: BTreeMap<String, PricesConfig>,
    /// The names of the MCP servers that the binding applies to; all by default, none if it names
    /// only providers.
    pub(super) mcp_servers: Option<Vec<String>>,
    /// The granted tools, each an exact name or a prefix followed by `*`; all by default.
    pub(super) tools: Option<Vec<String>>,
    /// The granted resources, each an exact URI or a prefix followed by `*`; all by default.
    pub(super) resources: Option<Vec<String>>,
    /// The granted prompts, each an exact name or a prefix followed by `*`; all by default.
    pub(super) prompts: Option<Vec<String>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Permission {
    Invoke,
    Get,
    Initialize,
    Ping,
    ToolsList,
    ToolsCall,
    ResourcesList,
    ResourcesTemplatesList,
    ResourcesRead,
    PromptsList,
    PromptsGet,
    LoggingSetLevel,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct AllowRule {
    /// The issuer whose tokens the rule applies to, one of the `issuers`; any by default.
    pub(super) issuer: Option<String>,
    /// The `sub` that may use the provider.
    pub(super) subject: Option<String>,
    /// The claim that selects who may use the provider, together with `value`.
    pub(super) claim: Option<String>,
    /// The text that the claim must equal or contain.
    pub(super) value: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Provider"))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct ProviderConfig {
    /// The segment of the proxy URL.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[a-z][a-z0-9-]{0,62}$")))]
    pub(super) name: String,
    /// The provider's API.
    #[serde(rename = "type")]
    #[cfg_attr(feature = "schema", schemars(extend("enum" = super::choices::provider_types())))]
    pub(super) kind: String,
    /// A name to show to people; `name` by default.
    pub(super) display_name: Option<String>,
    /// `false` answers requests with 403, and the variable of `api_key` need not be set; `true` by
    /// default.
    pub(super) enabled: Option<bool>,
    /// The URL to which requests are forwarded; by default the public service.
    pub(super) base_url: Option<String>,
    /// Whether the provider's paths have no version: none is added, and a version in the client's
    /// path is removed.
    #[serde(default)]
    pub(super) paths_without_version: bool,
    /// Whether `base_url` or the endpoint of `assume_role` may be a link-local address or a
    /// metadata service.
    #[serde(default)]
    pub(super) allow_link_local: bool,
    /// The Envoy cluster for requests to the provider; by default the one for the URL's scheme.
    pub(super) cluster: Option<String>,
    /// The AWS region that requests are signed for.
    pub(super) region: Option<String>,
    /// The AWS credentials that requests are signed with.
    pub(super) credentials: Option<AwsCredentialsConfig>,
    /// What signs requests: the filter by default.
    pub(super) signing: Option<Signing>,
    /// The API key, as the name of its environment variable.
    pub(super) api_key: Option<SecretReference>,
    /// The header that carries the key; by default the type's.
    pub(super) api_key_header: Option<String>,
    /// Forward the client's own credential unchanged.
    #[serde(default)]
    pub(super) authorization_passthrough: bool,
    /// With passthrough: require a gateway token in one of the `token_headers`.
    #[serde(default)]
    pub(super) require_gateway_token: bool,
    /// The only models that are served, each an exact id or a prefix followed by `*`; all by
    /// default.
    pub(super) models: Option<Vec<String>>,
    /// Native paths, without their version, that need no model although there is a catalog.
    #[serde(default)]
    pub(super) paths_without_model: Vec<String>,
    /// Native paths, without their version, that nobody may request.
    #[serde(default)]
    pub(super) paths_denied: Vec<String>,
    /// The only native paths, without their version, that may be requested; all by default.
    pub(super) paths_allowed: Option<Vec<String>>,
    /// Headers that are set on every request.
    #[serde(default)]
    pub(super) headers: BTreeMap<String, String>,
    /// Request headers that this provider does not receive, in addition to those for all.
    pub(super) request_headers_to_remove: Option<Vec<String>>,
    /// The only request headers that this provider receives, instead of those for all.
    pub(super) request_headers_allowed: Option<Vec<String>>,
    /// Response headers of this provider that are not forwarded, in addition to those for all.
    pub(super) response_headers_to_remove: Option<Vec<String>>,
    /// Token prices by model.
    #[serde(default)]
    pub(super) prices: BTreeMap<String, PricesConfig>,
    /// Restricts all permissions on this provider to callers that match one of these rules.
    pub(super) allow: Option<Vec<AllowRule>>,
}

/// The prices of a model: per million tokens, or per unit.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Prices"))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct PricesConfig {
    /// Input tokens that are neither read from nor written to a cache.
    pub(super) input: f64,
    /// Output tokens, including reasoning.
    pub(super) output: f64,
    /// Input tokens read from a cache; `input` by default.
    pub(super) cached_input: Option<f64>,
    /// Input tokens written to a cache for five minutes; `input` by default.
    pub(super) cache_write_5m: Option<f64>,
    /// Input tokens written to a cache for one hour; `cache_write_5m` by default.
    pub(super) cache_write_1h: Option<f64>,
    /// Input tokens that are audio.
    pub(super) audio_input: Option<f64>,
    /// Cached input tokens that are audio; `cached_input` by default.
    pub(super) cached_audio_input: Option<f64>,
    /// Output tokens that are audio.
    pub(super) audio_output: Option<f64>,
    /// Input tokens that are an image; `input` by default.
    pub(super) image_input: Option<f64>,
    /// Output tokens that are an image.
    pub(super) image_output: Option<f64>,
    /// One web search, or one of Cohere's search units.
    pub(super) per_search: Option<f64>,
    /// One image.
    pub(super) per_image: Option<f64>,
    /// One page of a document.
    pub(super) per_page: Option<f64>,
    /// One minute of audio.
    pub(super) per_audio_minute: Option<f64>,
    /// Prices for long inputs.
    #[serde(default)]
    pub(super) long_context: Vec<LongContextPrices>,
    /// Prices by the service tier that the response names.
    #[serde(default)]
    pub(super) tiers: BTreeMap<String, PriceChangeConfig>,
    /// Prices by the place where the model ran.
    #[serde(default)]
    pub(super) geographies: BTreeMap<String, PriceChangeConfig>,
    /// Prices by the speed at which the model ran.
    #[serde(default)]
    pub(super) speeds: BTreeMap<String, PriceChangeConfig>,
}

/// Prices that replace those of the model.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
#[cfg_attr(feature = "schema", schemars(rename = "PriceChange"))]
pub(super) struct PriceChangeConfig {
    /// What the token prices that are not given here are multiplied by; 1 by default.
    pub(super) multiplier: Option<f64>,
    /// Input tokens that are neither read from nor written to a cache.
    pub(super) input: Option<f64>,
    /// Output tokens, including reasoning.
    pub(super) output: Option<f64>,
    /// Input tokens read from a cache.
    pub(super) cached_input: Option<f64>,
    /// Input tokens written to a cache for five minutes.
    pub(super) cache_write_5m: Option<f64>,
    /// Input tokens written to a cache for one hour.
    pub(super) cache_write_1h: Option<f64>,
    /// Input tokens that are audio.
    pub(super) audio_input: Option<f64>,
    /// Cached input tokens that are audio.
    pub(super) cached_audio_input: Option<f64>,
    /// Output tokens that are audio.
    pub(super) audio_output: Option<f64>,
    /// Input tokens that are an image.
    pub(super) image_input: Option<f64>,
    /// Output tokens that are an image.
    pub(super) image_output: Option<f64>,
    /// One web search, or one of Cohere's search units.
    pub(super) per_search: Option<f64>,
    /// One image.
    pub(super) per_image: Option<f64>,
    /// One page of a document.
    pub(super) per_page: Option<f64>,
    /// One minute of audio.
    pub(super) per_audio_minute: Option<f64>,
    /// Prices for long inputs, instead of those of the model.
    #[serde(default)]
    pub(super) long_context: Vec<LongContextPrices>,
}

/// Prices for long inputs.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct LongContextPrices {
    /// The prices apply to the whole request if its input, including cached tokens, is longer.
    pub(super) above_input_tokens: u64,
    /// What the token prices that are not given here are multiplied by; 1 by default.
    pub(super) multiplier: Option<f64>,
    /// Input tokens that are neither read from nor written to a cache.
    pub(super) input: Option<f64>,
    /// Output tokens, including reasoning.
    pub(super) output: Option<f64>,
    /// Input tokens read from a cache.
    pub(super) cached_input: Option<f64>,
    /// Input tokens written to a cache for five minutes.
    pub(super) cache_write_5m: Option<f64>,
    /// Input tokens written to a cache for one hour.
    pub(super) cache_write_1h: Option<f64>,
    /// Input tokens that are audio.
    pub(super) audio_input: Option<f64>,
    /// Cached input tokens that are audio.
    pub(super) cached_audio_input: Option<f64>,
    /// Output tokens that are audio.
    pub(super) audio_output: Option<f64>,
    /// Input tokens that are an image.
    pub(super) image_input: Option<f64>,
    /// Output tokens that are an image.
    pub(super) image_output: Option<f64>,
}

/// What signs requests to AWS.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum Signing {
    Filter,
    Envoy,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Observability"))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct ObservabilityConfig {
    /// Request headers that identify a conversation.
    pub(super) conversation_headers: Option<Vec<String>>,
    /// Claims to log.
    #[serde(default)]
    pub(super) log_claims: Vec<String>,
    /// The fields of the access log that the filter sets; all by default.
    pub(super) log_fields: Option<Vec<String>>,
    /// How many models become label values of metrics in addition to the configured ones; 100 by
    /// default.
    pub(super) max_models: Option<usize>,
}

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Clusters"))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(super) struct ClustersConfig {
    /// For `https` URLs; `upstream_https` by default.
    pub(super) https: Option<String>,
    /// For `http` URLs; `upstream_http` by default.
    pub(super) http: Option<String>,
}
