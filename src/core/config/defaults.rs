//! The defaults of the configuration.

use std::time::Duration;

/// `path_prefix`.
pub const PATH_PREFIX: &str = "/llm/v1/providers";
/// `usage_path`: replaces the last segment of `path_prefix`.
pub const USAGE: &str = "usage";
/// `status_path`: replaces the last segment of `path_prefix`.
pub const STATUS: &str = "status";
/// `clusters.https`.
pub const HTTPS_CLUSTER: &str = "upstream_https";
/// `clusters.http`.
pub const HTTP_CLUSTER: &str = "upstream_http";
/// `response_headers_to_remove`: what identifies the gateway's account, by family, and what clients
/// would store for the gateway's host.
pub const RESPONSE_HEADERS_TO_REMOVE: [&str; 35] = [
    "*-account",
    "*-account-id",
    "*-account-name",
    "*-customer-id",
    "*-org",
    "*-org-id",
    "*-org-name",
    "*-organization",
    "*-organization-id",
    "*-organization-name",
    "*-project",
    "*-project-id",
    "*-project-name",
    "*-subscription-id",
    "*-team-id",
    "*-tenant-id",
    "*-user-id",
    "*-workspace",
    "*-workspace-id",
    "*-workspace-name",
    "accept-ch",
    "access-control-*",
    "alt-svc",
    "clear-site-data",
    "critical-ch",
    "expect-ct",
    "nel",
    "origin-agent-cluster",
    "public-key-pins*",
    "report-to",
    "reporting-endpoints",
    "set-cookie*",
    "set-login",
    "strict-transport-security",
    "use-as-dictionary",
];
/// `mcp.path_prefix`, after what precedes the default of `path_prefix`.
pub const MCP_PATH_PREFIX: &str = "/mcp/v1";
/// `authorization.mcp.invoke`.
pub const MCP_INVOKE: [&str; 1] = ["MCPServerInvoker"];
/// What precedes a permission's name in the defaults of `authorization.mcp`.
pub const MCP_PERMISSION: &str = "dataplane_adp_mcpserver_";
/// `mcp.max_lookup_bytes`: the listener's limit, because a client may write the arguments first.
pub const MAX_MCP_LOOKUP_BYTES: u64 = MAX_SIGNED_BODY_BYTES;
/// `max_signed_body_bytes`: the listener's limit in `envoy/bootstrap.yaml`.
pub const MAX_SIGNED_BODY_BYTES: u64 = 32 * 1024 * 1024;
/// `max_model_lookup_bytes`: the same limit, because some SDKs write the model after the prompt.
pub const MAX_MODEL_LOOKUP_BYTES: u64 = MAX_SIGNED_BODY_BYTES;
/// `max_unauthenticated_body_bytes`.
pub const MAX_UNAUTHENTICATED_BODY_BYTES: u64 = 1024 * 1024;
/// `max_held_bytes`, per worker: room for eight of the largest bodies.
pub const MAX_HELD_BYTES: u64 = 8 * MAX_SIGNED_BODY_BYTES;
/// `observability.conversation_headers`.
pub const CONVERSATION_HEADERS: [&str; 2] =
    ["x-gen-ai-conversation", "x-redpanda-genai-conversation"];
/// `observability.max_models`.
pub const MAX_MODELS: usize = 100;
/// `authentication.token_headers`.
pub const TOKEN_HEADERS: [&str; 2] = ["x-ai-gateway-authorization", "x-redpanda-cloud-token"];
/// `authentication.token_cache_size`, in tokens per worker.
pub const TOKEN_CACHE_SIZE: usize = 1000;
/// `authentication.max_token_bytes`.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// `authentication.issuers[].clock_skew`.
pub const CLOCK_SKEW: Duration = Duration::from_secs(60);
/// `authentication.issuers[].fetch_timeout`, per callout.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// `authentication.issuers[].refresh_interval`.
pub const REFRESH_INTERVAL: Duration = Duration::from_secs(600);
/// `authentication.issuers[].min_refresh_interval`.
pub const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(60);
/// `authentication.issuers[].max_refresh_interval`.
pub const MAX_REFRESH_INTERVAL: Duration = Duration::from_secs(3600);
/// `authentication.issuers[].max_stale`.
pub const MAX_STALE: Duration = Duration::from_secs(86_400);
/// `authentication.issuers[].refetch_interval`.
pub const REFETCH_INTERVAL: Duration = Duration::from_secs(30);
/// `authentication.issuers[].audience_claims`.
pub const AUDIENCE_CLAIMS: [&str; 1] = ["aud"];
/// `authorization.claims`.
pub const PERMISSION_CLAIMS: [&str; 3] = ["permissions", "roles", "scope"];
/// `authorization.invoke`.
pub const INVOKE: [&str; 2] = ["dataplane_adp_llmprovider_invoke", "LLMProviderInvoker"];
/// `authorization.get`.
pub const GET: [&str; 2] = ["dataplane_adp_llmprovider_get", "LLMProviderInvoker"];
