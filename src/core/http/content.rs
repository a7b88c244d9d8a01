//! Whether the bytes of a body are a text that the filter reads as its server does.

use super::head::RequestHead;

/// Why a server could read a body as something other than UTF-8.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// It is compressed.
    Encoded,
    /// It has another charset, or several media types.
    NotUtf8,
}

/// The media type of a body in plain UTF-8, in lower case and without parameters; empty if the
/// request has none.
pub fn readable_media_type(head: &RequestHead) -> Result<Vec<u8>, Unreadable> {
    match head.sole("content-encoding") {
        Ok(None) => {}
        Ok(Some(coding)) if coding.eq_ignore_ascii_case(b"identity") => {}
        _ => return Err(Unreadable::Encoded),
    }
    let content_type = head.sole("content-type");
    let content_type = content_type.map_err(|_| Unreadable::NotUtf8)?;
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    let mut parts = content_type
        .split(|byte| *byte == b';')
        .map(<[u8]>::trim_ascii);
    let media_type = parts.next().unwrap_or_default().to_vec();
    let is_utf_8 = |part: &[u8]| {
        !part.starts_with(b"charset") || matches!(part, b"charset=utf-8" | b"charset=\"utf-8\"")
    };
    if parts.all(is_utf_8) {
        Ok(media_type)
    } else {
        Err(Unreadable::NotUtf8)
    }
}
