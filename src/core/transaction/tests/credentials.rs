//! Where clients put the token, and the credential that the provider gets instead.

use super::*;

#[test]
fn each_kind_of_provider_accepts_the_token_where_its_clients_put_it() {
    let gateway = TestGateway::warm();
    let (good, bearer) = (good(), bearer(&good()));
    let signed = "AWS4-HMAC-SHA256 Credential=dummy".to_owned();
    let key = format!("/my-google/v1beta/models/m:generateContent?key={good}&alt=sse");
    for (path, headers, target, credential) in [
        (
            "/my-openai/chat/completions",
            vec![("authorization", &bearer)],
            "/v1/chat/completions",
            Some(("authorization", "Bearer secret-of-OPENAI_KEY")),
        ),
        (
            "/my-claude/v1/messages",
            vec![("authorization", &bearer)],
            "/v1/messages",
            Some(("x-api-key", "secret-of-CLAUDE_KEY")),
        ),
        (
            "/my-claude/v1/messages?beta=true",
            vec![("x-api-key", &good)],
            "/v1/messages?beta=true",
            Some(("x-api-key", "secret-of-CLAUDE_KEY")),
        ),
        (
            // Claude Code's key helper
            "/my-claude/v1/messages",
            vec![("authorization", &bearer), ("x-api-key", &good)],
            "/v1/messages",
            Some(("x-api-key", "secret-of-CLAUDE_KEY")),
        ),
        (
            "/my-google/v1/models/m:generateContent",
            vec![("x-goog-api-key", &good)],
            "/v1/models/m:generateContent",
            Some(("x-goog-api-key", "secret-of-GOOGLE_KEY")),
        ),
        (
            key.as_str(),
            vec![],
            "/v1beta/models/m:generateContent?alt=sse",
            Some(("x-goog-api-key", "secret-of-GOOGLE_KEY")),
        ),
        (
            "/my-google/v1beta/openai/chat/completions",
            vec![("authorization", &bearer)],
            "/v1beta/openai/chat/completions",
            Some(("authorization", "Bearer secret-of-GOOGLE_KEY")),
        ),
        (
            // an AWS SDK with a Bedrock API key
            "/my-bedrock/model/m%3A0/converse",
            vec![("authorization", &bearer)],
            "/model/m%3A0/converse",
            Some(("authorization", "Bearer secret-of-BEDROCK_KEY")),
        ),
        (
            // an AWS SDK that signs with dummy keys
            "/my-bedrock/model/m%3A0/converse",
            vec![("authorization", &signed), ("x-amz-security-token", &good)],
            "/model/m%3A0/converse",
            Some(("authorization", "Bearer secret-of-BEDROCK_KEY")),
        ),
        (
            "/my-vllm/models",
            vec![("authorization", &bearer)],
            "/v1/models",
            None,
        ),
    ] {
        let headers: Vec<(&str, &str)> = headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let outcome = gateway.post(path, &headers);
        let request = outcome.forwarded();
        assert_eq!(upstream(request, ":path"), Some(target));
        for (name, _) in &headers {
            assert!(
                request.remove.iter().any(|removed| removed == name),
                "{path}"
            );
        }
        for header in ["authorization", "x-api-key", "x-goog-api-key"] {
            let expected = credential.filter(|(name, _)| *name == header);
            assert_eq!(
                upstream(request, header),
                expected.map(|(_, value)| value),
                "{path}"
            );
        }
    }
}

#[test]
fn the_gateway_token_headers_work_for_every_provider_and_take_precedence() {
    let gateway = TestGateway::warm();
    let (good, bearer) = (good(), bearer(&good()));
    for provider in ["my-openai", "my-claude", "my-google", "my-vllm"] {
        for gateway_token in [
            ("x-ai-gateway-authorization", bearer.as_str()),
            ("x-redpanda-cloud-token", good.as_str()),
        ] {
            let headers = [
                ("authorization", "AWS4-HMAC-SHA256 Credential=dummy"),
                ("x-api-key", "dummy"),
                ("x-goog-api-key", "dummy"),
                gateway_token,
            ];
            let outcome = gateway.post(&format!("/{provider}/x"), &headers);
            let mut removed = outcome.forwarded().remove.clone();
            removed.sort_unstable();
            let mut names = headers.map(|(name, _)| name);
            names.sort_unstable();
            assert_eq!(removed, names);
        }
    }
}

#[test]
fn the_rejection_of_a_misplaced_token_names_the_right_place() {
    let gateway = TestGateway::warm();
    let (good, bearer) = (good(), bearer(&good()));
    for (path, header, hint) in [
        (
            "/my-google/v1/models/m:x",
            ("authorization", &bearer),
            "x-goog-api-key",
        ),
        (
            "/my-google/v1/models/m:x",
            ("x-api-key", &good),
            "x-goog-api-key",
        ),
        (
            "/my-openai/models",
            ("x-api-key", &good),
            "authorization: Bearer",
        ),
        (
            "/my-openai/models",
            ("x-goog-api-key", &good),
            "authorization: Bearer",
        ),
        (
            "/my-claude/v1/messages",
            ("x-goog-api-key", &good),
            "authorization: Bearer",
        ),
    ] {
        let outcome = gateway.post(path, &[(header.0, header.1)]);
        assert_eq!(outcome.rejection(), rejection(401, "token_misplaced"));
        let message = outcome.body()["message"].to_string();
        assert!(message.contains(hint), "{message}");
    }
}

#[test]
fn a_repeated_credential_is_refused_before_it_is_read() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    for name in [
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "x-redpanda-cloud-token",
    ] {
        let headers = [("authorization", bearer.as_str()), (name, "a"), (name, "b")];
        for path in ["/my-openai/models", "/nobody/models", "", "/my-openai"] {
            let outcome = gateway.post(path, &headers);
            assert_eq!(outcome.rejection(), rejection(400, "credential_repeated"));
        }
    }
}
