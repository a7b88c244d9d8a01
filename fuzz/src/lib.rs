//! What the fuzz targets share: a gateway with one provider of each kind, an issuer that mints
//! tokens, and bytes that are cut.

pub mod world;

/// Bytes in pieces whose lengths the first argument's bytes give, over and over.
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

/// The first bytes of an input as cuts, the rest as what is cut.
pub fn split_cuts(data: &[u8]) -> (&[u8], &[u8]) {
    data.split_at(data.len().min(4))
}
