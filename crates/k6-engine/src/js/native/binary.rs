//! Bytes: hashes, encodings, random ones.

use std::rc::Rc;

use base64::{
    DecodeError, Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md4::Md4;
use md5::Md5;
use ripemd::Ripemd160;
use rquickjs::{Coerced, Ctx, IntoJs as _, Result, Value};
use sha1::Sha1;
use sha2::{Digest as _, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};

use super::{Native, buffer, bytes, given, text_at, throw};
use crate::js::Vu;

pub(super) const TABLE: &[(&str, Native)] = &[
    ("digest", digest),
    ("digestable", digestable),
    ("bytesOf", bytes_of),
    ("randomBytes", random_bytes),
    ("hex", hex),
    ("b64encode", encode),
    ("b64decode", decode),
    ("bytes", to_bytes),
    ("text", to_text),
    ("uuid", uuid),
];

fn data_at(ctx: &Ctx<'_>, arguments: &[Value<'_>], place: usize) -> Result<Vec<u8>> {
    let value = given(arguments, place);
    value.and_then(bytes).ok_or_else(|| {
        let kind = kind_of(value);
        let message = format!("invalid type {kind}, expected string, []byte or ArrayBuffer");
        throw(ctx, &message)
    })
}

/// Returns what Go calls the kind of a value.
fn kind_of(value: Option<&Value<'_>>) -> &'static str {
    match value {
        None => "<nil>",
        Some(value) if value.is_string() => "string",
        Some(value) if value.is_bool() => "bool",
        Some(value) if value.is_int() => "int64",
        Some(value) if value.is_number() => "float64",
        Some(value) if value.is_array() => "[]interface {}",
        Some(_) => "map[string]interface {}",
    }
}

/// Returns data as bytes. What they are for, where it is given, begins the words of the error.
fn bytes_of<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let value = given(arguments, 0);
    if let Some(data) = value.and_then(bytes) {
        return buffer(ctx, &data);
    }
    let what = match text_at(arguments, 1)? {
        what if what.is_empty() => what,
        what => format!("{what} failed: "),
    };
    let kind = kind_of(value);
    let message = format!("{what}invalid type {kind}, expected string, []byte or ArrayBuffer");
    Err(throw(ctx, &message))
}

/// Refuses an algorithm that there is not, and a secret that is none.
fn digestable<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let algorithm = text_at(arguments, 0)?;
    if summed(&algorithm, None, b"").is_none() {
        return Err(throw(ctx, &format!("invalid algorithm: {algorithm}")));
    }
    if arguments.len() > 1 {
        data_at(ctx, arguments, 1)?;
    }
    Ok(super::undefined(ctx))
}

fn digest<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let algorithm = text_at(arguments, 0)?;
    let secret = given(arguments, 1).and_then(bytes);
    let mut data = Vec::new();
    if let Some(parts) = given(arguments, 2).and_then(Value::as_array) {
        for part in parts.iter::<Value<'js>>() {
            data.extend(bytes(&part?).unwrap_or_default());
        }
    }
    let hash = summed(&algorithm, secret.as_deref(), &data)
        .ok_or_else(|| throw(ctx, &format!("invalid algorithm: {algorithm}")))?;
    match text_at(arguments, 3)?.as_str() {
        "binary" => buffer(ctx, &hash),
        "hex" => hex_text(&hash).into_js(ctx),
        "base64" => engine("std").encode(&hash).into_js(ctx),
        "base64url" => engine("url").encode(&hash).into_js(ctx),
        "base64rawurl" => engine("rawurl").encode(&hash).into_js(ctx),
        other => Err(throw(ctx, &format!("invalid output encoding: {other}"))),
    }
}

fn summed(algorithm: &str, secret: Option<&[u8]>, data: &[u8]) -> Option<Vec<u8>> {
    macro_rules! with {
        ($hash:ty) => {
            match secret {
                None => <$hash>::digest(data).to_vec(),
                Some(secret) => {
                    let mut mac = Hmac::<$hash>::new_from_slice(secret).ok()?;
                    mac.update(data);
                    mac.finalize().into_bytes().to_vec()
                }
            }
        };
    }
    Some(match algorithm {
        "md4" => with!(Md4),
        "md5" => with!(Md5),
        "sha1" => with!(Sha1),
        "sha256" => with!(Sha256),
        "sha384" => with!(Sha384),
        "sha512" => with!(Sha512),
        "sha512_224" => with!(Sha512_224),
        "sha512_256" => with!(Sha512_256),
        "ripemd160" => with!(Ripemd160),
        _ => return None,
    })
}

