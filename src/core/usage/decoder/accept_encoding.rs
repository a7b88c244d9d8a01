//! What of a client's `accept-encoding` can be decoded on the way back.

use std::borrow::Cow;

/// What takes the place of a list of which nothing is left.
const IDENTITY: &[u8] = b"identity";

/// The list without the codings that cannot be decoded, and without `*`, which stands for them.
///
/// Unchanged, byte for byte, where there is nothing to strike; `identity` where nothing is left.
pub fn decodable(accept_encoding: &[u8]) -> Cow<'_, [u8]> {
    let members = || accept_encoding.split(|byte| *byte == b',');
    if members().all(is_decodable) {
        return Cow::Borrowed(accept_encoding);
    }
    let kept: Vec<&[u8]> = members()
        .filter(|member| is_decodable(member))
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
        .collect();
    if kept.is_empty() {
        return Cow::Borrowed(IDENTITY);
    }
    Cow::Owned(kept.join(b", ".as_slice()))
}

/// Whether a list's member, weight and all, names a coding with a decoder.
fn is_decodable(member: &[u8]) -> bool {
    let coding = member.split(|byte| *byte == b';').next();
    let coding = coding.unwrap_or_default().trim_ascii();
    let known = [b"".as_slice(), IDENTITY, b"gzip", b"x-gzip", b"deflate"];
    known.iter().any(|known| known.eq_ignore_ascii_case(coding))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_decoded_is_struck() {
        for (sent, kept) in [
            ("gzip, deflate", "gzip, deflate"),
            (
                "gzip,deflate;q=0.5 , identity",
                "gzip,deflate;q=0.5 , identity",
            ),
            ("", ""),
            ("gzip, deflate, compress, zstd", "gzip, deflate"),
            ("zstd;q=1.0, GZIP;q=0.8, *;q=0", "GZIP;q=0.8"),
            ("zstd", "identity"),
            ("br", "identity"),
            ("br, gzip", "gzip"),
            ("*", "identity"),
            (" , zstd", "identity"),
        ] {
            assert_eq!(decodable(sent.as_bytes()), kept.as_bytes(), "{sent}");
        }
    }
}
