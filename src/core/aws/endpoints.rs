//! The conversations in which AWS hands out credentials, a callout at a time.
//!
//! ECS and EKS: one GET. EC2: a session token by PUT, the role's name, its credentials (IMDSv2).
//! STS: `AssumeRole` in the query protocol, signed with what was found before; by GET, since Envoy's
//! callouts to a dynamic-forward-proxy cluster lose a body while the host's name is resolved.

use super::credentials::{AwsCredentials, AwsSettings, CALLOUT_TIMEOUT, CredentialsProvider, Role};
use crate::aws::sigv4::{EMPTY_PAYLOAD_SHA256, Scope, SignableRequest, SigningKeys, sign};
use crate::base::secret::Secret;
use crate::base::time::UnixTime;
use crate::fetch::callout::{Callout, CalloutResponse};
use crate::http::encoding::percent_encode;
use crate::http::url::Endpoint;

/// What has been asked for.
pub(super) enum Step {
    /// A container's credentials.
    Container { origin: usize },
    /// A session with the instance metadata service.
    MetadataToken { origin: usize },
    /// The name of the instance's role.
    MetadataRole { origin: usize, token: Secret },
    /// The credentials of the instance's role.
    MetadataCredentials { origin: usize },
    /// A session in a role.
    Role,
}

/// What comes after an answer.
pub(super) enum Progress {
    /// Another callout.
    Ask(Step, Box<Callout>),
    /// The end.
    Found(AwsCredentials),
    /// The end, without credentials; the reason.
    Failed(String),
}

/// Longest session of the instance metadata service, in seconds.
const METADATA_SESSION: &str = "21600";

const METADATA_CREDENTIALS: &str = "/latest/meta-data/iam/security-credentials/";

/// Begins at that origin; where it is the last one and does not exist, nothing is found.
pub(super) fn from_origin(settings: &AwsSettings, origin: usize, now: UnixTime) -> Progress {
    match settings.origins.get(origin) {
        None => Progress::Failed("no origin has credentials".to_owned()),
        Some(CredentialsProvider::Static(credentials)) => found(settings, credentials.clone(), now),
        Some(CredentialsProvider::Container {
            endpoint,
            authorization,
        }) => {
            let headers = authorization
                .iter()
                .map(|value| ("authorization", value.clone()));
            let callout = callout(settings, "GET", endpoint.clone(), headers.collect());
            Progress::Ask(Step::Container { origin }, callout)
        }
        Some(CredentialsProvider::InstanceMetadata { endpoint }) => {
            let lifetime = (
                "x-aws-ec2-metadata-token-ttl-seconds",
                Secret::new(METADATA_SESSION.to_owned()),
            );
            let endpoint = endpoint.endpoint("/latest/api/token");
            let callout = callout(settings, "PUT", endpoint, vec![lifetime]);
            Progress::Ask(Step::MetadataToken { origin }, callout)
        }
    }
}

impl Step {
    /// Takes in the answer to this step's callout.
    pub(super) fn on_response(
        self,
        settings: &AwsSettings,
        answer: CalloutResponse<'_>,
        now: UnixTime,
    ) -> Progress {
        let origin = self.origin();
        let progress = match (answer.document(), self) {
            (Err(reason), _) => Err(reason),
            (Ok(body), Self::Role) => {
                return match assumed(body, now) {
                    Ok(credentials) => Progress::Found(credentials),
                    Err(reason) => Progress::Failed(reason),
                };
            }
            (Ok(body), Self::MetadataToken { origin }) => text(body).map(|token| {
                let token = Secret::new(token.to_owned());
                let callout = metadata(settings, origin, METADATA_CREDENTIALS, &token);
                Progress::Ask(Self::MetadataRole { origin, token }, callout)
            }),
            (Ok(body), Self::MetadataRole { origin, token }) => text(body).map(|role| {
                let target = format!("{METADATA_CREDENTIALS}{role}");
                let callout = metadata(settings, origin, &target, &token);
                Progress::Ask(Self::MetadataCredentials { origin }, callout)
            }),
            (Ok(body), Self::Container { .. } | Self::MetadataCredentials { .. }) => {
                AwsCredentials::parse(body, now)
                    .map(|credentials| found(settings, credentials, now))
            }
        };
        match (progress, origin) {
            (Ok(progress), _) => progress,
            (Err(reason), Some(origin)) if settings.origins.len() > origin + 1 => {
                log::info!("an origin of AWS credentials does not answer: {reason}");
                from_origin(settings, origin + 1, now)
            }
            (Err(reason), _) => Progress::Failed(reason),
        }
    }

    const fn origin(&self) -> Option<usize> {
        match self {
            Self::Container { origin }
            | Self::MetadataToken { origin }
            | Self::MetadataRole { origin, .. }
            | Self::MetadataCredentials { origin } => Some(*origin),
            Self::Role => None,
        }
    }
}

/// Credentials of an origin: the end, or what the role is assumed with.
fn found(settings: &AwsSettings, credentials: AwsCredentials, now: UnixTime) -> Progress {
    match &settings.role {
        None => Progress::Found(credentials),
        Some(role) => Progress::Ask(Step::Role, assume_role(settings, role, &credentials, now)),
    }
}

fn metadata(settings: &AwsSettings, origin: usize, target: &str, token: &Secret) -> Box<Callout> {
    let endpoint = match settings.origins.get(origin) {
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

/// The credentials in the answer to `AssumeRole`.
fn assumed(xml: &[u8], now: UnixTime) -> Result<AwsCredentials, String> {
    let xml = std::str::from_utf8(xml).map_err(|_| "STS answered no text".to_owned())?;
    let element =
        |name: &str| element(xml, name).ok_or_else(|| format!("STS answered without {name}"));
    let expires_at = UnixTime::parse_rfc_3339(element("Expiration")?)
        .ok_or_else(|| "the credentials' Expiration is not a time".to_owned())?;
    AwsCredentials {
        access_key_id: element("AccessKeyId")?.to_owned(),
        secret_access_key: Secret::new(element("SecretAccessKey")?.to_owned()),
        session_token: Some(Secret::new(element("SessionToken")?.to_owned())),
        expires_at: Some(expires_at),
    }
    .checked(now)
}

/// The text of the first element of that name. The values that are looked for hold no markup.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = after.split_once(&format!("</{name}>"))?;
    Some(text.trim())
}

/// One word of plain text.
fn text(body: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(body)
        .ok()
        .and_then(|text| text.lines().next())
        .map(str::trim)
        .filter(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or_else(|| "the answer is not a word".to_owned())
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    percent_encode(text.as_bytes(), &mut encoded);
    encoded
}
