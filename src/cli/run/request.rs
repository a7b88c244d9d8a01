//! Reads whole HTTP/1.1 requests from a client on this machine (RFC 9112).

use std::io::{self, BufRead, Read, Write};

const MAX_HEAD_BYTES: usize = 256 * 1024;
const MAX_HEADERS: usize = 256;
const MAX_BODY_BYTES: u64 = 256 * 1024 * 1024;

/// A request.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) target: String,
    /// The names are in lower case.
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Option<Vec<u8>>,
    pub(super) connection: Connection,
}

/// What happens to the connection after the response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Connection {
    KeepAlive,
    Close,
}

/// Reads the next request; `None` if the client has closed the connection. If the client expects
/// `100 Continue`, it is written to `interim`.
pub(super) fn read(
    reader: &mut impl BufRead,
    mut interim: impl Write,
) -> io::Result<Option<Request>> {
    let Some(head) = head(reader)? else {
        return Ok(None);
    };
    let mut request = parse(&head)?;
    if request.has("expect", "100-continue") {
        interim.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    request.body = if request.has("transfer-encoding", "chunked") {
        Some(chunks(reader)?)
    } else {
        let mut headers = request.headers.iter();
        match headers.find(|(name, _)| name == "content-length") {
            Some((_, length)) => Some(exactly(reader, number(length)?)?),
            None => None,
        }
    };
    Ok(Some(request))
}

/// The bytes of a request's head, with the empty line; `None` at the end of the stream.
fn head(reader: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    loop {
        let length = line(reader, MAX_HEAD_BYTES - head.len(), &mut head)?;
        match length {
            0 if head.is_empty() => return Ok(None),
            0 => return Err(malformed()),
            _ if head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n") => return Ok(Some(head)),
            _ => {}
        }
    }
}

fn parse(head: &[u8]) -> io::Result<Request> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) | Err(_) => return Err(malformed()),
    }
    let headers = parsed.headers.iter();
    let mut request = Request {
        method: parsed.method.ok_or_else(malformed)?.to_owned(),
        target: parsed.path.ok_or_else(malformed)?.to_owned(),
        headers: headers
            .map(|header| (header.name.to_ascii_lowercase(), header.value.to_vec()))
            .collect(),
        body: None,
        connection: Connection::KeepAlive,
    };
    if request.has("connection", "close") || parsed.version != Some(1) {
        request.connection = Connection::Close;
    }
    Ok(request)
}

impl Request {
    fn has(&self, name: &str, value: &str) -> bool {
        self.headers.iter().any(|(other, given)| {
            other == name && given.trim_ascii().eq_ignore_ascii_case(value.as_bytes())
        })
    }
}

fn chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut size_line = Vec::new();
        line(reader, MAX_HEAD_BYTES, &mut size_line)?;
        let size = match httparse::parse_chunk_size(&size_line) {
            Ok(httparse::Status::Complete((_, size))) => size,
            Ok(httparse::Status::Partial) | Err(_) => return Err(malformed()),
        };
        if size == 0 {
            skip_trailers(reader)?;
            return Ok(body);
        }
        if size > MAX_BODY_BYTES - body.len() as u64 {
            return Err(malformed());
        }
        body.extend(exactly(reader, size)?);
        line(reader, MAX_HEAD_BYTES, &mut Vec::new())?;
    }
}

fn skip_trailers(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let mut trailer = Vec::new();
        match line(reader, MAX_HEAD_BYTES, &mut trailer)? {
            0 => return Err(malformed()),
            _ if trailer.trim_ascii().is_empty() => return Ok(()),
            _ => {}
        }
    }
}

fn exactly(reader: &mut impl BufRead, size: u64) -> io::Result<Vec<u8>> {
    if size > MAX_BODY_BYTES {
        return Err(malformed());
    }
    let mut body = Vec::new();
    reader.take(size).read_to_end(&mut body)?;
    if body.len() as u64 == size {
        Ok(body)
    } else {
        Err(malformed())
    }
}

/// Appends a line with its end, and returns its length; 0 at the end of the stream.
fn line(reader: &mut impl BufRead, limit: usize, into: &mut Vec<u8>) -> io::Result<usize> {
    let length = reader.take(limit as u64).read_until(b'\n', into)?;
    if length > 0 && !into.ends_with(b"\n") {
        return Err(malformed());
    }
    Ok(length)
}

fn number(text: &[u8]) -> io::Result<u64> {
    let text = std::str::from_utf8(text.trim_ascii()).map_err(|_| malformed())?;
    text.parse().map_err(|_| malformed())
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> Vec<Request> {
        let mut reader = text.as_bytes();
        let mut requests = Vec::new();
        while let Some(request) = read(&mut reader, io::sink()).unwrap() {
            requests.push(request);
        }
        requests
    }

    #[test]
    fn requests_follow_each_other_on_one_connection() {
        let found = read_all(
            "POST /a?b HTTP/1.1\r\nContent-Length: 3\r\nX: 1\r\n\r\nabc\
             GET /c HTTP/1.1\r\nconnection: close\r\n\r\n",
        );
        let [first, second] = found.as_slice() else {
            panic!("{}", found.len());
        };
        assert_eq!(
            (first.method.as_str(), first.target.as_str()),
            ("POST", "/a?b")
        );
        assert_eq!(first.body.as_deref(), Some(&b"abc"[..]));
        assert_eq!(first.headers[1], ("x".to_owned(), b"1".to_vec()));
        assert_eq!(first.connection, Connection::KeepAlive);
        assert_eq!(second.connection, Connection::Close);
        assert!(second.body.is_none());
    }

    #[test]
    fn a_connection_closes_after_a_request_of_http_1_0() {
        let found = read_all("GET / HTTP/1.0\r\n\r\n");
        assert_eq!(found[0].connection, Connection::Close);
    }

    #[test]
    fn chunks_become_one_body() {
        let text = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n";
        assert_eq!(
            read_all(text)[0].body.as_deref(),
            Some(&b"abc0123456789"[..])
        );
    }

    #[test]
    fn an_expected_100_continue_is_sent() {
        let text = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx";
        let mut interim = Vec::new();
        read(&mut text.as_bytes(), &mut interim).unwrap();
        assert_eq!(interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    #[test]
    fn malformed_requests_are_errors() {
        for text in [
            "x",
            "GET /\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
            "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        ] {
            assert!(read(&mut text.as_bytes(), io::sink()).is_err(), "{text}");
        }
        let long = format!(
            "GET / HTTP/1.1\r\nx: {}\r\n\r\n",
            "x".repeat(MAX_HEAD_BYTES)
        );
        assert!(read(&mut long.as_bytes(), io::sink()).is_err());
    }
}
