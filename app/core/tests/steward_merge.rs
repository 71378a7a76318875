//! Merge patches on settings texts: what is not named keeps its bytes.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use magia_core::steward::{StewardError, merge_patch};
use serde_json::{Value, json};

#[track_caller]
fn check(text: &str, patch: Value, expected: &str) {
    let plan = merge_patch(Some(text.as_bytes()), &patch).unwrap();
    assert_eq!(String::from_utf8(plan.after.unwrap()).unwrap(), expected);
}

#[test]
fn values_are_set_in_place() {
    check(
        "{\n\t\"model\" : \"a\",\r\n \"n\": 1.0 }",
        json!({"model": "b"}),
        "{\n\t\"model\" : \"b\",\r\n \"n\": 1.0 }",
    );
    check("{\"a\":[1,2]}", json!({"a": [3]}), "{\"a\":[3]}");
    check(
        "{\n  \"a\": 1\n}\n",
        json!({"a": {"b": [1]}}),
        "{\n  \"a\": {\n    \"b\": [\n      1\n    ]\n  }\n}\n",
    );
}

#[test]
fn the_same_value_keeps_the_way_it_is_written() {
    let text = "{\"a\" : [ 1 ,2 ], \"s\":\"\\u0041\", \"o\": { \"x\" :1 } }";
    let plan = merge_patch(Some(text.as_bytes()), &json!({"a": [1, 2], "s": "A", "o": {"x": 1}, "z": null}))
        .unwrap();
    assert!(plan.is_unchanged());
}

#[test]
fn keys_come_and_go() {
    check("{\n  \"a\": 1\n}\n", json!({"b": true}), "{\n  \"a\": 1,\n  \"b\": true\n}\n");
    check(
        "{\n  \"a\": 1,\n  \"b\": 2,\n  \"c\": 3\n}\n",
        json!({"b": null}),
        "{\n  \"a\": 1,\n  \"c\": 3\n}\n",
    );
    check("{\"a\":1,\"b\":2}", json!({"a": null, "c": 3}), "{\"b\":2,\"c\":3}");
    check("{\"a\":1}", json!({"a": null}), "{}");
    check("{\"a\":1}", json!({"a": null, "b": 2}), "{\"b\":2}");
    check(
        "{ \"env\": { \"A\": \"1\" } }",
        json!({"env": {"B": "2"}}),
        "{ \"env\": { \"A\": \"1\", \"B\": \"2\" } }",
    );
    check("{\"env\":5}", json!({"env": {"B": "2", "C": null}}), "{\"env\":{\"B\":\"2\"}}");
}

#[test]
fn a_blank_or_missing_file_is_begun() {
    let plan = merge_patch(None, &json!({"model": "x"})).unwrap();
    assert_eq!(plan.after.unwrap(), b"{\n  \"model\": \"x\"\n}\n");
    check("\u{feff}\n", json!({"model": "x"}), "\u{feff}{\n  \"model\": \"x\"\n}\n");
    assert!(merge_patch(None, &json!({"model": null})).unwrap().is_unchanged());
}

#[test]
fn refusals_are_those_of_the_install() {
    assert_eq!(merge_patch(None, &json!([])).unwrap_err(), StewardError::PatchNotObject);
    for text in ["{\"a\":1,}", "[]", "{\"a\":1,\"a\":2}", "// x\n{}"] {
        assert!(merge_patch(Some(text.as_bytes()), &json!({"b": 1})).is_err(), "{text}");
    }
    let deep = (0..200).fold(json!(1), |inner, _| json!({"a": inner}));
    assert!(matches!(merge_patch(None, &deep), Err(StewardError::TooDeep { .. })));
}
