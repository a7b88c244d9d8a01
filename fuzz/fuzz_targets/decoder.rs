//! Any bytes in any content coding, cut anywhere: the same output, in bounded memory, and for
//! deflate what another decoder gives.
#![no_main]

use ai_gateway_core::usage::MAX_MEMORY;
use ai_gateway_core::usage::decoder::Decoder;
use ai_gateway_filter_fuzz::{pieces, split_cuts};
use libfuzzer_sys::fuzz_target;

type Decoded = (Vec<u8>, Option<&'static str>, bool);

fuzz_target!(|data: (u8, &[u8])| {
    let (coding, data) = data;
    let (cuts, encoded) = split_cuts(data);
    let coding = ["deflate", "gzip", "br", "identity"][usize::from(coding % 4)];
    let whole = decoded(coding, [encoded]);
    let cut = decoded(coding, pieces(cuts, encoded));
    assert_eq!(whole.1, cut.1);
    let is_end_held_back = coding == "br" && !whole.2;
    if whole.1.is_none() && is_end_held_back {
        assert!(whole.0.starts_with(&cut.0) || cut.0.starts_with(&whole.0));
    } else if whole.1.is_none() {
        assert!(
            whole == cut,
            "{coding}: {} and {} bytes",
            whole.0.len(),
            cut.0.len()
        );
    }
    if coding == "deflate" && whole.1.is_none() && whole.2 {
        let other = miniz_oxide::inflate::decompress_to_vec_zlib(encoded)
            .or_else(|_| miniz_oxide::inflate::decompress_to_vec(encoded));
        if let Ok(other) = other {
            assert!(whole.0 == other);
        }
    }
});

fn decoded<'a>(coding: &str, pieces: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = Decoder::new(coding.as_bytes()).expect("a coding with a decoder");
    let mut output = Vec::new();
    for piece in pieces {
        let result = decoder.decode(piece, &mut |decoded| {
            output.extend_from_slice(decoded);
            Ok(())
        });
        assert!(decoder.memory_usage() <= MAX_MEMORY);
        if let Err(reason) = result {
            return (output, Some(reason.code()), false);
        }
    }
    let is_whole = decoder.is_complete();
    (output, None, is_whole)
}
