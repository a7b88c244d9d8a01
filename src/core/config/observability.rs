//! `observability`: what is logged and counted beyond what always is.

use super::problem::Problems;
use super::{defaults, document, header_names, providers};
use crate::http::token_location::is_credential_header;
use crate::telemetry::{LogField, LogFields};

/// What is logged and counted beyond what always is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observability {
    /// Request headers that name a conversation, names in lower case; the first that is there
    /// counts, and none is forwarded.
    pub conversation_headers: Vec<String>,
    /// Claims that the access log gets: names, or JSON pointers where they begin with `/`.
    pub log_claims: Vec<String>,
    /// Which fields the access log gets.
    pub log_fields: LogFields,
    /// How many models that no configuration names get a label value of their own.
    pub max_models: usize,
}

pub(super) fn read(
    document: document::Observability,
    token_headers: &[String],
    problems: &mut Problems,
) -> Observability {
    let path = "/observability/conversation_headers";
    let conversation_headers = header_names(
        document.conversation_headers,
        &defaults::CONVERSATION_HEADERS,
        path,
        problems,
    );
    for (index, name) in conversation_headers.iter().enumerate() {
        if providers::is_reserved(name) || is_credential_header(name.as_bytes(), token_headers) {
            problems.add(
                format_args!("{path}/{index}"),
                "is a header with a meaning of its own; choose another name",
            );
        }
    }
    let log_claims = document.log_claims;
    for (index, claim) in log_claims.iter().enumerate() {
        if claim.is_empty() {
            problems.add(
                format_args!("/observability/log_claims/{index}"),
                "must not be empty",
            );
        }
    }
    let log_fields = match document.log_fields {
        None => LogFields::ALL,
        Some(names) => names
            .iter()
            .enumerate()
            .filter_map(|(index, name)| {
                let field = LogField::named(name);
                if field.is_none() {
                    problems.add(
                        format_args!("/observability/log_fields/{index}"),
                        "is not a field of the access log that the filter gives; docs/observability.md lists them",
                    );
                }
                field
            })
            .collect(),
    };
    Observability {
        conversation_headers,
        log_claims,
        log_fields,
        max_models: document.max_models.unwrap_or(defaults::MAX_MODELS),
    }
}
