//! AWS's published examples, stage by stage, and the rules that they do not cover.

use super::*;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn scope(service: &'static str) -> Scope<'static> {
    Scope {
        time: UnixTime::parse_rfc_3339("2015-08-30T12:36:00Z").unwrap(),
        region: "us-east-1",
        service,
    }
}

fn get<'a>(target: &'a str, authority: &'a str) -> SignableRequest<'a> {
    SignableRequest {
        method: "GET",
        target: target.as_bytes(),
        authority,
        content_type: None,
        payload_sha256: EMPTY_PAYLOAD_SHA256,
    }
}

fn canonical(request: &SignableRequest<'_>) -> CanonicalRequest {
    let date = ("x-amz-date", b"20150830T123600Z".as_slice());
    CanonicalRequest::new(request, [date].into_iter())
}

fn signature(canonical_request: &CanonicalRequest, scope: Scope<'_>) -> String {
    let string_to_sign = StringToSign::new(scope, canonical_request);
    SigningKey::derive(&Secret::new(SECRET.into()), scope).signature(&string_to_sign)
}

/// The example of AWS's "Signature Version 4 signing process".
#[test]
fn the_published_example_holds_at_each_stage() {
    let request = SignableRequest {
        content_type: Some(b"application/x-www-form-urlencoded; charset=utf-8"),
        ..get("/?Action=ListUsers&Version=2010-05-08", "iam.amazonaws.com")
    };
    let canonical_request = canonical(&request);
    assert_eq!(
        canonical_request.to_string(),
        "GET\n/\nAction=ListUsers&Version=2010-05-08\n\
         content-type:application/x-www-form-urlencoded; charset=utf-8\n\
         host:iam.amazonaws.com\nx-amz-date:20150830T123600Z\n\n\
         content-type;host;x-amz-date\n\
         e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(
        canonical_request.hash(),
        "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    );
    assert_eq!(
        StringToSign::new(scope("iam"), &canonical_request).to_string(),
        "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
         f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    );
    assert_eq!(
        signature(&canonical_request, scope("iam")),
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    );
}

/// Cases of AWS's signature test suite whose headers are the ones signed here.
#[test]
fn the_signatures_of_the_test_suite_are_made() {
    for (name, target, expected) in [
        (
            "get-vanilla",
            "/",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "get-vanilla-query-order-key-case",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "get-slash",
            "//",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
    ] {
        let request = get(target, "example.amazonaws.com");
        assert_eq!(
            signature(&canonical(&request), scope("service")),
            expected,
            "{name}"
        );
    }
}

#[test]
fn the_sent_path_is_encoded_again() {
    for (sent, expected) in [
        ("", "/"),
        ("/", "/"),
        ("/model/a.b-c_d~e/invoke", "/model/a.b-c_d~e/invoke"),
        ("/model/m-v1:0/invoke", "/model/m-v1%3A0/invoke"),
        ("/model/m-v1%3A0/invoke", "/model/m-v1%253A0/invoke"),
        ("/model/arn%3Aaws%2Fx", "/model/arn%253Aaws%252Fx"),
        ("//a///b/", "/a/b/"),
        ("/a b@c", "/a%20b%40c"),
        ("/\u{e9}", "/%C3%A9"),
    ] {
        let text = canonical(&get(sent, "h")).to_string();
        assert_eq!(text.lines().nth(1), Some(expected), "{sent}");
    }
}

#[test]
fn queries_are_decoded_encoded_and_sorted() {
    for (sent, expected) in [
        ("/?", ""),
        ("/?b=2&a=1", "a=1&b=2"),
        ("/?a=2&a=1&A=3", "A=3&a=1&a=2"),
        ("/?type=SYSTEM_DEFINED&x", "type=SYSTEM_DEFINED&x="),
        ("/?a=%2f&b=c/d&c=%20+", "a=%2F&b=c%2Fd&c=%20%20"),
        ("/?a=b=c&&d=?", "a=b%3Dc&d=%3F"),
        ("/?a-b=1&a=2", "a=2&a-b=1"),
    ] {
        let text = canonical(&get(sent, "h")).to_string();
        assert_eq!(text.lines().nth(2), Some(expected), "{sent}");
    }
}

#[test]
fn few_headers_are_signed_and_no_secret_is_printed() {
    let credentials = AwsCredentials {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: Secret::new(SECRET.into()),
        session_token: Some(Secret::new("a-session-token".into())),
        expires_at: None,
    };
    let request = get("/model/m/invoke", "h");
    let mut keys = SigningKeys::default();
    let instructions = sign(&request, &credentials, scope("service"), &mut keys);
    let names: Vec<&str> = instructions.headers.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "x-amz-content-sha256",
            "x-amz-date",
            "x-amz-security-token",
            "authorization"
        ]
    );
    let (_, authorization) = instructions.headers.last().unwrap();
    assert!(authorization.expose().starts_with(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
         SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature="
    ));
    let again = sign(&request, &credentials, scope("service"), &mut keys);
    assert_eq!(instructions, again);
    let printed = format!("{instructions:?} {credentials:?}");
    assert!(!printed.contains(SECRET) && !printed.contains("a-session-token"));
}
