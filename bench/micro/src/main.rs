//! Benchmarks of single modules of the filter with criterion, on one thread, without a host or a network.
//!
//! `bench/micro.py` runs them native and compiled to Wasm, and compares the results.

mod coding;
mod framing;
mod requests;
mod signatures;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(500))
        .without_plots()
        .configure_from_args();
    requests::benchmarks(&mut criterion);
    signatures::benchmarks(&mut criterion);
    framing::benchmarks(&mut criterion);
    coding::benchmarks(&mut criterion);
    criterion.final_summary();
}
