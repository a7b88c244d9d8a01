//! Filters one JSON document: a JSON-RPC message, or a batch of them.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{FilterFault, Rules};
use crate::mcp::method::ListKind;

/// The lists that a result can have.
const LISTS: [(&str, ListKind); 4] = [
    ("tools", ListKind::Tools),
    ("resources", ListKind::Resources),
    ("resourceTemplates", ListKind::ResourceTemplates),
    ("prompts", ListKind::Prompts),
];

/// The members of an object, in their order, with the bytes of their values.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A JSON document without what the caller may not use. `None` if there is nothing to remove.
pub(super) fn filtered(document: &[u8], rules: &mut Rules) -> Result<Option<Vec<u8>>, FilterFault> {
    let document: &RawValue = parse(document)?;
    Ok(value(document, rules)?.map(String::into_bytes))
}

fn value(document: &RawValue, rules: &mut Rules) -> Result<Option<String>, FilterFault> {
    if !document.get().starts_with('[') {
        return message(document, rules);
    }
    let messages: Vec<&RawValue> = parse(document.get().as_bytes())?;
    let mut is_changed = false;
    let mut written = Vec::with_capacity(messages.len());
    for item in messages {
        let changed = message(item, rules)?;
        is_changed |= changed.is_some();
        written.push(changed.map_or_else(|| Cow::Borrowed(item.get()), Cow::Owned));
    }
    Ok(is_changed.then(|| format!("[{}]", written.join(","))))
}

fn message(message: &RawValue, rules: &mut Rules) -> Result<Option<String>, FilterFault> {
    let Some(members) = object(message)? else {
        return Ok(None);
    };
    let Some(result) = members.sole("result")? else {
        return Ok(None);
    };
    let Some(mut lists) = object(result)? else {
        return Ok(None);
    };
    let mut replaced = Vec::new();
    for (name, kind) in LISTS {
        if let Some(list) = lists.sole(name)?
            && rules.access.filters(kind)
            && let Some(kept) = filtered_list(list, kind, rules)?
        {
            replaced.push((name, kept));
        }
    }
    if replaced.is_empty() {
        return Ok(None);
    }
    let result = lists.write(|name| {
        let mut replaced = replaced.iter();
        let found = replaced.find(|(list, _)| *list == name);
        found.map(|(_, kept)| kept.as_str())
    });
    lists.0.clear();
    let written = members.write(|name| (name == "result").then_some(result.as_str()));
    Ok(Some(written))
}

/// A list without the elements that the caller may not use. `None` if it may use all.
fn filtered_list(
    list: &RawValue,
    kind: ListKind,
    rules: &mut Rules,
) -> Result<Option<String>, FilterFault> {
    let elements: Vec<&RawValue> = parse(list.get().as_bytes())?;
    let count = elements.len();
    let mut kept = Vec::with_capacity(count);
    for element in elements {
        if rules.keep(element, kind)? {
            kept.push(element.get());
        }
    }
    Ok((kept.len() < count).then(|| format!("[{}]", kept.join(","))))
}

impl Rules {
    fn keep(&mut self, element: &RawValue, kind: ListKind) -> Result<bool, FilterFault> {
        let members = object(element)?.ok_or(FilterFault::Malformed)?;
        let key = match kind {
            ListKind::Tools | ListKind::Prompts => "name",
            ListKind::Resources => "uri",
            ListKind::ResourceTemplates => "uriTemplate",
        };
        let named = members.sole(key)?.ok_or(FilterFault::Malformed)?;
        let named: Cow<'_, str> = parse(named.get().as_bytes())?;
        Ok(match kind {
            ListKind::Prompts => self.access.prompts.has(&named),
            ListKind::Resources => self.access.resources.has_uri(&named),
            ListKind::ResourceTemplates => self.access.resources.may_have_expansion(&named),
            ListKind::Tools => {
                let is_shown = self.access.tools.has(&named);
                let pins = self.access.pins.as_ref();
                let is_accepted =
                    pins.is_none_or(|pins| pins.accept(&named, element.get().as_bytes()));
                if pins.is_some_and(|pins| pins.has(&named)) {
                    let listed = if is_accepted {
                        &mut self.accepted_tools
                    } else {
                        &mut self.changed_tools
                    };
                    listed.insert(named.into_owned());
                }
                is_shown && is_accepted
            }
        })
    }
}

impl<'a> Members<'a> {
    /// The only member that some client takes for this one.
    fn sole(&self, name: &str) -> Result<Option<&'a RawValue>, FilterFault> {
        let mut found = self
            .0
            .iter()
            .filter(|(member, _)| member.eq_ignore_ascii_case(name));
        match (found.next(), found.next()) {
            (None, _) => Ok(None),
            (Some((member, value)), None) if member == name => Ok(Some(value)),
            _ => Err(FilterFault::Malformed),
        }
    }

    /// The object with other values for some of its members.
    fn write<'b>(&'b self, replaced: impl Fn(&str) -> Option<&'b str>) -> String
    where
        'a: 'b,
    {
        let mut written = String::from("{");
        for (index, (name, value)) in self.0.iter().enumerate() {
            if index > 0 {
                written.push(',');
            }
            written.push_str(&serde_json::Value::from(name.as_ref()).to_string());
            written.push(':');
            written.push_str(replaced(name).unwrap_or_else(|| value.get()));
        }
        written.push('}');
        written
    }
}

/// The members of a value; `None` if it is not an object.
fn object(value: &RawValue) -> Result<Option<Members<'_>>, FilterFault> {
    if value.get().starts_with('{') {
        parse(value.get().as_bytes()).map(Some)
    } else {
        Ok(None)
    }
}

fn parse<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, FilterFault> {
    serde_json::from_slice(json).map_err(|_| FilterFault::Malformed)
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(Name(name)) = map.next_key()? {
                    members.push((name, map.next_value()?));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

/// A member's name, which is borrowed if it has no escape.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
