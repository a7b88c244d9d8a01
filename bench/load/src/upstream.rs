//! A provider that responds immediately. `GET /last` returns the head of the previous request.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{Incoming, Message, find};

/// The members of a request with the number of events to stream, and with the milliseconds between two events.
const EVENTS: &[u8] = b"\"max_tokens\": ";
const GAP: &[u8] = b"\"gap_ms\": ";

struct Upstream {
    chat: Vec<u8>,
    bedrock: Vec<u8>,
    last: Mutex<Vec<u8>>,
}

/// Listens on a free port, prints it, and serves until standard input is closed.
pub fn serve(chat: Vec<u8>, bedrock: Vec<u8>) -> io::Result<()> {
    let upstream = Arc::new(Upstream {
        chat: response("application/json", &chat),
        bedrock: response("application/json", &bedrock),
        last: Mutex::default(),
    });
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0)
    });
    for stream in listener.incoming() {
        let (stream, upstream) = (stream?, Arc::clone(&upstream));
        thread::spawn(move || upstream.connection(stream));
    }
    Ok(())
}

impl Upstream {
    fn connection(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut incoming = Incoming::new(stream.try_clone()?);
        while let Some(Message { head, body }) = incoming.message()? {
            let mut last = self
                .last
                .lock()
                .map_err(|_| io::Error::other("a thread panicked"))?;
            if head.starts_with(b"GET /last ") {
                stream.write_all(&response("text/plain", &last))?;
                continue;
            }
            last.clear();
            last.extend_from_slice(&head);
            drop(last);
            if find(&body, b"\"stream\": true").is_some() {
                let gap = Duration::from_millis(number(&body, GAP)?.into());
                stream_events(&mut stream, number(&body, EVENTS)?, gap)?;
            } else if head.starts_with(b"POST /model/") {
                stream.write_all(&self.bedrock)?;
            } else {
                stream.write_all(&self.chat)?;
            }
        }
        Ok(())
    }
}

fn response(content_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nserver: upstream\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: {content_type}\r\n\
         openai-processing-ms: 1\r\nx-request-id: req_0123456789abcdef\r\ncontent-length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// The number after this member's name.
fn number(body: &[u8], name: &[u8]) -> io::Result<u32> {
    let start = find(body, name).map_or(body.len(), |start| start + name.len());
    let digits = body[start..].split(|byte| !byte.is_ascii_digit()).next();
    let number = String::from_utf8_lossy(digits.unwrap_or_default()).parse();
    number.map_err(|_| io::Error::other("a streaming request needs max_tokens and gap_ms"))
}

/// Sends a chat completion stream, each event in its own HTTP chunk.
fn stream_events(stream: &mut TcpStream, events: u32, gap: Duration) -> io::Result<()> {
    let start = Instant::now();
    stream.write_all(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    )?;
    for number in 1..=events {
        let (choices, usage) = if number == events {
            (
                "",
                r#"{"prompt_tokens":9,"completion_tokens":98,"total_tokens":107}"#,
            )
        } else {
            (
                r#"{"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}"#,
                "null",
            )
        };
        let event = format!(
            "data: {{\"id\":\"chatcmpl-0123456789\",\"object\":\"chat.completion.chunk\",\"created\":1767225600,\
             \"model\":\"gpt-4o\",\"choices\":[{choices}],\"usage\":{usage}}}\n\n"
        );
        thread::sleep((start + gap * number).saturating_duration_since(Instant::now()));
        stream.write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())?;
    }
    stream.write_all(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
}
