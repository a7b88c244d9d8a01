//! As much of HTTP/1.1 as two ends need that know each other: bodies by content-length or, where they end, chunked.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

/// One direction of a connection: what has been read of it and not been taken.
pub struct Incoming {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// A message: its head, and how it went on.
pub struct Message {
    pub head: Vec<u8>,
    /// The body; of a long one, the beginning.
    pub body: Vec<u8>,
}

/// Of a longer body no more is kept.
const KEPT: usize = 64 * 1024;

impl Incoming {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// The next message; `None` where the peer has closed before one began.
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
        let mut taken = body.len();
        let mut piece = [0; 64 * 1024];
        while taken < size {
            let wanted = piece.len().min(size - taken);
            let read = self.stream.read(&mut piece[..wanted])?;
            if read == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if body.len() < KEPT {
                body.extend_from_slice(&piece[..read]);
            }
            taken += read;
        }
        Ok(body)
    }

    /// A chunked body without trailers, framing left in.
    fn chunked(&mut self) -> io::Result<Vec<u8>> {
        while !self.buffer.ends_with(b"0\r\n\r\n") {
            if self.fill()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(std::mem::take(&mut self.buffer))
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 16 * 1024];
        let read = self.stream.read(&mut piece)?;
        self.buffer.extend_from_slice(&piece[..read]);
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
