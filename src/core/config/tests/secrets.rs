//! A secret is never printed, even if it is in the wrong field.

use super::*;

const SECRET: &str = "sk-hunter2";

fn with_api_key(api_key: &str) -> String {
    format!(
        r#"{{"authentication":{{"disabled":true}},
            "providers":[{{"name":"p","type":"openai","api_key":{api_key}}}]}}"#
    )
}

fn printed(json: &str) -> String {
    let env = |_: &str| Some(SECRET.to_owned());
    match Config::parse(json.as_bytes(), &env) {
        Ok(config) => format!("{config:?} {config:#?}"),
        Err(error) => format!("{error} {error:?}"),
    }
}

#[test]
fn a_valid_configuration_does_not_print_its_secrets() {
    for api_key in [r#"{"env":"NAME"}"#, r#"{"value":"sk-hunter2"}"#] {
        let printed = printed(&with_api_key(api_key));
        assert!(printed.contains("[redacted]"));
        assert!(!printed.contains(SECRET), "{printed}");
    }
}

#[test]
fn a_secret_with_the_wrong_shape_is_not_printed() {
    for api_key in [
        r#""sk-hunter2""#,
        r#"{"sk-hunter2":"x"}"#,
        r#""`, expected sk-hunter2`, expected""#,
        r#"["sk-hunter2"]"#,
        r#"{"value":["sk-hunter2"]}"#,
        r#"{"value":{"sk-hunter2":1}}"#,
        r#"{"value":"sk-hunter2\n"}"#,
        r#"{"value":" sk-hunter2"}"#,
        r#"{"value":"sk-hunter2é"}"#,
        r#"{"value":"sk-hunter2","env":"sk-hunter2"}"#,
        r#"{"value":"sk-hunter2""#,
    ] {
        let printed = printed(&with_api_key(api_key));
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}

#[test]
fn a_secret_that_is_not_a_string_is_not_printed() {
    for number in [
        "8414213562",
        "-8414213562",
        "8414213562.25",
        "8414213562e25",
    ] {
        for json in [
            with_api_key(number),
            with_api_key(&format!(r#"{{"value":{number}}}"#)),
        ] {
            let printed = printed(&json);
            assert!(!printed.contains("8414213562"), "{printed}");
        }
    }
}

#[test]
fn a_secret_instead_of_a_variable_name_is_not_printed() {
    for (name, is_shown) in [
        ("NAME_2", true),
        ("_name", true),
        ("sk-hunter2", false),
        ("sk hunter2", false),
        ("", false),
        ("2hunter2", false),
    ] {
        let json = with_api_key(&json!({"env": name}).to_string());
        let error = Config::parse(json.as_bytes(), &|_| None).unwrap_err();
        let [problem] = error.problems.as_slice() else {
            panic!("{error}");
        };
        assert_eq!(problem.path, "/providers/0/api_key");
        let shown = problem
            .message
            .contains(&format!("variable {name} is not set"));
        assert_eq!(shown, is_shown, "{}", problem.message);
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[test]
fn a_secret_instead_of_another_value_is_not_printed() {
    for document in [
        r#""sk-hunter2""#,
        r#"{"authentication":"sk-hunter2","providers":[]}"#,
        r#"{"authentication":{"disabled":"sk-hunter2"},"providers":[]}"#,
        r#"{"authentication":{"disabled":true},"providers":"sk-hunter2"}"#,
        r#"{"authentication":{"disabled":true},"providers":["sk-hunter2"]}"#,
        r#"{"authentication":{"disabled":true},"providers":["a\", expected sk-hunter2"]}"#,
    ] {
        let printed = printed(document);
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}

#[test]
fn an_invalid_environment_variable_is_not_printed() {
    for value in [
        "",
        " ",
        "sk-hunter2\n",
        " sk-hunter2",
        "sk-\u{e9}hunter2",
        "a\r\nsk-hunter2",
    ] {
        let env = |_: &str| Some(value.to_owned());
        let json = with_api_key(r#"{"env":"NAME"}"#);
        let error = Config::parse(json.as_bytes(), &env)
            .unwrap_err()
            .to_string();
        assert!(!error.contains("hunter2"), "{error}");
        assert!(
            error.contains("the environment variable NAME is empty or has"),
            "{error}"
        );
    }
}
