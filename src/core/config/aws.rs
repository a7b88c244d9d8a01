//! `credentials` and `signing` of providers whose requests are signed.

use std::rc::Rc;
use std::time::Duration;

use super::document::{
    self, AssumeRole, AwsCredentialsConfig, Container, DefaultChain, InstanceMetadata, KeyPair,
    RoleSource, SecretReference, Signing, Uri,
};
use super::problem::Problems;
use super::validators::{self, LINK_LOCAL, UNKNOWN_PARTITION};
use crate::aws::credentials::{AwsCredentials, AwsSettings, CredentialsProvider, Role};
use crate::aws::partition::Partition;
use crate::base::secret::Secret;
use crate::fetch::callout::Clusters;
use crate::http::url::{BaseUrl, Endpoint};
use crate::provider::credential::{AwsSigning, Credential};

const METADATA_ADDRESS: &str = "http://169.254.169.254";
const CONTAINER_ADDRESS: &str = "http://169.254.170.2";
const SESSION_NAME: &str = "ai-gateway";
const SESSION_DURATION: Duration = Duration::from_secs(3600);

/// Reads the credential of a provider whose requests are signed.
pub(super) struct CredentialReader<'a> {
    pub(super) provider: &'a document::ProviderConfig,
    pub(super) region: &'a str,
    pub(super) service: &'static str,
    pub(super) clusters: &'a Clusters,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    /// The JSON path of the object that is being read.
    pub(super) path: String,
    pub(super) problems: &'a mut Problems,
}

