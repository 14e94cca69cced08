//! The objects that kubectl sends in the binary form of the API (`kubectl create`, `autoscale`,
//! `auth can-i`), turned into JSON.
//!
//! Field numbers are those of the `generated.proto` files of the Kubernetes API. A message with a
//! field that is not listed here is refused, never cut short.

use serde_json::{Map, Value, json};

use self::kinds::{
    Field, KINDS, Kind,
    Kind::{
        Bytes, Count, Flag, Many, Message, Number, NumberOrText, Quantity, Skipped, Text, Time,
    },
};
use crate::base64::base64;

mod kinds;

/// The bytes before every binary object.
const MAGIC: &[u8] = b"k8s\0";

/// How deep messages may lie in each other.
const DEEPEST: usize = 24;

/// Returns the object that binary text holds.
///
/// # Errors
///
/// Fails with what cannot be read.
pub(crate) fn decode(bytes: &[u8]) -> Result<Value, String> {
    let bytes = bytes
        .strip_prefix(MAGIC)
        .ok_or("the body is not in the binary form of Kubernetes")?;
    let (mut api_version, mut kind, mut raw) = (String::new(), String::new(), [].as_slice());
    for field in Fields(bytes) {
        match field? {
            (1, Part::Bytes(meta)) => {
                for field in Fields(meta) {
                    match field? {
                        (1, Part::Bytes(text)) => api_version = utf8(text)?,
                        (2, Part::Bytes(text)) => kind = utf8(text)?,
                        _ => {}
                    }
                }
            }
            (2, Part::Bytes(object)) => raw = object,
            _ => {}
        }
    }
    let fields = KINDS
        .iter()
        .find(|it| it.0 == kind)
        .map(|it| it.1)
        .ok_or_else(|| format!("a {kind} cannot be read in the binary form; send it as JSON, as `kubectl apply` does"))?;
    let mut object = message(raw, fields, &kind, 0)?;
    if let Some(map) = object.as_object_mut() {
        map.insert("apiVersion".to_owned(), json!(api_version));
        map.insert("kind".to_owned(), json!(kind));
    }
    Ok(object)
}

/// One value as it stands in a message.
#[derive(Debug, Clone, Copy)]
enum Part<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl Part<'_> {
    fn is_empty(self) -> bool {
        match self {
            Self::Number(number) => number == 0,
            Self::Bytes(bytes) => bytes.is_empty(),
        }
    }
}

/// The fields of a message, one by one.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn number(&mut self) -> Result<u64, String> {
        let (mut value, mut shift) = (0_u64, 0);
        loop {
            let (byte, rest) = self
                .0
                .split_first()
                .ok_or("the message ends within a number")?;
            self.0 = rest;
            if shift > 63 {
                return Err("a number is too long".to_owned());
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
            shift += 7;
        }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], String> {
        let taken = usize::try_from(length)
            .ok()
            .and_then(|it| self.0.split_at_checked(it));
        let (taken, rest) = taken.ok_or("the message ends within a field")?;
        self.0 = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u64, Part<'a>), String> {
        let tag = self.number()?;
        let part = match tag & 7 {
            0 => Part::Number(self.number()?),
            1 => Part::Bytes(self.take(8)?),
            2 => {
                let length = self.number()?;
                Part::Bytes(self.take(length)?)
            }
            5 => Part::Bytes(self.take(4)?),
            other => return Err(format!("the wire type {other} is unknown")),
        };
        Ok((tag >> 3, part))
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, Part<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "a text is not UTF-8".to_owned())
}

fn message(bytes: &[u8], fields: &[Field], path: &str, depth: usize) -> Result<Value, String> {
    if depth > DEEPEST {
        return Err("messages lie too deep in each other".to_owned());
    }
    let mut map = Map::new();
    for field in Fields(bytes) {
        let (number, part) = field?;
        let Some((_, name, kind)) = fields.iter().find(|it| it.0 == number) else {
            // Go writes empty values of fields that nobody set.
            if part.is_empty() || is_blank(part) {
                continue;
            }
            return Err(format!(
                "{path} has a field that cannot be read in the binary form; send it as JSON, as `kubectl apply` does"
            ));
        };
        let place = format!("{path}.{name}");
        put(&mut map, name, *kind, part, &place, depth)?;
    }
    Ok(Value::Object(map))
}

/// Returns whether a message holds nothing but empty values.
fn is_blank(part: Part<'_>) -> bool {
    let Part::Bytes(bytes) = part else {
        return false;
    };
    Fields(bytes).all(|it| it.is_ok_and(|it| it.1.is_empty()))
}

