//! Reads from a response whether a request succeeded, for telemetry. Nothing else of it is kept.

use crate::json::{Lenient, Member, Scalar, Scanner, members, value};
use crate::usage::decoder::Decoder;
use crate::usage::sse::{EventPart, SseFramer};

/// What a response says about its request.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// The code of the JSON-RPC error, if the request failed.
    pub error_code: Option<String>,
    /// Whether a tool reports that it failed.
    pub is_tool_error: bool,
}

/// No longer error code is read.
const MAX_CODE: usize = 16;

#[derive(Clone, Copy, Debug)]
enum Field {
    Code,
    IsError,
}

const MEMBERS: &[Member<Field>] = &[
    members("error", &[value("code", Field::Code)]),
    members("result", &[value("isError", Field::IsError)]),
];

/// Reads one response.
pub struct OutcomeReader {
    decoder: Option<Decoder>,
    framer: Option<SseFramer>,
    scanner: Scanner<Field, Lenient>,
    outcome: Outcome,
    /// Whether an error in the current JSON was passed over, which ends its event.
    is_broken: bool,
}

impl OutcomeReader {
    /// A reader of a response with these headers.
    pub fn new(content_type: &[u8], content_encoding: &[u8]) -> Self {
        let is_stream = content_type
            .get(..b"text/event-stream".len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(b"text/event-stream"));
        Self {
            decoder: Decoder::new(content_encoding),
            framer: is_stream.then(SseFramer::default),
            scanner: Scanner::lenient(MEMBERS),
            outcome: Outcome::default(),
            is_broken: false,
        }
    }

    /// Reads the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let Some(mut decoder) = self.decoder.take() else {
            return;
        };
        let decoded = decoder.decode(bytes, &mut |decoded| {
            self.read(decoded);
            Ok(())
        });
        // What cannot be decoded cannot be read either.
        self.decoder = decoded.is_ok().then_some(decoder);
    }

    /// What was read.
    pub fn outcome(mut self) -> Outcome {
        if let Some(mut framer) = self.framer.take() {
            framer.finish(&mut |part| self.event(part));
        }
        self.outcome
    }

    fn read(&mut self, decoded: &[u8]) {
        match self.framer.take() {
            Some(mut framer) => {
                framer.feed(decoded, &mut |part| self.event(part));
                self.framer = Some(framer);
            }
            None => self.scan(decoded),
        }
    }

    fn event(&mut self, part: EventPart<'_>) {
        match part {
            EventPart::Complete(data) => {
                self.scan(data);
                self.next_event();
            }
            EventPart::Part(data) => self.scan(data),
            EventPart::PartsEnd => self.next_event(),
        }
    }

    fn next_event(&mut self) {
        self.scanner.reset();
        self.is_broken = false;
    }

    fn scan(&mut self, json: &[u8]) {
        if self.is_broken {
            return;
        }
        let outcome = &mut self.outcome;
        let scanned = self.scanner.feed(json, &mut |field, value: Scalar<'_>| {
            match (field, value) {
                (Field::Code, Scalar::Number(code)) if code.len() <= MAX_CODE => {
                    let code = String::from_utf8_lossy(code).into_owned();
                    outcome.error_code.get_or_insert(code);
                }
                // Lenient scanners report neither `false` nor `null`.
                (Field::IsError, Scalar::Other) => outcome.is_tool_error = true,
                _ => {}
            }
        });
        self.is_broken = scanned.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(content_type: &str, response: &str) -> Outcome {
        let read = |piece: usize| {
            let mut reader = OutcomeReader::new(content_type.as_bytes(), b"");
            for part in response.as_bytes().chunks(piece) {
                reader.push(part);
            }
            reader.outcome()
        };
        let whole = read(response.len());
        for piece in 1..response.len() {
            assert_eq!(read(piece), whole, "{response}");
        }
        whole
    }

    #[test]
    fn errors_are_found_in_json_and_in_events() {
        let failed = |code: &str| Outcome {
            error_code: Some(code.to_owned()),
            is_tool_error: false,
        };
        let tool_failed = Outcome {
            error_code: None,
            is_tool_error: true,
        };
        for (message, expected) in [
            (
                r#"{"id":1,"result":{"content":[{"text":"{\"isError\":true}"}]}}"#,
                Outcome::default(),
            ),
            (
                r#"{"id":1,"result":{"content":[],"isError":false}}"#,
                Outcome::default(),
            ),
            (
                r#"{"result":{"content":[{"isError":true}],"isError":true},"id":1}"#,
                tool_failed,
            ),
            (
                r#"{"id":1,"error":{"code":-32602,"message":"x"}}"#,
                failed("-32602"),
            ),
            (
                r#"{"id":1,"error":{"data":{"code":1},"code":-1}}"#,
                failed("-1"),
            ),
        ] {
            assert_eq!(outcome("application/json", message), expected, "{message}");
            let stream = format!(
                "id: 1\ndata: \n\ndata: not JSON\n\nevent: message\r\ndata: {message}\r\n\r\n"
            );
            assert_eq!(outcome("text/event-stream", &stream), expected, "{message}");
        }
        assert_eq!(outcome("text/html", "<html>"), Outcome::default());
    }
}
