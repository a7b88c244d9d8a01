//! Method-override headers and parameters. Some servers apply them, so that a request's method is
//! not what it seems.

use crate::http::head::RequestHead;
use crate::http::token_location::{has_parameter, reads_as};

const HEADERS: [&str; 3] = [
    "x-http-method-override",
    "x-http-method",
    "x-method-override",
];

const PARAMETER: &str = "$httpmethod";

/// Whether some server could apply another method than the request's.
pub fn is_method_overridden(head: &RequestHead, query: Option<&[u8]>) -> bool {
    head.iter()
        .any(|(name, _)| HEADERS.iter().any(|known| reads_as(name, known)))
        || query.is_some_and(|query| has_parameter(query, PARAMETER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::head;

    #[test]
    fn a_method_is_overridden_by_a_header_or_a_parameter() {
        for name in [
            "x-http-method-override",
            "x_http_method",
            "X-Method_Override",
        ] {
            let head = head(&[(":method", "GET"), (&name.to_lowercase(), "POST")]);
            assert!(is_method_overridden(&head, None), "{name}");
        }
        let plain = head(&[(":method", "GET"), ("x-http", "POST")]);
        for query in ["$httpMethod=POST", "a&%24HTTPMETHOD", "a;$httpmethod=x"] {
            assert!(is_method_overridden(&plain, Some(query.as_bytes())));
        }
        assert!(!is_method_overridden(
            &plain,
            Some(b"httpmethod=POST&a=$httpMethod")
        ));
        assert!(!is_method_overridden(&plain, None));
    }
}
