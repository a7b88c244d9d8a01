//! Finds the line and column of a JSON pointer in a JSON text, so that users can go to a problem.

use jsonc_parser::ast::{ObjectPropName, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

/// The line and column of the member or element, or of its nearest ancestor in the text. Both count
/// from 1, the column in characters.
pub(super) fn locate(text: &str, pointer: &str) -> (usize, usize) {
    line_and_column(text, offset(text, pointer).unwrap_or_default())
}

/// The byte offset of a member's name, or of an element.
fn offset(text: &str, pointer: &str) -> Option<usize> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default()).ok()?;
    let root = parsed.value?;
    let mut value = &root;
    let mut offset = root.start();
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        let Some((child_offset, child)) = child(value, &segment) else {
            break;
        };
        (offset, value) = (child_offset, child);
    }
    Some(offset)
}

fn child<'a, 'b>(value: &'b Value<'a>, segment: &str) -> Option<(usize, &'b Value<'a>)> {
    match value {
        Value::Object(object) => {
            let mut members = object.properties.iter();
            let member = members.find(|member| name(&member.name) == segment)?;
            Some((member.start(), &member.value))
        }
        Value::Array(array) => {
            let element = array.elements.get(segment.parse::<usize>().ok()?)?;
            Some((element.start(), element))
        }
        _ => None,
    }
}

fn name<'a>(name: &'a ObjectPropName) -> &'a str {
    match name {
        ObjectPropName::String(name) => &name.value,
        ObjectPropName::Word(name) => name.value,
    }
}

fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.get(line_start..).unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "é": {"a\"}": [1, {"x": "]"}, "two"]},
  "b/c": true,
  "d": [ ]
}"#;

    #[test]
    fn members_and_elements_are_located() {
        for (pointer, line, column) in [
            ("", 1, 1),
            ("/é", 2, 3),
            ("/é/a\"}", 2, 9),
            ("/é/a\"}/0", 2, 18),
            ("/é/a\"}/1", 2, 21),
            ("/é/a\"}/1/x", 2, 22),
            ("/é/a\"}/2", 2, 33),
            ("/b~1c", 3, 3),
            ("/d", 4, 3),
        ] {
            assert_eq!(locate(TEXT, pointer), (line, column), "{pointer}");
        }
    }

    #[test]
    fn a_missing_member_is_located_at_its_parent() {
        for (pointer, line, column) in [
            ("/nothing", 1, 1),
            ("/é/nothing", 2, 3),
            ("/d/0", 4, 3),
            ("/b~1c/deeper", 3, 3),
        ] {
            assert_eq!(locate(TEXT, pointer), (line, column), "{pointer}");
        }
    }

    #[test]
    fn a_truncated_text_does_not_panic() {
        for end in (0..TEXT.len()).filter(|end| TEXT.is_char_boundary(*end)) {
            let _ = locate(&TEXT[..end], "/é/a\"}/2");
            let _ = locate(&TEXT[..end], "/d/0");
        }
    }
}
