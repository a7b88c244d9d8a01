//! Fields that a document leaves out have their default values.

use super::*;

#[test]
fn missing_fields_have_their_defaults() {
    let config = config(&minimal());
    assert_eq!(config.path_prefix, "/llm/v1/providers");
    assert_eq!(config.usage_path, "/llm/v1/usage");
    assert_eq!(
        config.token_headers,
        ["x-ai-gateway-authorization", "x-redpanda-cloud-token"]
    );
    for header in ["set-cookie", "alt-svc", "openai-organization"] {
        let mut removed = config.response_headers_to_remove.iter();
        assert!(
            removed.any(|pattern| pattern.matches(header.as_bytes())),
            "{header}"
        );
    }
    assert_eq!(config.authentication.limits().cache_size, 1000);
    assert_eq!(config.max_signed_body_bytes, 32 * 1024 * 1024);
    assert_eq!(
        config.observability,
        Observability {
            conversation_headers: vec![
                "x-gen-ai-conversation".into(),
                "x-redpanda-genai-conversation".into(),
            ],
            log_claims: vec![],
            log_fields: LogFields::ALL,
            max_models: 100,
        }
    );
    assert_eq!(config.policy.claims, ["permissions", "roles", "scope"]);
    assert_eq!(
        config.policy.invoke,
        ["dataplane_adp_llmprovider_invoke", "LLMProviderInvoker"]
    );
    assert_eq!(
        config.policy.get,
        ["dataplane_adp_llmprovider_get", "LLMProviderInvoker"]
    );
    assert_eq!(config.policy.bindings, Bindings::default());

    let issuer = &config.issuers()[0];
    assert_eq!(issuer.algorithms, Algorithm::ALL);
    assert_eq!(issuer.clock_skew, Duration::from_secs(60));
    let keys = remote(issuer);
    let discovery = format!("{ISSUER}/.well-known/openid-configuration");
    assert_eq!(
        keys.start,
        Start::Discovery(Endpoint::parse(&discovery).unwrap())
    );
    assert_eq!(keys.clusters.https, "upstream_https");
    assert_eq!(keys.clusters.http, "upstream_http");
    assert_eq!(keys.timeout, Duration::from_secs(5));
    assert_eq!(keys.refresh_interval, Duration::from_secs(600));
    assert_eq!(keys.min_refresh_interval, Duration::from_secs(60));
    assert_eq!(keys.max_refresh_interval, Duration::from_secs(3600));
    assert_eq!(keys.max_stale, Duration::from_secs(86_400));
    assert_eq!(keys.refetch_interval, Duration::from_secs(30));
}

#[test]
fn a_provider_requires_only_a_name_a_type_and_a_key() {
    for (kind, base_url) in [
        ("openai", "https://api.openai.com/v1"),
        ("anthropic", "https://api.anthropic.com"),
        ("google", "https://generativelanguage.googleapis.com"),
    ] {
        let mut document = minimal();
        document["providers"] = json!([{"name": "p", "type": kind, "api_key": {"env": "KEY"}}]);
        let config = config(&document);
        let provider = config.provider(b"p").unwrap();
        assert_eq!(provider.base_url.to_string(), base_url);
        assert_eq!(provider.cluster, "upstream_https");
        assert!(provider.enabled);
        assert_eq!(provider.display_name, None);
        assert_eq!(provider.allow, None);
        assert!(provider.catalog.is_none() && provider.headers.is_empty());
        assert_eq!(
            provider.credential,
            Credential::ApiKey {
                key: Secret::new("secret-of-KEY".into()),
                placement: None,
            }
        );
    }
}
