//! What stands beside the address of a request: parameters and body.

use std::{rc::Rc, time::Duration};

use rquickjs::{Array, Coerced, Ctx, Error, Function, Object, Result, Value};
use url::Url;

use super::{bytes, tag_text, text};
use crate::{
    http::{self, BodyKind, HttpError, Request, canonical},
    js::{Level, Vu, fiber::Call, vu::Expected},
    span,
};

pub(super) fn credentials(url: &Url) -> Option<(String, String)> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    Some((
        http::unescaped(url.username()),
        http::unescaped(url.password().unwrap_or_default()),
    ))
}

/// Why there is no request: the script threw, or asked for what k6 refuses without throwing.
pub(super) enum Refused {
    Thrown(Error),
    /// What is wrong, and k6's number for it.
    Told(String, u16),
}

impl From<Error> for Refused {
    fn from(err: Error) -> Self {
        Self::Thrown(err)
    }
}

pub(super) type Read<T> = std::result::Result<T, Refused>;

fn told<T>(text: impl Into<String>) -> Read<T> {
    Err(Refused::Told(text.into(), 0))
}

/// Reads the parameters of a request. Returns the compression that they ask for.
///
/// What it calls is not inlined: each virtual user keeps as much memory for its stack as its deepest
/// call takes.
pub(super) fn read_params<'js>(
    vu: &Rc<Vu>,
    params: &Object<'js>,
    call: &mut Call,
) -> Read<Option<String>> {
    let mut compression = None;
    let mut auth = String::new();
    for entry in params.props::<String, Value<'js>>() {
        let (key, value) = entry?;
        let is_empty = value.is_undefined() || value.is_null();
        let request = &mut call.request;
        match key.as_str() {
            "timeout" => request.timeout = timeout(&value)?,
            "redirects" => request.redirects = value.get::<Coerced<f64>>()?.0.max(0.0) as u32,
            "responseType" => {
                request.body_kind = match text(&value)?.as_str() {
                    "binary" => BodyKind::Binary,
                    "none" => BodyKind::None,
                    "text" => BodyKind::Text,
                    other => {
                        return told(format!("{other} does not belong to ResponseType values"));
                    }
                };
            }
            "responseCallback" => match expected(&value)? {
                Some(expected) => call.said.expected = expected,
                None => return told("unsupported responseCallback"),
            },
            "compression" => compression = Some(text(&value)?),
            _ if is_empty => {}
            "headers" => {
                if let Some(headers) = value.as_object() {
                    read_headers(headers, request)?;
                }
            }
            "tags" => {
                if let Some(tags) = value.as_object() {
                    read_tags(tags, call)?;
                }
            }
            "cookies" => {
                if let Some(cookies) = value.as_object() {
                    read_cookies(cookies, request)?;
                }
            }
            "jar" => {
                let id: Option<usize> = match value.as_object() {
                    Some(object) => object.get("__jar")?,
                    None => None,
                };
                if let Some(jar) = id.and_then(|id| vu.find_jar(id)) {
                    call.jar = Some(jar);
                }
            }
            "auth" => auth = text(&value)?,
            _ => {}
        }
    }
    match auth.as_str() {
        "digest" => call.request.digest = call.request.basic.take(),
        "ntlm" => return told("the authentication `ntlm` needs the real k6"),
        // As in k6, any other word changes nothing.
        _ => {}
    }
    Ok(compression)
}

/// Reads how long a request may take. No time at all, and less than none, is up at once.
#[inline(never)]
fn timeout(value: &Value<'_>) -> Read<Duration> {
    let wrong = |what: &str| told(format!("invalid timeout value: {what}"));
    if let Some(millis) = value.as_number() {
        return Ok(Duration::try_from_secs_f64(millis / 1e3).unwrap_or_default());
    }
    let Some(written) = value.as_string() else {
        let kind = if value.is_undefined() || value.is_null() {
            "<nil>"
        } else if value.is_bool() {
            "bool"
        } else {
            "map[string]interface {}"
        };
        return wrong(&format!("unable to use type {kind} as a duration value"));
    };
    let written = written.to_string()?;
    let plain = written.strip_prefix('-');
    match span::parse(plain.unwrap_or(&written)) {
        Some(_) if plain.is_some() => Ok(Duration::ZERO),
        Some(duration) => Ok(duration),
        None => wrong(&format!("time: invalid duration {written:?}")),
    }
}

#[inline(never)]
fn read_headers(headers: &Object<'_>, request: &mut Request) -> Read<()> {
    for entry in headers.props::<String, Value<'_>>() {
        let (name, value) = entry?;
        let value = text(&value)?;
        let is_token = |it: u8| it.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&it);
        // A line break would begin another header.
        if name.is_empty() || !name.bytes().all(is_token) {
            let wrong = format!("net/http: invalid header field name {name:?}");
            request.fault = Some(HttpError::new(1000, wrong));
        } else if value
            .bytes()
            .any(|it| (it < b' ' && it != b'\t') || it == 0x7f)
        {
            let wrong = format!(
                "net/http: invalid header field value for {:?}",
                canonical(&name)
            );
            request.fault = Some(HttpError::new(1000, wrong));
        } else {
            request.headers.push((canonical(&name), value));
        }
    }
    Ok(())
}

