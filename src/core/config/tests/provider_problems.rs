//! Invalid values of `providers`.

use super::problems::{problems, provider_problems, with};
use super::*;

#[test]
fn a_list_of_headers_names_no_header_that_must_stay_or_never_does() {
    const ONLY_AT_THE_END: &str = "may have * only at the end";
    const NEEDED: &str = "is a header that HTTP needs";
    const OWN: &str = "is a header that the gateway itself sets or removes";
    let [to_remove, allowed, from_responses] = [
        "request_headers_to_remove",
        "request_headers_allowed",
        "response_headers_to_remove",
    ];
    for (field, name, problem) in [
        (to_remove, "", "is not a header name"),
        (to_remove, ":path", "is not a header name"),
        (to_remove, "a b", "is not a header name"),
        (to_remove, "*", "would remove every header"),
        (to_remove, "x-*-y", ONLY_AT_THE_END),
        (to_remove, "*-y", ONLY_AT_THE_END),
        (to_remove, "x-**", ONLY_AT_THE_END),
        (to_remove, "Host", NEEDED),
        (to_remove, "content-length", NEEDED),
        (to_remove, "Transfer-Encoding", NEEDED),
        (to_remove, "Authorization", OWN),
        (to_remove, "x-ai-gateway-cluster", OWN),
        (to_remove, "x-forwarded-proto", OWN),
        (allowed, "", "is not a header name"),
        (allowed, "connection", NEEDED),
        (allowed, "cookie", OWN),
        (allowed, "X-Api-Key", OWN),
        (allowed, "*-beta", ONLY_AT_THE_END),
        (from_responses, ":status", "is not a header name"),
        (from_responses, "*", "would remove every header"),
        (from_responses, "*-*", ONLY_AT_THE_END),
        (from_responses, "Content-Encoding", NEEDED),
        (from_responses, "Content-Security-Policy", OWN),
        (from_responses, "x-ai-gateway-error", OWN),
    ] {
        let mut document = minimal();
        document["providers"] = json!([{"name": "p", "type": "openai", "api_key": {"env": "KEY"}}]);
        document[field] = json!(["x-fine", name]);
        document["providers"][0][field] = json!([name]);
        let expected = [
            format!("/providers/0/{field}/0: {problem}"),
            format!("/{field}/1: {problem}"),
        ];
        assert_eq!(problems(&document), expected, "{field} {name}");
    }
    for (field, name) in [
        (to_remove, "x-request-id"),
        (to_remove, "content-*"),
        (allowed, "*"),
        (allowed, "x-user-id"),
        (from_responses, "*-id"),
        (from_responses, "location"),
    ] {
        let mut document = minimal();
        document["providers"] = json!([{"name": "p", "type": "openai", "api_key": {"env": "KEY"}}]);
        document["providers"][0][field] = json!([name]);
        assert_eq!(problems(&document), [""; 0], "{field} {name}");
    }
}

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
            json!({"paths_denied": ["files", "%66iles"]}),
            "/paths_denied/1",
            "must be a native path",
        ),
        (
            json!({"paths_allowed": ["a?b"]}),
            "/paths_allowed/0",
            "must be a native path",
        ),
        (
            json!({"paths_allowed": []}),
            "/paths_allowed",
            "must not be empty",
        ),
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
    for (members, fields) in [
        (json!({"models": ["m"]}), "models and prices"),
        (json!({"prices": price}), "models and prices"),
        (
            json!({"paths_denied": ["a"]}),
            "paths_denied and paths_allowed",
        ),
        (
            json!({"paths_allowed": ["a"]}),
            "paths_denied and paths_allowed",
        ),
    ] {
        let expected =
            format!("/authorization/bindings/0: {fields} require the permission \"invoke\"");
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
fn a_region_of_no_known_partition_needs_its_endpoints() {
    let provider = |changes: Value| {
        let mut provider = json!({
            "name": "b", "type": "bedrock", "region": "moon-base-1",
            "credentials": {"bedrock_api_key": {"env": "KEY"}},
        });
        let members = changes.as_object().unwrap().clone();
        provider.as_object_mut().unwrap().extend(members);
        let mut document = minimal();
        document["providers"] = json!([provider]);
        document
    };
    let unknown = "/providers/0/region: is in no AWS partition that the gateway knows, so the \
                   domain of its services is unknown; check its name, or set base_url, and the \
                   endpoint of assume_role";
    let base_url = json!("https://bedrock.moon.test");
    let role = |endpoint: Value| {
        let pair = json!({
            "access_key_id": {"value": "a"},
            "secret_access_key": {"value": "b"},
        });
        let mut role = json!({"role_arn": "arn:aws:iam::1:role/r", "source": {"static": pair}});
        role["endpoint"] = endpoint;
        json!({"assume_role": role})
    };
    assert_eq!(problems(&provider(json!({}))), [unknown]);
    let without_sts = json!({"base_url": base_url, "credentials": role(Value::Null)});
    assert_eq!(problems(&provider(without_sts)), [unknown]);
    for complete in [
        json!({"base_url": base_url}),
        json!({"base_url": base_url, "credentials": role(json!("https://sts.moon.test"))}),
        json!({"region": "eu-isoe-west-1"}),
    ] {
        let document = provider(complete).to_string();
        Config::parse(document.as_bytes(), &env).unwrap();
    }
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

#[test]
fn a_disabled_provider_needs_no_key_yet() {
    let parse = |enabled: Option<bool>, variable: &str| {
        let mut provider = json!({"name": "p", "type": "openai", "api_key": {"env": variable}});
        if let Some(enabled) = enabled {
            provider["enabled"] = enabled.into();
        }
        let document = json!({"authentication": {"disabled": true}, "providers": [provider]});
        Config::parse(document.to_string().as_bytes(), &|_| None)
    };
    assert!(parse(Some(false), "UNSET").is_ok());
    for (enabled, variable) in [
        (Some(true), "UNSET"),
        (None, "UNSET"),
        (Some(false), "not a name"),
    ] {
        let error = parse(enabled, variable).unwrap_err();
        assert_eq!(error.problems[0].path, "/providers/0/api_key");
    }
}
