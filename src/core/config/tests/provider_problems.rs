//! Invalid values of `providers`.

use super::problems::{problems, provider_problems, with};
use super::*;

#[test]
fn provider_names_are_well_formed_and_unique() {
    let provider = |name: &str| json!({"name": name, "type": "openai", "api_key": {"env": "K"}});
    let twice = json!([provider("a"), provider("b"), provider("a")]);
    assert_eq!(
        problems(&with(&[("/providers", twice)])),
        ["/providers/2/name: \"a\" is the name of another provider"]
    );
    let malformed =
        "/providers/0/name: must start with a-z and have at most 63 characters of a-z, 0-9 and -";
    for name in [
        "",
        "A",
        "1a",
        "a_b",
        "a/b",
        "a%2Fb",
        "a\r\nb",
        "é",
        &"a".repeat(64),
    ] {
        let problems = provider_problems(json!({"name": name}));
        assert_eq!(problems, [malformed], "{name}");
    }
}

#[test]
fn credentials_match_the_type_and_do_not_contradict_each_other() {
    for (members, path, message) in [
        (
            json!({"api_key": null}),
            "/api_key",
            "is required: name the environment variable",
        ),
        (
            json!({"authorization_passthrough": true}),
            "/api_key",
            "contradicts authorization_passthrough; remove one of the two",
        ),
        (
            json!({"type": "google", "api_key": null, "authorization_passthrough": true}),
            "/authorization_passthrough",
            "does not apply to type google",
        ),
        (
            json!({"require_gateway_token": true}),
            "/require_gateway_token",
            "requires authorization_passthrough",
        ),
        (
            json!({"type": "anthropic", "api_key_header": "x"}),
            "/api_key_header",
            "does not apply to type anthropic",
        ),
        (
            json!({"api_key": null, "authorization_passthrough": true, "api_key_header": "x"}),
            "/api_key_header",
            "requires api_key",
        ),
        (
            json!({"api_key_header": "a b"}),
            "/api_key_header",
            "is not a header name",
        ),
        (
            json!({"api_key_header": ":path"}),
            "/api_key_header",
            "is not a header name",
        ),
        (
            json!({"api_key_header": "Host"}),
            "/api_key_header",
            "is not a header name",
        ),
        (
            json!({"api_key_header": "X-AI-Gateway-Cluster"}),
            "/api_key_header",
            "is not a header name",
        ),
    ] {
        let problems = provider_problems(members);
        assert_eq!(problems.len(), 1, "{problems:?}");
        let expected = format!("/providers/0{path}: {message}");
        assert!(problems[0].starts_with(&expected), "{problems:?}");
    }
}

#[test]
fn headers_cannot_inject_headers_or_replace_framing_or_credentials() {
    let name = "is not a header name that can be set";
    let credential = "is a credential header; use api_key and api_key_header";
    for (header, value, path, message) in [
        ("", "v", "", name),
        ("a b", "v", "a b", name),
        ("a\r\nb", "v", "a\r\nb", name),
        (":authority", "v", ":authority", name),
        ("a/b~c", "v", "a~1b~0c", name),
        ("Host", "v", "Host", name),
        ("Content-Length", "0", "Content-Length", name),
        ("transfer-encoding", "v", "transfer-encoding", name),
        ("Authorization", "v", "Authorization", credential),
        ("x_api_key", "v", "x_api_key", credential),
        ("x-amz-date", "v", "x-amz-date", credential),
        (
            "X-AI-Gateway-Cluster",
            "v",
            "X-AI-Gateway-Cluster",
            credential,
        ),
        ("x-a", "", "x-a", "must be visible ASCII"),
        ("x-a", " v", "x-a", "must be visible ASCII"),
        ("x-a", "a\r\nb: c", "x-a", "must be visible ASCII"),
        ("x-a", "a\u{0}", "x-a", "must be visible ASCII"),
        ("x-a", "é", "x-a", "must be visible ASCII"),
    ] {
        assert_eq!(
            provider_problems(json!({"headers": {header: value}})),
            [format!("/providers/0/headers/{path}: {message}")]
        );
    }
}

#[test]
fn invalid_base_urls_are_refused() {
    for (base_url, message) in [
        ("", "must begin with https:// or http://"),
        ("api.test", "must begin with https:// or http://"),
        ("https://", "has no valid host"),
        ("https://x.test/?key=1", "must have a plain path"),
        ("https://u:p@x.test", "must not contain credentials"),
        ("https://x.test/\r\n", "must have a plain path"),
    ] {
        let problems = provider_problems(json!({"base_url": base_url}));
        assert_eq!(problems.len(), 1, "{problems:?}");
        let expected = format!("/providers/0/base_url: {message}");
        assert!(problems[0].starts_with(&expected), "{problems:?}");
    }
}

