use std::rc::Rc;

use super::*;
use crate::json::ScanPolicy;
use crate::models::catalog::{Catalog, UnlistedStatus};
use crate::models::pattern::ModelPattern;

const LIMIT: u64 = 4000;

fn check() -> BodyCheck {
    let patterns = ["m-1", "big-*"].map(|text| ModelPattern::parse(text).unwrap());
    let served = Catalog::new(patterns.to_vec()).map(Rc::new);
    let allowed = Allowed::new("p", served, None, UnlistedStatus::NotFound).unwrap();
    BodyCheck::new(allowed, RequiredModel::Member("model"), "models/", LIMIT)
}

/// The model of a body in pieces of this size, or the error code.
fn read(body: &[u8], piece: usize) -> Result<String, &'static str> {
    let mut check = check();
    let count = body.chunks(piece).count().max(1);
    let pieces = body
        .chunks(piece)
        .chain(body.is_empty().then_some(&b""[..]));
    for (index, piece) in pieces.enumerate() {
        let chunk = if index + 1 == count {
            Chunk::Last(piece)
        } else {
            Chunk::More(piece)
        };
        check.push(chunk).map_err(|fault| fault.code())?;
    }
    Ok(check.model().unwrap().to_owned())
}

/// The same for pieces of every size.
fn read_in_pieces(body: &[u8]) -> Result<String, &'static str> {
    let first = read(body, body.len().max(1));
    for piece in 1..body.len() {
        assert_eq!(
            read(body, piece),
            first,
            "{} by {piece}",
            String::from_utf8_lossy(body)
        );
    }
    first
}

