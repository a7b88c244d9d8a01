//! The subset of HTTP/1.1 that the benchmark needs: bodies with `content-length`, and chunked bodies up to their end.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

/// The receiving side of a connection, with the bytes that were read but not yet parsed.
pub struct Incoming {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A request or a response.
pub struct Message {
    pub head: Vec<u8>,
    /// The body, or only its beginning if it is long.
    pub body: Vec<u8>,
}

/// The rest of a longer body is discarded.
const MAX_KEPT: usize = 64 * 1024;

impl Incoming {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// The next message, or `None` if the peer closed the connection before one began.
    pub fn message(&mut self) -> io::Result<Option<Message>> {
        let end = loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                break at + 4;
            }
            let read = match self.fill() {
                Err(error) if error.kind() == ErrorKind::ConnectionReset => 0,
                read => read?,
            };
            if read == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(ErrorKind::UnexpectedEof.into())
                };
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        let body = match header(&head, "content-length") {
            Some(length) => self.sized(length.parse().map_err(io::Error::other)?)?,
            None if header(&head, "transfer-encoding").is_some() => self.chunked()?,
            None => Vec::new(),
        };
        Ok(Some(Message { head, body }))
    }

    fn sized(&mut self, size: usize) -> io::Result<Vec<u8>> {
        let mut body: Vec<u8> = self.buffer.drain(..size.min(self.buffer.len())).collect();
        let mut received = body.len();
        let mut chunk = [0; 64 * 1024];
        while received < size {
            let wanted = chunk.len().min(size - received);
            let read = self.stream.read(&mut chunk[..wanted])?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if body.len() < MAX_KEPT {
                body.extend_from_slice(&chunk[..read]);
            }
            received += read;
        }
        Ok(body)
    }

    /// A chunked body without trailers, including its chunk framing.
    fn chunked(&mut self) -> io::Result<Vec<u8>> {
        while !self.buffer.ends_with(b"0\r\n\r\n") {
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(std::mem::take(&mut self.buffer))
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 16 * 1024];
        let read = self.stream.read(&mut chunk)?;
        self.buffer.extend_from_slice(&chunk[..read]);
        Ok(read)
    }
}

/// The value of a header.
pub fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    std::str::from_utf8(head)
        .ok()?
        .split("\r\n")
        .skip(1)
        .find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
}

pub fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    text.windows(wanted.len())
        .position(|window| window == wanted)
}
