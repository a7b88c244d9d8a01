//! Everything in which providers differ, in one place: a closed set of kinds, one small file each.
//!
//! Adding a kind is a file here and an arm in [`ProviderKind`]. No other room names a provider.

mod anthropic;
mod bedrock;
mod bedrock_mantle;
mod google;
mod model_list;
pub mod model_place;
mod openai;
mod openai_compatible;
pub mod snippets;
pub mod upstream_path;

use std::borrow::Cow;
use std::fmt;

#[cfg(test)]
pub(crate) use bedrock::INVOKE_MODEL;

pub use upstream_path::upstream_path;

use crate::http::token_location::TokenLocation;
use crate::usage::dialect::Dialect;
use crate::usage::response_usage::TokenUsage;
use model_place::ModelPlace;

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
    /// The public service, used where the configuration names no `base_url`.
    pub default_endpoint: DefaultEndpoint,
    /// The API version that a path without one is meant for.
    pub version: &'static str,
    /// Leading path segments that stand before the version.
    pub before_version: &'static [&'static str],
    /// Whether a base URL with a version further up says all that stands before what clients ask for,
    /// and a client that says such a segment says all of it: no version is added then.
    pub paths_are_whole: bool,
    /// Response headers with the URL for the bytes of an upload that begins at a path with such a
    /// segment.
    pub upload_url_headers: &'static [&'static str],
    /// How paths begin that have no version of this kind: whole segments.
    pub unversioned: &'static [&'static str],
    /// Paths that stand for others.
    pub path_aliases: &'static [(&'static str, &'static str)],
    /// Where clients of this path put the gateway's token.
    pub token_locations: fn(path: &[u8]) -> &'static [TokenLocation],
    /// The header that brings the gateway's token, named to a client that put it elsewhere.
    pub token_hint: &'static str,
    /// Where this path takes the provider's API key.
    pub key_placement: fn(path: &[u8]) -> KeyPlacement,
    /// Which credentials the configuration may give.
    pub credentials: CredentialRule,
    /// Response headers that tell whose account at the provider the gateway uses.
    pub account_headers: &'static [&'static str],
    /// The model that a path names, percent-decoded; `None` where the path is not of the one shape
    /// that does.
    pub model_in_path: fn(path: &[u8]) -> Option<Vec<u8>>,
    /// The member of a JSON body that names the model, by the path without its version.
    pub model_member: fn(native: &[u8]) -> &'static str,
    /// What a body may write before a model's id.
    pub model_prefix: &'static str,
    /// Paths, without version, whose POST names no model and generates nothing.
    pub paths_without_model: &'static [&'static str],
    /// What its clients are set up with.
    pub connect_snippets: snippets::ConnectSnippets,
    /// The models that a GET of a path without version asks for.
    pub model_list: fn(native: &[u8]) -> Option<ModelPlace>,
    /// Whether the body of a POST of this path names a model.
    pub model_in_body: fn(path: &[u8]) -> bool,
    /// How the answer to a POST of this path reports usage; `None` where it reports none. The path
    /// is the client's, without a leading slash and the query.
    pub usage_dialect: fn(path: &[u8]) -> Option<&'static Dialect>,
    /// The tokens that response headers report, where this kind has such headers.
    pub usage_headers: Option<UsageHeaders>,
}

/// The tokens that a response's headers report, which a function gives by name.
pub type UsageHeaders = fn(header: &dyn Fn(&str) -> Option<Vec<u8>>) -> TokenUsage;

/// Where a kind of provider is served to the public.
#[derive(Clone, Copy)]
pub enum DefaultEndpoint {
    /// Nowhere: the configuration must name a base URL.
    None,
    /// In one place for all.
    Global(&'static str),
    /// In each region; the configuration must name one.
    Regional(fn(region: &str) -> Cow<'static, str>),
}

/// Where an API key goes in a request to the provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyPlacement {
    /// `Authorization: Bearer <key>`.
    Bearer,
    /// A header whose whole value is the key; the name is in lower case.
    Header(Cow<'static, str>),
}

/// Which credentials a kind of provider can be configured with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CredentialRule {
    /// Whether a provider without any credential makes sense.
    pub optional: bool,
    /// Whether `api_key` may be given.
    pub api_key: bool,
    /// Whether `authorization_passthrough` may stand in the place of a key.
    pub passthrough: bool,
    /// Whether `api_key_header` may choose the header that takes the key.
    pub key_header: bool,
    /// AWS's name of the service, where requests can be signed; `credentials` are given then.
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

    /// The kind of that name in the configuration.
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
