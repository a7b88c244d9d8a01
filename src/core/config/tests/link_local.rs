//! Providers and issuers at link-local addresses.

use super::*;

const REFUSED: &str =
    "is a link-local address or a metadata service; if this is intended, set allow_link_local";

/// The problems of a configuration with this provider and this issuer.
fn problems(provider: Value, issuer: Value) -> Vec<(String, String)> {
    let mut document = json!({
        "authentication": {"issuers": [{"issuer": "https://i.test", "audiences": ["a"]}]},
        "providers": [{"name": "p", "type": "openai_compatible", "base_url": "https://p.test"}],
    });
    let merge = |into: &mut Value, from: Value| {
        for (name, value) in from.as_object().cloned().unwrap_or_default() {
            into[name] = value;
        }
    };
    merge(&mut document["providers"][0], provider);
    merge(&mut document["authentication"]["issuers"][0], issuer);
    let parsed = Config::parse(document.to_string().as_bytes(), &env);
    let found = parsed.err().map(|error| error.problems).unwrap_or_default();
    let found = found.into_iter();
    found
        .map(|problem| (problem.path, problem.message))
        .collect()
}

#[test]
fn link_local_addresses_are_refused_unless_allowed() {
    let allowed = json!({"allow_link_local": true});
    let role = |endpoint: &str, allow: bool| {
        json!({
            "type": "bedrock", "region": "us-east-1", "base_url": "https://p.test", "allow_link_local": allow,
            "credentials": {"assume_role": {
                "role_arn": "arn:aws:iam::123456789012:role/r",
                "endpoint": endpoint,
                "source": {"imds": {}},
            }},
        })
    };
    for url in [
        "http://169.254.169.254/v1",
        "http://0xa9fea9fe",
        "http://[fe80::1]:80",
        "http://metadata.google.internal",
    ] {
        let refused = |path: &str| vec![(path.to_owned(), REFUSED.to_owned())];
        let at = json!({"base_url": url});
        assert_eq!(
            problems(at, json!({})),
            refused("/providers/0/base_url"),
            "{url}"
        );
        let at = json!({"base_url": url, "allow_link_local": true});
        assert_eq!(problems(at, json!({})), [], "{url}");

        for issuer in [json!({"issuer": url}), json!({"jwks_uri": url})] {
            let found = problems(json!({}), issuer.clone());
            assert_eq!(found, refused("/authentication/issuers/0"), "{url}");
            let mut issuer = issuer;
            issuer["allow_link_local"] = allowed["allow_link_local"].clone();
            assert_eq!(problems(json!({}), issuer), [], "{url}");
        }

        let path = "/providers/0/credentials/assume_role/endpoint";
        assert_eq!(
            problems(role(url, false), json!({})),
            refused(path),
            "{url}"
        );
        assert_eq!(problems(role(url, true), json!({})), [], "{url}");
    }
}

/// That is what they are for.
#[test]
fn credential_endpoints_may_be_link_local() {
    for credentials in [
        json!({"imds": {}}),
        json!({"container": {"uri": "http://169.254.170.2/c"}}),
        json!({"imds": {"endpoint": "http://[fd00:ec2::254]"}}),
    ] {
        let provider = json!({
            "type": "bedrock", "region": "us-east-1", "base_url": "https://p.test", "credentials": credentials,
        });
        assert_eq!(problems(provider, json!({})), []);
    }
}
