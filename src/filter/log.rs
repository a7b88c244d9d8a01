//! Sends the records of the `log` facade to the host's log.

use log::{Level, LevelFilter, Log, Metadata, Record};

use super::imports;

struct HostLog;

const TRACE: u32 = 0;
const DEBUG: u32 = 1;
const INFO: u32 = 2;
const WARN: u32 = 3;
const ERROR: u32 = 4;
const CRITICAL: u32 = 5;

/// Installs the logger, and logs panics, which trap and end the VM.
pub(super) fn set_up() {
    if log::set_logger(&HostLog).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
    std::panic::set_hook(Box::new(|panic| {
        imports::log(CRITICAL, &panic.to_string());
    }));
}

/// Adopts the host's log level, so that records it would drop are not built.
pub(super) fn adopt_level() {
    log::set_max_level(match imports::log_level() {
        Ok(TRACE) => LevelFilter::Trace,
        Ok(DEBUG) => LevelFilter::Debug,
        Ok(WARN) => LevelFilter::Warn,
        Ok(ERROR) => LevelFilter::Error,
        Ok(CRITICAL) => LevelFilter::Off,
        Ok(_) | Err(_) => LevelFilter::Info,
    });
}

impl Log for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let level = match record.level() {
                Level::Trace => TRACE,
                Level::Debug => DEBUG,
                Level::Info => INFO,
                Level::Warn => WARN,
                Level::Error => ERROR,
            };
            imports::log(level, &record.args().to_string());
        }
    }

    fn flush(&self) {}
}
