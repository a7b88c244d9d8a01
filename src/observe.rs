//! The names of what the gateway counts. No logic.
//!
//! A name holds its labels as `.<label>.<value>`; `stats_tags` in the host's configuration turns
//! them into labels. Every value is a word of this code, never of a client.

/// Counts the requests that were refused with that code.
pub fn refusals(code: &str) -> String {
    format!("ai_gateway.refusals.code.{code}")
}