#[test]
fn prices_are_numbers_for_models() {
    let price = "must be a price per million tokens, from 0 to 1000000";
    for (prices, problem) in [
        (
            json!({"a*b": {"input": 1, "output": 1}}),
            "/providers/0/prices/a*b: must be a model id, or a prefix followed by *".to_owned(),
        ),
        (
            json!({"a/b": {"input": -1, "output": 1}}),
            format!("/providers/0/prices/a~1b/input: {price}"),
        ),
        (
            json!({"a": {"input": 1, "output": 1, "cache_write_1h": 1e9}}),
            format!("/providers/0/prices/a/cache_write_1h: {price}"),
        ),
        (
            json!({"a": {"input": 1}}),
            "/providers/0/prices/a: missing field `output`".to_owned(),
        ),
        (
            json!({"a": {"input": 1, "output": 1, "per_search": -1}}),
            "/providers/0/prices/a/per_search: must be a price per unit".to_owned(),
        ),
        (
            json!({"a": {"input": 1, "output": 1, "tiers": {"flex": {"multiplier": 1e6}}}}),
            "/providers/0/prices/a/tiers/flex/multiplier: must be a number from 0 to 1000"
                .to_owned(),
        ),
        (
            json!({"a": {"input": 1, "output": 1, "long_context": [{"input": 1}]}}),
            "/providers/0/prices/a/long_context/0: missing field `above_input_tokens`".to_owned(),
        ),
        (
            json!({"a": {"input": 1, "output": 1, "speeds": {"fast": {"output": -1}}}}),
            format!("/providers/0/prices/a/speeds/fast/output: {price}"),
        ),
    ] {
        let problems = provider_problems(json!({ "prices": prices }));
        assert!(problems[0].starts_with(&problem), "{problems:?}");
    }
}

#[test]
fn catalogs_contain_models_and_require_the_permission_to_invoke() {
    let name = "must be a model id, or a prefix followed by *";
    for (members, path, message) in [
        (json!({"models": []}), "/models", "must not be empty"),
        (json!({"models": ["a", "*b"]}), "/models/1", name),
        (json!({"models": [""]}), "/models/0", name),
        (
            json!({"paths_without_model": ["batches", "a//b"]}),
            "/paths_without_model/1",
            "must be a native path without its version",
        ),
    ] {
        let problems = provider_problems(members);
        let expected = format!("/providers/0{path}: {message}");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(&expected), "{problems:?}");
    }
    let binding = |members: Value| {
        let mut binding = json!({"subject": "s", "permissions": ["get"]});
        for (name, value) in members.as_object().unwrap() {
            binding[name] = value.clone();
        }
        problems(&with(&[("/authorization", json!({"bindings": [binding]}))]))
    };
    let price = json!({"m": {"input": 1, "output": 2}});
    for members in [json!({"models": ["m"]}), json!({"prices": price})] {
        let expected =
            "/authorization/bindings/0: models and prices require the permission \"invoke\"";
        assert_eq!(binding(members), [expected]);
    }
    let bad = binding(json!({"permissions": ["invoke"], "models": ["**"]}));
    assert_eq!(bad, [format!("/authorization/bindings/0/models/0: {name}")]);
    let problems = problems(&with(&[("/unlisted_model_status", json!(402))]));
    assert_eq!(problems, ["/unlisted_model_status: must be 404 or 403"]);
}

#[test]
fn a_missing_region_is_reported_once() {
    let mut document = minimal();
    let key = json!({"bedrock_api_key": {"env": "KEY"}});
    document["providers"] = json!([{"name": "b", "type": "bedrock", "credentials": key}]);
    assert_eq!(
        problems(&document),
        ["/providers/0/region: must be the region of the service, such as \"us-east-1\""]
    );
}

#[test]
fn problems_of_aws_credentials_have_the_path_of_their_source() {
    for (source, path) in [
        (json!({"container": {"uri": "x"}}), "container/uri"),
        (json!({"imds": {"endpoint": "x"}}), "imds/endpoint"),
        (
            json!({"default_chain": {"imds_endpoint": "x"}}),
            "default_chain/imds_endpoint",
        ),
    ] {
        let role = json!({"assume_role": {"role_arn": "arn:aws:iam::1:role/r", "source": source}});
        for (credentials, path) in [
            (source, path.to_owned()),
            (role, format!("assume_role/source/{path}")),
        ] {
            let provider = json!({
                "name": "p", "type": "bedrock", "region": "us-east-1", "credentials": credentials,
            });
            let document = with(&[("/providers", json!([provider]))]);
            let error = Config::parse(document.to_string().as_bytes(), &|_| None).unwrap_err();
            let paths: Vec<_> = error.problems.iter().map(|it| it.path.as_str()).collect();
            assert_eq!(paths, [format!("/providers/0/credentials/{path}")]);
        }
    }
}
