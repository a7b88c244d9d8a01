//! Each kind of fetch from its first callout to its end, under a virtual clock.

use super::*;
use crate::aws::credentials::Role;
use crate::base::secret::Secret;
use crate::fetch::callout::{Callout, CalloutResponse, Clusters, Poll};
use crate::fetch::refreshed::Source;
use crate::http::url::{BaseUrl, Endpoint, Scheme};
use crate::testing::{MemorySharedData, response};

const ROLE_ARN: &str = "arn:aws:iam::123456789012:role/llm";

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn pair(access_key_id: &str, session_token: Option<&str>) -> AwsCredentials {
    AwsCredentials {
        access_key_id: access_key_id.into(),
        secret_access_key: Secret::new("secret".into()),
        session_token: session_token.map(|token| Secret::new(token.into())),
        expires_at: None,
    }
}

fn container() -> CredentialsProvider {
    CredentialsProvider::Container {
        endpoint: Endpoint::parse("http://169.254.170.2/creds").unwrap(),
        authorization: Some(Secret::new("container-token".into())),
    }
}

fn instance_metadata() -> CredentialsProvider {
    CredentialsProvider::InstanceMetadata {
        endpoint: BaseUrl::parse("http://169.254.169.254").unwrap(),
    }
}

fn role() -> Role {
    Role {
        arn: ROLE_ARN.into(),
        external_id: Some("a&b".into()),
        session_name: "gateway".into(),
        duration: Duration::from_secs(3600),
        endpoint: Endpoint::parse("https://sts.us-east-1.amazonaws.com/").unwrap(),
        region: "us-east-1".into(),
    }
}

fn cache(
    providers: Vec<CredentialsProvider>,
    role: Option<Role>,
    shared_data: &MemorySharedData,
) -> CredentialsCache {
    let settings = AwsSettings {
        providers,
        role,
        clusters: Clusters {
            http: "plain".into(),
            https: "tls".into(),
        },
    };
    CredentialsCache::new("my-bedrock", &settings, shared_data)
}

fn ok(body: &str) -> CalloutResponse<'_> {
    response(200, body.as_bytes())
}

fn document(access_key_id: &str, end: u64) -> String {
    AwsCredentials {
        expires_at: Some(at(end)),
        ..pair(access_key_id, Some("session"))
    }
    .document()
}

fn header<'a>(callout: &'a Callout, name: &str) -> Option<&'a str> {
    let found = callout.headers.iter().find(|(header, _)| *header == name);
    found.map(|(_, value)| value.expose())
}

fn access_key(cache: &mut CredentialsCache, now: UnixTime) -> Option<String> {
    let found = cache.credentials(WaitPolicy::DoNotWait, now);
    found
        .ok()
        .map(|credentials| credentials.access_key_id.clone())
}

#[test]
fn static_credentials_are_never_fetched() {
    let shared_data = MemorySharedData::default();
    let mut cache = cache(
        vec![CredentialsProvider::Static(pair("AKID", None))],
        None,
        &shared_data,
    );
    assert_eq!(cache.poll(at(1), &shared_data), Poll::default());
    assert_eq!(
        access_key(&mut cache, at(u64::MAX)).as_deref(),
        Some("AKID")
    );
}

#[test]
fn a_containers_credentials_are_refreshed_before_they_expire() {
    let shared_data = MemorySharedData::default();
    let mut cache = cache(vec![container()], None, &shared_data);
    assert_eq!(
        cache.credentials(WaitPolicy::Wait, at(1000)),
        Err(CredentialsError::AwaitFetch)
    );
    let callout = cache.poll(at(1000), &shared_data).callout.unwrap();
    assert_eq!((callout.method, callout.cluster.as_str()), ("GET", "plain"));
    assert_eq!(callout.endpoint.target, "/creds");
    assert_eq!(header(&callout, "authorization"), Some("container-token"));

    let body = document("ASIA1", 4600);
    assert_eq!(cache.on_response(ok(&body), at(1000), &shared_data), None);
    assert_eq!(access_key(&mut cache, at(4599)).as_deref(), Some("ASIA1"));
    assert_eq!(cache.poll(at(4299), &shared_data).callout, None);
    assert!(cache.poll(at(4300), &shared_data).callout.is_some());

    let body = document("ASIA2", 9000);
    cache.on_response(ok(&body), at(4300), &shared_data);
    assert_eq!(access_key(&mut cache, at(4600)).as_deref(), Some("ASIA2"));
}

#[test]
fn credentials_are_used_until_they_expire_while_the_refresh_fails() {
    let shared_data = MemorySharedData::default();
    let mut cache = cache(vec![container()], None, &shared_data);
    cache.poll(at(1000), &shared_data);
    cache.on_response(ok(&document("ASIA1", 2000)), at(1000), &shared_data);
    assert!(cache.poll(at(1800), &shared_data).callout.is_some());
    cache.on_response(CalloutResponse::NoResponse, at(1805), &shared_data);
    assert_eq!(access_key(&mut cache, at(1999)).as_deref(), Some("ASIA1"));
    assert_eq!(
        cache.credentials(WaitPolicy::DoNotWait, at(2000)),
        Err(CredentialsError::Unavailable {
            retry_after: Duration::from_secs(1)
        })
    );
}

