//! `credentials`, `region` and `signing` of providers whose requests are signed.

use std::rc::Rc;
use std::time::Duration;

use super::aws_document::{
    AssumeRole, Container, CredentialsDocument, DefaultChain, InstanceMetadata, KeyPair,
    RoleSource, Text,
};
use super::document;
use super::problem::Problems;
use super::text;
use super::text::LINK_LOCAL;
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

/// What a provider's credentials are read with.
pub(super) struct Reader<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'static str,
    pub(super) clusters: &'a Clusters,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
    pub(super) allow_link_local: bool,
    pub(super) path: String,
    pub(super) problems: &'a mut Problems,
}

impl Reader<'_> {
    /// `credentials` and `signing`, of which one must say who signs with what.
    pub(super) fn credential(
        &mut self,
        credentials: Option<&CredentialsDocument>,
        signing: Option<document::Signing>,
    ) -> Option<Credential> {
        let path = self.path.clone();
        match (credentials, signing) {
            (None, Some(document::Signing::Envoy)) => Some(Credential::None),
            (Some(_), Some(document::Signing::Envoy)) => {
                self.problems.add(
                    format_args!("{path}/signing"),
                    "\"envoy\" contradicts credentials: Envoy's own filter has them then",
                );
                None
            }
            (None, _) => {
                self.problems.add(
                    format_args!("{path}/credentials"),
                    "is needed: an API key, static, container, imds, assume_role or default_chain",
                );
                None
            }
            (Some(credentials), _) => {
                self.path = format!("{path}/credentials");
                self.read(credentials)
            }
        }
    }

    fn read(&mut self, credentials: &CredentialsDocument) -> Option<Credential> {
        let (origins, role) = match credentials {
            CredentialsDocument::ApiKey(key) => {
                let key = key.resolve(self.env);
                let key = self.problems.take(&self.path, key)?;
                return Some(Credential::ApiKey {
                    key,
                    placement: None,
                });
            }
            CredentialsDocument::Static(pair) => (vec![self.key_pair(pair, "static")?], None),
            CredentialsDocument::Container(container) => (vec![self.container(container)?], None),
            CredentialsDocument::Imds(metadata) => (vec![self.metadata(metadata)?], None),
            CredentialsDocument::DefaultChain(chain) => (self.default_chain(chain)?, None),
            CredentialsDocument::AssumeRole(role) => {
                let origins = match &role.source {
                    RoleSource::Static(pair) => {
                        vec![self.key_pair(pair, "assume_role/source/static")?]
                    }
                    RoleSource::Container(container) => vec![self.container(container)?],
                    RoleSource::Imds(metadata) => vec![self.metadata(metadata)?],
                    RoleSource::DefaultChain(chain) => self.default_chain(chain)?,
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
        let mut secret = |field: &str, secret: &super::secret::SecretReference| {
            let secret = secret.resolve(self.env);
            self.problems.take(format_args!("{path}/{field}"), secret)
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
            self.problems.add(path, "has a space in a key");
        }
        Some(CredentialsProvider::Static(credentials))
    }

    fn container(&mut self, container: &Container) -> Option<CredentialsProvider> {
        let path = format!("{}/container", self.path);
        let uri = match &container.uri {
            Some(Text::Plain(uri)) => Some(uri.clone()),
            Some(Text::Reference(reference)) => {
                let uri = reference.resolve(self.env);
                let uri = self.problems.take(format_args!("{path}/uri"), uri)?;
                Some(uri.expose().to_owned())
            }
            None => self.container_uri(),
        };
        let Some(uri) = uri else {
            self.problems.add(
                format_args!("{path}/uri"),
                "is needed, as neither AWS_CONTAINER_CREDENTIALS_FULL_URI nor \
                 AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is in the environment",
            );
            return None;
        };
        let endpoint = Endpoint::parse(&uri);
        let endpoint = self.problems.take(format_args!("{path}/uri"), endpoint)?;
        let authorization = match &container.authorization_token {
            Some(reference) => {
                let token = reference.resolve(self.env);
                Some(
                    self.problems
                        .take(format_args!("{path}/authorization_token"), token)?,
                )
            }
            None => (self.env)("AWS_CONTAINER_AUTHORIZATION_TOKEN").map(Secret::new),
        };
        Some(CredentialsProvider::Container {
            endpoint,
            authorization,
        })
    }

    /// Where ECS or EKS says that a container's credentials are.
    fn container_uri(&self) -> Option<String> {
        let relative = || {
            let path = (self.env)("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")?;
            Some(format!("{CONTAINER_ADDRESS}{path}"))
        };
        (self.env)("AWS_CONTAINER_CREDENTIALS_FULL_URI").or_else(relative)
    }

    fn metadata(&mut self, metadata: &InstanceMetadata) -> Option<CredentialsProvider> {
        self.metadata_at(metadata.endpoint.as_deref(), "imds/endpoint")
    }

    fn metadata_at(&mut self, endpoint: Option<&str>, path: &str) -> Option<CredentialsProvider> {
        let endpoint = BaseUrl::parse(endpoint.unwrap_or(METADATA_ADDRESS));
        let path = format!("{}/{path}", self.path);
        let endpoint = self.problems.take(path, endpoint)?;
        Some(CredentialsProvider::InstanceMetadata { endpoint })
    }

    fn default_chain(&mut self, chain: &DefaultChain) -> Option<Vec<CredentialsProvider>> {
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
                let path = format!("{}/default_chain", self.path);
                self.problems.add(
                    path,
                    "the AWS keys in the environment are empty or malformed",
                );
            }
        }
        if self.container_uri().is_some() {
            origins.push(self.container(&Container {
                uri: None,
                authorization_token: None,
            })?);
        }
        let endpoint = chain.imds_endpoint.as_deref();
        origins.push(self.metadata_at(endpoint, "default_chain/imds_endpoint")?);
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
                "must have 2 to 64 of A-Z, a-z, 0-9 and _+=,.@-",
            );
        }
        let duration = match role.duration.as_deref() {
            None => SESSION_DURATION,
            Some(text) => self
                .problems
                .take(format_args!("{path}/duration"), text::duration(text))?,
        };
        if !(900..=43_200).contains(&duration.as_secs()) {
            self.problems
                .add(format_args!("{path}/duration"), "must be from 15m to 12h");
        }
        let region = self.region;
        let public = format!("https://sts.{region}.{}/", Partition::of(region).domain);
        let endpoint = Endpoint::parse(role.endpoint.as_deref().unwrap_or(&public));
        let endpoint = self
            .problems
            .take(format_args!("{path}/endpoint"), endpoint)?;
        if endpoint.is_link_local() && !self.allow_link_local {
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
