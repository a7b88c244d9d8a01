//! Everything in which providers differ, in one place: a closed set of kinds, one small file each.
//!
//! To add a kind, add a file here and an arm to [`ProviderKind`]. No other module names a provider,
//! except for the subprotocol in `http::token_location`.

mod anthropic;
mod bedrock;
mod bedrock_mantle;
mod google;
pub mod model_list;
pub mod model_place;
mod openai;
mod openai_compatible;
pub mod operation;
pub mod snippets;
pub mod upstream_path;

use std::borrow::Cow;
use std::fmt;

#[cfg(test)]
pub(crate) use bedrock::INVOKE_MODEL;

use crate::http::token_location::TokenLocation;
use crate::usage::HeaderUsage;
use operation::Api;
use upstream_path::PathRule;

/// The kinds of provider, one for each native API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProviderKind {
    /// Anthropic's API.
    Anthropic,
    /// Amazon Bedrock Runtime.
    Bedrock,
    /// Amazon Bedrock's endpoint with OpenAI's and Anthropic's API.
    BedrockMantle,
    /// Google's Gemini API.
    Google,
    /// OpenAI's API.
    OpenAi,
    /// Any server that speaks OpenAI's API.
    OpenAiCompatible,
}

/// What is particular to a kind of provider.
pub struct Profile {
    /// The kind's name in the configuration.
    pub type_name: &'static str,
    /// The kind's name in OpenTelemetry's conventions (`gen_ai.provider.name`).
    pub system: &'static str,
    /// The public service, used if the configuration has no `base_url`.
    pub default_endpoint: DefaultEndpoint,
    /// How upstream paths are formed.
    pub paths: PathRule,
    /// The native API.
    pub api: Api,
    /// Other APIs, each with the prefix of its paths below the version.
    pub prefixed_apis: &'static [(&'static str, Api)],
    /// What a request body may put before a model's id.
    pub model_prefix: &'static str,
    /// The tokens that response headers report, if this kind has such headers.
    pub usage_headers: Option<UsageHeaders>,
    /// Response headers with the URL for the bytes of an upload. Uploads begin at paths with one of
    /// the prefixes in `paths`.
    pub upload_url_headers: &'static [&'static str],
    /// Where clients that request this path put the gateway's token.
    pub token_locations: fn(path: &[u8]) -> &'static [TokenLocation],
    /// Prefixes of request headers that are options of this API, although others with such a name
    /// describe the caller.
    pub option_headers: &'static [&'static str],
    /// The header for the gateway's token, named in the error for a client that put it elsewhere.
    pub token_hint: &'static str,
    /// Where a request for this path carries the provider's API key.
    pub key_placement: fn(path: &[u8]) -> KeyPlacement,
    /// Which credentials can be configured.
    pub credentials: CredentialRule,
    /// The instructions for clients on the connect page.
    pub connect_snippets: snippets::ConnectSnippets,
}

/// Reads what a response's headers report. `header` returns a header by its name.
pub type UsageHeaders = fn(header: &dyn Fn(&str) -> Option<Vec<u8>>) -> HeaderUsage;

/// The address of the public service.
#[derive(Clone, Copy)]
pub enum DefaultEndpoint {
    /// There is none: the configuration must have a `base_url`.
    None,
    /// One address for everybody.
    Global(&'static str),
    /// One address in each region. The configuration must name a region. There is none for a region
    /// of an unknown partition.
    Regional(fn(region: &str) -> Option<Cow<'static, str>>),
}

/// Where a request to the provider carries an API key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyPlacement {
    /// `Authorization: Bearer <key>`.
    Bearer,
    /// A header whose whole value is the key. The name is in lower case.
    Header(Cow<'static, str>),
}

/// Which credentials a kind of provider can be configured with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CredentialRule {
    /// Whether the provider may have no credential at all.
    pub optional: bool,
    /// Whether `api_key` is allowed.
    pub api_key: bool,
    /// Whether `authorization_passthrough` is allowed instead of a key.
    pub passthrough: bool,
    /// Whether `api_key_header` is allowed, which chooses the header for the key.
    pub key_header: bool,
    /// AWS's signing name of the service, if requests can be signed. Then `credentials` are
    /// allowed.
    pub signing_service: Option<&'static str>,
}

impl ProviderKind {
    /// Every kind, in the order in which the documentation lists them.
    pub const ALL: [Self; 6] = [
        Self::OpenAi,
        Self::Anthropic,
        Self::Google,
        Self::Bedrock,
        Self::BedrockMantle,
        Self::OpenAiCompatible,
    ];

    /// What is particular to this kind.
    pub const fn profile(self) -> &'static Profile {
        match self {
            Self::Anthropic => &anthropic::PROFILE,
            Self::Bedrock => &bedrock::PROFILE,
            Self::BedrockMantle => &bedrock_mantle::PROFILE,
            Self::Google => &google::PROFILE,
            Self::OpenAi => &openai::PROFILE,
            Self::OpenAiCompatible => &openai_compatible::PROFILE,
        }
    }

    /// The kind with this name in the configuration.
    pub fn from_type_name(type_name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.profile().type_name == type_name)
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.profile().type_name)
    }
}
