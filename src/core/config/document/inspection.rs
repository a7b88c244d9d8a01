//! What the command reports about a configuration beyond its errors: warnings, and the environment
//! variables it reads.

use super::secret::is_variable_name;
use super::{
    AllowRule, AssumeRole, AwsCredentialsConfig, BindingConfig, Container, Document, IssuerConfig,
    KeyPair, McpCredentialConfig, McpServerConfig, ProviderConfig, RoleSource, SecretReference,
    Uri,
};
use crate::aws::credentials::{POD_IDENTITY, is_pod_identity_agent};
use crate::config::Problem;
use crate::http::url::Endpoint;

/// The variables that AWS's own tools set. `container` and `default_chain` read them. The name of
/// the token's file is read only to say that EKS Pod Identity does not work.
const AWS_VARIABLES: [&str; 7] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// The warning of a secret that is not in an environment variable.
const WRITTEN_SECRET: &str = "the secret is written in the file, and Envoy's admin page shows it; \
     name a variable: {\"env\": \"NAME\"}";

impl Document {
    /// What the filter accepts although it is insecure, each with its JSON path.
    pub fn warnings(&self) -> Vec<Problem> {
        let mut warnings = Vec::new();
        if self.authentication.disabled {
            warnings.push(Problem::new(
                "/authentication/disabled",
                "everyone who can reach the gateway may use every provider; name an issuer",
            ));
        }
        let issuers = &self.authentication.issuers;
        for (index, issuer) in issuers.iter().enumerate() {
            issuer.warnings(&format!("/authentication/issuers/{index}"), &mut warnings);
        }
        if issuers.len() > 1 {
            let bindings = self.authorization.bindings.iter();
            let issuers = bindings.map(|binding: &BindingConfig| binding.issuer.as_deref());
            warn_of_any_issuer(issuers, "/authorization/bindings", &mut warnings);
        }
        for (index, provider) in self.providers.iter().enumerate() {
            let path = format!("/providers/{index}");
            if issuers.len() > 1 {
                let rules = provider.allow.iter().flatten();
                let issuers = rules.map(|rule: &AllowRule| rule.issuer.as_deref());
                warn_of_any_issuer(issuers, &format!("{path}/allow"), &mut warnings);
            }
            provider.warnings(&path, &mut warnings);
        }
        for (index, server) in self.mcp_servers.iter().enumerate() {
            let path = format!("/mcp_servers/{index}");
            if issuers.len() > 1 {
                let rules = server.allow.iter().flatten();
                let issuers = rules.map(|rule: &AllowRule| rule.issuer.as_deref());
                warn_of_any_issuer(issuers, &format!("{path}/allow"), &mut warnings);
            }
            server.warnings(&path, &mut warnings);
        }
        warnings
    }

