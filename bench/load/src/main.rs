//! `load upstream CHAT BEDROCK` responds to requests with the JSON in these files.
//! `load drive PORT REQUESTS OPTIONS` sends the requests in a file and prints the results as one line of JSON.

#![allow(clippy::disallowed_methods)] // clocks are banned in the filter only

mod drive;
mod http;
mod upstream;

fn main() -> std::io::Result<()> {
    let owned: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = owned.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["upstream", chat, bedrock] => {
            upstream::serve(std::fs::read(chat)?, std::fs::read(bedrock)?)
        }
        ["drive", port, requests, options @ ..] => drive::run(port, requests, options),
        _ => Err(std::io::Error::other(
            "usage: load upstream CHAT BEDROCK | load drive PORT REQUESTS OPTIONS",
        )),
    }
}
