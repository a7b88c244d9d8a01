//! AWS credentials, and where they come from.

use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::fetch::callout::Clusters;
use crate::http::url::{BaseUrl, Endpoint};

/// A key pair, with a session token if it is temporary.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AwsCredentials {
    /// The public part of the key pair.
    pub access_key_id: String,
    /// The secret part of the key pair.
    pub secret_access_key: Secret,
    /// The session token of temporary credentials.
    pub session_token: Option<Secret>,
    /// When temporary credentials expire.
    pub expires_at: Option<UnixTime>,
}

/// How to get credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AwsSettings {
    /// The credentials providers, tried in this order until one responds. There is at least one.
    pub providers: Vec<CredentialsProvider>,
    /// The role to assume with the credentials of the provider.
    pub role: Option<Role>,
    /// The clusters to send callouts through.
    pub clusters: Clusters,
}

/// A place that credentials come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CredentialsProvider {
    /// The configuration or the environment.
    Static(AwsCredentials),
    /// The credentials endpoint of a container: ECS, EKS Pod Identity, or a helper that uses the
    /// same JSON.
    Container {
        /// The endpoint.
        endpoint: Endpoint,
        /// The value of `authorization`, if the endpoint requires one.
        authorization: Option<Secret>,
    },
    /// The instance metadata service of EC2, version 2.
    InstanceMetadata {
        /// The service's address.
        endpoint: BaseUrl,
    },
}

/// What is wrong with [`CredentialsProvider::needs_token_file`], and what to do.
pub const POD_IDENTITY: &str = "EKS Pod Identity keeps its token in a file, which a Wasm filter \
    cannot read, so its endpoint answers 401; let Envoy sign the requests (\"signing\": \"envoy\"), \
    or use other credentials";

/// The agent of EKS Pod Identity.
const POD_IDENTITY_AGENT: [&str; 2] = ["169.254.170.23", "[fd00:ec2::23]"];

impl CredentialsProvider {
    /// Whether this is the agent of EKS Pod Identity without the token that it requires. `env`
    /// returns the host's environment variables.
    pub fn needs_token_file(&self, env: &dyn Fn(&str) -> Option<String>) -> bool {
        let Self::Container {
            endpoint,
            authorization: None,
        } = self
        else {
            return false;
        };
        let is_from_environment = || {
            env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
                .is_some_and(|uri| Endpoint::parse(&uri).as_ref() == Ok(endpoint))
        };
        is_pod_identity_agent(&endpoint.authority)
            || env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE").is_some() && is_from_environment()
    }
}

/// Whether an authority is the agent of EKS Pod Identity.
pub fn is_pod_identity_agent(authority: &str) -> bool {
    let host = authority.strip_suffix(":80").unwrap_or(authority);
    POD_IDENTITY_AGENT.contains(&host)
}

/// An IAM role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Role {
    /// The ARN.
    pub arn: String,
    /// The external id, if the role's trust policy requires one.
    pub external_id: Option<String>,
    /// The session's name in AWS's logs.
    pub session_name: String,
    /// The duration of the session.
    pub duration: Duration,
    /// The endpoint of the Security Token Service.
    pub endpoint: Endpoint,
    /// The region for which requests to that endpoint are signed.
    pub region: String,
}

/// Why a document holds no usable credentials.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum InvalidCredentials {
    /// It lacks a member.
    #[error("the answer is not JSON with AccessKeyId and SecretAccessKey")]
    Malformed,
    /// `Expiration` is not a time.
    #[error("the credentials' Expiration is not a time")]
    Expiration,
    /// They have expired.
    #[error("the credentials have ended already")]
    Expired,
    /// They cannot be sent in a header.
    #[error("the credentials are empty or have characters that no header can carry")]
    Characters,
}

/// Credentials as container endpoints and instance metadata return them.
#[derive(Deserialize)]
struct CredentialsDocument {
    #[serde(rename = "AccessKeyId")]
    access_key_id: String,
    #[serde(rename = "SecretAccessKey")]
    secret_access_key: String,
    #[serde(rename = "Token")]
    token: Option<String>,
    #[serde(rename = "Expiration")]
    expiration: Option<String>,
}

impl AwsCredentials {
    /// Parses the JSON of container endpoints and instance metadata. Expired credentials are an
    /// error.
    pub(super) fn parse(document: &[u8], now: UnixTime) -> Result<Self, InvalidCredentials> {
        let document: CredentialsDocument =
            serde_json::from_slice(document).map_err(|_| InvalidCredentials::Malformed)?;
        let expires_at = match document.expiration.as_deref() {
            None | Some("") => None,
            Some(text) => {
                Some(UnixTime::parse_rfc_3339(text).ok_or(InvalidCredentials::Expiration)?)
            }
        };
        Self {
            access_key_id: document.access_key_id,
            secret_access_key: Secret::new(document.secret_access_key),
            session_token: document
                .token
                .filter(|token| !token.is_empty())
                .map(Secret::new),
            expires_at,
        }
        .checked(now)
    }

    /// Returns the credentials if they can be sent and have not expired.
    pub(super) fn checked(self, now: UnixTime) -> Result<Self, InvalidCredentials> {
        if self.expires_at.is_some_and(|end| end <= now) {
            return Err(InvalidCredentials::Expired);
        }
        if self.can_be_sent() {
            Ok(self)
        } else {
            Err(InvalidCredentials::Characters)
        }
    }

    /// Whether every part is non-empty and consists of characters that a header can carry.
    pub fn can_be_sent(&self) -> bool {
        let token = self.session_token.as_ref().map(Secret::expose);
        [self.access_key_id.as_str(), self.secret_access_key.expose()]
            .into_iter()
            .chain(token)
            .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_graphic()))
    }

    /// The JSON that [`Self::parse`] reads, to share the credentials with the other workers.
    pub(super) fn document(&self) -> String {
        serde_json::json!({
            "AccessKeyId": self.access_key_id,
            "SecretAccessKey": self.secret_access_key.expose(),
            "Token": self.session_token.as_ref().map(Secret::expose),
            "Expiration": self.expires_at.map(|end| end.to_string()),
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
    const FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

    #[test]
    fn pod_identity_needs_a_token_file_unless_a_token_is_given() {
        let agent = "http://169.254.170.23/v1/credentials";
        let local = "http://127.0.0.1:1/c";
        for (uri, variables, expected) in [
            (agent, vec![], true),
            ("http://169.254.170.23:80/v1/credentials", vec![], true),
            ("http://[fd00:ec2::23]/v1/credentials", vec![], true),
            (local, vec![(FULL_URI, local), (FILE, "/token")], true),
            (local, vec![(FULL_URI, local)], false),
            // A helper that is configured beside the agent's variables.
            (local, vec![(FULL_URI, agent), (FILE, "/token")], false),
            ("http://169.254.170.2/c", vec![], false),
        ] {
            let env = |name: &str| {
                let mut variables = variables.iter();
                let found = variables.find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            let container = |authorization: Option<&str>| CredentialsProvider::Container {
                endpoint: Endpoint::parse(uri).unwrap(),
                authorization: authorization.map(|token| Secret::new(token.to_owned())),
            };
            assert_eq!(container(None).needs_token_file(&env), expected, "{uri}");
            assert!(!container(Some("t")).needs_token_file(&env), "{uri}");
        }
    }
}
