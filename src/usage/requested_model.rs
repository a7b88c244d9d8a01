//! The model that a request's body names, read along as it passes: the member `model` of its JSON.
//!
//! SDKs write it before the prompt or after it, so that a long prompt must be read past.

use super::dialect::value;
use super::json::{Field, Member, Scalar, Scanner};

/// Of a longer body, no more than this is read: most of it is an image or a document.
pub const MAX_REQUEST_READ: usize = 4 * 1024 * 1024;

const MEMBERS: &[Member] = &[value("model", Field::Model)];

/// Reads one request's body.
pub struct ModelReader {
    scanner: Scanner,
    read: usize,
}

/// What a reader came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reading {
    /// It needs more.
    Unfinished,
    /// The model.
    Found(String),
    /// The body names none, is no JSON, or is too long.
    GivenUp,
}

impl Default for ModelReader {
    fn default() -> Self {
        Self {
            scanner: Scanner::new(MEMBERS),
            read: 0,
        }
    }
}

impl ModelReader {
    /// Reads the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) -> Reading {
        let mut model = None;
        let left = MAX_REQUEST_READ - self.read;
        let bytes = bytes.get(..left).unwrap_or(bytes);
        self.read += bytes.len();
        let result = self.scanner.feed(bytes, &mut |_, found| {
            if let Scalar::Text(text) = found {
                model.get_or_insert_with(|| text.to_owned());
            }
        });
        let is_over = result.is_err() || self.scanner.is_at_end() || self.read == MAX_REQUEST_READ;
        match model {
            Some(model) => Reading::Found(model),
            None if is_over => Reading::GivenUp,
            None => Reading::Unfinished,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a body that arrives in pieces of this size.
    fn read(body: &[u8], piece: usize) -> Reading {
        let mut reader = ModelReader::default();
        let mut pieces = body.chunks(piece).map(|piece| reader.push(piece));
        pieces
            .find(|reading| *reading != Reading::Unfinished)
            .unwrap_or(Reading::Unfinished)
    }

    #[test]
    fn the_model_is_found_wherever_it_stands_and_however_the_body_is_cut() {
        for body in [
            r#"{"model":"m-1","messages":[{"role":"user","content":"hi"}]}"#,
            r#"{"messages":[{"model":"no","content":"\"model\":\"no\""}],"model":"m-1"}"#,
            r#" { "input" : [[1,2],[3]] , "model" : "m\u002d1" } "#,
            "\n{\"metadata\":{\"model\":\"no\"},\"model\":null,\"model\":\"m-1\"",
        ] {
            for piece in 1..body.len() {
                let found = Reading::Found("m-1".into());
                assert_eq!(read(body.as_bytes(), piece), found, "{body} by {piece}");
            }
        }
    }

    #[test]
    fn reading_ends_where_no_model_can_come() {
        for body in [
            &br#"{"messages":[]}"#[..],
            br#"{"model":7}"#,
            b"--boundary\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nm",
            b"\x1f\x8b\x08",
            b"model=m",
        ] {
            assert_eq!(read(body, 7), Reading::GivenUp);
        }
        assert_eq!(read(br#"{"messages":["#, 7), Reading::Unfinished);
    }

    #[test]
    fn a_body_is_read_up_to_a_limit() {
        let filler = vec![b'x'; MAX_REQUEST_READ / 4];
        let mut reader = ModelReader::default();
        assert_eq!(reader.push(b"{\"prompt\":\""), Reading::Unfinished);
        for _ in 0..3 {
            assert_eq!(reader.push(&filler), Reading::Unfinished);
        }
        assert_eq!(reader.push(&filler), Reading::GivenUp);
    }
}