pub(crate) fn hex_text(data: &[u8]) -> String {
    data.iter()
        .fold(String::new(), |text, it| text + &format!("{it:02x}"))
}

/// Returns the MD5 of `text` in hexadecimal, as k6 numbers groups and checks.
pub(crate) fn md5_of(text: &str) -> String {
    hex_text(&Md5::digest(text.as_bytes()))
}

/// Returns bytes of the system's, which no seed of a script makes the same.
fn random(ctx: &Ctx<'_>, length: usize) -> Result<Vec<u8>> {
    let mut data = vec![0; length];
    match getrandom::fill(&mut data) {
        Ok(()) => Ok(data),
        Err(err) => Err(throw(
            ctx,
            &format!("the system has no random bytes: {err}"),
        )),
    }
}

fn random_bytes<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let length = match given(arguments, 0) {
        Some(value) => value.get::<Coerced<f64>>()?.0,
        None => 0.0,
    };
    if !(1.0..=1e8).contains(&length) {
        return Err(throw(ctx, "invalid size"));
    }
    buffer(ctx, &random(ctx, length as usize)?)
}

fn hex<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    hex_text(&data_at(ctx, arguments, 0)?).into_js(ctx)
}

fn engine(kind: &str) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let raw = config
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone);
    match kind {
        "url" => GeneralPurpose::new(&alphabet::URL_SAFE, config),
        "rawurl" => GeneralPurpose::new(&alphabet::URL_SAFE, raw),
        "rawstd" => GeneralPurpose::new(&alphabet::STANDARD, raw),
        _ => GeneralPurpose::new(&alphabet::STANDARD, config),
    }
}

fn encode<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    engine(&text_at(arguments, 1)?)
        .encode(data_at(ctx, arguments, 0)?)
        .into_js(ctx)
}

fn decode<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let mut encoded = text_at(arguments, 0)?.into_bytes();
    encoded.retain(|it| *it != b'\r' && *it != b'\n');
    let decoded = engine(&text_at(arguments, 1)?).decode(&encoded);
    let data = decoded.map_err(|err| {
        let place = match err {
            DecodeError::InvalidByte(place, _) => place,
            _ => encoded.len() / 4 * 4,
        };
        throw(ctx, &format!("illegal base64 data at input byte {place}"))
    })?;
    if text_at(arguments, 2)? == "s" {
        return String::from_utf8_lossy(&data).into_js(ctx);
    }
    buffer(ctx, &data)
}

fn to_bytes<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    buffer(ctx, text_at(arguments, 0)?.as_bytes())
}

fn to_text<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    String::from_utf8_lossy(&data_at(ctx, arguments, 0)?).into_js(ctx)
}

/// Returns a random identifier (RFC 9562, version 4).
fn uuid<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, _: &[Value<'js>]) -> Result<Value<'js>> {
    let mut data = random(ctx, 16)?;
    data[6] = data[6] & 0x0f | 0x40;
    data[8] = data[8] & 0x3f | 0x80;
    let text = hex_text(&data);
    let parts = [
        &text[..8],
        &text[8..12],
        &text[12..16],
        &text[16..20],
        &text[20..],
    ];
    parts.join("-").into_js(ctx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_their_specifications() {
        let hex = |algorithm, secret| summed(algorithm, secret, b"abc").map(|it| hex_text(&it));
        assert_eq!(
            hex("md5", None).unwrap(),
            "900150983cd24fb0d6963f7d28e17f72"
        );
        assert_eq!(
            hex("sha1", None).unwrap(),
            "a9993e364706816aba3e25717850c26c9cd0d89d"
        );
        assert_eq!(
            hex("ripemd160", None).unwrap(),
            "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"
        );
        assert!(hex("sha256", Some(b"key")).unwrap().starts_with("9c196e32"));
        assert_eq!(
            hex("md4", None).unwrap(),
            "a448017aaf21d8525fc10ae87aa6729d"
        );
        assert!(hex("sha224", None).is_none());
    }
}
