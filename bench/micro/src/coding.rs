//! The time to decode a compressed stream.

use std::hint::black_box;
use std::io::Write;

use ai_gateway_core::usage::decoder::Decoder;
use criterion::{Criterion, Throughput};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use crate::framing::{EVENTS, chat_event};

/// A typical size of the chunks in which a host delivers a response.
const CHUNK: usize = 4096;

pub fn benchmarks(criterion: &mut Criterion) {
    let plain = text();
    let gzip = {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder
            .write_all(&plain)
            .expect("writing to memory succeeds");
        encoder.finish().expect("writing to memory succeeds")
    };
    let deflate = {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder
            .write_all(&plain)
            .expect("writing to memory succeeds");
        encoder.finish().expect("writing to memory succeeds")
    };
    for (coding, encoded) in [("gzip", gzip), ("deflate", deflate)] {
        let decode = || {
            let mut decoder = Decoder::new(coding.as_bytes()).expect("a known coding");
            let mut length = 0;
            for chunk in encoded.chunks(CHUNK) {
                let result = decoder.decode(black_box(chunk), &mut |decoded| {
                    length += decoded.len();
                    Ok(())
                });
                assert!(result.is_ok(), "{coding}");
            }
            length
        };
        assert_eq!(decode(), plain.len(), "{coding}");
        let mut group = criterion.benchmark_group("decoder");
        group.throughput(Throughput::Bytes(plain.len() as u64));
        group.bench_function(coding, |bencher| bencher.iter(decode));
    }
}

/// A stream of slightly different events.
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
