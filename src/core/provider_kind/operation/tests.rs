use crate::provider_kind::ProviderKind;
use crate::provider_kind::model_place::ModelPlace;
use crate::testing::head;

const OPERATIONS: &str = include_str!("operations.txt");

const UPGRADE: (&str, &str) = ("upgrade", "websocket");

/// Where the policy finds the model.
fn place(kind: ProviderKind, headers: &[(&str, &str)], path: &str, query: Option<&str>) -> String {
    let operation = kind.profile().operation(path.as_bytes());
    match operation.model_place(&head(headers), query.map(str::as_bytes), &[]) {
        ModelPlace::Named(model) if model == "q" => "query=q".to_owned(),
        ModelPlace::Named(model) => format!("path={model}"),
        ModelPlace::Body(member) => format!("body={member}"),
        ModelPlace::Missing => "-".to_owned(),
        ModelPlace::NotNeeded => "none".to_owned(),
        ModelPlace::List(shape) => format!("list={shape:?}"),
        ModelPlace::One(shape, model) => format!("one={shape:?}:{model}"),
    }
}

#[test]
fn every_path_is_metered_and_restricted_as_listed() {
    for line in OPERATIONS.lines().filter(|line| !line.starts_with('#')) {
        let columns: Vec<_> = line.split_whitespace().collect();
        let [kind, path, ..] = columns[..] else {
            panic!("{line}")
        };
        let kind = ProviderKind::from_type_name(kind).unwrap();
        let operation = kind.profile().operation(path.as_bytes());
        let found = [
            operation.name(),
            operation.dialect().map_or("-", |dialect| dialect.name),
            if operation.names_model_in_body() {
                "reads"
            } else {
                "-"
            },
            &place(kind, &[(":method", "POST")], path, None),
            &place(kind, &[(":method", "GET")], path, None),
            &place(kind, &[(":method", "GET"), UPGRADE], path, Some("model=q")),
        ];
        assert_eq!(columns[2..], found, "{line}");
    }
}
