//! A proxy on this machine's loopback for one client that cannot renew a token by itself: it passes
//! each request on to the gateway with the token that is good at that moment.
//!
//! Only who knows the secret first segment of its URLs is served, and that is the client alone: it
//! learns it from its environment or a private file. HTTP/1.1 without upgrades; answers stream.

use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::json;
use ureq::http::{HeaderMap, Request, Response};
use ureq::{Agent, Body};

use super::request::{self, Received};
use crate::clients::Injection;
use crate::failure::{Failure, Kind};
use crate::http;
use crate::output::detail;
use crate::session::Session;

/// Headers that concern one connection (RFC 9110 §7.6.1), or that are written anew.
const OF_A_CONNECTION: [&str; 9] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The proxy, which runs until the process ends.
pub(super) struct Loopback {
    address: SocketAddr,
    secret: String,
}

struct Shared {
    session: Session,
    agent: Agent,
    /// The provider's proxy URL.
    upstream: String,
    /// The first segment of what is served, with its slashes.
    prefix: String,
    injection: Injection,
}

impl Loopback {
    /// Listens on a free port; what is below `upstream` is below [`Self::base_url`].
    pub(super) fn start(
        session: Session,
        upstream: String,
        injection: Injection,
        secret: String,
    ) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::new(
                Kind::Failed,
                format!("cannot listen on the loopback: {error}"),
            )
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let shared = Arc::new(Shared {
            session,
            agent: http::streaming_agent(),
            upstream,
            prefix: format!("/{secret}/"),
            injection,
        });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    // A client that goes away ends its connection, and nothing else.
                    let _ = shared.serve(&stream);
                });
            }
        });
        Ok(Self { address, secret })
    }

    /// What the client takes for the provider.
    pub(super) fn base_url(&self) -> String {
        format!("http://{}/{}", self.address, self.secret)
    }
}

impl Shared {
    fn serve(&self, stream: &TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        while let Some(received) = request::read(&mut reader, stream)? {
            let is_last = received.is_last;
            self.answer(received, stream)?;
            if is_last {
                break;
            }
        }
        Ok(())
    }

    fn answer(&self, received: Received, stream: &TcpStream) -> std::io::Result<()> {
        let Some(rest) = received.target.strip_prefix(&self.prefix) else {
            return refuse(stream, 404, "this is not for you");
        };
        let url = format!("{}/{rest}", self.upstream);
        let is_head = received.method == "HEAD";
        let token = match self.session.token() {
            Ok(token) => token,
            Err(failure) => return refuse(stream, 401, &failure.to_string()),
        };
        let shown = url.split('?').next().unwrap_or(&url);
        match self.forward(received, &url, &token) {
            Ok(response) => {
                detail(&format!("{shown} answers {}", response.status()));
                pass(response, is_head, stream)
            }
            Err(error) => refuse(stream, 502, &http::unreachable(&url, &error).to_string()),
        }
    }

    fn forward(
        &self,
        received: Received,
        url: &str,
        token: &str,
    ) -> Result<Response<Body>, ureq::Error> {
        let mut request = Request::builder().method(received.method.as_str()).uri(url);
        for (name, value) in &received.headers {
            if !OF_A_CONNECTION.contains(&name.as_str()) && !self.injection.replaces(name) {
                request = request.header(name, value.as_slice());
            }
        }
        let (name, value) = self.injection.header(token);
        request = request.header(name, value);
        match received.body {
            Some(body) => self.agent.run(request.body(body)?),
            None => self.agent.run(request.body(())?),
        }
    }
}

/// Passes an answer on as it comes.
fn pass(response: Response<Body>, is_head: bool, mut stream: &TcpStream) -> std::io::Result<()> {
    let status = response.status();
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).into_bytes();
    let length = response.headers().get("content-length").cloned();
    write_headers(&mut head, response.headers());
    let has_body = !is_head && !matches!(status.as_u16(), 204 | 304);
    let is_chunked = has_body && length.is_none();
    match length {
        Some(length) => {
            head.extend(b"content-length: ");
            head.extend(length.as_bytes());
            head.extend(b"\r\n\r\n");
        }
        None if is_chunked => head.extend(b"transfer-encoding: chunked\r\n\r\n"),
        None => head.extend(b"\r\n"),
    }
    stream.write_all(&head)?;
    if !has_body {
        return Ok(());
    }
    let mut body = response.into_body().into_reader();
    let mut buffer = [0; 16 * 1024];
    loop {
        let size = std::io::Read::read(&mut body, &mut buffer)?;
        let piece = buffer.get(..size).unwrap_or_default();
        if piece.is_empty() {
            break;
        }
        if is_chunked {
            let mut chunk = format!("{size:x}\r\n").into_bytes();
            chunk.extend(piece);
            chunk.extend(b"\r\n");
            stream.write_all(&chunk)?;
        } else {
            stream.write_all(piece)?;
        }
    }
    if is_chunked {
        stream.write_all(b"0\r\n\r\n")?;
    }
    Ok(())
}

fn write_headers(head: &mut Vec<u8>, headers: &HeaderMap) {
    for (name, value) in headers {
        if !OF_A_CONNECTION.contains(&name.as_str()) {
            head.extend(name.as_str().as_bytes());
            head.extend(b": ");
            head.extend(value.as_bytes());
            head.extend(b"\r\n");
        }
    }
}

/// An error of this proxy's own, in a body that the SDKs understand.
fn refuse(mut stream: &TcpStream, status: u16, message: &str) -> std::io::Result<()> {
    let error = json!({ "type": "api_error", "message": message, "status": "UNAVAILABLE" });
    let body = json!({ "type": "error", "message": message, "error": error }).to_string();
    let head = format!(
        "HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(format!("{head}{body}").as_bytes())
}
