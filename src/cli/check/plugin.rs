//! The plugin around a configuration, in an Envoy file: settings without which the filter cannot
//! do its work.

use serde_json::Value;

use super::report::{Finding, Severity};

/// What is wrong with the plugin; `variables` are those that the configuration names.
pub(super) fn findings(plugin: &Value, variables: &[String]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut add = |severity, path: &str, message: String, hint: &str| {
        found.push(Finding::of_plugin(severity, path, message, hint));
    };
    if plugin.get("allow_on_headers_stop_iteration") != Some(&Value::Bool(true)) {
        add(
            Severity::Error,
            "allow_on_headers_stop_iteration",
            "is not true: a request that waits for keys or for its body would hang".to_owned(),
            "set it beside vm_config; Envoy 1.35 or newer knows it",
        );
    }
    let policy = plugin.get("failure_policy").and_then(Value::as_str);
    match policy {
        Some("FAIL_RELOAD") => {}
        Some("FAIL_OPEN") => add(
            Severity::Error,
            "failure_policy",
            "lets requests through unchecked when the filter fails".to_owned(),
            "failure_policy: FAIL_RELOAD",
        ),
        _ => add(
            Severity::Warning,
            "failure_policy",
            "is not FAIL_RELOAD: after a trap every request fails until Envoy is restarted"
                .to_owned(),
            "failure_policy: FAIL_RELOAD",
        ),
    }
    let handed_over = handed_over(plugin);
    for name in variables {
        // AWS's own are looked for in several places, and need not all be there.
        if !handed_over.contains(&name.as_str()) && !name.starts_with("AWS_") {
            add(
                Severity::Error,
                "vm_config.environment_variables.host_env_keys",
                format!("does not list {name}, so that the filter cannot read it"),
                "add it to the list, and set it for Envoy",
            );
        }
    }
    found
}

/// The variables that the filter can read.
fn handed_over(plugin: &Value) -> Vec<&str> {
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
    fn what_the_filter_needs_is_demanded() {
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
    fn a_good_plugin_is_left_alone() {
        let good = json!({
            "allow_on_headers_stop_iteration": true,
            "failure_policy": "FAIL_RELOAD",
            "vm_config": {"environment_variables": {"host_env_keys": ["A"], "key_values": {"B": "x"}}},
        });
        assert_eq!(messages(&good, &["A", "B"]), [""; 0]);
    }
}
