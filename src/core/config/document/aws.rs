//! `providers[].credentials`: an object with one member, which names the kind of credentials.

use serde::Deserialize;

use super::SecretReference;

/// The AWS credentials that requests are signed with.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum AwsCredentialsConfig {
    /// An access key.
    Static(KeyPair),
    /// An API key of Amazon Bedrock, sent as a bearer token. Requests are not signed.
    #[serde(rename = "bedrock_api_key")]
    ApiKey(SecretReference),
    /// A container's credentials endpoint.
    Container(Container),
    /// EC2's instance metadata service.
    Imds(InstanceMetadata),
    /// A role that is assumed with other credentials.
    AssumeRole(AssumeRole),
    /// The environment variables, or else a container's endpoint, or else instance metadata.
    DefaultChain(DefaultChain),
}

/// The credentials with which a role is assumed.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum RoleSource {
    /// An access key.
    Static(KeyPair),
    /// A container's credentials endpoint.
    Container(Container),
    /// EC2's instance metadata service.
    Imds(InstanceMetadata),
    /// The environment variables, or else a container's endpoint, or else instance metadata.
    DefaultChain(DefaultChain),
}

/// An access key.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in super::super) struct KeyPair {
    /// The access key id.
    pub(in super::super) access_key_id: SecretReference,
    /// The secret access key.
    pub(in super::super) secret_access_key: SecretReference,
    /// The session token of a temporary access key.
    pub(in super::super) session_token: Option<SecretReference>,
}

/// A container's credentials endpoint.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in super::super) struct Container {
    /// The endpoint; by default the one in the environment variables that ECS and EKS set.
    pub(in super::super) uri: Option<Uri>,
    /// The value of `Authorization` for the endpoint; by default the variable
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    pub(in super::super) authorization_token: Option<SecretReference>,
}

/// EC2's instance metadata service.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in super::super) struct InstanceMetadata {
    /// The service's base URL; `http://169.254.169.254` by default.
    pub(in super::super) endpoint: Option<String>,
}

/// The environment variables, or else a container's endpoint, or else instance metadata.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in super::super) struct DefaultChain {
    /// The base URL of the instance metadata service; `http://169.254.169.254` by default.
    pub(in super::super) imds_endpoint: Option<String>,
}

/// A role that is assumed with other credentials.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(in super::super) struct AssumeRole {
    /// The role's ARN.
    pub(in super::super) role_arn: String,
    /// The external id, if the role's trust policy requires one.
    pub(in super::super) external_id: Option<String>,
    /// The session's name, which AWS's logs show; `ai-gateway` by default.
    pub(in super::super) session_name: Option<String>,
    /// The session's duration, from 15m to 12h; `1h` by default.
    pub(in super::super) duration: Option<String>,
    /// The URL of the Security Token Service; by default the region's.
    pub(in super::super) endpoint: Option<String>,
    /// The credentials with which the role is assumed.
    pub(in super::super) source: RoleSource,
}

/// A URI, or the environment variable that holds it.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub(in super::super) enum Uri {
    /// The URI.
    Plain(String),
    /// Where the URI is found.
    Reference(SecretReference),
}