impl CredentialReader<'_> {
    /// The credential: either the filter signs with `credentials`, or Envoy signs with its own.
    pub(super) fn read(mut self) -> Option<Credential> {
        let path = self.path.clone();
        match (&self.provider.credentials, self.provider.signing) {
            (None, Some(Signing::Envoy)) => Some(Credential::None),
            (Some(_), Some(Signing::Envoy)) => {
                self.problems.add(
                    format_args!("{path}/signing"),
                    "\"envoy\" contradicts credentials; Envoy's own filter gets them itself",
                );
                None
            }
            (None, _) => {
                self.problems.add(
                    format_args!("{path}/credentials"),
                    "is required: bedrock_api_key, static, container, imds, assume_role or default_chain",
                );
                None
            }
            (Some(credentials), _) => {
                self.path = format!("{path}/credentials");
                self.credentials(credentials)
            }
        }
    }

    fn credentials(&mut self, credentials: &AwsCredentialsConfig) -> Option<Credential> {
        let (origins, role) = match credentials {
            AwsCredentialsConfig::ApiKey(key) => {
                let key = key.resolve(self.env);
                let key = self.problems.ok_or_add(&self.path, key)?;
                return Some(Credential::ApiKey {
                    key,
                    placement: None,
                });
            }
            AwsCredentialsConfig::Static(pair) => (vec![self.key_pair(pair, "static")?], None),
            AwsCredentialsConfig::Container(container) => {
                (vec![self.container(container, "container")?], None)
            }
            AwsCredentialsConfig::Imds(metadata) => (vec![self.metadata(metadata, "imds")?], None),
            AwsCredentialsConfig::DefaultChain(chain) => {
                (self.default_chain(chain, "default_chain")?, None)
            }
            AwsCredentialsConfig::AssumeRole(role) => {
                let origins = match &role.source {
                    RoleSource::Static(pair) => {
                        vec![self.key_pair(pair, "assume_role/source/static")?]
                    }
                    RoleSource::Container(container) => {
                        vec![self.container(container, "assume_role/source/container")?]
                    }
                    RoleSource::Imds(metadata) => {
                        vec![self.metadata(metadata, "assume_role/source/imds")?]
                    }
                    RoleSource::DefaultChain(chain) => {
                        self.default_chain(chain, "assume_role/source/default_chain")?
                    }
                };
                (origins, Some(self.role(role)?))
            }
        };
        Some(Credential::Aws(Rc::new(AwsSigning {
            settings: AwsSettings {
                providers: origins,
                role,
                clusters: self.clusters.clone(),
            },
            region: self.region.to_owned(),
            service: self.service,
        })))
    }

    fn key_pair(&mut self, pair: &KeyPair, path: &str) -> Option<CredentialsProvider> {
        let path = format!("{}/{path}", self.path);
        let mut secret = |field: &str, secret: &SecretReference| {
            let secret = secret.resolve(self.env);
            self.problems
                .ok_or_add(format_args!("{path}/{field}"), secret)
        };
        let access_key_id = secret("access_key_id", &pair.access_key_id);
        let secret_access_key = secret("secret_access_key", &pair.secret_access_key);
        let session_token = match &pair.session_token {
            Some(token) => Some(secret("session_token", token)?),
            None => None,
        };
        let credentials = AwsCredentials {
            access_key_id: access_key_id?.expose().to_owned(),
            secret_access_key: secret_access_key?,
            session_token,
            expires_at: None,
        };
        if !credentials.can_be_sent() {
            self.problems.add(path, "has a key that contains a space");
        }
        Some(CredentialsProvider::Static(credentials))
    }

    fn container(&mut self, container: &Container, path: &str) -> Option<CredentialsProvider> {
        let path = format!("{}/{path}", self.path);
        let uri = match &container.uri {
            Some(Uri::Plain(uri)) => Some(uri.clone()),
            Some(Uri::Reference(reference)) => {
                let uri = reference.resolve(self.env);
                let uri = self.problems.ok_or_add(format_args!("{path}/uri"), uri)?;
                Some(uri.expose().to_owned())
            }
            None => self.container_uri(),
        };
        let Some(uri) = uri else {
            self.problems.add(
                format_args!("{path}/uri"),
                "is required, because neither AWS_CONTAINER_CREDENTIALS_FULL_URI nor \
                 AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is set",
            );
            return None;
        };
        let endpoint = Endpoint::parse(&uri);
        let endpoint = self
            .problems
            .ok_or_add(format_args!("{path}/uri"), endpoint)?;
        let authorization = match &container.authorization_token {
            Some(reference) => {
                let token = reference.resolve(self.env);
                Some(
                    self.problems
                        .ok_or_add(format_args!("{path}/authorization_token"), token)?,
                )
            }
            None => (self.env)("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
        };
        Some(CredentialsProvider::Container {
            endpoint,
            authorization,
        })
    }

    /// The credentials endpoint in the variables that ECS and EKS set.
    fn container_uri(&self) -> Option<String> {
        let relative = || {
            let path = (self.env)("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")?;
            Some(format!("{CONTAINER_ADDRESS}{path}"))
        };
        (self.env)("AWS_CONTAINER_CREDENTIALS_FULL_URI").or_else(relative)
    }

    fn metadata(&mut self, metadata: &InstanceMetadata, path: &str) -> Option<CredentialsProvider> {
        self.metadata_at(metadata.endpoint.as_deref(), &format!("{path}/endpoint"))
    }

    fn metadata_at(&mut self, endpoint: Option<&str>, path: &str) -> Option<CredentialsProvider> {
        let endpoint = BaseUrl::parse(endpoint.unwrap_or(METADATA_ADDRESS));
        let path = format!("{}/{path}", self.path);
        let endpoint = self.problems.ok_or_add(path, endpoint)?;
        Some(CredentialsProvider::InstanceMetadata { endpoint })
    }

    fn default_chain(
        &mut self,
        chain: &DefaultChain,
        path: &str,
    ) -> Option<Vec<CredentialsProvider>> {
        let mut origins = Vec::new();
        let pair = (
            (self.env)("AWS_ACCESS_KEY_ID"),
            (self.env)("AWS_SECRET_ACCESS_KEY"),
        );
        if let (Some(access_key_id), Some(secret_access_key)) = pair {
            let credentials = AwsCredentials {
                access_key_id,
                secret_access_key: Secret::new(secret_access_key),
                session_token: (self.env)("AWS_SESSION_TOKEN").map(Secret::new),
                expires_at: None,
            };
            if credentials.can_be_sent() {
                origins.push(CredentialsProvider::Static(credentials));
            } else {
                self.problems.add(
                    format_args!("{}/{path}", self.path),
                    "the AWS keys in the environment are empty or malformed",
                );
            }
        }
        if self.container_uri().is_some() {
            let container = Container {
                uri: None,
                authorization_token: None,
            };
            origins.push(self.container(&container, path)?);
        }
        let endpoint = chain.imds_endpoint.as_deref();
        origins.push(self.metadata_at(endpoint, &format!("{path}/imds_endpoint"))?);
        Some(origins)
    }

    fn role(&mut self, role: &AssumeRole) -> Option<Role> {
        let path = format!("{}/assume_role", self.path);
        if !role.role_arn.starts_with("arn:") {
            self.problems
                .add(format_args!("{path}/role_arn"), "must be a role's ARN");
        }
        let session_name = role.session_name.as_deref().unwrap_or(SESSION_NAME);
        if !is_session_name(session_name) {
            self.problems.add(
                format_args!("{path}/session_name"),
                "must have 2 to 64 characters of A-Z, a-z, 0-9 and _+=,.@-",
            );
        }
        let duration = match role.duration.as_deref() {
            None => SESSION_DURATION,
            Some(text) => self
                .problems
                .ok_or_add(format_args!("{path}/duration"), validators::duration(text))?,
        };
        if !(900..=43_200).contains(&duration.as_secs()) {
            self.problems
                .add(format_args!("{path}/duration"), "must be from 15m to 12h");
        }
        let region = self.region;
        let default = || {
            let domain = Partition::of(region)?.domain;
            Some(format!("https://sts.{region}.{domain}/"))
        };
        let Some(endpoint) = role.endpoint.clone().or_else(default) else {
            let region = self.path.strip_suffix("/credentials").unwrap_or(&self.path);
            let region = format!("{region}/region");
            self.problems.add(region, UNKNOWN_PARTITION);
            return None;
        };
        let endpoint = Endpoint::parse(&endpoint);
        let endpoint = self
            .problems
            .ok_or_add(format_args!("{path}/endpoint"), endpoint)?;
        if endpoint.is_link_local() && !self.provider.allow_link_local {
            self.problems
                .add(format_args!("{path}/endpoint"), LINK_LOCAL);
        }
        Some(Role {
            arn: role.role_arn.clone(),
            external_id: role.external_id.clone(),
            session_name: session_name.to_owned(),
            duration,
            endpoint,
            region: region.to_owned(),
        })
    }
}

fn is_session_name(name: &str) -> bool {
    (2..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte))
}
