//! Removes from a list what a caller may not use: tools, prompts, resources and templates.
//!
//! What is retained stays byte for byte, with all its members in their order. A response that is not
//! understood is replaced by an error, never passed on.

mod json;
mod sse;

use std::collections::BTreeSet;

use super::access::Access;
use sse::SseFilter;

/// No more bytes of a list, or of one event of a stream, are held.
pub const MAX_LIST_BYTES: usize = 4 * 1024 * 1024;

/// Filters one response.
#[derive(Debug)]
pub struct ListFilter {
    rules: Rules,
    framing: Framing,
    state: State,
}

#[derive(Debug)]
enum Framing {
    /// One JSON document, which is held until it is complete.
    Json(Vec<u8>),
    /// A stream of events, each of which is held until it is complete.
    Events(SseFilter),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Reading,
    /// The head of the response says that it cannot be filtered. The error is still to be written.
    Refused(FilterFault),
    /// The response was replaced by an error, and the rest of it is discarded.
    Failed(FilterFault),
}

/// What is retained, and what was removed because its definition is not the pinned one.
#[derive(Debug)]
struct Rules {
    access: Access,
    /// JSON of the request's id, for an error.
    id: Option<String>,
    changed_tools: BTreeSet<String>,
    accepted_tools: BTreeSet<String>,
}

/// Why a response cannot be filtered. The server is at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FilterFault {
    /// It is larger than [`MAX_LIST_BYTES`].
    #[error("the server's list is larger than 4194304 bytes and cannot be filtered")]
    TooLarge,
    /// It is not JSON, or clients could read it differently.
    #[error("the server's list is not valid JSON-RPC and cannot be filtered")]
    Malformed,
    /// It has a content coding although none was accepted.
    #[error("the server compressed its list although the gateway did not accept that")]
    Encoded,
}

/// A part of a stream that cannot be filtered.
struct Unfiltered {
    fault: FilterFault,
    /// What precedes it, filtered.
    before: Vec<u8>,
}

/// What to pass on after some bytes of a response.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// The bytes as they are.
    Unchanged,
    /// These bytes instead, possibly none.
    Replaced(Vec<u8>),
}

impl FilterFault {
    /// The stable error code.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "list_too_large",
            Self::Malformed => "list_invalid",
            Self::Encoded => "list_encoded",
        }
    }
}

impl ListFilter {
    /// A filter for a response with these headers, to a request with this id (as JSON).
    pub fn new(
        access: Access,
        id: Option<String>,
        content_type: &[u8],
        content_encoding: &[u8],
    ) -> Self {
        let media_type = content_type.split(|byte| *byte == b';').next();
        let media_type = media_type.unwrap_or_default().trim_ascii();
        let is_stream = media_type.eq_ignore_ascii_case(b"text/event-stream");
        let coding = content_encoding.trim_ascii();
        let is_encoded = !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity");
        let mut filter = Self {
            rules: Rules {
                access,
                id,
                changed_tools: BTreeSet::new(),
                accepted_tools: BTreeSet::new(),
            },
            framing: if is_stream {
                Framing::Events(SseFilter::default())
            } else {
                Framing::Json(Vec::new())
            },
            state: State::Reading,
        };
        if is_encoded {
            filter.state = State::Refused(FilterFault::Encoded);
        }
        filter
    }

    /// The reason why the response was replaced by an error, if it was.
    pub const fn fault(&self) -> Option<FilterFault> {
        match self.state {
            State::Reading => None,
            State::Refused(fault) | State::Failed(fault) => Some(fault),
        }
    }

    /// The pinned tools whose definitions are not the pinned ones.
    pub const fn changed_tools(&self) -> &BTreeSet<String> {
        &self.rules.changed_tools
    }

    /// The pinned tools whose definitions are the pinned ones.
    pub const fn accepted_tools(&self) -> &BTreeSet<String> {
        &self.rules.accepted_tools
    }

    /// Filters the next bytes.
    pub fn push(&mut self, bytes: &[u8]) -> Output {
        match self.state {
            State::Reading => {}
            State::Refused(fault) => return self.fail(fault, Vec::new()),
            State::Failed(_) => return Output::Replaced(Vec::new()),
        }
        match &mut self.framing {
            Framing::Json(held) if held.len() + bytes.len() > MAX_LIST_BYTES => {
                self.fail(FilterFault::TooLarge, Vec::new())
            }
            Framing::Json(held) => {
                held.extend_from_slice(bytes);
                Output::Replaced(Vec::new())
            }
            Framing::Events(events) => match events.push(bytes, &mut self.rules) {
                Ok(output) => output,
                Err(Unfiltered { fault, before }) => self.fail(fault, before),
            },
        }
    }

    /// Filters what is held at the end of the response. Returns what to append.
    pub fn finish(&mut self) -> Vec<u8> {
        if self.fault().is_some() {
            return Vec::new();
        }
        let result = match &mut self.framing {
            Framing::Json(held) => {
                let held = std::mem::take(held);
                if held.trim_ascii().is_empty() {
                    return held;
                }
                json::filtered(&held, &mut self.rules).map(|filtered| filtered.unwrap_or(held))
            }
            Framing::Events(events) => events.finish(&mut self.rules),
        };
        result.unwrap_or_else(|fault| {
            self.state = State::Failed(fault);
            self.error(fault)
        })
    }

    /// Replaces what follows `before` by an error.
    fn fail(&mut self, fault: FilterFault, mut before: Vec<u8>) -> Output {
        self.state = State::Failed(fault);
        self.framing = match self.framing {
            Framing::Json(_) => Framing::Json(Vec::new()),
            Framing::Events(_) => Framing::Events(SseFilter::default()),
        };
        before.extend(self.error(fault));
        Output::Replaced(before)
    }

    /// The error as the client's JSON-RPC library shows it.
    fn error(&self, fault: FilterFault) -> Vec<u8> {
        let id = self.rules.id.as_deref().unwrap_or("null");
        let code = fault.code();
        let error = format!(
            "{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{{\"code\":-32603,\"message\":\"{fault}\",\
             \"data\":{{\"code\":\"{code}\"}}}}}}"
        );
        match self.framing {
            Framing::Json(_) => error.into_bytes(),
            Framing::Events(_) => format!("data: {error}\n\n").into_bytes(),
        }
    }
}

#[cfg(test)]
mod tests;
