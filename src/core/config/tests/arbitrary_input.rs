//! The parser does not panic on any input.

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
        let _ = Config::parse(&bytes, &env);
    }

    #[test]
    fn wrong_values_do_not_panic(
        place in 0..60_usize,
        value in prop::sample::select(vec![
            json!(null), json!(-1), json!(1e300), json!(""), json!("\u{0}"), json!([]), json!({}),
        ]),
    ) {
        let mut document = full();
        let mut count = 0;
        replace(&mut document, place, &mut count, &value);
        let _ = parse(&document);
    }
}

/// Puts `value` in the place of the `place`th value of a document.
fn replace(document: &mut Value, place: usize, count: &mut usize, value: &Value) {
    if *count == place {
        *document = value.clone();
    }
    *count += 1;
    match document {
        Value::Array(items) => items
            .iter_mut()
            .for_each(|v| replace(v, place, count, value)),
        Value::Object(map) => map
            .values_mut()
            .for_each(|v| replace(v, place, count, value)),
        _ => {}
    }
}