#[test]
fn instance_metadata_takes_three_callouts() {
    let shared_data = MemorySharedData::default();
    let mut cache = cache(vec![instance_metadata()], None, &shared_data);
    let callout = cache.poll(at(1000), &shared_data).callout.unwrap();
    assert_eq!(callout.method, "PUT");
    assert_eq!(callout.endpoint.target, "/latest/api/token");
    assert_eq!(
        header(&callout, "x-aws-ec2-metadata-token-ttl-seconds"),
        Some("21600")
    );
    let callout = cache
        .on_response(ok("session-1"), at(1000), &shared_data)
        .unwrap();
    assert_eq!(
        callout.endpoint.target,
        "/latest/meta-data/iam/security-credentials/"
    );
    assert_eq!(
        header(&callout, "x-aws-ec2-metadata-token"),
        Some("session-1")
    );
    let callout = cache
        .on_response(ok("my-role\n"), at(1000), &shared_data)
        .unwrap();
    assert_eq!(
        callout.endpoint.target,
        "/latest/meta-data/iam/security-credentials/my-role"
    );
    assert_eq!(
        header(&callout, "x-aws-ec2-metadata-token"),
        Some("session-1")
    );
    let body = document("ASIA", 9000);
    assert_eq!(cache.on_response(ok(&body), at(1000), &shared_data), None);
    assert_eq!(access_key(&mut cache, at(1000)).as_deref(), Some("ASIA"));
}

#[test]
fn a_role_is_assumed_with_a_signed_request() {
    let shared_data = MemorySharedData::default();
    let providers = vec![CredentialsProvider::Static(pair(
        "AKID",
        Some("base-session"),
    ))];
    let mut cache = cache(providers, Some(role()), &shared_data);
    let callout = cache.poll(at(1000), &shared_data).callout.unwrap();
    assert_eq!((callout.method, callout.cluster.as_str()), ("GET", "tls"));
    assert_eq!(callout.endpoint.scheme, Scheme::Https);
    assert_eq!(
        callout.endpoint.target,
        "/?Action=AssumeRole&Version=2011-06-15&\
         RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fllm&\
         RoleSessionName=gateway&DurationSeconds=3600&ExternalId=a%26b"
    );
    let authorization = header(&callout, "authorization").unwrap();
    assert!(authorization.contains("Credential=AKID/19700101/us-east-1/sts/aws4_request"));
    assert!(authorization.contains("=host;x-amz-content-sha256;x-amz-date"));
    assert_eq!(
        header(&callout, "x-amz-security-token"),
        Some("base-session")
    );

    let xml = "<AssumeRoleResponse><AssumeRoleResult><Credentials>\
        <AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s/+=</SecretAccessKey>\
        <SessionToken>t</SessionToken><Expiration>1970-01-01T01:00:00Z</Expiration>\
        </Credentials></AssumeRoleResult></AssumeRoleResponse>";
    assert_eq!(cache.on_response(ok(xml), at(1000), &shared_data), None);
    assert_eq!(
        access_key(&mut cache, at(3599)).as_deref(),
        Some("ASIAROLE")
    );
    assert_eq!(access_key(&mut cache, at(3600)), None);
}

#[test]
fn the_next_provider_is_tried_if_one_does_not_respond() {
    let shared_data = MemorySharedData::default();
    let mut cache = cache(
        vec![container(), instance_metadata()],
        Some(role()),
        &shared_data,
    );
    cache.poll(at(1000), &shared_data);
    let callout = cache
        .on_response(CalloutResponse::NoResponse, at(1000), &shared_data)
        .unwrap();
    assert_eq!(callout.endpoint.target, "/latest/api/token");
    assert_eq!(
        cache.on_response(CalloutResponse::NoResponse, at(1000), &shared_data),
        None
    );
    assert_eq!(
        cache.credentials(WaitPolicy::Wait, at(1000)),
        Err(CredentialsError::Unavailable {
            retry_after: Duration::from_secs(1)
        })
    );
}

#[test]
fn invalid_credentials_fail_the_fetch() {
    let ended = document("ASIA", 1000);
    for body in [
        "",
        "<html>",
        "{}",
        r#"{"AccessKeyId":"","SecretAccessKey":"x"}"#,
        r#"{"AccessKeyId":"a\nb","SecretAccessKey":"x"}"#,
        r#"{"AccessKeyId":"a","SecretAccessKey":"x","Expiration":"soon"}"#,
        &ended,
    ] {
        let shared_data = MemorySharedData::default();
        let mut cache = cache(vec![container()], None, &shared_data);
        cache.poll(at(1000), &shared_data);
        assert_eq!(cache.on_response(ok(body), at(1000), &shared_data), None);
        assert_eq!(access_key(&mut cache, at(1000)), None, "{body}");
    }
}

