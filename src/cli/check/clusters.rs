//! The Envoy clusters that a configuration names, compared with those that Envoy has.

use std::path::Path;

use ai_gateway_core::authn::jwks::{JwksSource, Start};
use ai_gateway_core::aws::credentials::CredentialsProvider;
use ai_gateway_core::config::{Config, Document, Problem};
use ai_gateway_core::http::url::Scheme;
use serde_json::Value;

use super::any_environment;
use crate::failure::{Failure, Kind};

const SHIPPED: &str = include_str!("../../../envoy/bootstrap.yaml");

/// The clusters of an Envoy configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Clusters {
    names: Vec<String>,
    /// Whether Envoy gets no further clusters from a control plane.
    pub(super) are_complete: bool,
}

impl Clusters {
    /// Those of a bootstrap, which is a YAML or JSON file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let text = std::fs::read_to_string(path).map_err(|error| Failure::file(path, &error))?;
        Self::parse(&text).ok_or_else(|| {
            let message = format!("{} is not an Envoy bootstrap", path.display());
            Failure::new(Kind::Failed, message).hint("give the file that Envoy gets with -c")
        })
    }

    /// Those of a bootstrap's text; `None` if it is not one.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::of(&serde_yaml_ng::from_str(text).ok()?)
    }

    /// Those of a bootstrap; `None` if it is not one.
    pub(super) fn of(bootstrap: &Value) -> Option<Self> {
        let clusters = bootstrap.get("static_resources")?.get("clusters");
        let clusters = clusters.and_then(Value::as_array).into_iter().flatten();
        let names = clusters.filter_map(|cluster| cluster.get("name")?.as_str());
        let dynamic = bootstrap.get("dynamic_resources");
        Some(Self {
            names: names.map(str::to_owned).collect(),
            are_complete: dynamic.and_then(|it| it.get("cds_config")).is_none(),
        })
    }

    /// Those of the shipped bootstrap.
    pub(super) fn shipped() -> Option<Self> {
        Self::parse(SHIPPED)
    }

    /// The clusters that a valid configuration names and Envoy lacks, with the JSON path of each
    /// name.
    pub(crate) fn missing(&self, configuration: &str) -> Vec<Problem> {
        let mut missing: Vec<Problem> = uses(configuration)
            .into_iter()
            .filter(|(_, name)| !self.names.contains(name))
            .map(|(path, name)| Problem {
                path,
                message: format!("Envoy has no cluster \"{name}\""),
            })
            .collect();
        missing.dedup();
        missing
    }
}

/// The clusters that a valid configuration uses, with the JSON path of the member that names each.
fn uses(configuration: &str) -> Vec<(String, String)> {
    let json = configuration.as_bytes();
    let (Ok(document), Ok(config), Ok(text)) = (
        Document::parse(json),
        Config::parse(json, &any_environment),
        serde_json::from_str::<Value>(configuration),
    ) else {
        return Vec::new(); // The caller has reported why.
    };
    // The owner's own `cluster`, or else the one for the scheme.
    let path = |owner: String, scheme| {
        let own = format!("{owner}/cluster");
        match (text.pointer(&own), scheme) {
            (Some(_), _) => own,
            (None, Scheme::Http) => "/clusters/http".to_owned(),
            (None, Scheme::Https) => "/clusters/https".to_owned(),
        }
    };
    let mut uses = Vec::new();
    for (index, issuer) in config.issuers().iter().enumerate() {
        if let JwksSource::Remote(keys) = &issuer.keys {
            let (Start::Discovery(endpoint) | Start::KeySet(endpoint)) = &keys.start;
            let owner = format!("/authentication/issuers/{index}");
            let name = keys.clusters.of(endpoint.scheme);
            uses.push((path(owner, endpoint.scheme), name.to_owned()));
        }
    }
    for (index, name) in document.provider_names().enumerate() {
        let Some(provider) = config.providers.get(name) else {
            continue;
        };
        let owner = format!("/providers/{index}");
        let scheme = provider.base_url.scheme();
        uses.push((path(owner, scheme), provider.cluster.clone()));
        let Some(signing) = config.signing(name) else {
            continue;
        };
        let settings = &signing.settings;
        let sources = settings.providers.iter().filter_map(|source| match source {
            CredentialsProvider::Static(_) => None,
            CredentialsProvider::Container { endpoint, .. } => Some(endpoint.scheme),
            CredentialsProvider::InstanceMetadata { endpoint } => Some(endpoint.scheme()),
        });
        let role = settings.role.iter().map(|role| role.endpoint.scheme);
        for scheme in sources.chain(role) {
            let name = settings.clusters.of(scheme);
            uses.push((path(String::new(), scheme), name.to_owned()));
        }
    }
    uses
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn missing(bootstrap: &Value, configuration: &Value) -> Vec<(String, String)> {
        let clusters = Clusters::of(bootstrap).unwrap();
        let missing = clusters.missing(&configuration.to_string());
        let missing = missing.into_iter();
        missing.map(|it| (it.path, it.message)).collect()
    }

    fn configuration(fields: &Value) -> Value {
        let mut document = json!({
            "authentication": {"issuers": [{"issuer": "https://a.test", "audiences": ["a"]}]},
            "providers": [{"name": "p", "type": "openai", "api_key": {"env": "K"}}],
        });
        let members = document.as_object_mut().unwrap();
        members.extend(fields.as_object().unwrap().clone());
        document
    }

    fn bootstrap(names: &[&str]) -> Value {
        let clusters: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        json!({"static_resources": {"clusters": clusters}})
    }

    #[test]
    fn every_cluster_that_envoy_lacks_is_named_with_its_path() {
        let credentials = json!({"imds": {}});
        let document = configuration(&json!({
            "clusters": {"http": "metadata"},
            "authentication": {"issuers": [
                {"issuer": "https://a.test", "audiences": ["a"], "cluster": "keys"},
                {"issuer": "https://b.test", "audiences": ["a"]},
            ]},
            "providers": [
                {"name": "p", "type": "openai", "api_key": {"env": "K"}, "cluster": "mine"},
                {"name": "b", "type": "bedrock", "region": "us-east-1", "credentials": credentials},
            ],
        }));
        let found = missing(&bootstrap(&["upstream_https"]), &document);
        let named: Vec<_> = found
            .iter()
            .map(|(path, message)| (path.as_str(), message.split('"').nth(1).unwrap()))
            .collect();
        let expected = [
            ("/authentication/issuers/0/cluster", "keys"),
            ("/providers/0/cluster", "mine"),
            ("/clusters/http", "metadata"),
        ];
        assert_eq!(named, expected);
        let all = bootstrap(&["upstream_https", "keys", "mine", "metadata"]);
        assert_eq!(missing(&all, &document), []);
    }

    #[test]
    fn the_default_clusters_are_those_of_the_shipped_bootstrap() {
        let shipped = Clusters::shipped().unwrap();
        assert!(shipped.are_complete);
        let document = configuration(&json!({})).to_string();
        assert_eq!(shipped.missing(&document), []);
        let [default] = missing(&bootstrap(&[]), &configuration(&json!({})))
            .try_into()
            .unwrap();
        assert_eq!(default.0, "/clusters/https");
    }

    #[test]
    fn a_control_plane_may_add_clusters() {
        let mut document = bootstrap(&[]);
        document["dynamic_resources"] = json!({"cds_config": {"ads": {}}});
        assert!(!Clusters::of(&document).unwrap().are_complete);
        assert_eq!(Clusters::parse("a: 1"), None);
    }
}
