//! HTTP as bytes: heads, paths, URLs, encodings and token locations.

pub mod content;
pub mod encoding;
pub mod head;
pub mod header_class;
pub mod method_override;
pub mod path_pattern;
pub mod route;
pub mod token_location;
pub mod token_shape;
pub mod url;
