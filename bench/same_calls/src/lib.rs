//! Makes the same host calls as the gateway for a chat completion, and does no work. Its cost is the minimum cost of a
//! filter that reads and writes as much. It exports the same callbacks as the gateway, and has no allocator.
//!
//! Its configuration is the upstream's authority. A leading `+` also enables the fields of the access log.

use std::ptr::{addr_of_mut, null_mut};

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        data: *mut *mut u8,
        length: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, length: *mut usize) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        n: usize,
        value: *const u8,
        v: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, n: usize) -> u32;
    fn proxy_set_property(path: *const u8, p: usize, value: *const u8, v: usize) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, n: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        n: usize,
        arguments: *const u8,
        a: usize,
        results: *mut *mut u8,
        r: *mut usize,
    ) -> u32;
}

const REQUEST: u32 = 0;
const RESPONSE: u32 = 2;
const REQUEST_BODY: u32 = 0;
const RESPONSE_BODY: u32 = 1;
const CONFIGURATION: u32 = 7;
const COUNTERS: usize = 3;
const HISTOGRAMS: usize = 5;

/// The access log fields that the gateway sets for a chat completion.
const FIELDS: [&str; 13] = [
    "ai_gateway.provider",
    "gen_ai.provider.name",
    "gen_ai.operation.name",
    "enduser.id",
    "ai_gateway.issuer",
    "gen_ai.request.model",
    "gen_ai.response.model",
    "gen_ai.response.id",
    "gen_ai.response.finish_reasons",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.reasoning.output_tokens",
];

/// The buffer for all data from the host. Each call overwrites the previous data.
static mut MEMORY: [u8; 1 << 20] = [0; 1 << 20];
static mut AUTHORITY: [u8; 64] = [0; 64];
static mut AUTHORITY_SIZE: usize = 0;
static mut LOGS: bool = false;
static mut METRICS: [u32; COUNTERS + HISTOGRAMS] = [0; COUNTERS + HISTOGRAMS];

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(_: usize) -> *mut u8 {
    addr_of_mut!(MEMORY).cast()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(_: u32, _: u32) {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(_: u32) {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(_: u32, size: usize) -> u32 {
    unsafe {
        buffer(CONFIGURATION, size);
        LOGS = MEMORY[0] == b'+';
        let start = usize::from(LOGS);
        AUTHORITY_SIZE = size - start;
        AUTHORITY[..AUTHORITY_SIZE].copy_from_slice(&MEMORY[start..size]);
        #[expect(
            clippy::needless_range_loop,
            reason = "an iterator would hold a reference to a mutable static"
        )]
        for index in 0..COUNTERS + HISTOGRAMS {
            let (kind, name) = if index < COUNTERS {
                (0, [b'c', b'0' + index as u8])
            } else {
                (2, [b'h', b'0' + index as u8])
            };
            proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut METRICS[index]);
        }
    }
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(_: u32, _: usize, _: u32) -> u32 {
    time();
    headers(REQUEST);
    for name in ["x-envoy-internal", "x-envoy-external-address"] {
        unsafe { proxy_remove_header_map_value(REQUEST, name.as_ptr(), name.len()) };
    }
    let authority =
        unsafe { std::slice::from_raw_parts(addr_of_mut!(AUTHORITY).cast(), AUTHORITY_SIZE) };
    for (name, value) in [
        (":authority", authority),
        (":path", b"/v1/chat/completions"),
        ("x-ai-gateway-cluster", b"upstream_http"),
        ("x-ai-gateway-provider", b"my-openai"),
        (
            "authorization",
            b"Bearer sk-upstream-0123456789abcdef0123456789abcdef",
        ),
    ] {
        unsafe {
            proxy_replace_header_map_value(
                REQUEST,
                name.as_ptr(),
                name.len(),
                value.as_ptr(),
                value.len(),
            )
        };
    }
    let name = "clear_route_cache";
    let (mut data, mut size) = (null_mut(), 0);
    unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            name.as_ptr(),
            0,
            &raw mut data,
            &raw mut size,
        )
    };
    0
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(_: u32, size: usize, _: u32) -> u32 {
    buffer(REQUEST_BODY, size);
    0
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(_: u32, _: usize, _: u32) -> u32 {
    headers(RESPONSE);
    0
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(_: u32, size: usize, has_ended: u32) -> u32 {
    if size > 0 {
        buffer(RESPONSE_BODY, size);
    }
    if has_ended != 0 {
        time();
        unsafe {
            for id in &METRICS[..COUNTERS] {
                proxy_increment_metric(*id, 1);
            }
            for id in &METRICS[COUNTERS..] {
                proxy_record_metric(*id, 10);
            }
            if LOGS {
                for name in FIELDS {
                    proxy_set_property(name.as_ptr(), name.len(), name.as_ptr(), 10);
                }
            }
        }
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(_: u32) {}

fn time() {
    let mut time = 0;
    unsafe { proxy_get_current_time_nanoseconds(&raw mut time) };
}

fn headers(map: u32) {
    let (mut data, mut size) = (null_mut(), 0);
    unsafe { proxy_get_header_map_pairs(map, &raw mut data, &raw mut size) };
}

fn buffer(buffer: u32, size: usize) {
    let (mut data, mut length) = (null_mut(), 0);
    unsafe { proxy_get_buffer_bytes(buffer, 0, size, &raw mut data, &raw mut length) };
}
