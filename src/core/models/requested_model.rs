//! Reads the model from a request body while it passes, for telemetry: the member `model` of a JSON
//! object, or the field `model` of a form.
//!
//! Some SDKs write the model after the prompt, so a long prompt may have to be scanned first.

mod multipart;

use crate::json::{Member, Scalar, Scanner, value};
use multipart::FormReader;

/// How much of a body is read. Longer ones consist mostly of images or documents.
pub const MAX_REQUEST_READ: usize = 4 * 1024 * 1024;

/// Most bodies name their model within this many bytes, so that is scanned first.
const HEAD: usize = 64;

const MEMBERS: &[Member<()>] = &[value("model", ())];

/// Reads one request body.
pub struct ModelReader {
    scanner: Scanner<()>,
    /// Present if the first byte says that the body is a form.
    form: Option<FormReader>,
    read: usize,
}

/// The result of reading.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reading {
    /// More of the body is needed.
    Unfinished,
    /// The model.
    Found(String),
    /// The body names no model, is neither JSON nor a form, or is too long.
    GivenUp,
}

impl Default for ModelReader {
    fn default() -> Self {
        Self {
            scanner: Scanner::lenient(MEMBERS),
            form: None,
            read: 0,
        }
    }
}

impl ModelReader {
    /// Reads the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) -> Reading {
        if self.read == 0 && bytes.first() == Some(&b'-') {
            self.form = Some(FormReader::default());
        }
        let left = MAX_REQUEST_READ - self.read;
        let bytes = bytes.get(..left).unwrap_or(bytes);
        self.read += bytes.len();
        let reading = match &mut self.form {
            Some(form) => form.push(bytes),
            None => read_json(&mut self.scanner, bytes),
        };
        match reading {
            Reading::Unfinished if self.read == MAX_REQUEST_READ => Reading::GivenUp,
            reading => reading,
        }
    }
}

fn read_json(scanner: &mut Scanner<()>, bytes: &[u8]) -> Reading {
    let mut model = None;
    let (head, rest) = bytes.split_at(bytes.len().min(HEAD));
    let mut result = Ok(());
    for part in [head, rest] {
        if model.is_none() && result.is_ok() {
            result = scanner.feed(part, &mut |(), found: Scalar<'_>| {
                if let Scalar::Text(text) = found {
                    model.get_or_insert_with(|| text.to_owned());
                }
            });
        }
    }
    match model {
        Some(model) => Reading::Found(model),
        None if result.is_err() || scanner.is_at_end() => Reading::GivenUp,
        None => Reading::Unfinished,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result for a body in pieces of this size.
    fn read(body: &[u8], piece: usize) -> Reading {
        let mut reader = ModelReader::default();
        let mut pieces = body.chunks(piece).map(|piece| reader.push(piece));
        pieces
            .find(|reading| *reading != Reading::Unfinished)
            .unwrap_or(Reading::Unfinished)
    }

    #[test]
    fn the_model_is_found_wherever_it_is_and_however_the_body_is_cut() {
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
    fn reading_ends_when_no_model_can_follow() {
        for body in [
            &br#"{"messages":[]}"#[..],
            br#"{"model":7}"#,
            b"\x1f\x8b\x08",
            b"model=m",
        ] {
            assert_eq!(read(body, 7), Reading::GivenUp);
        }
        assert_eq!(read(br#"{"messages":["#, 7), Reading::Unfinished);
    }

    #[test]
    fn a_form_can_name_its_model_anywhere_and_be_cut_anywhere() {
        let field = |name: &str, value: &str| {
            format!("--b-1\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        let audio = "\0\u{1}\r\n name=\"model\" \r\n--x".repeat(300);
        let file = format!(
            "--b-1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"model\"\r\n\
             Content-Type: audio/wav\r\n\r\n{audio}\r\n"
        );
        let model = field("model", "whisper-1");
        let other = field("response_format", "model");
        let typed = model.replace("\r\n\r\n", "\r\nContent-Type: text/plain\r\n\r\n");
        for body in [
            format!("{model}{file}--b-1--\r\n"),
            format!("{other}{file}{model}--b-1--\r\n"),
            format!("{file}{typed}{other}--b-1--\r\n"),
        ] {
            for piece in [1, 2, 3, 7, 100, 4095, 4096, 4097, body.len()] {
                let found = Reading::Found("whisper-1".into());
                assert_eq!(read(body.as_bytes(), piece), found, "{piece}");
            }
        }
        assert_eq!(
            read(format!("{file}--b-1--\r\n").as_bytes(), 64),
            Reading::Unfinished
        );
        for bad in [
            field("model", ""),
            field("model", &"m".repeat(5000)),
            format!("--b\r\nx: form-data; name=\"model\"{}", "y".repeat(5000)),
        ] {
            assert_eq!(read(bad.as_bytes(), 64), Reading::GivenUp);
        }
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
