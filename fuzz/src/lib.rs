//! Shared code of the fuzz targets: gateways, and splitting bytes into chunks.

pub mod gateway;

/// Splits the bytes into chunks. Their lengths are the values of `lengths`, which are repeated as needed.
pub fn chunks<'a>(lengths: &'a [u8], bytes: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut lengths = lengths.iter().cycle();
    let mut rest = bytes;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = lengths
            .next()
            .map_or(1, |length| usize::from(*length).max(1));
        let (chunk, more) = rest.split_at(length.min(rest.len()));
        rest = more;
        Some(chunk)
    })
}

/// Splits an input into the lengths of chunks and the bytes to split.
pub fn split_lengths(data: &[u8]) -> (&[u8], &[u8]) {
    data.split_at(data.len().min(4))
}
