//! The load generator: persistent connections with one request at a time each, in a closed loop or at a fixed rate.
//!
//! At a fixed rate, latency is measured from the time at which the request was due, so that a stall adds to the latency
//! of every request that it delays. A connection is opened again if a response has `connection: close`, or if the peer
//! closed it before it responded. In the second case the request is sent again, as HTTP clients do.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{Incoming, Message, header};

struct Load {
    port: u16,
    /// Complete requests, which are sent in turn.
    requests: Vec<Vec<u8>>,
    first: u64,
    count: u64,
    duration: Duration,
    rate: Option<f64>,
    next: AtomicU64,
    /// Whether to stop, because a connection failed or standard input was closed.
    stopped: AtomicBool,
    /// How many connections were opened again after a response with `connection: close`.
    reopened: AtomicU64,
    /// How many requests were sent again, because the connection was closed before a response.
    resent: AtomicU64,
}

/// Options: `--connections C` (default 32), `--requests N`, `--seconds S`, `--rate PER_SECOND`, and `--first I`, the index
/// of the first request to send (default 0). Without `--requests` and `--seconds` it runs until standard input is closed.
pub fn run(port: &str, file: &str, options: &[&str]) -> io::Result<()> {
    let mut load = Load {
        port: port.parse().map_err(io::Error::other)?,
        requests: read_requests(&std::fs::read(file)?),
        first: 0,
        count: u64::MAX,
        duration: Duration::MAX,
        rate: None,
        next: AtomicU64::new(0),
        stopped: AtomicBool::new(false),
        reopened: AtomicU64::new(0),
        resent: AtomicU64::new(0),
    };
    let mut connections = 32;
    for pair in options.chunks(2) {
        let [name, value] = pair else {
            return Err(io::Error::other("an option has no value"));
        };
        let number: f64 = value.parse().map_err(io::Error::other)?;
        match *name {
            "--connections" => connections = number as usize,
            "--first" => load.first = number as u64,
            "--requests" => load.count = number as u64,
            "--seconds" => load.duration = Duration::from_secs_f64(number),
            "--rate" => load.rate = Some(number),
            _ => return Err(io::Error::other("unknown option")),
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
                let result = load.connection(connected?);
                load.stopped.fetch_or(result.is_err(), Ordering::Relaxed);
                result
            })
        })
        .collect();
    barrier.wait();
    let start = Instant::now();
    if load.count == u64::MAX && load.duration == Duration::MAX {
        io::stdin().read_to_end(&mut Vec::new())?;
        load.stopped.store(true, Ordering::Relaxed);
    }
    let (mut latencies, mut statuses) = (Vec::new(), BTreeMap::new());
    for worker in workers {
        let responses = worker
            .join()
            .map_err(|_| io::Error::other("a thread panicked"))??;
        for (status, latency) in responses {
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
        "{{\"requests\": {}, \"seconds\": {seconds}, \"p50_us\": {}, \"p99_us\": {}, \"reopened\": {}, \"resent\": {}, \"statuses\": {{{}}}}}",
        latencies.len(),
        percentile(50),
        percentile(99),
        load.reopened.load(Ordering::Relaxed),
        load.resent.load(Ordering::Relaxed),
        statuses.join(", ")
    );
    Ok(())
}

impl Load {
    fn connect(&self) -> io::Result<Connection> {
        Connection::new(TcpStream::connect(("127.0.0.1", self.port))?)
    }

    fn connection(&self, stream: TcpStream) -> io::Result<Vec<(u16, Duration)>> {
        let mut connection = Connection::new(stream)?;
        let start = Instant::now();
        let mut responses = Vec::new();
        loop {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.count
                || start.elapsed() >= self.duration
                || self.stopped.load(Ordering::Relaxed)
            {
                return Ok(responses);
            }
            let mut due = Instant::now();
            if let Some(rate) = self.rate {
                due = start + Duration::from_secs_f64(index as f64 / rate);
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            let request = (self.first + index) as usize % self.requests.len();
            let response = match connection.send(&self.requests[request])? {
                Some(response) => response,
                None => {
                    self.resent.fetch_add(1, Ordering::Relaxed);
                    connection = self.connect()?;
                    let response = connection.send(&self.requests[request])?;
                    response.ok_or(io::ErrorKind::UnexpectedEof)?
                }
            };
            if header(&response.head, "connection") == Some("close") {
                self.reopened.fetch_add(1, Ordering::Relaxed);
                connection = self.connect()?;
            }
            let status = response
                .head
                .get(9..12)
                .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
            responses.push((status.unwrap_or(0), due.elapsed()));
        }
    }
}

struct Connection {
    stream: TcpStream,
    incoming: Incoming,
}

impl Connection {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let incoming = Incoming::new(stream.try_clone()?);
        Ok(Self { stream, incoming })
    }

    /// The response, or `None` if the connection was closed before one began.
    fn send(&mut self, request: &[u8]) -> io::Result<Option<Message>> {
        match self.stream.write_all(request) {
            Ok(()) => self.incoming.message(),
            Err(_) => Ok(None),
        }
    }
}

/// Reads a file that has, for each request, a line with its size and then its bytes.
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
