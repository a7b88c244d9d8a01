//! HTTP as bytes: heads, paths, URLs, encodings, and where a token is looked for.

pub mod encoding;
pub mod head;
pub mod method_override;
pub mod route;
pub mod token_location;
pub mod url;
