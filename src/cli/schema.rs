//! `schema`: the configuration's JSON Schema, as docs/configuration.schema.json has it.

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
    fn the_committed_schema_is_the_types_own() {
        let committed = include_str!("../../docs/configuration.schema.json");
        assert!(
            committed == text(),
            "docs/configuration.schema.json is stale: make schema"
        );
    }
}
