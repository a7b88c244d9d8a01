//! `observability`: optional logs, metrics and limits.

use super::problem::Problems;
use super::{defaults, document, header_names, providers, validators};
use crate::http::token_location::is_credential_header;
use crate::telemetry::{LogField, LogFields};

/// Optional logs, metrics and limits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Observability {
    /// Request headers that identify a conversation, names in lower case. The first one that a
    /// request has is used, and none is forwarded.
    pub conversation_headers: Vec<String>,
    /// Claims to log: names, or JSON pointers if they start with `/`.
    pub log_claims: Vec<String>,
    /// The fields of the access log that the filter sets.
    pub log_fields: LogFields,
    /// How many models become label values in addition to the configured ones.
    pub max_models: usize,
}

pub(super) fn read(
    document: document::ObservabilityConfig,
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
                "has another meaning; choose another header",
            );
        }
    }
    let log_claims = document.log_claims;
    for (index, claim) in log_claims.iter().enumerate() {
        let claim_path = format_args!("/observability/log_claims/{index}");
        validators::claim(claim, claim_path, problems);
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
                        "is not an access log field of the filter; docs/observability.md lists the fields",
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
