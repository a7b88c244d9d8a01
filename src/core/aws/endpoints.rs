//! How AWS credentials are fetched, one callout at a time.
//!
//! ECS and EKS: one GET. EC2: a session token by PUT, the role's name, its credentials (IMDSv2).
//! STS: `AssumeRole` in the query protocol, signed with the credentials of the provider. It is sent
//! by GET, because Envoy's callouts to a dynamic-forward-proxy cluster lose the body while the host
//! name is resolved.

use std::time::Duration;

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::credentials::{
    AwsCredentials, AwsSettings, CredentialsProvider, InvalidCredentials, Role,
};
use crate::aws::sigv4::{EMPTY_PAYLOAD_SHA256, Scope, SignableRequest, SigningKeys, sign};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::fetch::callout::{Callout, CalloutError, CalloutResponse};
use crate::fetch::refresh::Validity;
use crate::fetch::refreshed::{Fetched, Progress, Source};
use crate::http::encoding::{hex, percent_encode};
use crate::http::url::Endpoint;

/// What a callout asks for. `provider` is the index of the credentials provider.
pub enum CredentialsStep {
    /// A container's credentials.
    Container {
        /// The index of the credentials provider.
        provider: usize,
    },
    /// A session token of the instance metadata service.
    MetadataToken {
        /// The index of the credentials provider.
        provider: usize,
    },
    /// The name of the instance's role.
    MetadataRole {
        /// The index of the credentials provider.
        provider: usize,
        /// The session token.
        token: Secret,
    },
    /// The credentials of the instance's role.
    MetadataCredentials {
        /// The index of the credentials provider.
        provider: usize,
    },
    /// A session in the role to assume.
    AssumeRole,
}

