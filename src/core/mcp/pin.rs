//! Pins: the digests of the definitions that tools had when the operator looked at them.
//!
//! A server can change what a tool says and does after it was approved. A tool with another
//! definition than the pinned one is not shown and not called.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::base::shared_data::SharedData;
use crate::http::encoding::{from_hex, hex};

/// The pinned digest of each tool's definition. Tools without one are not served.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pins(BTreeMap<String, DefinitionDigest>);

/// SHA-256 of a definition in its canonical form: JSON without spaces, with the members of each
/// object sorted by name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DefinitionDigest([u8; 32]);

/// The pinned tools of a server of which it last listed another definition, in all workers.
pub fn changed_tools(server: &str, shared_data: &dyn SharedData) -> BTreeSet<String> {
    let (text, _) = shared_data.read(&changed_key(server)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Notes what a list of a server showed: the pinned tools with another definition, and those with the
/// pinned one.
pub fn note_listed(
    server: &str,
    changed: &BTreeSet<String>,
    accepted: &BTreeSet<String>,
    shared_data: &dyn SharedData,
) {
    for _ in 0..MAX_ATTEMPTS {
        let key = changed_key(server);
        let (text, version) = shared_data.read(&key).unwrap_or_default();
        let before: BTreeSet<String> = serde_json::from_slice(&text).unwrap_or_default();
        let mut after: BTreeSet<_> = before.difference(accepted).cloned().collect();
        after.extend(changed.iter().cloned());
        let text = serde_json::to_vec(&after).unwrap_or_default();
        if after == before || shared_data.write(&key, &text, Some(version)) {
            return;
        }
    }
}

fn changed_key(server: &str) -> String {
    format!("mcp_changed_tools/{server}")
}

/// How often a write is tried again after another worker has changed the list.
const MAX_ATTEMPTS: usize = 16;

/// The prefix of a digest as text.
const ALGORITHM: &str = "sha256:";

impl DefinitionDigest {
    /// The digest of a tool's definition, which is an element of `tools`. `None` if it is not JSON.
    pub fn of(definition: &[u8]) -> Option<Self> {
        // Objects are sorted, because serde_json is built without the feature that keeps their order.
        let value: Value = serde_json::from_slice(definition).ok()?;
        Some(Self(Sha256::digest(value.to_string()).into()))
    }

    /// Parses `sha256:` and 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(ALGORITHM)?;
        let bytes = from_hex(digits.as_bytes())?;
        Some(Self(bytes.try_into().ok()?))
    }
}

impl std::fmt::Display for DefinitionDigest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{ALGORITHM}{}", hex(&self.0))
    }
}

impl Pins {
    /// Whether a tool is pinned.
    pub fn has(&self, tool: &str) -> bool {
        self.0.contains_key(tool)
    }

    /// Whether a tool has the pinned definition.
    pub fn accept(&self, tool: &str, definition: &[u8]) -> bool {
        let pinned = self.0.get(tool);
        pinned.is_some_and(|pinned| DefinitionDigest::of(definition) == Some(*pinned))
    }
}

impl FromIterator<(String, DefinitionDigest)> for Pins {
    fn from_iter<I: IntoIterator<Item = (String, DefinitionDigest)>>(pins: I) -> Self {
        Self(pins.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_depends_on_the_meaning_of_a_definition_and_not_on_its_form() {
        let one =
            DefinitionDigest::of(br#"{"name":"a","inputSchema":{"type":"object","x":[1,2]}}"#);
        let other =
            b"{ \"inputSchema\": {\"x\": [1, 2], \"type\": \"object\"}, \"name\": \"\\u0061\"}";
        assert_eq!(one, DefinitionDigest::of(other));
        for changed in [
            r#"{"name":"a","inputSchema":{"type":"object","x":[2,1]}}"#,
            r#"{"name":"a","inputSchema":{"type":"object","x":[1,2]},"description":""}"#,
        ] {
            assert_ne!(one, DefinitionDigest::of(changed.as_bytes()), "{changed}");
        }
        assert_eq!(DefinitionDigest::of(b"{"), None);
        let digest = one.unwrap();
        assert_eq!(DefinitionDigest::parse(&digest.to_string()), one);
        for wrong in ["sha256:", "sha256:00", "md5:00", ""] {
            assert_eq!(DefinitionDigest::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_pinned_definitions_are_accepted() {
        let definition = br#"{"name":"a"}"#;
        let pins: Pins = [("a".to_owned(), DefinitionDigest::of(definition).unwrap())]
            .into_iter()
            .collect();
        assert!(pins.accept("a", definition));
        assert!(!pins.accept("a", br#"{"name":"a","title":"A"}"#));
        assert!(!pins.accept("b", definition));
        assert!(!pins.has("b"));
    }
}
