//! Safe wrappers for the functions of the proxy-wasm ABI 0.2.1 that the filter calls.
//!
//! Why not the SDK: it exports every callback there is, so the host enters the VM for nothing. It
//! allocates twice for each header. It panics on every status that it does not expect, which ends
//! all requests of the worker.

#![allow(unsafe_code, reason = "the ABI passes pointers")]

use std::ptr;
use std::time::Duration;

use ai_gateway_core::driver::HostError;

/// A header map of the host, by what it belongs to.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Map {
    Request = 0,
    RequestTrailers = 1,
    Response = 2,
    CallResponse = 6,
}

/// A buffer of the host.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum Buffer {
    RequestBody = 0,
    ResponseBody = 1,
    CallResponseBody = 4,
    PluginConfiguration = 7,
}

/// How the host aggregates a metric's values.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(super) enum MetricType {
    Counter = 0,
    Gauge = 1,
    Histogram = 2,
}

const REQUEST_STREAM: u32 = 0;
const NO_GRPC_STATUS: i32 = -1;

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_log(level: u32, text: *const u8, size: usize) -> u32;
    fn proxy_get_log_level(level: *mut u32) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    fn proxy_set_effective_context(context: u32) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        data: *mut *mut u8,
        data_size: *mut usize,
    ) -> u32;
    fn proxy_set_buffer_bytes(
        buffer: u32,
        start: usize,
        size: usize,
        data: *const u8,
        data_size: usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, data: *mut *mut u8, data_size: *mut usize) -> u32;
    fn proxy_get_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        data: *mut *mut u8,
        data_size: *mut usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        name: *const u8,
        name_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, name: *const u8, name_size: usize) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        data: *mut *mut u8,
        data_size: *mut usize,
    ) -> u32;
    fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        data: *mut *mut u8,
        data_size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        version: u32,
    ) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout_ms: u32,
        token: *mut u32,
    ) -> u32;
    fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, offset: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        arguments: *const u8,
        arguments_size: usize,
        results: *mut *mut u8,
        results_size: *mut usize,
    ) -> u32;
}

/// Writes to the host's log. A failure cannot be reported anywhere.
pub(super) fn log(level: u32, text: &str) {
    // SAFETY: the host reads `text`.
    unsafe { proxy_log(level, text.as_ptr(), text.len()) };
}

pub(super) fn log_level() -> Result<u32, HostError> {
    let mut level = 0;
    // SAFETY: the host writes a number.
    check(unsafe { proxy_get_log_level(&raw mut level) })?;
    Ok(level)
}

/// Nanoseconds since the epoch.
pub(super) fn current_time() -> Result<u64, HostError> {
    let mut time = 0;
    // SAFETY: the host writes a number.
    check(unsafe { proxy_get_current_time_nanoseconds(&raw mut time) })?;
    Ok(time)
}

pub(super) fn set_tick_period(period: Duration) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    check(unsafe { proxy_set_tick_period_milliseconds(milliseconds(period)) })
}

pub(super) fn set_effective_context(context: u32) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    check(unsafe { proxy_set_effective_context(context) })
}

pub(super) fn buffer(buffer: Buffer, start: usize, size: usize) -> Result<Vec<u8>, HostError> {
    // SAFETY: the host writes the address and the size of the data, which it has put into memory
    // that `allocate` returned.
    take(|data, data_size| unsafe {
        proxy_get_buffer_bytes(buffer as u32, start, size, data, data_size)
    })
}

/// Replaces everything in a buffer.
pub(super) fn set_buffer(buffer: Buffer, bytes: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host reads `bytes`.
    check(unsafe {
        proxy_set_buffer_bytes(buffer as u32, 0, usize::MAX, bytes.as_ptr(), bytes.len())
    })
}

/// A whole header map, which [`ai_gateway_core::http::head::HeaderMap`] decodes.
pub(super) fn header_map(map: Map) -> Result<Vec<u8>, HostError> {
    // SAFETY: as for `buffer`.
    take(|data, data_size| unsafe { proxy_get_header_map_pairs(map as u32, data, data_size) })
}

pub(super) fn header(map: Map, name: &str) -> Result<Vec<u8>, HostError> {
    // SAFETY: the host reads `name`. The rest is as for `buffer`.
    take(|data, data_size| unsafe {
        proxy_get_header_map_value(map as u32, name.as_ptr(), name.len(), data, data_size)
    })
}

