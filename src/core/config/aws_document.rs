//! The shape of this type's `credentials` in the configuration: one of these, by its name.

use serde::Deserialize;

use crate::config::secret::SecretReference;

/// `credentials`.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum CredentialsDocument {
    /// A key pair.
    Static(KeyPair),
    /// An API key of the service, sent as a bearer token; nothing is signed.
    #[serde(rename = "bedrock_api_key")]
    ApiKey(SecretReference),
    /// A container's credentials endpoint.
    Container(Container),
    /// EC2's instance metadata.
    Imds(InstanceMetadata),
    /// A role, assumed with credentials from elsewhere.
    AssumeRole(AssumeRole),
    /// The environment, else a container's endpoint, else instance metadata.
    DefaultChain(DefaultChain),
}

/// What a role is assumed with.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "as in CredentialsDocument")]
pub(super) enum RoleSource {
    Static(KeyPair),
    Container(Container),
    Imds(InstanceMetadata),
    DefaultChain(DefaultChain),
}

/// `static`.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct KeyPair {
    /// The access key's id.
    pub(super) access_key_id: SecretReference,
    /// The secret access key.
    pub(super) secret_access_key: SecretReference,
    /// The session token, where the pair is temporary.
    pub(super) session_token: Option<SecretReference>,
}

/// `container`.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct Container {
    /// The endpoint; else the one that ECS or EKS puts into the environment.
    pub(super) uri: Option<Text>,
    /// What the endpoint wants in `Authorization`; else likewise.
    pub(super) authorization_token: Option<SecretReference>,
}

/// `imds`.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct InstanceMetadata {
    /// Its address, where it is not the usual one.
    pub(super) endpoint: Option<String>,
}

/// `default_chain`.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct DefaultChain {
    /// The address of the instance metadata service, where it is not the usual one.
    pub(super) imds_endpoint: Option<String>,
}

/// `assume_role`.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(super) struct AssumeRole {
    /// The role.
    pub(super) role_arn: String,
    /// What the role's trust policy may ask for.
    pub(super) external_id: Option<String>,
    /// The session's name, shown in AWS's logs; `ai-gateway` by default.
    pub(super) session_name: Option<String>,
    /// How long a session is, from 15m to 12h; `1h` by default.
    pub(super) duration: Option<String>,
    /// The Security Token Service, where it is not the region's.
    pub(super) endpoint: Option<String>,
    /// What the role is assumed with.
    pub(super) source: RoleSource,
}

/// A text, or the name of the environment variable that holds it.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(super) enum Text {
    /// The text.
    Plain(String),
    /// The variable.
    Reference(SecretReference),
}
