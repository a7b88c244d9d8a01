//! Any request target. The path sent upstream is absolute, has no dot segments, and contains no byte that could end the
//! request line.
#![no_main]

use ai_gateway_core::http::route::Route;
use ai_gateway_filter_fuzz::gateway::config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    thread_local!(static CONFIG: ai_gateway_core::config::Config = config());
    CONFIG.with(|config| {
        let below = [config.path_prefix.as_bytes(), b"/my-openai/", data].concat();
        for target in [data, &below] {
            let route = Route::parse(
                &config.path_prefix,
                [&config.usage_path, &config.status_path],
                target,
            );
            let Ok(Route::Upstream { path, query, .. }) = route else {
                continue;
            };
            for provider in config.providers.values() {
                let sent = provider.upstream_path(path);
                assert!(sent.starts_with(b"/"), "the path is not absolute");
                assert!(
                    !sent.starts_with(b"//") || path.starts_with(b"/"),
                    "the path starts with an authority"
                );
                assert!(
                    sent.iter()
                        .chain(query.unwrap_or_default())
                        .all(|byte| *byte > b' ' && *byte != 0x7f)
                );
                assert!(
                    !has_dot_segment(&sent),
                    "{}",
                    String::from_utf8_lossy(&sent)
                );
            }
        }
    });
});

/// Also finds dot segments that are encoded with `%2e`, `%2f`, `%5c` or `\`, which some servers decode.
fn has_dot_segment(path: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(path).to_ascii_lowercase();
    let decoded = lower
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "/")
        .replace('\\', "/");
    decoded
        .split('/')
        .any(|segment| matches!(segment, "." | ".."))
}