fn put(
    map: &mut Map<String, Value>,
    name: &str,
    kind: Kind,
    part: Part<'_>,
    path: &str,
    depth: usize,
) -> Result<(), String> {
    match kind {
        Skipped => {}
        Many(inner) => {
            let value = single(*inner, part, path, depth)?.unwrap_or(Value::Null);
            let list = map.entry(name.to_owned()).or_insert_with(|| json!([]));
            if let Value::Array(list) = list {
                list.push(value);
            }
        }
        Kind::Map(inner) => {
            let Part::Bytes(entry) = part else {
                return Err(format!("{path} is not a map"));
            };
            let (mut key, mut value) = (
                String::new(),
                single(*inner, Part::Bytes(&[]), path, depth)?,
            );
            for field in Fields(entry) {
                match field? {
                    (1, Part::Bytes(text)) => key = utf8(text)?,
                    (2, part) => value = single(*inner, part, path, depth)?,
                    _ => {}
                }
            }
            let entries = map.entry(name.to_owned()).or_insert_with(|| json!({}));
            if let Value::Object(entries) = entries {
                entries.insert(key, value.unwrap_or_else(|| json!("")));
            }
        }
        // A reference by name lies in a message of its own, and beside its siblings in JSON.
        Message(_) if name.is_empty() => {
            if let Some(Value::Object(inner)) = single(kind, part, path, depth)? {
                map.extend(inner);
            }
        }
        kind => {
            if let Some(value) = single(kind, part, path, depth)? {
                map.insert(name.to_owned(), value);
            }
        }
    }
    Ok(())
}

/// Returns one value, or nothing when it is as good as not there.
fn single(kind: Kind, part: Part<'_>, path: &str, depth: usize) -> Result<Option<Value>, String> {
    let value = match (kind, part) {
        (Text, Part::Bytes([])) | (Number | Flag, Part::Number(0)) | (Time, Part::Bytes(_)) => {
            return Ok(None);
        }
        (Text, Part::Bytes(bytes)) => json!(utf8(bytes)?),
        (Bytes, Part::Bytes(bytes)) => json!(base64(bytes)),
        (Number | Count, Part::Number(number)) => json!(number.cast_signed()),
        (Flag, Part::Number(_)) => json!(true),
        (Quantity, Part::Bytes(bytes)) => {
            let mut text = String::new();
            for field in Fields(bytes) {
                if let (1, Part::Bytes(bytes)) = field? {
                    text = utf8(bytes)?;
                }
            }
            if text.is_empty() {
                return Ok(None);
            }
            json!(text)
        }
        (NumberOrText, Part::Bytes(bytes)) => {
            let (mut is_text, mut number, mut text) = (false, 0, String::new());
            for field in Fields(bytes) {
                match field? {
                    (1, Part::Number(kind)) => is_text = kind == 1,
                    (2, Part::Number(value)) => number = value.cast_signed(),
                    (3, Part::Bytes(bytes)) => text = utf8(bytes)?,
                    _ => {}
                }
            }
            match (is_text, number) {
                (true, _) => json!(text),
                (false, 0) => return Ok(None),
                (false, number) => json!(number),
            }
        }
        (Message(fields), Part::Bytes(bytes)) => {
            let value = message(bytes, fields, path, depth + 1)?;
            if value.as_object().is_some_and(Map::is_empty) {
                return Ok(None);
            }
            value
        }
        _ => return Err(format!("{path} is not of its kind")),
    };
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
        bytes.extend_from_slice(content);
        bytes
    }

    fn object(kind: &str, raw: &[u8]) -> Vec<u8> {
        let meta = [field(1, b"v1"), field(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), field(1, &meta), field(2, raw)].concat()
    }

    #[test]
    fn a_secret_keeps_its_bytes_and_loses_what_nobody_set() {
        let metadata = [field(1, b"s"), field(2, b"")].concat();
        let entry = [field(1, b"k"), field(2, b"geheim")].concat();
        let found = decode(&object(
            "Secret",
            &[field(1, &metadata), field(2, &entry)].concat(),
        ))
        .unwrap();
        assert_eq!(
            found,
            json!({"metadata": {"name": "s"}, "data": {"k": "Z2VoZWlt"}, "apiVersion": "v1", "kind": "Secret"})
        );
    }

    #[test]
    fn an_unknown_field_is_refused_unless_it_is_empty() {
        let raw = field(15, b"");
        assert!(decode(&object("ConfigMap", &raw)).is_ok());
        let raw = field(15, b"x");
        assert!(
            decode(&object("ConfigMap", &raw))
                .unwrap_err()
                .contains("cannot be read in the binary form")
        );
        assert!(decode(&object("Job", b"")).unwrap_err().contains("a Job"));
    }

    #[test]
    fn no_bytes_whatever_make_it_panic() {
        let whole = object("Secret", &field(1, &field(1, b"name")));
        for cut in 0..whole.len() {
            let _ = decode(&whole[..cut]);
            let mut bent = whole.clone();
            bent[cut] = 0xff;
            let _ = decode(&bent);
        }
    }
}