    /// The environment variables that the configuration reads, sorted.
    pub fn variables(&self) -> Vec<String> {
        let mut names = Vec::new();
        for provider in &self.providers {
            for (_, secret) in provider.secrets() {
                if let SecretReference::Env(name) = secret
                    && is_variable_name(name)
                {
                    names.push(name.clone());
                }
            }
            let credentials = provider.credentials.as_ref();
            if credentials.is_some_and(AwsCredentialsConfig::reads_aws_variables) {
                names.extend(AWS_VARIABLES.map(str::to_owned));
            }
        }
        for server in &self.mcp_servers {
            for (_, secret) in server.secrets() {
                if let SecretReference::Env(name) = secret
                    && is_variable_name(name)
                {
                    names.push(name.clone());
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The providers' names, in the order of the document.
    pub fn provider_names(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().map(|provider| provider.name.as_str())
    }
}

impl IssuerConfig {
    fn warnings(&self, path: &str, warnings: &mut Vec<Problem>) {
        let urls = [
            ("issuer", Some(self.issuer.as_str())),
            ("jwks_uri", self.jwks_uri.as_deref()),
        ];
        for (field, url) in urls {
            if url.is_some_and(leaves_without_tls) {
                warnings.push(Problem::new(
                    format_args!("{path}/{field}"),
                    "keys fetched without TLS can be forged on the network; use https",
                ));
            }
        }
    }
}

impl McpServerConfig {
    fn warnings(&self, path: &str, warnings: &mut Vec<Problem>) {
        if leaves_without_tls(&self.url) {
            warnings.push(Problem::new(
                format_args!("{path}/url"),
                "requests and the server's credential are sent without TLS; use https",
            ));
        }
        for (secret_path, secret) in self.secrets() {
            if matches!(secret, SecretReference::Value(_)) {
                warnings.push(Problem::new(
                    format_args!("{path}/{secret_path}"),
                    WRITTEN_SECRET,
                ));
            }
        }
    }

    /// Its secrets, each with its JSON path relative to the server.
    fn secrets(&self) -> Vec<(String, &SecretReference)> {
        match &self.credential {
            Some(McpCredentialConfig::Header(header)) => {
                vec![("credential/header/value".to_owned(), &header.value)]
            }
            Some(McpCredentialConfig::Headers(headers)) => headers
                .iter()
                .enumerate()
                .map(|(index, header)| (format!("credential/headers/{index}/value"), &header.value))
                .collect(),
            None | Some(McpCredentialConfig::None | McpCredentialConfig::Caller(_)) => Vec::new(),
        }
    }
}

impl ProviderConfig {
    fn warnings(&self, path: &str, warnings: &mut Vec<Problem>) {
        if self.base_url.as_deref().is_some_and(leaves_without_tls) {
            warnings.push(Problem::new(
                format_args!("{path}/base_url"),
                "requests and the provider's key are sent without TLS; use https",
            ));
        }
        if let Some(uri) = self.pod_identity() {
            warnings.push(Problem::new(format_args!("{path}/{uri}"), POD_IDENTITY));
        }
        for (secret_path, secret) in self.secrets() {
            if matches!(secret, SecretReference::Value(_)) {
                warnings.push(Problem::new(
                    format_args!("{path}/{secret_path}"),
                    WRITTEN_SECRET,
                ));
            }
        }
    }

    /// The JSON path, relative to the provider, of an endpoint of EKS Pod Identity without a token.
    fn pod_identity(&self) -> Option<&'static str> {
        let (path, container) = match self.credentials.as_ref()? {
            AwsCredentialsConfig::Container(container) => ("credentials/container/uri", container),
            AwsCredentialsConfig::AssumeRole(AssumeRole {
                source: RoleSource::Container(container),
                ..
            }) => ("credentials/assume_role/source/container/uri", container),
            _ => return None,
        };
        let Some(Uri::Plain(uri)) = &container.uri else {
            return None;
        };
        let endpoint = Endpoint::parse(uri).ok()?;
        let is_agent = is_pod_identity_agent(&endpoint.authority);
        (is_agent && container.authorization_token.is_none()).then_some(path)
    }

    /// Its secrets, each with its JSON path relative to the provider.
    fn secrets(&self) -> Vec<(String, &SecretReference)> {
        let api_key = self.api_key.iter().map(|key| ("api_key".to_owned(), key));
        let credentials = self
            .credentials
            .iter()
            .flat_map(AwsCredentialsConfig::secrets);
        let credentials = credentials.map(|(path, secret)| (format!("credentials/{path}"), secret));
        api_key.chain(credentials).collect()
    }
}

impl AwsCredentialsConfig {
    fn secrets(&self) -> Vec<(String, &SecretReference)> {
        match self {
            Self::ApiKey(key) => vec![("bedrock_api_key".to_owned(), key)],
            Self::Static(pair) => pair.secrets("static"),
            Self::Container(container) => container.secrets("container"),
            Self::AssumeRole(role) => match &role.source {
                RoleSource::Static(pair) => pair.secrets("assume_role/source/static"),
                RoleSource::Container(container) => {
                    container.secrets("assume_role/source/container")
                }
                RoleSource::Imds(_) | RoleSource::DefaultChain(_) => Vec::new(),
            },
            Self::Imds(_) | Self::DefaultChain(_) => Vec::new(),
        }
    }

    const fn reads_aws_variables(&self) -> bool {
        match self {
            Self::Container(_) | Self::DefaultChain(_) => true,
            Self::AssumeRole(role) => matches!(
                role.source,
                RoleSource::Container(_) | RoleSource::DefaultChain(_)
            ),
            Self::ApiKey(_) | Self::Static(_) | Self::Imds(_) => false,
        }
    }
}

impl KeyPair {
    fn secrets(&self, path: &str) -> Vec<(String, &SecretReference)> {
        let fields = [
            ("access_key_id", Some(&self.access_key_id)),
            ("secret_access_key", Some(&self.secret_access_key)),
            ("session_token", self.session_token.as_ref()),
        ];
        present(fields, path)
    }
}

impl Container {
    fn secrets(&self, path: &str) -> Vec<(String, &SecretReference)> {
        let uri = match &self.uri {
            Some(Uri::Reference(reference)) => Some(reference),
            Some(Uri::Plain(_)) | None => None,
        };
        let fields = [
            ("authorization_token", self.authorization_token.as_ref()),
            ("uri", uri),
        ];
        present(fields, path)
    }
}

fn present<'a, const N: usize>(
    fields: [(&str, Option<&'a SecretReference>); N],
    path: &str,
) -> Vec<(String, &'a SecretReference)> {
    fields
        .into_iter()
        .filter_map(|(field, secret)| Some((format!("{path}/{field}"), secret?)))
        .collect()
}

/// Warns of grants that do not name one of several issuers.
fn warn_of_any_issuer<'a>(
    issuers: impl Iterator<Item = Option<&'a str>>,
    path: &str,
    warnings: &mut Vec<Problem>,
) {
    for (index, issuer) in issuers.enumerate() {
        if issuer.is_none() {
            warnings.push(Problem::new(
                format_args!("{path}/{index}"),
                "applies to tokens of every issuer, and each issuer chooses its own subjects and \
                 claims; name the issuer",
            ));
        }
    }
}

/// Whether requests to a URL leave the machine without TLS.
fn leaves_without_tls(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    !(host == "localhost" || host.starts_with("127.") || rest.starts_with("[::1]"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(document: &Value) -> Document {
        Document::parse(document.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn insecure_settings_are_warned_of_with_their_paths() {
        let document = parse(&json!({
            "authentication": {"issuers": [
                {"issuer": "http://idp.test/", "audiences": ["a"]},
                {"issuer": "http://127.0.0.1:1/", "audiences": ["a"], "jwks_uri": "http://idp.test/keys"},
            ]},
            "authorization": {"bindings": [
                {"issuer": "http://idp.test/", "subject": "s", "permissions": ["get"]},
                {"subject": "s", "permissions": ["get"]},
            ]},
            "providers": [
                {"name": "a", "type": "openai", "api_key": {"value": "sk-secret"}},
                {"name": "b", "type": "openai_compatible", "base_url": "http://vllm:8000/v1",
                 "allow": [{"claim": "team", "value": "x"}], "headers": {"value": "x"}},
                {"name": "c", "type": "bedrock", "credentials": {"assume_role": {
                    "role_arn": "arn:aws:iam::1:role/r", "source": {"static":
                    {"access_key_id": {"env": "ID"}, "secret_access_key": {"value": "s"}}}}}},
            ],
        }));
        let found = document.warnings();
        let paths: Vec<_> = found.iter().map(|warning| warning.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "/authentication/issuers/0/issuer",
                "/authentication/issuers/1/jwks_uri",
                "/authorization/bindings/1",
                "/providers/0/api_key",
                "/providers/1/allow/0",
                "/providers/1/base_url",
                "/providers/2/credentials/assume_role/source/static/secret_access_key",
            ]
        );
        assert!(!format!("{found:?}").contains("sk-secret"));
    }

    #[test]
    fn every_secret_of_every_kind_of_credentials_is_warned_of() {
        let value = || json!({"value": "s"});
        let pair = json!({
            "access_key_id": value(), "secret_access_key": value(), "session_token": value(),
        });
        let container = json!({"uri": value(), "authorization_token": value()});
        let role = |source: Value| json!({"assume_role": {"role_arn": "arn:", "source": source}});
        for (credentials, count) in [
            (json!({"bedrock_api_key": value()}), 1),
            (json!({"static": pair}), 3),
            (json!({"container": container}), 2),
            (json!({"imds": {}}), 0),
            (json!({"default_chain": {}}), 0),
            (role(json!({"static": pair})), 3),
            (role(json!({"container": container})), 2),
            (role(json!({"imds": {}})), 0),
        ] {
            let warnings = parse(&json!({
                "authentication": {},
                "providers": [{"name": "a", "type": "bedrock", "credentials": credentials}],
            }))
            .warnings();
            assert_eq!(warnings.len(), count, "{credentials}");
            for warning in warnings {
                let document = json!({"providers": [{"credentials": credentials}]});
                assert_eq!(document.pointer(&warning.path), Some(&value()));
            }
        }
    }

    #[test]
    fn pod_identity_is_warned_of_unless_a_token_is_given() {
        let agent = json!({"uri": "http://169.254.170.23/v1/credentials"});
        let with_token = json!({"uri": agent["uri"], "authorization_token": {"env": "T"}});
        let other = json!({"uri": "http://127.0.0.1:9/v1/credentials"});
        let direct = |container: &Value| json!({"container": container});
        let role = |container: &Value| {
            let source = json!({"container": container});
            json!({"assume_role": {"role_arn": "arn:", "source": source}})
        };
        for (credentials, path) in [
            (direct(&agent), Some("container")),
            (role(&agent), Some("assume_role/source/container")),
            (direct(&with_token), None),
            (role(&other), None),
        ] {
            let warnings = parse(&json!({
                "authentication": {},
                "providers": [{"name": "a", "type": "bedrock", "credentials": credentials}],
            }))
            .warnings();
            let found = warnings.first().map(|warning| warning.path.clone());
            let expected = path.map(|path| format!("/providers/0/credentials/{path}/uri"));
            assert_eq!(found, expected, "{credentials}");
        }
    }

    #[test]
    fn a_gateway_without_authentication_is_warned_of() {
        let document = parse(&json!({"authentication": {"disabled": true}, "providers": []}));
        let [warning] = document.warnings().try_into().unwrap();
        assert_eq!(warning.path, "/authentication/disabled");
    }

    #[test]
    fn the_variables_of_a_configuration_are_listed_once() {
        let variables = |providers: Value| {
            parse(&json!({"authentication": {}, "providers": providers})).variables()
        };
        assert_eq!(
            variables(json!([
                {"name": "a", "type": "openai", "api_key": {"env": "B"}},
                {"name": "b", "type": "openai", "api_key": {"env": "A"}},
                {"name": "c", "type": "openai", "api_key": {"env": "B"}},
                {"name": "d", "type": "openai", "api_key": {"env": "sk-not-a-name"}},
            ])),
            ["A", "B"]
        );
        for credentials in [
            json!({"default_chain": {}}),
            json!({"assume_role": {"role_arn": "arn:", "source": {"container": {}}}}),
        ] {
            let provider = json!([{"name": "a", "type": "bedrock", "credentials": credentials}]);
            assert_eq!(variables(provider).len(), AWS_VARIABLES.len());
        }
    }
}
