//! Reads the filter's configuration from a file: either the configuration itself, or an Envoy file
//! that contains it.

use std::path::Path;

use serde_json::Value;

use super::clusters::Clusters;
use crate::failure::{Failure, Kind};

/// One configuration of the filter.
pub(crate) struct Source {
    /// The configuration's text.
    pub(crate) text: String,
    /// Its position in the file.
    pub(super) position: Position,
    /// The plugin that contains it, if the file is Envoy's.
    pub(super) plugin: Option<Value>,
    /// Envoy's clusters, if the file is a bootstrap.
    pub(super) clusters: Option<Clusters>,
}

/// The position of a configuration in its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Position {
    /// It starts after a number of lines, and each of its lines after a number of columns.
    After { lines: usize, columns: usize },
    /// Its lines are not lines of the file, such as in a quoted string.
    Unknown,
}

/// The configurations in a file, at least one.
pub(crate) fn read(path: &Path) -> Result<Vec<Source>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::new(Kind::Failed, format!("{} is not UTF-8", path.display()))
            .hint("save it as UTF-8")
    })?;
    sources(path, text)
}

fn sources(path: &Path, text: String) -> Result<Vec<Source>, Failure> {
    let is_yaml = path
        .extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml");
    let document: Value = if is_yaml {
        serde_yaml_ng::from_str(&text).map_err(|error| {
            Failure::new(Kind::Failed, format!("{}: {error}", path.display()))
                .hint("correct the YAML at the given line and column")
        })?
    } else {
        match serde_json::from_str(&text) {
            Ok(document) => document,
            Err(_) => return Ok(vec![whole(text)]), // The filter's parser reports the problem.
        }
    };
    let mut found = Vec::new();
    find_plugins(&document, &mut found);
    if found.is_empty() && !is_yaml {
        return Ok(vec![whole(text)]);
    }
    if found.is_empty() {
        return Err(Failure::new(
            Kind::Failed,
            format!(
                "{} contains no configuration of the filter",
                path.display()
            ),
        )
        .hint("give a JSON file, or an Envoy file with a Wasm plugin whose name or root_id contains ai_gateway"));
    }
    found
        .into_iter()
        .map(|plugin| embedded(path, &text, &document, plugin))
        .collect()
}

fn whole(text: String) -> Source {
    Source {
        text,
        position: Position::After {
            lines: 0,
            columns: 0,
        },
        plugin: None,
        clusters: None,
    }
}

fn embedded(path: &Path, file: &str, envoy: &Value, plugin: &Value) -> Result<Source, Failure> {
    let Some(text) = plugin
        .pointer("/configuration/value")
        .and_then(Value::as_str)
    else {
        return Err(Failure::new(
            Kind::Failed,
            format!(
                "{}: the filter's configuration is not a string",
                path.display()
            ),
        )
        .hint(
            "write it as in envoy/filter.yaml: \"@type\": type.googleapis.com/google.protobuf.StringValue, \
             and the JSON as value; Envoy passes other types as protobuf bytes",
        ));
    };
    Ok(Source {
        text: text.to_owned(),
        position: position(file, text),
        plugin: Some(plugin.clone()),
        clusters: Clusters::of(envoy),
    })
}

/// Finds every Wasm plugin whose name, root id or configuration is this filter's.
fn find_plugins<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            if members.contains_key("vm_config") && is_this_filter(value) {
                found.push(value);
            }
            members
                .values()
                .for_each(|member| find_plugins(member, found));
        }
        Value::Array(elements) => elements
            .iter()
            .for_each(|element| find_plugins(element, found)),
        _ => {}
    }
}

fn is_this_filter(plugin: &Value) -> bool {
    let is_named = ["name", "root_id"]
        .iter()
        .filter_map(|member| plugin.get(member)?.as_str())
        .any(|name| name.replace(['-', '.'], "_").contains("ai_gateway"));
    let configuration = plugin
        .pointer("/configuration/value")
        .and_then(Value::as_str)
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    is_named || configuration.is_some_and(|document| document.get("providers").is_some())
}

/// Finds the lines of a text in a file, in which all have the same indentation.
fn position(file: &str, text: &str) -> Position {
    let expected: Vec<&str> = text.trim_end().lines().collect();
    let lines: Vec<&str> = file.lines().collect();
    for (start, window) in lines.windows(expected.len().max(1)).enumerate() {
        let Some(columns) = indentation(window.first(), expected.first()) else {
            continue;
        };
        let matches = window.iter().zip(&expected).all(|(line, expected)| {
            expected.is_empty() && line.trim().is_empty()
                || line.get(columns..).is_some_and(|rest| rest == *expected)
        });
        if matches {
            return Position::After {
                lines: start,
                columns,
            };
        }
    }
    Position::Unknown
}

fn indentation(line: Option<&&str>, expected: Option<&&str>) -> Option<usize> {
    let before = line?.strip_suffix(expected?)?;
    before.trim().is_empty().then_some(before.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Vec<Source>, Failure> {
        sources(Path::new(name), text.to_owned())
    }

    #[test]
    fn the_configuration_in_the_shipped_filter_file_has_a_position() {
        let file = include_str!("../../../envoy/filter.yaml");
        let found = read("filter.yaml", file).unwrap();
        let [source] = found.as_slice() else {
            panic!("{} configurations", found.len());
        };
        assert!(source.plugin.is_some());
        let Position::After { lines, columns } = source.position else {
            panic!("no position");
        };
        let line = file.lines().nth(lines).unwrap();
        assert_eq!(&line[columns..], "{");
        assert!(file.lines().nth(lines - 1).unwrap().ends_with("value: |"));
    }

    #[test]
    fn a_configuration_in_a_quoted_string_has_no_position() {
        let file = r#"
config:
  name: gateway
  vm_config: {}
  configuration: {value: "{\"providers\":\n []}"}
"#;
        let found = read("x.yml", file).unwrap();
        assert_eq!(found[0].position, Position::Unknown);
        assert_eq!(found[0].text, "{\"providers\":\n []}");
    }

    #[test]
    fn json_is_a_configuration_unless_it_is_an_envoy_file() {
        for text in ["{}", "[1, 2", "", r#"{"providers": []}"#] {
            let found = read("x.json", text).unwrap();
            assert_eq!(found[0].text, text);
            assert!(found[0].plugin.is_none());
        }
        let envoys = r#"{"a": [{"vm_config": {}, "root_id": "ai-gateway", "configuration": {"value": "{}"}}]}"#;
        assert!(read("x.json", envoys).unwrap()[0].plugin.is_some());
    }

    #[test]
    fn other_files_are_rejected_with_a_hint() {
        let struct_value =
            "vm_config: {}\nname: ai_gateway\nconfiguration: {value: {providers: []}}";
        for (text, words) in [
            ("a: [", "line"),
            ("a: 1", "contains no configuration"),
            (struct_value, "is not a string"),
        ] {
            let Err(failure) = read("x.yaml", text) else {
                panic!("{text} was taken");
            };
            assert!(failure.message.contains(words), "{failure}");
            assert!(failure.hint.is_some());
        }
    }
}
