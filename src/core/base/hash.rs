//! The hash for keys that no client chooses: metrics, context ids, the ends of verified tokens.
//!
//! It takes a dozen instructions, the standard library's several hundred, but it does not resist
//! collisions that an attacker constructs.

pub use rustc_hash::{FxBuildHasher, FxHashMap};