/// Why credentials could not be fetched.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum FetchError {
    /// There was no response.
    #[error(transparent)]
    Callout(#[from] CalloutError),
    /// The response has no usable credentials.
    #[error(transparent)]
    Credentials(#[from] InvalidCredentials),
    /// No credentials provider is left.
    #[error("there is no credentials provider")]
    NoProvider,
    /// The instance metadata service did not respond with a word.
    #[error("the answer is not a word")]
    NotAWord,
    /// STS did not respond with text.
    #[error("STS answered no text")]
    StsNotText,
    /// STS did not respond with this element.
    #[error("STS answered without {0}")]
    StsWithout(&'static str),
}

/// How long to wait for each response.
const CALLOUT_TIMEOUT: Duration = Duration::from_secs(5);

/// The most callouts of one fetch: one for a container, three for instance metadata, one for a
/// role.
const CALLOUTS_OF_A_FETCH: u32 = 5;

/// Credentials are refreshed this long before they expire, or in the last fifth of a short
/// lifetime.
const REFRESH_AHEAD: Duration = Duration::from_secs(300);

/// Fetched credentials that do not expire are refreshed after this time.
const REFRESH_INTERVAL: Duration = Duration::from_secs(600);

/// The duration of a session with the instance metadata service, in seconds: the longest allowed.
const METADATA_SESSION: &str = "21600";

const METADATA_CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials/";

impl Source for AwsSettings {
    type Value = AwsCredentials;
    type Step = CredentialsStep;
    type Error = FetchError;

    /// A digest of everything that decides what the credentials are.
    fn name(&self) -> String {
        let mut digest = Sha256::new();
        for part in identity(self) {
            // The length keeps the parts apart.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        format!("aws/{}", hex(&digest.finalize()))
    }

    fn time_limit(&self) -> Duration {
        CALLOUT_TIMEOUT * CALLOUTS_OF_A_FETCH
    }

    fn max_stale(&self) -> Option<Duration> {
        None
    }

    fn start(&self, now: UnixTime) -> Result<Progress<Self>, FetchError> {
        start_with(self, 0, now)
    }

    fn on_response(
        &self,
        step: CredentialsStep,
        response: CalloutResponse<'_>,
        now: UnixTime,
    ) -> Result<Progress<Self>, FetchError> {
        let provider = step.provider();
        step.on_response(self, response, now)
            .or_else(|error| match provider {
                Some(provider) if self.providers.len() > provider + 1 => {
                    log::info!(
                        "an AWS credentials provider does not answer, trying the next one: {error}"
                    );
                    start_with(self, provider + 1, now)
                }
                _ => Err(error),
            })
    }

    fn parse(&self, document: &[u8], now: UnixTime) -> Result<AwsCredentials, FetchError> {
        Ok(AwsCredentials::parse(document, now)?)
    }
}

/// Starts with that credentials provider.
fn start_with(
    settings: &AwsSettings,
    provider: usize,
    now: UnixTime,
) -> Result<Progress<AwsSettings>, FetchError> {
    let source = settings.providers.get(provider);
    Ok(match source.ok_or(FetchError::NoProvider)? {
        CredentialsProvider::Static(credentials) => {
            on_credentials(settings, credentials.clone(), now)
        }
        CredentialsProvider::Container {
            endpoint,
            authorization,
        } => {
            let headers = authorization
                .iter()
                .map(|value| ("authorization", value.clone()));
            let callout = callout(settings, "GET", endpoint.clone(), headers.collect());
            Progress::Next(CredentialsStep::Container { provider }, callout)
        }
        CredentialsProvider::InstanceMetadata { endpoint } => {
            let lifetime = (
                "x-aws-ec2-metadata-token-ttl-seconds",
                Secret::new(METADATA_SESSION.to_owned()),
            );
            let endpoint = endpoint.endpoint("/latest/api/token");
            let callout = callout(settings, "PUT", endpoint, vec![lifetime]);
            Progress::Next(CredentialsStep::MetadataToken { provider }, callout)
        }
    })
}

impl CredentialsStep {
    /// Handles the response to this step's callout.
    fn on_response(
        self,
        settings: &AwsSettings,
        response: CalloutResponse<'_>,
        now: UnixTime,
    ) -> Result<Progress<AwsSettings>, FetchError> {
        let body = response.document()?;
        Ok(match self {
            Self::AssumeRole => fetched(role_credentials(body, now)?, now),
            Self::MetadataToken { provider } => {
                let token = Secret::new(word(body)?.to_owned());
                let callout = metadata(settings, provider, METADATA_CREDENTIALS, &token);
                Progress::Next(Self::MetadataRole { provider, token }, callout)
            }
            Self::MetadataRole { provider, token } => {
                let target = format!("{METADATA_CREDENTIALS}{}", word(body)?);
                let callout = metadata(settings, provider, &target, &token);
                Progress::Next(Self::MetadataCredentials { provider }, callout)
            }
            Self::Container { .. } | Self::MetadataCredentials { .. } => {
                on_credentials(settings, AwsCredentials::parse(body, now)?, now)
            }
        })
    }

    /// The credentials provider that the step belongs to.
    const fn provider(&self) -> Option<usize> {
        match self {
            Self::Container { provider }
            | Self::MetadataToken { provider }
            | Self::MetadataRole { provider, .. }
            | Self::MetadataCredentials { provider } => Some(*provider),
            Self::AssumeRole => None,
        }
    }
}

/// Ends the fetch with a provider's credentials, or assumes the role with them.
fn on_credentials(
    settings: &AwsSettings,
    credentials: AwsCredentials,
    now: UnixTime,
) -> Progress<AwsSettings> {
    match &settings.role {
        None => fetched(credentials, now),
        Some(role) => {
            let callout = assume_role(settings, role, &credentials, now);
            Progress::Next(CredentialsStep::AssumeRole, callout)
        }
    }
}

/// Ends the fetch.
fn fetched(credentials: AwsCredentials, now: UnixTime) -> Progress<AwsSettings> {
    Progress::Fetched(Fetched {
        document: credentials.document(),
        validity: validity(&credentials, now),
        value: credentials,
    })
}

fn validity(credentials: &AwsCredentials, now: UnixTime) -> Validity {
    let fresh_until = credentials.expires_at.unwrap_or(now + REFRESH_INTERVAL);
    let lifetime = fresh_until.saturating_since(now);
    let ahead = match credentials.expires_at {
        Some(_) => REFRESH_AHEAD.min(lifetime / 5),
        None => Duration::ZERO,
    };
    Validity {
        next_fetch: now + lifetime.saturating_sub(ahead),
        fresh_until,
    }
}

/// Everything that decides what the credentials are.
fn identity(settings: &AwsSettings) -> Vec<String> {
    let mut parts = vec![
        settings.clusters.http.clone(),
        settings.clusters.https.clone(),
    ];
    for provider in &settings.providers {
        match provider {
            CredentialsProvider::Static(credentials) => {
                parts.extend(["static".to_owned(), credentials.document()]);
            }
            CredentialsProvider::Container {
                endpoint,
                authorization,
            } => {
                let authorization = authorization.as_ref().map_or("", Secret::expose);
                parts.push("container".to_owned());
                parts.extend(endpoint_identity(endpoint));
                parts.push(authorization.to_owned());
            }
            CredentialsProvider::InstanceMetadata { endpoint } => {
                parts.extend(["instance_metadata".to_owned(), endpoint.to_string()]);
            }
        }
    }
    if let Some(role) = &settings.role {
        parts.extend(["role".to_owned(), role.arn.clone()]);
        parts.push(role.external_id.clone().unwrap_or_default());
        parts.push(role.session_name.clone());
        parts.push(role.duration.as_secs().to_string());
        parts.extend(endpoint_identity(&role.endpoint));
        parts.push(role.region.clone());
    }
    parts
}

fn endpoint_identity(endpoint: &Endpoint) -> [String; 3] {
    [
        endpoint.scheme.name().to_owned(),
        endpoint.authority.clone(),
        endpoint.target.clone(),
    ]
}

fn metadata(settings: &AwsSettings, provider: usize, target: &str, token: &Secret) -> Box<Callout> {
    let endpoint = match settings.providers.get(provider) {
        Some(CredentialsProvider::InstanceMetadata { endpoint }) => endpoint.endpoint(target),
        _ => Endpoint::default(),
    };
    let headers = vec![("x-aws-ec2-metadata-token", token.clone())];
    callout(settings, "GET", endpoint, headers)
}

fn callout(
    settings: &AwsSettings,
    method: &'static str,
    endpoint: Endpoint,
    headers: Vec<(&'static str, Secret)>,
) -> Box<Callout> {
    Box::new(Callout {
        cluster: settings.clusters.of(endpoint.scheme).to_owned(),
        method,
        endpoint,
        headers,
        timeout: CALLOUT_TIMEOUT,
    })
}

fn assume_role(
    settings: &AwsSettings,
    role: &Role,
    credentials: &AwsCredentials,
    now: UnixTime,
) -> Box<Callout> {
    let mut parameters = vec![
        ("Action", "AssumeRole".to_owned()),
        ("Version", "2011-06-15".to_owned()),
        ("RoleArn", role.arn.clone()),
        ("RoleSessionName", role.session_name.clone()),
        ("DurationSeconds", role.duration.as_secs().to_string()),
    ];
    if let Some(external_id) = &role.external_id {
        parameters.push(("ExternalId", external_id.clone()));
    }
    let query = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
        .collect::<Vec<_>>()
        .join("&");
    let endpoint = Endpoint {
        target: format!("{}?{query}", role.endpoint.target),
        ..role.endpoint.clone()
    };
    let request = SignableRequest {
        method: "GET",
        target: endpoint.target.as_bytes(),
        authority: &endpoint.authority,
        content_type: None,
        payload_sha256: EMPTY_PAYLOAD_SHA256,
    };
    let scope = Scope {
        time: now,
        region: &role.region,
        service: "sts",
    };
    let signed = sign(&request, credentials, scope, &mut SigningKeys::default());
    callout(settings, "GET", endpoint, signed.headers)
}

/// The credentials in the response to `AssumeRole`.
fn role_credentials(xml: &[u8], now: UnixTime) -> Result<AwsCredentials, FetchError> {
    let xml = std::str::from_utf8(xml).map_err(|_| FetchError::StsNotText)?;
    let element = |name: &'static str| element(xml, name).ok_or(FetchError::StsWithout(name));
    let expires_at =
        UnixTime::parse_rfc_3339(element("Expiration")?).ok_or(InvalidCredentials::Expiration)?;
    let credentials = AwsCredentials {
        access_key_id: element("AccessKeyId")?.to_owned(),
        secret_access_key: Secret::new(element("SecretAccessKey")?.to_owned()),
        session_token: Some(Secret::new(element("SessionToken")?.to_owned())),
        expires_at: Some(expires_at),
    };
    Ok(credentials.checked(now)?)
}

/// The text of the first element of that name. The values of interest contain no markup.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}

/// The first line of a text, which must be a single word.
fn word(body: &[u8]) -> Result<&str, FetchError> {
    std::str::from_utf8(body)
        .ok()
        .and_then(|text| text.lines().next())
        .map(str::trim)
        .filter(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or(FetchError::NotAWord)
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    percent_encode(text.as_bytes(), &mut encoded);
    encoded
}
