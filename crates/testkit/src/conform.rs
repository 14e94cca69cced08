//! Whether a value is what a JSON Schema says, as far as our own schemas go.

use serde_json::Value;

/// Returns what in `value` is not as `schema` says, each with its place. Knows the words that our
/// schemas use: `type`, `required`, `properties`, `additionalProperties`, `maxProperties`, `items`,
/// `enum`, `const`, `anyOf`, `oneOf` and `allOf`.
///
/// # Panics
///
/// Panics on a reference: our schemas hold none.
pub fn nonconforming(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, "$", &mut found);
    found
}

fn check(schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
    let Some(schema) = schema.as_object() else {
        if *schema == Value::Bool(false) {
            found.push(format!("{place} must not be there"));
        }
        return;
    };
    assert!(!schema.contains_key("$ref"), "{place}: a reference");
    let types: Vec<&str> = match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|it| is_of(it, value)) {
        found.push(format!("{place} is {value}, not {}", types.join(" or ")));
        return;
    }
    let is_listed = |word: &str| match schema.get(word) {
        Some(Value::Array(all)) if word == "enum" => all.contains(value),
        Some(only) => only == value,
        None => true,
    };
    if !is_listed("enum") || !is_listed("const") {
        found.push(format!("{place} is {value}, which is not listed"));
    }
    for name in schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let name = name.as_str().unwrap_or_default();
        if value.is_object() && value.get(name).is_none() {
            found.push(format!("{place}.{name} is missing"));
        }
    }
    for (name, item) in value.as_object().into_iter().flatten() {
        let known = schema.get("properties").and_then(|it| it.get(name));
        if let Some(known) = known.or_else(|| schema.get("additionalProperties")) {
            check(known, item, &format!("{place}.{name}"), found);
        }
    }
    let most = schema.get("maxProperties").and_then(Value::as_u64);
    if let (Some(most), Some(object)) = (most, value.as_object())
        && object.len() as u64 > most
    {
        found.push(format!("{place} has more than {most} properties"));
    }
    if let Some(items) = schema.get("items") {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            check(items, item, &format!("{place}[{index}]"), found);
        }
    }
    for word in ["anyOf", "oneOf"] {
        if let Some(ways) = schema.get(word).and_then(Value::as_array) {
            let tried: Vec<Vec<String>> = ways
                .iter()
                .map(|it| {
                    let mut found = Vec::new();
                    check(it, value, place, &mut found);
                    found
                })
                .collect();
            if !tried.iter().any(Vec::is_empty) {
                found.extend(tried.into_iter().flatten());
            }
        }
    }
    for part in schema
        .get("allOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        check(part, value, place, found);
    }
}

fn is_of(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_conform_is_found_with_its_place() {
        let schema = json!({
            "type": "object", "required": ["a"],
            "properties": {
                "a": {"type": "array", "items": {"enum": ["x", "y"]}},
                "b": {"anyOf": [{"type": "null"}, {"type": "object", "required": ["c"]}]},
            },
        });
        let of = |value: Value| nonconforming(&schema, &value);
        assert!(of(json!({"a": ["x"], "b": null, "more": 1})).is_empty());
        assert!(of(json!({"a": [], "b": {"c": 1}})).is_empty());
        assert_eq!(of(json!({})), ["$.a is missing"]);
        assert_eq!(of(json!([])), ["$ is [], not object"]);
        assert_eq!(
            of(json!({"a": ["z"]})),
            ["$.a[0] is \"z\", which is not listed"]
        );
        assert_eq!(of(json!({"a": [], "b": {}})).len(), 2);
    }
}
