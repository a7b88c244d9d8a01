//! Any bytes in any content coding. The output does not depend on how they are split into chunks, and memory is bounded.
//! For deflate, the output is that of another decoder.
#![no_main]

use ai_gateway_core::usage::MAX_MEMORY;
use ai_gateway_core::usage::decoder::Decoder;
use ai_gateway_filter_fuzz::{chunks, split_lengths};
use libfuzzer_sys::fuzz_target;

type Decoded = (Vec<u8>, Option<&'static str>, bool);

fuzz_target!(|data: (u8, &[u8])| {
    let (coding, data) = data;
    let (lengths, encoded) = split_lengths(data);
    let coding = ["deflate", "gzip", "br", "identity"][usize::from(coding % 4)];
    let whole = decoded(coding, [encoded]);
    let split = decoded(coding, chunks(lengths, encoded));
    assert_eq!(whole.1, split.1);
    let may_output_differ = coding == "br" && !whole.2;
    if whole.1.is_none() && may_output_differ {
        assert!(whole.0.starts_with(&split.0) || split.0.starts_with(&whole.0));
    } else if whole.1.is_none() {
        assert!(
            whole == split,
            "{coding}: {} and {} bytes",
            whole.0.len(),
            split.0.len()
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

fn decoded<'a>(coding: &str, chunks: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = Decoder::new(coding.as_bytes()).expect("a supported coding");
    let mut output = Vec::new();
    for chunk in chunks {
        let result = decoder.decode(chunk, &mut |decoded| {
            output.extend_from_slice(decoded);
            Ok(())
        });
        assert!(decoder.memory_usage() <= MAX_MEMORY);
        if let Err(reason) = result {
            return (output, Some(reason.code()), false);
        }
    }
    let is_complete = decoder.is_complete();
    (output, None, is_complete)
}