#[test]
fn credentials_that_do_not_expire_are_refreshed() {
    let shared_data = MemorySharedData::default();
    let mut cache = cache(vec![container()], None, &shared_data);
    cache.poll(at(1000), &shared_data);
    let body = r#"{"AccessKeyId":"a","SecretAccessKey":"x"}"#;
    cache.on_response(ok(body), at(1000), &shared_data);
    assert_eq!(access_key(&mut cache, at(99_999)).as_deref(), Some("a"));
    assert!(cache.poll(at(1600), &shared_data).callout.is_some());
}

#[test]
fn other_workers_get_the_credentials_without_a_fetch() {
    let shared_data = MemorySharedData::default();
    let mut one = cache(vec![container()], None, &shared_data);
    let mut other = cache(vec![container()], None, &shared_data);
    assert!(one.poll(at(1000), &shared_data).callout.is_some());
    assert_eq!(other.poll(at(1000), &shared_data), Poll::default());
    one.on_response(ok(&document("ASIA1", 4600)), at(1001), &shared_data);
    assert!(other.poll(at(1001), &shared_data).ready);
    assert_eq!(access_key(&mut other, at(1001)).as_deref(), Some("ASIA1"));
}

/// A list of every field, so that a new one does not compile before it is added here.
#[test]
fn each_field_of_the_settings_changes_their_name_in_the_shared_data() {
    let settings = |providers: Vec<CredentialsProvider>, role: Option<Role>| AwsSettings {
        providers,
        role,
        clusters: Clusters {
            http: "plain".into(),
            https: "tls".into(),
        },
    };
    let with_pair = |change: fn(&mut AwsCredentials)| {
        let mut pair = pair("AKID", None);
        change(&mut pair);
        settings(vec![CredentialsProvider::Static(pair)], Some(role()))
    };
    let with_role = |change: fn(&mut Role)| {
        let mut role = role();
        change(&mut role);
        settings(
            vec![CredentialsProvider::Static(pair("AKID", None))],
            Some(role),
        )
    };
    let with_clusters = |http: &str, https: &str| AwsSettings {
        clusters: Clusters {
            http: http.into(),
            https: https.into(),
        },
        ..settings(vec![container()], None)
    };
    let container_at = |url: &str, authorization: Option<&str>| {
        let provider = CredentialsProvider::Container {
            endpoint: Endpoint::parse(url).unwrap(),
            authorization: authorization.map(|token| Secret::new(token.into())),
        };
        settings(vec![provider], None)
    };
    let metadata_at = |url: &str| {
        let endpoint = BaseUrl::parse(url).unwrap();
        settings(
            vec![CredentialsProvider::InstanceMetadata { endpoint }],
            None,
        )
    };
    let AwsCredentials {
        access_key_id: _,
        secret_access_key: _,
        session_token: _,
        expires_at: _,
    } = pair("AKID", None);
    let Role {
        arn: _,
        external_id: _,
        session_name: _,
        duration: _,
        endpoint: _,
        region: _,
    } = role();
    let variants = [
        with_pair(|_| {}),
        with_pair(|pair| pair.access_key_id = "another".into()),
        with_pair(|pair| pair.secret_access_key = Secret::new("another".into())),
        with_pair(|pair| pair.session_token = Some(Secret::new("another".into()))),
        with_pair(|pair| pair.expires_at = Some(at(9_999_999_999))),
        settings(vec![CredentialsProvider::Static(pair("AKID", None))], None),
        with_role(|role| role.arn.push('2')),
        with_role(|role| role.external_id = Some("another".into())),
        with_role(|role| role.session_name.push('2')),
        with_role(|role| role.duration = Duration::from_secs(1234)),
        with_role(|role| role.endpoint = Endpoint::parse("http://sts.test/").unwrap()),
        with_role(|role| role.endpoint = Endpoint::parse("https://sts.test/").unwrap()),
        with_role(|role| role.endpoint = Endpoint::parse("https://sts.test/path").unwrap()),
        with_role(|role| role.region.push('2')),
        with_clusters("plain", "tls"),
        with_clusters("other", "tls"),
        with_clusters("plain", "other"),
        container_at("http://169.254.170.2/other", None),
        container_at("http://169.254.170.3/other", None),
        container_at("https://169.254.170.2/other", None),
        container_at("http://169.254.170.2/other", Some("one")),
        container_at("http://169.254.170.2/other", Some("two")),
        metadata_at("http://169.254.169.254"),
        metadata_at("https://169.254.169.254"),
        metadata_at("http://169.254.169.254/path"),
        settings(vec![container(), instance_metadata()], None),
        settings(vec![instance_metadata(), container()], None),
    ];
    let mut names: Vec<_> = variants.iter().map(AwsSettings::name).collect();
    assert!(names.iter().all(|name| !name.contains("secret")));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), variants.len());
}
