//! Reduces a client's `accept-encoding` to the codings that can be decoded.

use std::borrow::Cow;

/// Replaces a list without any supported coding.
const IDENTITY: &[u8] = b"identity";

/// The list without unsupported codings, and without `*`, which includes them.
///
/// It is unchanged, byte for byte, if all codings are supported, and `identity` if none is.
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

/// Whether a list member, with or without a weight, names a supported coding.
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
    fn codings_without_a_decoder_are_removed() {
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
