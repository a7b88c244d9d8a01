use super::*;

fn decoded(encoding: &str, encoded: &[u8], size: usize) -> Result<Vec<u8>, IncompleteReason> {
    let mut decoder = Decoder::new(encoding.as_bytes()).unwrap();
    let mut decoded = Vec::new();
    for cut in encoded.chunks(size) {
        decoder.decode(cut, &mut |piece| {
            decoded.extend_from_slice(piece);
            Ok(())
        })?;
    }
    assert!(decoder.is_whole());
    Ok(decoded)
}

/// Text that repeats as a stream's events do, and does not.
fn text(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let mut text = Vec::new();
    while text.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.extend(format!("data: {{\"content\":\"{:x}\"}}\n\n", state >> 12).bytes());
    }
    text
}

#[test]
fn deflate_gives_what_went_in_however_it_is_cut() {
    for length in [0, 1, 1000, 32_767, 32_768, 32_769, 300_000] {
        let text = text(length);
        for level in [0, 1, 6, 9] {
            let zlib = miniz_oxide::deflate::compress_to_vec_zlib(&text, level);
            for size in [1, 2, 3, 7, 1000, 40_000, zlib.len()] {
                assert_eq!(decoded("deflate", &zlib, size).as_ref(), Ok(&text));
            }
        }
    }
}

#[test]
fn codings_without_a_decoder_are_told() {
    for encoding in ["zstd", "compress", "gzip, gzip", "gzip,identity"] {
        assert!(Decoder::new(encoding.as_bytes()).is_none(), "{encoding}");
    }
    assert_eq!(
        Decoder::new(b"br").is_some(),
        cfg!(feature = "brotli"),
        "br is decoded with its feature alone"
    );
}

#[cfg(feature = "brotli")]
mod brotli_streams {
    use std::io::Write;

    use super::*;

    fn encoded(text: &[u8], window: u32) -> Vec<u8> {
        let mut encoded = Vec::new();
        let mut writer = ::brotli::CompressorWriter::new(&mut encoded, 4096, 5, window);
        writer.write_all(text).unwrap();
        drop(writer);
        encoded
    }

    #[test]
    fn short_ones_are_decoded_however_they_are_cut() {
        for length in [0, 1, 1000, 10_000] {
            let text = text(length);
            let encoded = encoded(&text, 22);
            for size in [1, 2, 7, 1000, encoded.len()] {
                assert_eq!(decoded("br", &encoded, size).as_ref(), Ok(&text));
            }
        }
    }

    #[test]
    fn long_ones_are_over_the_cap_and_take_no_more_than_it() {
        let mut decoder = Decoder::new(b"br").unwrap();
        let mut result = Ok(());
        for cut in encoded(&text(1_000_000), 22).chunks(1000) {
            result = result.and_then(|()| decoder.decode(cut, &mut |_| Ok(())));
            assert!(decoder.held() <= BROTLI_BUDGET);
        }
        assert_eq!(result, Err(IncompleteReason::OverCap));
    }

    #[test]
    fn garbage_is_undecodable() {
        assert_eq!(
            decoded("br", b"{\"usage\":1}", 3),
            Err(IncompleteReason::Undecodable)
        );
    }
}
