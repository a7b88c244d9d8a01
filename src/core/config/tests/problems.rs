//! Invalid documents: every problem is reported with its path.

use super::*;

/// The problems of a document, each as `path: message`.
pub(super) fn problems(document: &Value) -> Vec<String> {
    match parse(document) {
        Ok(_) => Vec::new(),
        Err(error) => error
            .problems
            .iter()
            .map(|problem| format!("{}: {}", problem.path, problem.message))
            .collect(),
    }
}

/// [`minimal`] with a value put at each of these paths.
pub(super) fn with(changes: &[(&str, Value)]) -> Value {
    let mut document = minimal();
    for (path, value) in changes {
        put(&mut document, path, value.clone());
    }
    document
}

fn put(document: &mut Value, path: &str, value: Value) {
    let (parent, name) = path.rsplit_once('/').unwrap();
    match document.pointer_mut(parent).unwrap() {
        Value::Array(items) => items.push(value),
        parent => parent[name] = value,
    }
}

/// The problems of a document whose only provider is `p` with these members.
pub(super) fn provider_problems(members: Value) -> Vec<String> {
    let mut provider = json!({"name": "p", "type": "openai", "api_key": {"env": "KEY"}});
    for (name, value) in members.as_object().unwrap() {
        provider[name] = value.clone();
    }
    problems(&with(&[("/providers", json!([provider]))]))
}

#[test]
fn a_valid_document_has_no_problem() {
    assert_eq!(problems(&minimal()), [""; 0]);
    assert_eq!(problems(&full()), [""; 0]);
    assert_eq!(provider_problems(json!({})), [""; 0]);
}

#[test]
fn unknown_fields_and_wrong_types_are_reported_with_their_paths() {
    for (path, value, problem) in [
        ("/x", json!(1), "/x: unknown field `x`"),
        (
            "/path_prefix",
            json!(1),
            "/path_prefix: invalid type: integer",
        ),
        ("/providers", json!({}), "/providers: invalid type: map"),
        (
            "/providers/0",
            json!(7),
            "/providers/0: invalid type: integer",
        ),
        (
            "/providers/0",
            json!({"name": "p"}),
            "/providers/0: missing field `type`",
        ),
        (
            "/providers/0",
            json!({"name": "p", "type": "openai", "apikey": 1}),
            "/providers/0/apikey: unknown field `apikey`",
        ),
        (
            "/providers/0",
            json!({"name": "p", "type": "openai", "enabled": "yes"}),
            "/providers/0/enabled: invalid type: string, expected a boolean",
        ),
        (
            "/authentication/issuers/0/audiences",
            json!("x"),
            "/authentication/issuers/0/audiences: invalid type: string, expected a sequence",
        ),
        (
            "/authentication/issuers/0/audience",
            json!("x"),
            "/authentication/issuers/0/audience: unknown field `audience`",
        ),
        (
            "/authentication/token_cache_size",
            json!(-1),
            "/authentication/token_cache_size: invalid value: integer, expected usize",
        ),
        (
            "/authentication/signature_verifier",
            json!("openssl"),
            "/authentication/signature_verifier: unknown variant",
        ),
        (
            "/authorization",
            json!({"bindings": [{"subject": "s", "permissions": "get"}]}),
            "/authorization/bindings/0/permissions: invalid type: string",
        ),
        (
            "/clusters",
            json!({"tls": "x"}),
            "/clusters/tls: unknown field `tls`",
        ),
    ] {
        let problems = problems(&with(&[(path, value)]));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with(problem),
            "{problems:?} for {problem}"
        );
    }
}

#[test]
fn a_text_that_is_not_one_json_object_is_refused() {
    for json in [
        "",
        "{",
        "null",
        "[]",
        "1",
        "{\"providers\": []}",
        "\u{feff}{}",
        "nonsense",
    ] {
        assert!(Config::parse(json.as_bytes(), &env).is_err(), "{json}");
    }
    let followed = format!("{} {}", minimal(), minimal());
    let error = Config::parse(followed.as_bytes(), &env).unwrap_err();
    assert_eq!(error.to_string(), "/: has data after the configuration");
    let nested = format!("{{\"providers\":{}", "[".repeat(100_000));
    assert!(Config::parse(nested.as_bytes(), &env).is_err());
}

