//! Checks the Wasm plugin that contains a configuration: the settings that the filter requires.

use serde_json::Value;

use super::report::{Finding, Severity};

/// The problems of a plugin. `variables` are those that the configuration reads.
pub(super) fn findings(plugin: &Value, variables: &[String]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |severity, path: &str, message: String, hint: &str| {
        found.push(Finding::of_plugin(severity, path, message, hint));
    };
    if plugin.get("allow_on_headers_stop_iteration") != Some(&Value::Bool(true)) {
        add(
            Severity::Error,
            "allow_on_headers_stop_iteration",
            "is not true, so requests that wait for keys or for their body would hang".to_owned(),
            "set it next to vm_config; Envoy 1.35 or newer supports it",
        );
    }
    let policy = plugin.get("failure_policy").and_then(Value::as_str);
    match policy {
        Some("FAIL_RELOAD") => {}
        Some("FAIL_OPEN") => add(
            Severity::Error,
            "failure_policy",
            "lets requests through unchecked when the filter fails".to_owned(),
            "set failure_policy: FAIL_RELOAD",
        ),
        _ => add(
            Severity::Warning,
            "failure_policy",
            "is not FAIL_RELOAD, so after a trap every request fails until Envoy is restarted"
                .to_owned(),
            "set failure_policy: FAIL_RELOAD",
        ),
    }
    let visible = visible_variables(plugin);
    for name in variables {
        // AWS's variables are alternatives, so not all of them have to be set.
        if !visible.contains(&name.as_str()) && !name.starts_with("AWS_") {
            add(
                Severity::Error,
                "vm_config.environment_variables.host_env_keys",
                format!("does not list {name}, so the filter cannot read it"),
                "add it to the list, and set it for Envoy",
            );
        }
    }
    found
}

/// The environment variables that the filter can read.
fn visible_variables(plugin: &Value) -> Vec<&str> {
    let variables = plugin.pointer("/vm_config/environment_variables");
    let listed = variables
        .and_then(|variables| variables.get("host_env_keys")?.as_array())
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    let given = variables
        .and_then(|variables| variables.get("key_values")?.as_object())
        .into_iter()
        .flat_map(|pairs| pairs.keys())
        .map(String::as_str);
    listed.chain(given).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn messages(plugin: &Value, variables: &[&str]) -> Vec<String> {
        let variables: Vec<String> = variables.iter().map(|name| (*name).to_owned()).collect();
        findings(plugin, &variables)
            .into_iter()
            .map(|finding| format!("{} {}", finding.path, finding.message))
            .collect()
    }

    #[test]
    fn missing_settings_are_reported() {
        let bare = messages(&json!({"vm_config": {}}), &["KEY", "AWS_SESSION_TOKEN"]);
        let [waiting, policy, variable] = bare.as_slice() else {
            panic!("{bare:?}");
        };
        assert!(waiting.starts_with("allow_on_headers_stop_iteration"));
        assert!(policy.starts_with("failure_policy"));
        assert!(variable.contains("KEY"));
        let open = json!({"allow_on_headers_stop_iteration": true, "failure_policy": "FAIL_OPEN"});
        assert!(messages(&open, &[])[0].contains("unchecked"));
    }

    #[test]
    fn a_valid_plugin_has_no_findings() {
        let good = json!({
            "allow_on_headers_stop_iteration": true,
            "failure_policy": "FAIL_RELOAD",
            "vm_config": {"environment_variables": {"host_env_keys": ["A"], "key_values": {"B": "x"}}},
        });
        assert_eq!(messages(&good, &["A", "B"]), [""; 0]);
    }
}
