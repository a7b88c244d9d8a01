//! The filter's file: envoy/filter.yaml with this configuration and the variables that it reads.

use super::Render;
use super::template::{Template, indented, quoted};
use crate::failure::Failure;

const FILTER: &str = include_str!("../../../envoy/filter.yaml");

/// The file with a configuration, which is a JSON text.
pub(super) fn filter(
    options: &Render,
    configuration: &str,
    variables: &[String],
) -> Result<String, Failure> {
    let mut template = Template::new(FILTER);
    template.replace(
        "filename: /etc/envoy/ai_gateway_filter.wasm",
        &format!("filename: {}", quoted(&options.wasm.to_string_lossy())),
    )?;
    template.replace_until(
        "host_env_keys: [",
        "]\n",
        &format!("host_env_keys: [{}", variables.join(", ")),
    )?;
    template.replace_rest(
        "          value: |\n",
        &format!("          value: |\n{}", indented(configuration.trim(), 12)),
    )?;
    Ok(template.into_text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn the_configuration_is_embedded_unchanged() {
        let configuration = "  {\n\t\"a\": \"b # c: 'd' \u{e9}\",\r\n\n  \"e\": 1\n}\n";
        let variables = ["A".to_owned(), "B".to_owned()];
        let options = Render::of(&["--wasm", "/opt/it.wasm"]);
        let text = filter(&options, configuration, &variables).unwrap();
        let document: Value = serde_yaml_ng::from_str(&text).unwrap();
        let plugin = &document["resources"][0]["typed_config"]["config"];
        let value = plugin["configuration"]["value"].as_str().unwrap();
        let read: Value = serde_json::from_str(value).unwrap();
        assert_eq!(read, serde_json::from_str::<Value>(configuration).unwrap());
        let machine = &plugin["vm_config"];
        assert_eq!(machine["code"]["local"]["filename"], "/opt/it.wasm");
        let keys = &machine["environment_variables"]["host_env_keys"];
        assert_eq!(keys, &serde_json::json!(["A", "B"]));
    }
}
