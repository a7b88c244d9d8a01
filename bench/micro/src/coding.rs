//! What it takes to decode a compressed stream.

use std::hint::black_box;
use std::io::Write;

use ai_gateway_core::usage::decoder::Decoder;
use criterion::{Criterion, Throughput};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::framing::{EVENTS, chat_event};

/// As a provider's answer comes through the host.
const PIECE: usize = 4096;

pub fn benchmarks(criterion: &mut Criterion) {
    let plain = text();
    let gzip = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&plain).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    };
    let deflate = {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&plain).expect("memory takes all");
        encoder.finish().expect("memory takes all")
    };
    for (coding, encoded) in [("gzip", gzip), ("deflate", deflate)] {
        let decode = || {
            let mut decoder = Decoder::new(coding.as_bytes()).expect("a known coding");
            let mut length = 0;
            for piece in encoded.chunks(PIECE) {
                let taken = decoder.decode(black_box(piece), &mut |decoded| {
                    length += decoded.len();
                    Ok(())
                });
                assert!(taken.is_ok(), "{coding}");
            }
            length
        };
        assert_eq!(decode(), plain.len(), "{coding}");
        let mut group = criterion.benchmark_group("decoder");
        group.throughput(Throughput::Bytes(plain.len() as u64));
        group.bench_function(coding, |bencher| bencher.iter(decode));
    }
}

/// A stream's events, each a little another.
fn text() -> Vec<u8> {
    let event = String::from_utf8(chat_event()).expect("text");
    (0..EVENTS)
        .flat_map(|index| {
            event
                .replace("and so on", &format!("word {}", index * index))
                .into_bytes()
        })
        .collect()
}
