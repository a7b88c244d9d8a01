//! What the fuzz targets share: the configuration of a gateway with one provider of each kind, and
//! bytes that are split into pieces.

pub mod gateway;

/// The bytes in pieces. The lengths are taken from `cuts`, again and again.
pub fn pieces<'a>(cuts: &'a [u8], bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut cuts = cuts.iter().cycle();
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = cuts.next().map_or(1, |cut| usize::from(*cut).max(1));
        let (piece, more) = rest.split_at(length.min(rest.len()));
        rest = more;
        Some(piece)
    })
}

/// Splits an input into cuts and the bytes to be cut.
pub fn split_cuts(data: &[u8]) -> (&[u8], &[u8]) {
    data.split_at(data.len().min(4))
}
