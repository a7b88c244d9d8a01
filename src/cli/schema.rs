//! `schema`: prints the configuration's JSON Schema, which is also docs/configuration.schema.json.

use ai_gateway_core::config;

use super::failure::Failure;
use super::output;

pub(super) fn run() -> Result<(), Failure> {
    output::write(&text())
}

fn text() -> String {
    format!("{:#}\n", config::schema())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_schema_is_current() {
        let committed = include_str!("../../docs/configuration.schema.json");
        assert!(
            committed == text(),
            "docs/configuration.schema.json is stale: make schema"
        );
    }
}
