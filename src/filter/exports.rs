//! The callbacks that the host calls: each finds its context and hands on.
//!
//! What is not here the host does not enter the VM for. So there is no `proxy_on_done`, since
//! nothing is left to do then, and no `proxy_on_vm_start`, since a VM has no configuration.

#![allow(
    unsafe_code,
    reason = "the host finds callbacks by their names, which must be exported as they are"
)]

use std::cell::RefCell;
use std::rc::Rc;

use super::root::Root;
use super::stream::Stream;
use super::{imports, log};
use ai_gateway_core::base::hash::FxHashMap;
use ai_gateway_core::transaction::Flow;

type Contexts<T> = RefCell<FxHashMap<u32, Rc<T>>>;

thread_local! {
    static ROOTS: Contexts<Root> = RefCell::default();
    static STREAMS: Contexts<Stream> = RefCell::default();
}

unsafe extern "C" {
    fn __wasm_call_ctors();
}

#[unsafe(no_mangle)]
extern "C" fn _initialize() {
    // SAFETY: the host calls this once, before all else.
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
    if root == 0 {
        let root = Rc::new(Root::new(id));
        ROOTS.with_borrow_mut(|roots| roots.insert(id, root));
    } else if let Some(stream) = root_at(root).and_then(|root| root.stream(id)) {
        STREAMS.with_borrow_mut(|streams| streams.insert(id, Rc::new(stream)));
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    // What is dropped may call the host, and must not find the contexts borrowed.
    let stream = STREAMS.with_borrow_mut(|streams| streams.remove(&id));
    if stream.is_none() {
        let root = ROOTS.with_borrow_mut(|roots| roots.remove(&id));
        drop(root);
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(id: u32, size: usize) -> u32 {
    root_at(id)
        .is_some_and(|root| root.on_configure(size))
        .into()
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(id: u32) {
    if let Some(root) = root_at(id) {
        root.on_tick();
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(
    id: u32,
    token: u32,
    headers: usize,
    body_size: usize,
    _trailers: usize,
) {
    if let Some(root) = root_at(id) {
        root.on_http_call_response(token, headers, body_size);
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, _headers: usize, has_ended: u32) -> u32 {
    action(stream_at(id).map(|stream| stream.on_request_headers(has_ended != 0)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_body(id: u32, size: usize, has_ended: u32) -> u32 {
    action(stream_at(id).map(|stream| stream.on_request_body(size, has_ended != 0)))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_trailers(id: u32, _trailers: usize) -> u32 {
    action(stream_at(id).map(|stream| stream.on_request_trailers()))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(id: u32, _headers: usize, has_ended: u32) -> u32 {
    if let Some(stream) = stream_at(id) {
        stream.on_response_headers(has_ended != 0);
    }
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(id: u32, size: usize, has_ended: u32) -> u32 {
    if let Some(stream) = stream_at(id) {
        stream.on_response_body(size, has_ended != 0);
    }
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_trailers(id: u32, _trailers: usize) -> u32 {
    if let Some(stream) = stream_at(id) {
        stream.on_response_trailers();
    }
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_log(id: u32) {
    if let Some(stream) = stream_at(id) {
        stream.on_log();
    }
}

const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;

/// A request of which nothing is known is not let through.
fn action(flow: Option<Flow>) -> u32 {
    match flow {
        Some(Flow::Continue) => CONTINUE,
        Some(Flow::Pause) => PAUSE,
        None => {
            let _ = imports::local_response(500, &0_u32.to_le_bytes(), b"");
            PAUSE
        }
    }
}

fn root_at(id: u32) -> Option<Rc<Root>> {
    ROOTS.with_borrow(|roots| roots.get(&id).cloned())
}

fn stream_at(id: u32) -> Option<Rc<Stream>> {
    STREAMS.with_borrow(|streams| streams.get(&id).cloned())
}
