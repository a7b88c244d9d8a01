//! `mcp`, `mcp_servers`, and the grants on MCP servers.

use super::*;
use crate::mcp::access::Subject;
use crate::mcp::method::Permission;
use crate::mcp_server::McpCredential;

fn with_servers(servers: Value, more: Value) -> Value {
    let mut document = minimal();
    document["mcp_servers"] = servers;
    for (name, value) in more.as_object().cloned().unwrap_or_default() {
        document[name] = value;
    }
    document
}

fn github(more: Value) -> Value {
    let mut server = json!({"name": "github", "url": "https://api.test/mcp/?x=1"});
    for (name, value) in more.as_object().cloned().unwrap_or_default() {
        server[name] = value;
    }
    server
}

fn problems(document: &Value) -> Vec<String> {
    let error = parse(document).map(|_| ()).unwrap_err();
    error
        .problems
        .into_iter()
        .map(|problem| problem.path)
        .collect()
}

#[test]
fn nothing_is_served_without_servers() {
    assert_eq!(config(&minimal()).mcp, None);
    let only_settings = with_servers(json!([]), json!({"mcp": {"scopes": ["mcp"]}}));
    assert_eq!(config(&only_settings).mcp, None);
}

#[test]
fn a_server_has_defaults_and_keeps_its_url() {
    let mcp = config(&with_servers(json!([github(json!({}))]), json!({})))
        .mcp
        .unwrap();
    assert_eq!(mcp.path_prefix, "/mcp/v1");
    assert_eq!((mcp.public_url.as_deref(), mcp.scopes.len()), (None, 0));
    let server = mcp.server(b"github").unwrap();
    assert_eq!(server.endpoint.target, "/mcp/?x=1");
    assert_eq!(server.cluster, "upstream_https");
    assert_eq!(server.credential, McpCredential::None);
    assert!(server.enabled);
    assert_eq!(mcp.server(b"gitlab"), None);
}

#[test]
fn the_path_follows_the_base_of_the_providers() {
    for (prefix, path) in [
        ("/llm/v1/providers", "/mcp/v1"),
        ("/team/llm/v1/providers", "/team/mcp/v1"),
        ("/ai", "/mcp/v1"),
    ] {
        let document = with_servers(json!([github(json!({}))]), json!({"path_prefix": prefix}));
        assert_eq!(config(&document).mcp.unwrap().path_prefix, path);
    }
}

#[test]
fn a_credential_is_headers_or_the_callers_own() {
    let credential = |value: Value| {
        let document = with_servers(json!([github(json!({"credential": value}))]), json!({}));
        config(&document).mcp.unwrap().servers["github"]
            .credential
            .clone()
    };
    let secret = |text: &str| Secret::new(text.into());
    assert_eq!(credential(json!("none")), McpCredential::None);
    for (header, name, value) in [
        (
            json!({"value": {"env": "T"}}),
            "authorization",
            "Bearer secret-of-T",
        ),
        (
            json!({"value": {"env": "T"}, "prefix": "Basic "}),
            "authorization",
            "Basic secret-of-T",
        ),
        (
            json!({"name": "X-Key", "value": {"env": "T"}}),
            "x-key",
            "secret-of-T",
        ),
    ] {
        let expected = vec![(name.to_owned(), secret(value))];
        assert_eq!(
            credential(json!({"header": header})),
            McpCredential::Headers(expected)
        );
    }
    let two = json!([{"name": "a", "value": {"env": "A"}}, {"name": "b", "value": {"env": "B"}}]);
    assert!(
        matches!(credential(json!({"headers": two})), McpCredential::Headers(found) if found.len() == 2)
    );
    let caller = json!({"caller": {"header": "X-MCP-Authorization"}});
    assert_eq!(
        credential(caller),
        McpCredential::Caller("x-mcp-authorization".into())
    );
}

#[test]
fn every_mistake_is_reported_with_its_path() {
    for (server, path) in [
        (json!({"name": "GitHub"}), "/mcp_servers/0/name"),
        (json!({"url": "ftp://x"}), "/mcp_servers/0/url"),
        (
            json!({"url": "http://169.254.169.254/"}),
            "/mcp_servers/0/url",
        ),
        (
            json!({"credential": {"header": {"value": {"env": "UNSET"}}}}),
            "/mcp_servers/0/credential/header/value",
        ),
        (
            json!({"credential": {"header": {"name": "host", "value": {"env": "T"}}}}),
            "/mcp_servers/0/credential/header/name",
        ),
        (
            json!({"credential": {"header": {"value": {"env": "T"}, "prefix": "é "}}}),
            "/mcp_servers/0/credential/header/prefix",
        ),
        (
            json!({"credential": {"headers": []}}),
            "/mcp_servers/0/credential/headers",
        ),
        (
            json!({"credential": {"caller": {"header": "authorization"}}}),
            "/mcp_servers/0/credential/caller/header",
        ),
        (json!({"audiences": [""]}), "/mcp_servers/0/audiences"),
        (json!({"tools": []}), "/mcp_servers/0/tools"),
        (json!({"tools": ["a*b"]}), "/mcp_servers/0/tools/0"),
        (
            json!({"tool_pins": {"a/b": "sha256:00"}}),
            "/mcp_servers/0/tool_pins/a~1b",
        ),
        (
            json!({"headers": {"authorization": "x"}}),
            "/mcp_servers/0/headers/authorization",
        ),
        (
            json!({"allowed_origins": ["https://x.test/"]}),
            "/mcp_servers/0/allowed_origins/0",
        ),
        (json!({"allow": [{"claim": "x"}]}), "/mcp_servers/0/allow/0"),
    ] {
        let document = with_servers(json!([github(server)]), json!({}));
        assert_eq!(problems(&document), [path]);
    }
    let twice = with_servers(json!([github(json!({})), github(json!({}))]), json!({}));
    assert_eq!(problems(&twice), ["/mcp_servers/1/name"]);
    for (settings, path) in [
        (
            json!({"path_prefix": "/llm/v1/providers/x"}),
            "/mcp/path_prefix",
        ),
        (json!({"path_prefix": "/llm"}), "/mcp/path_prefix"),
        (json!({"path_prefix": "mcp"}), "/mcp/path_prefix"),
        (json!({"public_url": "https://x.test/a"}), "/mcp/public_url"),
        (json!({"scopes": ["a b"]}), "/mcp/scopes/0"),
    ] {
        let document = with_servers(json!([github(json!({}))]), json!({"mcp": settings}));
        assert_eq!(problems(&document), [path]);
    }
}

