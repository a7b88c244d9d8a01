//! Bytes compared, searched and hashed in words: in Wasm, slices are compared byte by byte.

use std::hash::{BuildHasherDefault, Hasher};

use memchr::memchr2;

/// Whether both are the same, whatever they are; how long that takes tells how much of them is.
#[inline]
pub fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    // The first and the last words may overlap.
    match one.len() {
        0..4 => one == other,
        4..8 => ends::<4>(one) == ends::<4>(other),
        8..16 => ends::<8>(one) == ends::<8>(other),
        16.. => {
            let (words, other_words) = (one.as_chunks::<16>().0, other.as_chunks::<16>().0);
            let mut pairs = words.iter().zip(other_words);
            pairs.all(|(one, other)| u128::from_ne_bytes(*one) == u128::from_ne_bytes(*other))
                && one.last_chunk::<16>() == other.last_chunk::<16>()
        }
    }
}

fn ends<const N: usize>(bytes: &[u8]) -> (Option<&[u8; N]>, Option<&[u8; N]>) {
    (bytes.first_chunk(), bytes.last_chunk())
}

/// Whether one of the bytes is this one.
#[inline]
pub fn has(bytes: &[u8], byte: u8) -> bool {
    let (words, rest) = bytes.as_chunks::<8>();
    let is_in = |word: &[u8; 8]| zeros(u64::from_le_bytes(*word) ^ each(byte)) != 0;
    words.iter().any(is_in)
        || match bytes.last_chunk() {
            // The last word may overlap the one before.
            Some(last) => !rest.is_empty() && is_in(last),
            None => rest.contains(&byte),
        }
}

/// So many words are searched one by one; what is farther is worth a search by larger steps.
const NEAR: usize = 4;

/// Where the first byte stands that is one of these two; where there is none, how many bytes there are.
#[inline]
pub fn find_either(bytes: &[u8], [one, other]: [u8; 2]) -> usize {
    let mut start = 0;
    for word in bytes.as_chunks::<8>().0.iter().take(NEAR) {
        let word = u64::from_le_bytes(*word);
        let found = zeros(word ^ each(one)) | zeros(word ^ each(other));
        if found != 0 {
            return start + found.trailing_zeros() as usize / 8;
        }
        start += 8;
    }
    let rest = bytes.get(start..).unwrap_or_default();
    start + memchr2(one, other, rest).unwrap_or(rest.len())
}

/// A word of this byte only.
const fn each(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The highest bit of the word's first byte that is zero, the lowest counting as the first; above it there may be more bits.
const fn zeros(word: u64) -> u64 {
    word.wrapping_sub(each(0x01)) & !word & each(0x80)
}

/// Builds a hash for keys that no stranger chooses: numbers of contexts, metrics, signatures that held.
pub type WordHash = BuildHasherDefault<WordHasher>;

/// Multiplies word by word: a dozen instructions, where the standard one takes hundreds.
#[derive(Default)]
pub struct WordHasher(u64);

impl Hasher for WordHasher {
    /// The bits that multiplying has mixed best come last, by which maps choose their place.
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        for byte in rest {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_u8(&mut self, word: u8) {
        self.write_u64(u64::from(word));
    }

    fn write_u16(&mut self, word: u16) {
        self.write_u64(u64::from(word));
    }

    fn write_u32(&mut self, word: u32) {
        self.write_u64(u64::from(word));
    }

    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.write_u64(word as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_bytes_is_found_wherever_it_stands() {
        for length in 0..80 {
            for (found, other) in [(b'"', b'\\'), (b'\\', b'"')] {
                for filler in [0, b'a', b'"' - 1, b'"' + 1, 0x80, 0xff] {
                    let mut bytes = vec![filler; length];
                    assert_eq!(find_either(&bytes, [b'"', b'\\']), length);
                    assert!(!has(&bytes, b'"') && !has(&bytes, b'\\'));
                    for index in (0..length).rev() {
                        bytes[index] = found;
                        assert!(has(&bytes, found) && !has(&bytes, other));
                        assert_eq!(find_either(&bytes, [b'"', b'\\']), index);
                        bytes[index] = other;
                        assert_eq!(find_either(&bytes, [b'"', b'\\']), index);
                        bytes[index] = found;
                    }
                }
            }
        }
    }

    #[test]
    fn only_the_same_bytes_are_the_same() {
        for length in 0..70 {
            let one: Vec<u8> = (0..length).collect();
            assert!(is_same(&one, &one.clone()));
            assert!(!is_same(&one, &[&one[..], b"x"].concat()));
            for index in 0..one.len() {
                let mut other = one.clone();
                other[index] ^= 1;
                assert!(!is_same(&one, &other), "{length} {index}");
            }
        }
    }
}