pub(super) fn set_header(map: Map, name: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host reads `name` and `value`.
    check(unsafe {
        proxy_replace_header_map_value(
            map as u32,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    })
}

pub(super) fn remove_header(map: Map, name: impl AsRef<[u8]>) -> Result<(), HostError> {
    let name = name.as_ref();
    // SAFETY: the host reads `name`.
    check(unsafe { proxy_remove_header_map_value(map as u32, name.as_ptr(), name.len()) })
}

/// The parts of `path` are separated by NUL.
pub(super) fn property(path: &str) -> Result<Vec<u8>, HostError> {
    // SAFETY: the host reads `path`. The rest is as for `buffer`.
    take(|data, data_size| unsafe {
        proxy_get_property(path.as_ptr(), path.len(), data, data_size)
    })
}

pub(super) fn set_property(path: &str, value: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host reads `path` and `value`.
    check(unsafe { proxy_set_property(path.as_ptr(), path.len(), value.as_ptr(), value.len()) })
}

/// A value shared by all workers, and its version.
pub(super) fn shared_data(key: &str) -> Result<(Vec<u8>, u32), HostError> {
    let mut version = 0;
    // SAFETY: the host reads `key` and writes a number. The rest is as for `buffer`.
    let text = take(|data, data_size| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), data, data_size, &raw mut version)
    })?;
    Ok((text, version))
}

/// Version 0 means any version.
pub(super) fn set_shared_data(key: &str, text: &[u8], version: u32) -> Result<(), HostError> {
    // SAFETY: the host reads `key` and `text`.
    check(unsafe {
        proxy_set_shared_data(key.as_ptr(), key.len(), text.as_ptr(), text.len(), version)
    })
}

/// Sends a request without a body and returns the token of its response. `headers` is encoded by
/// [`ai_gateway_core::http::head::HeaderMap`].
pub(super) fn http_call(
    cluster: &str,
    headers: &[u8],
    timeout: Duration,
) -> Result<u32, HostError> {
    let no_trailers = 0_u32.to_le_bytes();
    let mut token = 0;
    // SAFETY: the host reads `cluster`, `headers` and `no_trailers`, and writes a number.
    check(unsafe {
        proxy_http_call(
            cluster.as_ptr(),
            cluster.len(),
            headers.as_ptr(),
            headers.len(),
            ptr::null(),
            0,
            no_trailers.as_ptr(),
            no_trailers.len(),
            milliseconds(timeout),
            &raw mut token,
        )
    })?;
    Ok(token)
}

pub(super) fn resume_request() -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    check(unsafe { proxy_continue_stream(REQUEST_STREAM) })
}

/// `headers` is encoded by [`ai_gateway_core::http::head::HeaderMap`].
pub(super) fn local_response(status: u16, headers: &[u8], body: &[u8]) -> Result<(), HostError> {
    // SAFETY: the host reads `headers` and `body`.
    check(unsafe {
        proxy_send_local_response(
            u32::from(status),
            ptr::null(),
            0,
            body.as_ptr(),
            body.len(),
            headers.as_ptr(),
            headers.len(),
            NO_GRPC_STATUS,
        )
    })
}

/// Defines a metric, or finds the one of this name. Returns its id.
pub(super) fn define_metric(kind: MetricType, name: &str) -> Result<u32, HostError> {
    let mut id = 0;
    // SAFETY: the host reads `name` and writes a number.
    check(unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) })?;
    Ok(id)
}

pub(super) fn increment_metric(id: u32, offset: i64) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    check(unsafe { proxy_increment_metric(id, offset) })
}

pub(super) fn record_metric(id: u32, value: u64) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    check(unsafe { proxy_record_metric(id, value) })
}

/// Calls a function of this host that is not part of the ABI.
pub(super) fn foreign(name: &str, arguments: &[u8]) -> Result<Vec<u8>, HostError> {
    // SAFETY: the host reads `name` and `arguments`. The rest is as for `buffer`.
    take(|data, data_size| unsafe {
        proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            arguments.as_ptr(),
            arguments.len(),
            data,
            data_size,
        )
    })
}

/// Allocates memory for data that a call returns. The host owns it until [`take`] takes it back.
pub(super) fn allocate(size: usize) -> *mut u8 {
    let mut bytes = Vec::with_capacity(size);
    let data = bytes.as_mut_ptr();
    std::mem::forget(bytes);
    data
}

/// The data that a call returns, empty if there is none.
fn take(call: impl FnOnce(*mut *mut u8, *mut usize) -> u32) -> Result<Vec<u8>, HostError> {
    let mut data = ptr::null_mut();
    let mut size = 0;
    check(call(&raw mut data, &raw mut size))?;
    if data.is_null() {
        return Ok(Vec::new());
    }
    // SAFETY: by the ABI, `data` comes from `allocate`, which was asked for `size` bytes, and the
    // host has filled them.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

const fn check(status: u32) -> Result<(), HostError> {
    match status {
        0 => Ok(()),
        status => Err(HostError(status)),
    }
}

/// Envoy treats larger values as already expired.
const MOST_MILLISECONDS: u32 = i32::MAX.unsigned_abs();

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).map_or(MOST_MILLISECONDS, |it| it.min(MOST_MILLISECONDS))
}