#[test]
fn a_binding_is_for_what_it_names() {
    let granted = |binding: Value| {
        let mut whole = json!({"subject": "s"});
        for (name, value) in binding.as_object().cloned().unwrap() {
            whole[name] = value;
        }
        let document = with_servers(
            json!([github(json!({}))]),
            json!({"authorization": {"bindings": [whole]}, "providers": [
                {"name": "p", "type": "openai_compatible", "base_url": "http://x.test"},
            ]}),
        );
        let policy = config(&document).policy;
        let claims = crate::authn::jwt::Claims::from_json(r#"{"sub":"s"}"#);
        let on_provider = policy.decide(&claims, Action::Invoke, "p", None).is_ok();
        let access = policy.mcp_access(&claims, "github", None);
        let call = access.is_ok_and(|it| it.check("tools/call", Subject::Named("t")).is_ok());
        (on_provider, call)
    };
    for (binding, expected) in [
        (json!({"permissions": ["invoke"]}), (true, true)),
        (
            json!({"permissions": ["invoke"], "providers": ["p"]}),
            (true, false),
        ),
        (
            json!({"permissions": ["invoke"], "models": ["m"]}),
            (true, false),
        ),
        (
            json!({"permissions": ["invoke"], "paths_denied": ["files"]}),
            (true, false),
        ),
        (
            json!({"permissions": ["invoke"], "paths_allowed": ["chat/**"]}),
            (true, false),
        ),
        (
            json!({"permissions": ["invoke"], "mcp_servers": ["github"]}),
            (false, true),
        ),
        (
            json!({"permissions": ["invoke"], "tools": ["t"]}),
            (false, true),
        ),
        (
            json!({"permissions": ["invoke"], "tools": ["u"]}),
            (false, false),
        ),
        (
            json!({"permissions": ["invoke"], "providers": ["p"], "mcp_servers": ["github"]}),
            (true, true),
        ),
        (json!({"permissions": ["tools_call"]}), (false, true)),
        (json!({"permissions": ["tools_list"]}), (false, false)),
        (json!({"permissions": ["get"]}), (false, false)),
    ] {
        assert_eq!(granted(binding.clone()), expected, "{binding}");
    }
}

#[test]
fn mistakes_in_bindings_are_reported() {
    let at = |binding: Value| {
        let mut whole = json!({"subject": "s", "permissions": ["tools_call"]});
        for (name, value) in binding.as_object().cloned().unwrap() {
            whole[name] = value;
        }
        problems(&with_servers(
            json!([github(json!({}))]),
            json!({"authorization": {"bindings": [whole]}}),
        ))
    };
    let path = "/authorization/bindings/0";
    assert_eq!(
        at(json!({"mcp_servers": ["x"]})),
        [format!("{path}/mcp_servers")]
    );
    assert_eq!(at(json!({"providers": []})), [path]);
    assert_eq!(at(json!({"permissions": ["get"], "tools": ["x"]})), [path]);
    assert_eq!(
        at(json!({"prompts": ["a*b"]})),
        [format!("{path}/prompts/0")]
    );
}

#[test]
fn the_claims_that_permit_methods_have_the_names_of_the_platform() {
    let document = with_servers(
        json!([]),
        json!({"authorization": {"mcp": {"tools_call": ["call"], "invoke": []}}}),
    );
    let policy = config(&document).policy;
    assert_eq!(policy.mcp_values(Permission::ToolsCall), ["call"]);
    assert_eq!(
        policy.mcp_values(Permission::ResourcesTemplatesList),
        ["dataplane_adp_mcpserver_resources_templates_list"]
    );
    assert!(policy.mcp.invoke.is_empty());
    assert_eq!(config(&minimal()).policy.mcp.invoke, ["MCPServerInvoker"]);
}

#[test]
fn an_audience_of_a_server_is_no_audience_of_the_gateway() {
    let server = github(json!({"audiences": ["https://gw.test/mcp/v1/github"]}));
    let config = config(&with_servers(json!([server]), json!({})));
    let claims = |aud: &str| crate::authn::jwt::Claims::from_json(&json!({"aud": aud}).to_string());
    assert!(config.is_for_gateway(&claims("ai-gateway")));
    assert!(!config.is_for_gateway(&claims("https://gw.test/mcp/v1/github")));
    assert_eq!(config.issuers()[0].audiences.accepted.len(), 2);
}