#[test]
fn the_model_is_found_wherever_it_is_and_however_the_body_is_cut() {
    for body in [
        r#"{"model":"m-1","messages":[{"role":"user","content":"hi"}]}"#,
        r#"{"messages":[{"model":"no","content":"\"model\":\"no\""}],"model":"m-1"}"#,
        r#" { "input" : [[1,2],["\\"]] , "n" : -1.5e+3 , "x":null, "model" : "m\u002d1" } "#,
        r#"{"metadata":{"model":"no","models":["no"]},"mod\u0065l":"m-1"}"#,
        r#"{"user":"model","a model":"x","model":"models/m-1","stream":true}"#,
        "\n{\"a\\\"\":\"}\\\\\",\"model\":\"m-1\"}\r\n",
    ] {
        assert_eq!(
            read_in_pieces(body.as_bytes()).as_deref(),
            Ok("m-1"),
            "{body}"
        );
    }
    assert_eq!(
        read_in_pieces(br#"{"model":"big-x"}"#).as_deref(),
        Ok("big-x")
    );
}

#[test]
fn a_model_that_is_not_in_the_catalog_is_refused() {
    for body in [
        r#"{"model":"m-2"}"#,
        r#"{"model":"M-1"}"#,
        r#"{"model":"models/models/m-1"}"#,
        r#"{"mod\u0065l":"m-2"}"#,
        r#"{"model":"m-1 "}"#,
        r#"{"model":"m-1\u0000"}"#,
    ] {
        assert_eq!(
            read_in_pieces(body.as_bytes()),
            Err("model_not_found"),
            "{body}"
        );
    }
}

#[test]
fn ambiguous_models_are_refused_also_after_the_model() {
    for body in [
        r#"{"model":"m-1","model":"m-2"}"#,
        r#"{"model":"m-1","model":"m-1"}"#,
        r#"{"model":"m-1","x":[{"y":"z"}],"m\u006fdel":null}"#,
        r#"{"model":"m-1","Model":"m-2"}"#,
        r#"{"MODEL":"m-1"}"#,
        r#"{"model":"m-1","model\u0000x":"m-2"}"#,
    ] {
        assert_eq!(
            read_in_pieces(body.as_bytes()),
            Err("model_ambiguous"),
            "{body}"
        );
    }
}

#[test]
fn a_body_without_a_model_is_refused() {
    for body in [
        "",
        "{}",
        r#"{"messages":[]}"#,
        r#"{"model":""}"#,
        r#"{"model":null}"#,
        r#"{"model":7}"#,
        r#"{"model":["m-1"]}"#,
        r#"{"model":{"model":"m-1"}}"#,
        r#"{"body":{"model":"m-1"}}"#,
    ] {
        assert_eq!(
            read_in_pieces(body.as_bytes()),
            Err("model_missing"),
            "{body}"
        );
    }
}

#[test]
fn bodies_that_are_not_json_objects_are_refused() {
    let long = format!(r#"{{"{}":1,"model":"m-1"}}"#, "x".repeat(Strict::MAX_TOKEN));
    for body in [
        "model=m-1",
        "[]",
        r#"[{"model":"m-1"}]"#,
        r#""model""#,
        "\u{feff}{\"model\":\"m-1\"}",
        r#"{'model':'m-1'}"#,
        r#"{"a":1,}"#,
        r#"{"a" "b"}"#,
        r#"{"a":1 2,"model":"m-1"}"#,
        r#"{"a":1"#,
        r#"{"model":"\ud800"}"#,
        r#"{"mod\el":"m-1"}"#,
        r#"{"model":"m-1"}{"model":"m-2"}"#,
        r#"{"model":"m-1"} x"#,
        long.as_str(),
    ] {
        assert_eq!(
            read_in_pieces(body.as_bytes()),
            Err("body_not_json"),
            "{body}"
        );
    }
    for body in [
        &b"\x1f\x8b\x08"[..],
        b"{\"mod\xffel\":1,\"model\":\"m-1\"}",
        b"{\"model\":\"m\n1\"}",
    ] {
        assert_eq!(read_in_pieces(body), Err("body_not_json"));
    }
}

#[test]
fn only_the_model_must_be_within_the_limit() {
    let filler = "x".repeat(LIMIT as usize + 1);
    let mut late = check();
    assert_eq!(
        late.push(Chunk::More(br#"{"prompt":""#)),
        Ok(CheckProgress::AwaitingModel)
    );
    let fault = late.push(Chunk::More(filler.as_bytes()));
    assert_eq!(fault, Err(ModelFault::TooLate(LIMIT)));

    let mut early = check();
    let begin = br#"{"model":"m-1","prompt":""#;
    assert_eq!(early.push(Chunk::More(begin)), Ok(CheckProgress::Named));
    for _ in 0..5 {
        assert_eq!(
            early.push(Chunk::More(filler.as_bytes())),
            Ok(CheckProgress::Named)
        );
    }
    assert_eq!(
        early.push(Chunk::Last(br#"","model":"m-2"}"#)),
        Err(ModelFault::Ambiguous("model".into()))
    );
}

#[test]
fn another_member_can_name_the_model() {
    let check = |body: &str| {
        let required = RequiredModel::Member("modelId");
        let mut check = BodyCheck::new(check().models.allowed, required, "", LIMIT);
        check.push(Chunk::Last(body.as_bytes())).is_ok()
    };
    assert!(check(r#"{"x":"x","modelId":"m-1"}"#));
    assert!(!check(r#"{"model":"x","modelId":"m-1"}"#));
}

/// Members that choose models besides the one that the body must name.
fn bodies_with_another_model(model: &str) -> Vec<String> {
    [
        // Anthropic's advisor, OpenAI's image tool
        r#""tools":[{"type":"advisor_20260301","name":"advisor","model":"$"}]"#,
        r#""tools":[{"type":"image_generation","model":"$"}]"#,
        r#""tools":[{"type":"image_generation","svg":{"model":"$"}}]"#,
        r#""input":[{"type":"tool_search_output","tools":[{"model":"$"}]}]"#,
        r#""moderation":{"model":"$"}"#,
        r#""svg":{"model":"$"}"#,
        // fallbacks of Anthropic, OpenRouter, LiteLLM and Vercel
        r#""fallbacks":[{"model":"$","max_tokens":9}]"#,
        r#""fallbacks":"$""#,
        r#""fallbacks":["m-1",["$"]]"#,
        // Go takes the Kelvin sign and the long s for letters.
        "\"fallbac\u{212a}s\":[\"$\"]",
        "\"judgeModel\u{17f}\":[\"$\"]",
        r#""fallbacks":[{"m-1":["$"]}]"#,
        r#""context_window_fallbacks":[{"m-1":["$"]}]"#,
        r#""models":["m-1","$"]"#,
        r#""providerOptions":{"gateway":{"models":["$"]}}"#,
        r#""plugins":[{"id":"fusion","judge_model":"$"}]"#,
        r#""x":{"judgeModel":"$"}"#,
        r#""x":{"y":[[{"Mod\u0065l":"$"}]]}"#,
        r#""x":{"model\u0000y":"$"}"#,
        r#""Messages":[{"model":"$"}]"#,
        r#""requests":[{"custom_id":"a","params":{"messages":[],"model":"$"}}]"#,
        r#""requests":[{"params":{"model":"m-1","tools":[{"model":"$"}]}}]"#,
        r#""additionalModelRequestFields":{"tools":[{"model":"$"}]}"#,
    ]
    .map(|member| format!(r#"{{"model":"m-1",{}}}"#, member.replace('$', model)))
    .to_vec()
}

#[test]
fn every_model_that_a_body_can_choose_is_checked() {
    for body in bodies_with_another_model("big-1") {
        assert_eq!(read(body.as_bytes(), 64).as_deref(), Ok("m-1"), "{body}");
    }
    for body in bodies_with_another_model("m-2") {
        let reversed = body.replacen(r#""model":"m-1","#, "", 1);
        let reversed = format!(r#"{},"model":"m-1"}}"#, reversed.trim_end_matches('}'));
        let reversed = if body.ends_with("}}") {
            body.clone()
        } else {
            reversed
        };
        for body in [body, reversed] {
            assert_eq!(
                read_in_pieces(body.as_bytes()),
                Err("model_not_found"),
                "{body}"
            );
        }
    }
    for body in [
        r#"{"model":"m-1","tools":[{"model":{"id":"m-2"}}]}"#,
        r#"{"model":"m-1","tools":[{"model":7}]}"#,
        r#"{"model":"m-1","tools":[{"model":null}]}"#,
    ] {
        assert_eq!(
            read_in_pieces(body.as_bytes()),
            Err("model_missing"),
            "{body}"
        );
    }
}

#[test]
fn texts_and_schemas_may_have_members_that_are_called_model() {
    for members in [
        r#""messages":[{"role":"user","content":[{"type":"tool_use","input":{"model":"car"}}]}]"#,
        r#""messages":[{"tool_calls":[{"function":{"arguments":{"model":"car"}}}],"model":"x"}]"#,
        r#""input":[{"type":"image_generation_call","model":"x"},[1,2]]"#,
        r#""metadata":{"model":"no","models":["no"]},"documents":[{"model":"car"}]"#,
        r#""tools":[{"input_schema":{"properties":{"model":{"enum":["car"]}},"required":["model"]}}]"#,
        r#""tools":[{"function":{"parameters":{"default":{"model":"car"}}}}]"#,
        r#""tools":[{"toolSpec":{"inputSchema":{"json":{"properties":{"model":{}}}}}}]"#,
        r#""text":{"format":{"schema":{"properties":{"model":{"type":"string"}}}}}"#,
        r#""a model":"x","modelling":"x","remodel":"x","model_version":"x""#,
        r#""models":null,"fallbacks":[]"#,
    ] {
        let body = format!(r#"{{"model":"m-1",{members}}}"#);
        assert_eq!(
            read_in_pieces(body.as_bytes()).as_deref(),
            Ok("m-1"),
            "{body}"
        );
    }
}

#[test]
fn a_body_of_which_the_path_names_the_model_may_name_no_other_one() {
    let progress = |body: &str| {
        let required = RequiredModel::Elsewhere;
        let mut check = BodyCheck::new(check().models.allowed, required, "", LIMIT);
        check.push(Chunk::Last(body.as_bytes()))
    };
    for body in ["", "{}", r#"{"model":"m-1"}"#, r#"{"messages":[]}"#] {
        assert_eq!(progress(body), Ok(CheckProgress::Named), "{body}");
    }
    assert!(progress(r#"{"model":"m-2"}"#).is_err());
    assert!(progress("model=m-2").is_err());
}

#[test]
fn forms_that_only_lenient_parsers_read_are_refused() {
    for body in [
        "{\"model\":\"m-1\" // , \"model\":\"m-2\"\n}",
        r#"{/* "model":"m-2", */"model":"m-1"}"#,
        r#"{"a":'"',"model":"m-1","b":'",'}"#,
        r#"{model:"m-2","model":"m-1"}"#,
        r#"{"model":"m-1",}"#,
        r#"{"model":"m-1","a":+1}"#,
        r#"{"model":"m-1","a":.5}"#,
        r#"{"model":"m-1","a":0x1}"#,
        r#"{"model":"m-1","a":NaN}"#,
        "{\"model\":\"m-1\",\"a\":\"\\\n\"}",
        "# c\n{\"model\":\"m-1\"}",
        r#"{"messages":[{'model':"m-2"}],"model":"m-1"}"#,
    ] {
        assert_eq!(
            read_in_pieces(body.as_bytes()),
            Err("body_not_json"),
            "{body}"
        );
    }
}
