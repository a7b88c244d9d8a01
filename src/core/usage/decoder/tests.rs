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
    assert!(decoder.is_complete());
    Ok(decoded)
}

/// Text that is partly repetitive, like the events of a stream.
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
fn deflate_restores_the_text_however_it_is_cut() {
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
fn codings_without_a_decoder_are_refused() {
    for encoding in ["br", "zstd", "compress", "gzip, gzip", "gzip,identity"] {
        assert!(Decoder::new(encoding.as_bytes()).is_none(), "{encoding}");
    }
}