#[test]
fn all_invalid_values_are_reported_at_once() {
    let document = json!({
        "path_prefix": "llm/",
        "authentication": {
            "token_headers": ["ok", "not ok"],
            "token_cache_size": 0,
            "max_token_bytes": 70_000,
            "issuers": [
                {"issuer": "not a url", "audiences": [], "clock_skew": "soon"},
                {"issuer": "https://a.test", "audiences": ["x"], "algorithms": ["HS256", "none"]},
            ],
        },
        "authorization": {"bindings": [
            {"subject": "s", "claim": "c", "permissions": ["get"]},
            {"subject": "s", "permissions": [], "providers": ["b", "nobody"]},
            {"issuer": "https://a.test/", "subject": "s", "permissions": ["get"]},
        ]},
        "providers": [
            {"name": "Upper", "type": "openai", "api_key": {"env": "UNSET_KEY"}},
            {"name": "b", "type": "openai_compatible"},
            {"name": "c", "type": "unheard-of"},
        ],
        "response_headers_to_remove": ["a:b"],
    });
    let algorithms = "must be one of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";
    let expected = [
        "/path_prefix: must be a plain path with a leading slash and no trailing one".to_owned(),
        "/authentication/token_headers/1: is not a header name".into(),
        "/authentication/token_cache_size: must be from 1 to 100000".into(),
        "/authentication/max_token_bytes: must be from 1024 to 65536".into(),
        "/authentication/issuers/0/audiences: at least one audience is required: the one that clients \
         request tokens for"
            .into(),
        "/authentication/issuers/0/clock_skew: must be a duration such as \"30s\", \"500ms\", \
         \"10m\" or \"24h\""
            .into(),
        "/authentication/issuers/0/issuer: must begin with https:// or http://".into(),
        format!("/authentication/issuers/1/algorithms/0: {algorithms}"),
        format!("/authentication/issuers/1/algorithms/1: {algorithms}"),
        "/authorization/bindings/0: requires either subject, or claim and value".into(),
        "/authorization/bindings/1: grants nothing; add \"invoke\" or \"get\" to permissions".into(),
        "/authorization/bindings/1/providers: there is no provider \"nobody\"".into(),
        "/authorization/bindings/2/issuer: must exactly equal the issuer of one of \
         authentication.issuers"
            .into(),
        "/providers/0/name: must start with a-z and have at most 63 characters of a-z, 0-9 and -".into(),
        "/providers/0/api_key: the environment variable UNSET_KEY is not set; set it for Envoy and \
         list it in vm_config.environment_variables.host_env_keys"
            .into(),
        "/providers/1/base_url: is required for type openai_compatible".into(),
        "/providers/2/type: must be one of openai, anthropic, google, bedrock, bedrock_mantle, openai_compatible".into(),
        "/response_headers_to_remove/0: is not a header name".into(),
    ];
    let found = problems(&document);
    assert_eq!(found, expected);
    assert_eq!(
        parse(&document).unwrap_err().to_string(),
        found.join("; "),
        "one message has them all"
    );
}

#[test]
fn rules_need_a_subject_or_a_claim_with_a_value() {
    let needs = "requires either subject, or claim and value";
    let empty = "must not match an empty name or value";
    for (rule, message) in [
        (json!({}), needs),
        (json!({"claim": "c"}), needs),
        (json!({"value": "v"}), needs),
        (json!({"subject": "s", "value": "v"}), needs),
        (json!({"subject": "s", "claim": "c", "value": "v"}), needs),
        (json!({"subject": ""}), empty),
        (json!({"claim": "", "value": "v"}), empty),
        (json!({"claim": "c", "value": ""}), empty),
    ] {
        assert_eq!(
            provider_problems(json!({"allow": [rule]})),
            [format!("/providers/0/allow/0: {message}")]
        );
        let mut binding = rule;
        binding["permissions"] = json!(["get"]);
        let authorization = json!({"bindings": [binding]});
        assert_eq!(
            problems(&with(&[("/authorization", authorization)])),
            [format!("/authorization/bindings/0: {message}")]
        );
    }
}

#[test]
fn a_value_that_is_not_an_object_is_reported_in_json_terms() {
    for document in [json!([]), json!("x"), json!(1)] {
        let problem = parse(&document).unwrap_err().to_string();
        assert!(problem.contains("expected an object"), "{problem}");
    }
}