#[inline(never)]
fn read_tags(tags: &Object<'_>, call: &mut Call) -> Read<()> {
    for entry in tags.props::<String, Value<'_>>() {
        let (key, value) = entry?;
        let Some(value) = tag_text(&value)? else {
            return told(format!(
                "invalid HTTP request metric tags: invalid value for metric tag '{key}': only String, Boolean and Number types are accepted as a metric tag values"
            ));
        };
        if key == "name" {
            call.said.name = Some(value);
        } else {
            call.said.tags.push((key, value));
        }
    }
    Ok(())
}

fn read_cookies<'js>(cookies: &Object<'js>, request: &mut Request) -> Read<()> {
    for entry in cookies.props::<String, Value<'js>>() {
        let (name, value) = entry?;
        match value.as_object() {
            Some(object) if object.contains_key("value")? => {
                let replace = object.get::<_, Option<bool>>("replace")?.unwrap_or(false);
                let value = text(&object.get("value")?)?;
                request.cookies.push((name, value, replace));
            }
            _ => request.cookies.push((name, text(&value)?, false)),
        }
    }
    Ok(())
}

pub(super) fn read_body<'js>(ctx: &Ctx<'js>, body: &Value<'js>, request: &mut Request) -> Read<()> {
    if let Some(known) = bytes(body) {
        request.body = known;
        return Ok(());
    }
    let kind = if body.is_bool() {
        "bool"
    } else if body.is_array() {
        "[]interface {}"
    } else if body.is_int() {
        "int64"
    } else if body.is_number() {
        "float64"
    } else if body.is_function() {
        "func(sobek.FunctionCall) sobek.Value"
    } else if body.is_object() {
        let hidden: Object<'js> = ctx.globals().get("__k6")?;
        let encoder: Function<'js> = hidden.get::<_, Object<'js>>("rest")?.get("encode")?;
        let pair: Array<'js> = encoder.call((body.clone(),))?;
        let content: Value<'js> = pair.get(0)?;
        request.body = bytes(&content).unwrap_or_default();
        if !request.headers.iter().any(|it| it.0 == "Content-Type") {
            let kind = pair.get(1)?;
            request.headers.push(("Content-Type".to_owned(), kind));
        }
        return Ok(());
    } else {
        "unknown"
    };
    told(format!("unknown request body type {kind}"))
}

/// Compresses the body as the parameter `compression` asks for.
pub(super) fn compress(vu: &Vu, request: &mut Request, algorithms: &str) -> Read<()> {
    let listed: Vec<&str> = algorithms.split(',').map(str::trim).collect();
    for name in &listed {
        if !["gzip", "deflate", "zstd", "br"].contains(name) {
            return told(format!(
                "unknown compression algorithm {name}, supported algorithms are [gzip deflate zstd br]"
            ));
        }
    }
    if request.body.is_empty() {
        return Ok(());
    }
    request.plain_body = Some(request.body.clone());
    for name in &listed {
        let body = std::mem::take(&mut request.body);
        request.body = http::compress(body, name).map_err(|err| Refused::Told(err, 0))?;
    }
    let own = request.headers.iter().find(|it| it.0 == "Content-Encoding");
    let wanted = listed.join(", ");
    match own {
        None => request
            .headers
            .push(("Content-Encoding".to_owned(), wanted)),
        Some((_, own)) if *own != wanted => (vu.shared.console)(
            Level::Warning,
            &format!(
                "the body of a {} request for '{}' is compressed as `compression` says, and its header `Content-Encoding` says otherwise: what is sent may be unusable",
                request.method,
                request.shown()
            ),
        ),
        Some(_) => {}
    }
    Ok(())
}

/// Returns which statuses a value of JavaScript expects, `None` where it is no such value.
#[inline(never)]
pub(super) fn expected<'js>(value: &Value<'js>) -> Result<Option<Rc<Expected>>> {
    if value.is_null() || value.is_undefined() {
        return Ok(Some(Rc::new(Expected::Unjudged)));
    }
    let ranges: Option<Array<'js>> = match value.as_object() {
        Some(object) => object.get("__ranges")?,
        None => None,
    };
    let Some(ranges) = ranges else {
        return Ok(None);
    };
    let mut known = Vec::new();
    for range in ranges.iter::<Array<'js>>() {
        let range = range?;
        known.push((range.get(0)?, range.get(1)?));
    }
    Ok(Some(Rc::new(Expected::Ranges(known))))
}
