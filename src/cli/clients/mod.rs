//! What differs by a provider's type or by the client that is started: the one room of the command
//! that names providers and their clients.

mod cheap;

pub(in crate::cli) use cheap::cheap_request;
