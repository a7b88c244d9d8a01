//! What a file holds: the filter's configuration itself, or an Envoy file with the filter in it.

use std::path::Path;

use serde_json::Value;

use crate::failure::{Failure, Kind};

/// One configuration of the filter.
pub(crate) struct Source {
    /// The configuration's text.
    pub(crate) text: String,
    /// Where in the file it stands.
    pub(super) position: Position,
    /// The plugin around it, where the file is Envoy's.
    pub(super) plugin: Option<Value>,
}

/// Where a configuration stands in its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Position {
    /// It begins after that many lines, each line of it after that many columns.
    After { lines: usize, columns: usize },
    /// It is written in a way that has no places of its own, such as on one quoted line.
    Unknown,
}

/// The configurations in the file, at least one.
pub(crate) fn read(path: &Path) -> Result<Vec<Source>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| Failure::file(path, &error))?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Failure::new(Kind::Failed, format!("{} is not in UTF-8", path.display()))
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
                .hint("correct the YAML; the message names line and column")
        })?
    } else {
        match serde_json::from_str(&text) {
            Ok(document) => document,
            Err(_) => return Ok(vec![whole(text)]), // the filter's parser says what is wrong
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
                "{}: there is no configuration of the filter in it",
                path.display()
            ),
        )
        .hint("name a JSON file, or an Envoy file with a Wasm plugin named or rooted ai_gateway"));
    }
    found
        .into_iter()
        .map(|plugin| embedded(path, &text, plugin))
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
    }
}

fn embedded(path: &Path, file: &str, plugin: &Value) -> Result<Source, Failure> {
    let Some(text) = plugin
        .pointer("/configuration/value")
        .and_then(Value::as_str)
    else {
        return Err(Failure::new(
            Kind::Failed,
            format!(
                "{}: the filter's configuration is not a text",
                path.display()
            ),
        )
        .hint(
            "write it as in envoy/filter.yaml: \"@type\": type.googleapis.com/google.protobuf.StringValue, \
             and the JSON as value; Envoy hands other types over as protobuf bytes",
        ));
    };
    Ok(Source {
        text: text.to_owned(),
        position: position(file, text),
        plugin: Some(plugin.clone()),
    })
}

/// Every Wasm plugin whose name, root id or configuration is this filter's.
fn find_plugins<'a>(value: &'a Value, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(members) => {
            if members.contains_key("vm_config") && is_ours(value) {
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

fn is_ours(plugin: &Value) -> bool {
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

/// Finds the text's lines in the file, where they stand one by one behind the same indentation.
fn position(file: &str, text: &str) -> Position {
    let wanted: Vec<&str> = text.trim_end().lines().collect();
    let lines: Vec<&str> = file.lines().collect();
    for (start, window) in lines.windows(wanted.len().max(1)).enumerate() {
        let Some(columns) = indentation(window.first(), wanted.first()) else {
            continue;
        };
        let matches = window.iter().zip(&wanted).all(|(line, wanted)| {
            wanted.is_empty() && line.trim().is_empty()
                || line.get(columns..).is_some_and(|rest| rest == *wanted)
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

fn indentation(line: Option<&&str>, wanted: Option<&&str>) -> Option<usize> {
    let before = line?.strip_suffix(wanted?)?;
    before.trim().is_empty().then_some(before.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str) -> Result<Vec<Source>, Failure> {
        sources(Path::new(name), text.to_owned())
    }

    #[test]
    fn the_shipped_filter_file_has_its_configuration_where_it_stands() {
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
    fn a_configuration_on_one_quoted_line_has_no_place() {
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
    fn json_is_a_configuration_unless_it_is_envoys() {
        for text in ["{}", "[1, 2", "", r#"{"providers": []}"#] {
            let found = read("x.json", text).unwrap();
            assert_eq!(found[0].text, text);
            assert!(found[0].plugin.is_none());
        }
        let envoys = r#"{"a": [{"vm_config": {}, "root_id": "ai-gateway", "configuration": {"value": "{}"}}]}"#;
        assert!(read("x.json", envoys).unwrap()[0].plugin.is_some());
    }

    #[test]
    fn other_files_are_refused_with_a_hint() {
        let struct_value =
            "vm_config: {}\nname: ai_gateway\nconfiguration: {value: {providers: []}}";
        for (text, words) in [
            ("a: [", "line"),
            ("a: 1", "there is no configuration"),
            (struct_value, "is not a text"),
        ] {
            let Err(failure) = read("x.yaml", text) else {
                panic!("{text} was taken");
            };
            assert!(failure.message.contains(words), "{failure}");
            assert!(failure.hint.is_some());
        }
    }
}
