//! `load upstream CHAT BEDROCK`: answers requests with the JSON of these files, fast.
//! `load drive PORT REQUESTS OPTIONS`: sends requests, and prints a line of JSON about them.

#![allow(clippy::disallowed_methods)] // the ban on clocks is for the filter

mod drive;
mod http;
mod upstream;

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["upstream", chat, bedrock] => {
            upstream::serve(std::fs::read(chat)?, std::fs::read(bedrock)?)
        }
        ["drive", port, requests, options @ ..] => drive::run(port, requests, options),
        _ => Err(std::io::Error::other(
            "usage: load upstream CHAT BEDROCK | load drive PORT REQUESTS OPTIONS",
        )),
    }
}
