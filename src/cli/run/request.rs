//! One HTTP/1.1 request, read whole from a client on this machine (RFC 9112).

use std::io::{self, BufRead, Read, Write};

const LONGEST_HEAD: usize = 256 * 1024;
const LARGEST_BODY: u64 = 256 * 1024 * 1024;

/// A request; header names in lower case.
pub(super) struct Received {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Option<Vec<u8>>,
    /// Whether the connection ends with it.
    pub(super) is_last: bool,
}

/// The next request; `None` where the client has closed the connection. `interim` takes the
/// `100 Continue` that some clients wait for.
pub(super) fn read(
    reader: &mut impl BufRead,
    mut interim: impl Write,
) -> io::Result<Option<Received>> {
    let Some(first) = line(reader, LONGEST_HEAD)? else {
        return Ok(None);
    };
    let first = String::from_utf8(first).map_err(|_| malformed())?;
    let mut words = first.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(malformed());
    };
    let headers = headers(reader)?;
    let is = |name: &str, value: &str| {
        headers.iter().any(|(other, given)| {
            other == name && given.trim_ascii().eq_ignore_ascii_case(value.as_bytes())
        })
    };
    if is("expect", "100-continue") {
        interim.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let body = if is("transfer-encoding", "chunked") {
        Some(chunks(reader)?)
    } else {
        let length = headers.iter().find(|(name, _)| name == "content-length");
        match length {
            Some((_, length)) => Some(exactly(reader, number(length, 10)?)?),
            None => None,
        }
    };
    Ok(Some(Received {
        method: method.to_owned(),
        target: target.to_owned(),
        is_last: is("connection", "close") || version != "HTTP/1.1",
        headers,
        body,
    }))
}

fn headers(reader: &mut impl BufRead) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut headers = Vec::new();
    let mut left = LONGEST_HEAD;
    loop {
        let line = line(reader, left)?.ok_or_else(malformed)?;
        if line.is_empty() {
            return Ok(headers);
        }
        left = left.saturating_sub(line.len());
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line
            .split_at_checked(colon.ok_or_else(malformed)?)
            .ok_or_else(malformed)?;
        let name = std::str::from_utf8(name).map_err(|_| malformed())?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        headers.push((name.to_ascii_lowercase(), value.to_vec()));
    }
}

fn chunks(reader: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(reader, LONGEST_HEAD)?.ok_or_else(malformed)?;
        let size = size.split(|byte| *byte == b';').next().unwrap_or_default();
        let size = number(size, 16)?;
        if size == 0 {
            while !line(reader, LONGEST_HEAD)?
                .ok_or_else(malformed)?
                .is_empty()
            {}
            return Ok(body);
        }
        if body.len() as u64 + size > LARGEST_BODY {
            return Err(malformed());
        }
        body.extend(exactly(reader, size)?);
        line(reader, LONGEST_HEAD)?;
    }
}

fn exactly(reader: &mut impl BufRead, size: u64) -> io::Result<Vec<u8>> {
    if size > LARGEST_BODY {
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

/// A line without its end; `None` at the end of the stream.
fn line(reader: &mut impl BufRead, longest: usize) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.take(longest as u64).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.pop() != Some(b'\n') {
        return Err(malformed());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(line))
}

fn number(text: &[u8], radix: u32) -> io::Result<u64> {
    let text = std::str::from_utf8(text.trim_ascii()).map_err(|_| malformed())?;
    u64::from_str_radix(text, radix).map_err(|_| malformed())
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Received> {
        let mut reader = text.as_bytes();
        let mut found = Vec::new();
        while let Some(received) = read(&mut reader, io::sink()).unwrap() {
            found.push(received);
        }
        found
    }

    #[test]
    fn requests_follow_each_other_on_one_connection() {
        let found = all("POST /a?b HTTP/1.1\r\nContent-Length: 3\r\nX: 1\r\n\r\nabc\
             GET /c HTTP/1.1\r\nconnection: close\r\n\r\n");
        let [first, second] = found.as_slice() else {
            panic!("{}", found.len());
        };
        assert_eq!(
            (first.method.as_str(), first.target.as_str()),
            ("POST", "/a?b")
        );
        assert_eq!(first.body.as_deref(), Some(&b"abc"[..]));
        assert_eq!(first.headers[1], ("x".to_owned(), b"1".to_vec()));
        assert!(!first.is_last && second.is_last && second.body.is_none());
    }

    #[test]
    fn chunks_become_one_body() {
        let text = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n";
        assert_eq!(all(text)[0].body.as_deref(), Some(&b"abc0123456789"[..]));
    }

    #[test]
    fn a_client_that_waits_is_told_to_go_on() {
        let text = "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx";
        let mut interim = Vec::new();
        read(&mut text.as_bytes(), &mut interim).unwrap();
        assert_eq!(interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    }

    #[test]
    fn what_is_no_request_is_an_error_and_no_panic() {
        for text in [
            "x",
            "GET /\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
            "POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n",
        ] {
            assert!(read(&mut text.as_bytes(), io::sink()).is_err(), "{text}");
        }
    }
}
