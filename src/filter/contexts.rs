//! Which driver serves a context: one for each configuration, found by the ids of its root context
//! and of the contexts of its requests.

use std::cell::RefCell;
use std::rc::Rc;
use std::thread::LocalKey;

use ai_gateway_core::base::hash::FxHashMap;
use ai_gateway_core::driver::Driver;

use super::abi::EnvoyHost;

type EnvoyDriver = Driver<EnvoyHost>;
type Drivers = RefCell<FxHashMap<u32, Rc<RefCell<EnvoyDriver>>>>;

thread_local! {
    static OF_ROOTS: Drivers = RefCell::default();
    static OF_STREAMS: Drivers = RefCell::default();
}

/// Replaces the driver of a root context. Its running requests keep the driver that they have.
pub(super) fn configure(root: u32, driver: EnvoyDriver) {
    let driver = Rc::new(RefCell::new(driver));
    let replaced = OF_ROOTS.with_borrow_mut(|roots| roots.insert(root, driver));
    drop(replaced);
}

/// Assigns a new request to the driver of its root context, if that is configured.
pub(super) fn create_stream(id: u32, root: u32) {
    if let Some(driver) = find(&OF_ROOTS, root) {
        OF_STREAMS.with_borrow_mut(|streams| streams.insert(id, driver));
    }
}

/// Calls the driver of a root context. `None` if there is none.
pub(super) fn with_root<T>(id: u32, callback: impl FnOnce(&mut EnvoyDriver) -> T) -> Option<T> {
    enter(&*find(&OF_ROOTS, id)?, callback)
}

/// Calls the driver of a request. `None` if there is none.
pub(super) fn with_stream<T>(id: u32, callback: impl FnOnce(&mut EnvoyDriver) -> T) -> Option<T> {
    enter(&*find(&OF_STREAMS, id)?, callback)
}

/// Removes a context, and lets its driver know.
pub(super) fn delete(id: u32) {
    if let Some(driver) = OF_STREAMS.with_borrow_mut(|streams| streams.remove(&id)) {
        enter(&driver, |driver| driver.on_delete(id));
    } else if let Some(driver) = OF_ROOTS.with_borrow_mut(|roots| roots.remove(&id)) {
        enter(&driver, Driver::on_shutdown);
    }
}

fn find(contexts: &'static LocalKey<Drivers>, id: u32) -> Option<Rc<RefCell<EnvoyDriver>>> {
    contexts.with_borrow(|contexts| contexts.get(&id).cloned())
}

/// Envoy runs no callback while the filter calls it. A host that did would get the answer for an
/// unknown context instead of a trap, which would end all requests of this worker.
fn enter<T>(
    driver: &RefCell<EnvoyDriver>,
    callback: impl FnOnce(&mut EnvoyDriver) -> T,
) -> Option<T> {
    let Ok(mut driver) = driver.try_borrow_mut() else {
        ::log::error!("the host cannot run a callback within another one");
        return None;
    };
    Some(callback(&mut driver))
}
