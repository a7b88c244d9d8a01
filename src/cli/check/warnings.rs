//! What works and yet is not well: the filter takes it, an operator should know.

use ai_gateway_core::config::Problem;
use serde_json::Value;

/// The warnings about a configuration's text, which is JSON; none about any other text.
pub(crate) fn warnings(text: &str) -> Vec<Problem> {
    let mut found = Vec::new();
    let Ok(document) = serde_json::from_str::<Value>(text) else {
        return found;
    };
    let disabled = document.pointer("/authentication/disabled");
    if disabled == Some(&Value::Bool(true)) {
        found.push(warning(
            "/authentication/disabled",
            "whoever reaches the gateway may use every provider; name an issuer",
        ));
    }
    for (index, issuer) in elements(&document, "/authentication/issuers") {
        for member in ["issuer", "jwks_uri"] {
            if is_plain(issuer.get(member)) {
                found.push(warning(
                    format!("/authentication/issuers/{index}/{member}"),
                    "keys fetched without TLS can be forged by whoever is on the way; use https",
                ));
            }
        }
    }
    let has_issuers = elements(&document, "/authentication/issuers")
        .nth(1)
        .is_some();
    if has_issuers {
        whoever_issues(&document, "/authorization/bindings", &mut found);
    }
    for (index, provider) in elements(&document, "/providers") {
        let path = format!("/providers/{index}");
        if has_issuers {
            whoever_issues(&document, &format!("{path}/allow"), &mut found);
        }
        if is_plain(provider.get("base_url")) {
            found.push(warning(
                format!("{path}/base_url"),
                "requests and their key go there without TLS; use https",
            ));
        }
        written_secrets(provider, &path, &mut found);
    }
    found
}

/// Grants that count whichever of several issuers says so.
fn whoever_issues(document: &Value, path: &str, found: &mut Vec<Problem>) {
    for (index, rule) in elements(document, path) {
        if rule.get("issuer").is_none() {
            found.push(warning(
                format!("{path}/{index}"),
                "is for tokens of every issuer, and each gives its subjects and claims as it likes; name the issuer",
            ));
        }
    }
}

/// The environment variables that the configuration names.
pub(crate) fn variables(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        collect_variables(&document, &mut names);
    }
    names.sort_unstable();
    names.dedup();
    names
}

/// What AWS's tools set; read where a configuration leaves it to the environment.
const OF_THE_CHAIN: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
];

fn collect_variables(value: &Value, names: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if let (1, Some(Value::String(name))) = (members.len(), members.get("env")) {
                names.push(name.clone());
            }
            if ["default_chain", "container"]
                .iter()
                .any(|name| members.contains_key(*name))
            {
                names.extend(OF_THE_CHAIN.map(str::to_owned));
            }
            members
                .values()
                .for_each(|member| collect_variables(member, names));
        }
        Value::Array(elements) => elements
            .iter()
            .for_each(|element| collect_variables(element, names)),
        _ => {}
    }
}

/// `{"value": …}` is a secret, and nothing else has that shape.
fn written_secrets(value: &Value, path: &str, found: &mut Vec<Problem>) {
    match value {
        Value::Object(members) => {
            if members.len() == 1
                && members.get("value").is_some_and(Value::is_string)
                && !path.ends_with("/headers")
            {
                found.push(warning(
                    path,
                    "the secret stands in the file, and Envoy's admin page shows it; name a variable: {\"env\": \"NAME\"}",
                ));
            }
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                written_secrets(member, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                written_secrets(element, &format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}

fn elements<'a>(document: &'a Value, path: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    let array = document.pointer(path).and_then(Value::as_array);
    array.into_iter().flatten().enumerate()
}

/// Whether a URL leaves the machine without TLS.
fn is_plain(url: Option<&Value>) -> bool {
    let Some(rest) = url
        .and_then(Value::as_str)
        .and_then(|url| url.strip_prefix("http://"))
    else {
        return false;
    };
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    !(host == "localhost" || host.starts_with("127.") || rest.starts_with("[::1]"))
}

fn warning(path: impl Into<String>, message: &str) -> Problem {
    Problem {
        path: path.into(),
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_not_well_is_warned_of_at_its_place() {
        let document = json!({
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
                {"name": "c", "type": "bedrock", "credentials": {"assume_role": {"source": {"static":
                    {"access_key_id": {"env": "ID"}, "secret_access_key": {"value": "s"}}}}}},
            ],
        });
        let found = warnings(&document.to_string());
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
    fn the_variables_of_a_configuration_are_listed_once() {
        let document = json!({"providers": [
            {"api_key": {"env": "B"}}, {"api_key": {"env": "A"}}, {"api_key": {"env": "B"}},
        ]});
        assert_eq!(variables(&document.to_string()), ["A", "B"]);
        let chain = json!({"providers": [{"credentials": {"default_chain": {}}}]});
        assert_eq!(variables(&chain.to_string()).len(), OF_THE_CHAIN.len());
    }
}
