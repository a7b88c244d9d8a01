//! The callbacks that the host calls. Each one finds its driver and calls it.
//!
//! The host enters the VM for every callback that is exported, whether or not it does anything. So
//! only those that are needed are here: `proxy_on_done` and `proxy_on_vm_start` are not.

#![allow(
    unsafe_code,
    reason = "the host finds callbacks by their unmangled names"
)]

use ai_gateway_core::driver::{Driver, EndOfStream, Host};
use ai_gateway_core::reply::Rejection;
use ai_gateway_core::transaction::Flow;

use super::abi::{self, EnvoyHost};
#[cfg(feature = "faults")]
use super::faults::{self, Callback};
use super::{contexts, imports, log};

unsafe extern "C" {
    fn __wasm_call_ctors();
}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the host calls this once, before anything else.
    unsafe { __wasm_call_ctors() };
    log::set_up();
}

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    imports::allocate(size)
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, root: u32) {
    // A root context has no driver before it is configured.
    if root != 0 {
        contexts::create_stream(id, root);
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    contexts::delete(id);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(id: u32, size: usize) -> u32 {
    log::adopt_level();
    let configuration = abi::plugin_configuration(size);
    let env = |name: &str| std::env::var(name).ok();
    let driver = Driver::new(EnvoyHost, id, &configuration, &env);
    let is_usable = driver.is_ok();
    if let Ok(driver) = driver {
        contexts::configure(id, driver);
    }
    is_usable.into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(id: u32) {
    #[cfg(feature = "faults")]
    faults::reach(Callback::Tick);
    contexts::with_root(id, Driver::on_tick);
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    id: u32,
    token: u32,
    headers: usize,
    body_size: usize,
    _trailers: usize,
) {
    contexts::with_root(id, |driver| {
        driver.on_callout_response(token, headers, body_size);
    });
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, _headers: usize, end: u32) -> u32 {
    #[cfg(feature = "faults")]
    faults::reach(Callback::RequestHead);
    action(contexts::with_stream(id, |driver| {
        driver.on_request_headers(id, end_of_stream(end))
    }))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(id: u32, size: usize, end: u32) -> u32 {
    #[cfg(feature = "faults")]
    faults::reach(Callback::RequestBody);
    let flow = contexts::with_stream(id, |driver| {
        driver.on_request_body(id, size, end_of_stream(end))
    });
    action(flow.flatten())
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(id: u32, _trailers: usize) -> u32 {
    let flow = contexts::with_stream(id, |driver| driver.on_request_trailers(id));
    action(flow.flatten())
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(id: u32, _headers: usize, end: u32) -> u32 {
    #[cfg(feature = "faults")]
    faults::reach(Callback::ResponseHead);
    contexts::with_stream(id, |driver| {
        driver.on_response_headers(id, end_of_stream(end));
    });
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(id: u32, size: usize, end: u32) -> u32 {
    #[cfg(feature = "faults")]
    faults::reach(Callback::ResponseBody);
    let flow = contexts::with_stream(id, |driver| {
        driver.on_response_body(id, size, end_of_stream(end))
    });
    match flow {
        Some(Flow::Pause) => PAUSE,
        Some(Flow::Continue) | None => CONTINUE,
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(id: u32, _trailers: usize) -> u32 {
    contexts::with_stream(id, |driver| driver.on_response_trailers(id));
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(id: u32) {
    #[cfg(feature = "faults")]
    faults::reach(Callback::Log);
    contexts::with_stream(id, |driver| driver.on_log(id));
}

const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;

/// The ABI's action. A request whose context is unknown must not reach a provider.
fn action(flow: Option<Flow>) -> u32 {
    match flow {
        Some(Flow::Continue) => CONTINUE,
        Some(Flow::Pause) => PAUSE,
        None => {
            EnvoyHost.reply(&Rejection::NotConfigured.reply());
            PAUSE
        }
    }
}

fn end_of_stream(flag: u32) -> EndOfStream {
    EndOfStream::from(flag != 0)
}
