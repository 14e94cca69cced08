//! Bytes: hashes, encodings, random ones.

use std::rc::Rc;

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use ripemd::Ripemd160;
use rquickjs::{Ctx, IntoJs as _, Result, Value};
use sha1::Sha1;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512, Sha512_224, Sha512_256};

use super::{Native, buffer, bytes, given, text_at, throw};
use crate::js::Vu;

pub(super) const TABLE: &[(&str, Native)] = &[
    ("digest", digest),
    ("randomBytes", random_bytes),
    ("hex", hex),
    ("b64encode", encode),
    ("b64decode", decode),
    ("bytes", to_bytes),
    ("text", to_text),
    ("uuid", uuid),
];

fn data_at(ctx: &Ctx<'_>, arguments: &[Value<'_>], place: usize) -> Result<Vec<u8>> {
    given(arguments, place)
        .and_then(bytes)
        .ok_or_else(|| throw(ctx, "a string or an ArrayBuffer is expected"))
}

fn digest<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let algorithm = text_at(arguments, 0)?;
    let secret = given(arguments, 1).and_then(bytes);
    let mut data = Vec::new();
    if let Some(parts) = given(arguments, 2).and_then(Value::as_array) {
        for part in parts.iter::<Value<'js>>() {
            let part = bytes(&part?)
                .ok_or_else(|| throw(ctx, "a string or an ArrayBuffer is expected"))?;
            data.extend_from_slice(&part);
        }
    }
    let hash = summed(&algorithm, secret.as_deref(), &data)
        .ok_or_else(|| throw(ctx, &format!("invalid algorithm: {algorithm}")))?;
    match text_at(arguments, 3)?.as_str() {
        "binary" => buffer(ctx, &hash),
        "" | "hex" => hex_text(&hash).into_js(ctx),
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
        "md5" => with!(Md5),
        "sha1" => with!(Sha1),
        "sha224" => with!(Sha224),
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

fn random(vu: &Vu, length: usize) -> Vec<u8> {
    let mut data = Vec::with_capacity(length + 8);
    while data.len() < length {
        data.extend_from_slice(&vu.random_bits().to_le_bytes());
    }
    data.truncate(length);
    data
}

fn random_bytes<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let length = given(arguments, 0)
        .and_then(Value::as_number)
        .unwrap_or(0.0);
    if !(0.0..=1e8).contains(&length) {
        return Err(throw(ctx, "invalid size"));
    }
    buffer(ctx, &random(vu, length as usize))
}

fn hex<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    hex_text(&data_at(ctx, arguments, 0)?).into_js(ctx)
}

fn engine(kind: &str) -> GeneralPurpose {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    match kind {
        "url" => GeneralPurpose::new(&alphabet::URL_SAFE, config),
        "rawurl" => GeneralPurpose::new(&alphabet::URL_SAFE, config.with_encode_padding(false)),
        "rawstd" => GeneralPurpose::new(&alphabet::STANDARD, config.with_encode_padding(false)),
        _ => GeneralPurpose::new(&alphabet::STANDARD, config),
    }
}

fn encode<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    engine(&text_at(arguments, 1)?)
        .encode(data_at(ctx, arguments, 0)?)
        .into_js(ctx)
}

fn decode<'js>(_: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let data = engine(&text_at(arguments, 1)?)
        .decode(data_at(ctx, arguments, 0)?)
        .map_err(|err| throw(ctx, &format!("illegal base64 data: {err}")))?;
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

fn uuid<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, _: &[Value<'js>]) -> Result<Value<'js>> {
    let text = hex_text(&random(vu, 16));
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
        assert!(hex("md4", None).is_none());
    }
}
