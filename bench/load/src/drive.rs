//! A load: connections that are kept, each with one request under way, in a closed loop or at a fixed rate.
//!
//! At a fixed rate the latency counts from the moment at which the request was due, so that a stall is seen in all
//! requests that it delays.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::Incoming;

struct Load {
    port: u16,
    /// Whole requests, to be sent in turn.
    requests: Vec<Vec<u8>>,
    first: u64,
    count: u64,
    duration: Duration,
    rate: Option<f64>,
    next: AtomicU64,
    failed: AtomicBool,
}

/// Options: `--connections C` (32), `--requests N` or `--seconds S`, `--rate PER_SECOND`, `--first` of the file's
/// requests to begin with (0).
pub fn run(port: &str, file: &str, options: &[&str]) -> io::Result<()> {
    let mut load = Load {
        port: port.parse().map_err(io::Error::other)?,
        requests: read_requests(&std::fs::read(file)?),
        first: 0,
        count: u64::MAX,
        duration: Duration::MAX,
        rate: None,
        next: AtomicU64::new(0),
        failed: AtomicBool::new(false),
    };
    let mut connections = 32;
    for pair in options.chunks(2) {
        let [name, value] = pair else {
            return Err(io::Error::other("an option without value"));
        };
        let number: f64 = value.parse().map_err(io::Error::other)?;
        match *name {
            "--connections" => connections = number as usize,
            "--first" => load.first = number as u64,
            "--requests" => load.count = number as u64,
            "--seconds" => load.duration = Duration::from_secs_f64(number),
            "--rate" => load.rate = Some(number),
            _ => return Err(io::Error::other("an unknown option")),
        }
    }
    let load = Arc::new(load);
    let barrier = Arc::new(Barrier::new(connections + 1));
    let workers: Vec<_> = (0..connections)
        .map(|_| {
            let (load, barrier) = (Arc::clone(&load), Arc::clone(&barrier));
            thread::spawn(move || {
                let connected = TcpStream::connect(("127.0.0.1", load.port));
                barrier.wait();
                let worked = load.connection(connected?);
                load.failed.fetch_or(worked.is_err(), Ordering::Relaxed);
                worked
            })
        })
        .collect();
    barrier.wait();
    let start = Instant::now();
    let (mut latencies, mut statuses) = (Vec::new(), BTreeMap::new());
    for worker in workers {
        let answers = worker
            .join()
            .map_err(|_| io::Error::other("a thread has panicked"))??;
        for (status, latency) in answers {
            latencies.push(latency);
            *statuses.entry(status).or_insert(0_u64) += 1;
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    latencies.sort_unstable();
    let percentile = |percent: usize| {
        latencies
            .get(latencies.len() * percent / 100)
            .map_or(0, Duration::as_micros)
    };
    let statuses: Vec<_> = statuses
        .iter()
        .map(|(status, count)| format!("\"{status}\": {count}"))
        .collect();
    println!(
        "{{\"requests\": {}, \"seconds\": {seconds}, \"p50_us\": {}, \"p99_us\": {}, \"statuses\": {{{}}}}}",
        latencies.len(),
        percentile(50),
        percentile(99),
        statuses.join(", ")
    );
    Ok(())
}

impl Load {
    fn connection(&self, mut stream: TcpStream) -> io::Result<Vec<(u16, Duration)>> {
        stream.set_nodelay(true)?;
        let mut incoming = Incoming::new(stream.try_clone()?);
        let start = Instant::now();
        let mut answers = Vec::new();
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.count
                || start.elapsed() >= self.duration
                || self.failed.load(Ordering::Relaxed)
            {
                return Ok(answers);
            }
            let mut due = Instant::now();
            if let Some(rate) = self.rate {
                due = start + Duration::from_secs_f64(index as f64 / rate);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            let request = (self.first + index) as usize % self.requests.len();
            stream.write_all(&self.requests[request])?;
            let answer = incoming.message()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let status = answer
                .head
                .get(9..12)
                .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            answers.push((status.unwrap_or(0), due.elapsed()));
        }
    }
}

/// The file: for each request a line with its size, then its bytes.
fn read_requests(mut file: &[u8]) -> Vec<Vec<u8>> {
    let mut requests = Vec::new();
    while let Some(end) = file.iter().position(|byte| *byte == b'\n') {
        let size: usize = std::str::from_utf8(&file[..end])
            .ok()
            .and_then(|line| line.parse().ok())
            .expect("a size");
        requests.push(file[end + 1..end + 1 + size].to_vec());
        file = &file[end + 1 + size..];
    }
    assert!(!requests.is_empty(), "no requests");
    requests
}
