//! Reading and changing Kubernetes objects as JSON values, and the quantities in them.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Returns the text at a JSON pointer, or the empty string.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

/// Returns the whole number at a JSON pointer.
pub(crate) fn number(value: &Value, pointer: &str) -> Option<i64> {
    value.pointer(pointer).and_then(Value::as_i64)
}

/// Returns whether `true` stands at a JSON pointer.
pub(crate) fn truth(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).and_then(Value::as_bool) == Some(true)
}

/// Returns the list at a JSON pointer, or an empty one.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Returns the map of texts at a JSON pointer.
pub(crate) fn texts(value: &Value, pointer: &str) -> Vec<(String, String)> {
    value
        .pointer(pointer)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Returns the map at a path of keys, made when it is not there yet.
pub(crate) fn object<'a>(value: &'a mut Value, path: &[&str]) -> &'a mut Map<String, Value> {
    let mut at = value;
    for key in path {
        at = as_map(at)
            .entry((*key).to_owned())
            .or_insert_with(|| Value::Object(Map::new()));
    }
    as_map(at)
}

fn as_map(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    #[expect(clippy::expect_used, reason = "it was made an object one line above")]
    value.as_object_mut().expect("an object")
}

/// Sets a field of the map at `path`.
pub(crate) fn set(value: &mut Value, path: &[&str], key: &str, to: impl Into<Value>) {
    object(value, path).insert(key.to_owned(), to.into());
}

/// Sets a field of the map at `path` when it is not there.
pub(crate) fn default(value: &mut Value, path: &[&str], key: &str, to: impl Into<Value>) {
    let map = object(value, path);
    if map.get(key).is_none_or(Value::is_null) {
        map.insert(key.to_owned(), to.into());
    }
}

/// Removes a field of the map at `path`, when both are there.
pub(crate) fn remove(value: &mut Value, path: &[&str], key: &str) -> Option<Value> {
    let mut at = value;
    for key in path {
        at = at.get_mut(*key)?;
    }
    at.as_object_mut()?.shift_remove(key)
}

/// Returns a time as Kubernetes writes it: whole seconds, UTC.
pub(crate) fn stamp(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Returns the time now as Kubernetes writes it.
pub(crate) fn now() -> String {
    stamp(Timestamp::now())
}

/// Returns the age of a Kubernetes time as kubectl prints it.
pub(crate) fn age(created: &str, now: Timestamp) -> String {
    let Ok(created) = created.parse::<Timestamp>() else {
        return "<unknown>".to_owned();
    };
    duration(now.as_second().saturating_sub(created.as_second()).max(0))
}

/// Returns a number of seconds as kubectl prints an age: two units at most, less as it grows.
pub(crate) fn duration(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |big: i64, unit: &str, small: i64, rest: &str| {
        if small == 0 {
            format!("{big}{unit}")
        } else {
            format!("{big}{unit}{small}{rest}")
        }
    };
    match seconds {
        i64::MIN..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        _ => format!("{days}d"),
    }
}

/// Returns a Kubernetes quantity in thousandths, rounded up: `250m` is 250, `1` is 1000.
pub(crate) fn milli(quantity: &Value) -> Option<i64> {
    let text = match quantity {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let split = text
        .find(|it: char| !(it.is_ascii_digit() || matches!(it, '.' | '-' | '+')))
        .unwrap_or(text.len());
    let (digits, suffix) = text.split_at(split);
    let base: f64 = digits.parse().ok()?;
    let factor = match suffix {
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "" => 1.0,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "Ki" => 1024.0,
        "Mi" => 1024.0 * 1024.0,
        "Gi" => 1024.0 * 1024.0 * 1024.0,
        "Ti" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => {
            let exponent: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            10_f64.powi(exponent)
        }
    };
    let milli = base * factor * 1000.0;
    #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
    (milli.abs() < 9e18).then(|| (milli - 1e-6).ceil() as i64)
}

/// Returns a short, stable hash of a value in letters that are safe in a name.
pub(crate) fn hash(value: &Value) -> String {
    const SAFE: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in canonical(value).bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    (0..10)
        .map(|_| {
            let letter = SAFE[usize::try_from(hash % SAFE.len() as u64).unwrap_or(0)];
            hash /= SAFE.len() as u64;
            char::from(letter)
        })
        .collect()
}

/// Returns a value as text that does not depend on the order of its fields.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut fields: Vec<_> = map.iter().collect();
            fields.sort_by_key(|it| it.0);
            let fields: Vec<String> = fields
                .into_iter()
                .map(|(key, value)| format!("{key:?}:{}", canonical(value)))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        other => other.to_string(),
    }
}

/// Returns random bytes from the system as lower-case hexadecimal digits.
pub(crate) fn random_hex(bytes: usize) -> std::io::Result<String> {
    use std::{fmt::Write as _, io::Read as _};
    let mut buffer = vec![0; bytes];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut buffer)?;
    Ok(buffer.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

/// Returns a new random identity in the form of a UUID.
pub(crate) fn uid() -> String {
    let hex = random_hex(16).unwrap_or_else(|_| "0".repeat(32));
    format!(
        "{}-{}-4{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}

/// Returns five random letters for the end of a generated name.
pub(crate) fn suffix() -> String {
    let mut text = hash(&Value::String(uid()));
    text.truncate(5);
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_are_read_in_thousandths_and_rounded_up() {
        for (quantity, expected) in [
            (json!("250m"), 250),
            (json!("1"), 1000),
            (json!(2), 2000),
            (json!("0.1"), 100),
            (json!("1500u"), 2),
            (json!("64Mi"), 67_108_864_000),
            (json!("1e3"), 1_000_000),
        ] {
            assert_eq!(milli(&quantity), Some(expected), "{quantity}");
        }
        assert_eq!(milli(&json!("12 apples")), None);
    }

    #[test]
    fn the_hash_does_not_depend_on_the_order_of_fields() {
        assert_eq!(
            hash(&json!({"a": 1, "b": [2]})),
            hash(&json!({"b": [2], "a": 1}))
        );
        assert_ne!(hash(&json!({"a": 1})), hash(&json!({"a": 2})));
    }

    #[test]
    fn ages_read_as_kubectl_writes_them() {
        for (seconds, text) in [
            (5, "5s"),
            (119, "119s"),
            (130, "2m10s"),
            (700, "11m"),
            (11_000, "3h3m"),
            (90_000, "25h"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
