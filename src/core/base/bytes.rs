//! Comparison of long byte strings.

/// Whether both are equal.
///
/// Compares word by word. In Wasm `==` calls `memcmp`, which compares byte by byte: for a token of
/// a kilobyte that costs several thousand instructions. It is not a comparison in constant time.
pub fn equal_by_words(one: &[u8], other: &[u8]) -> bool {
    let (words, rest) = one.as_chunks::<16>();
    let (other_words, other_rest) = other.as_chunks::<16>();
    let mut pairs = words.iter().zip(other_words);
    one.len() == other.len()
        && pairs.all(|(one, other)| u128::from_ne_bytes(*one) == u128::from_ne_bytes(*other))
        && rest == other_rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_bytes_are_equal() {
        for length in 0..70 {
            let one: Vec<u8> = (0..length).collect();
            assert!(equal_by_words(&one, &one.clone()));
            assert!(!equal_by_words(&one, &[&one[..], b"x"].concat()));
            for index in 0..one.len() {
                let mut other = one.clone();
                other[index] ^= 1;
                assert!(!equal_by_words(&one, &other), "{length} {index}");
            }
        }
    }
}
