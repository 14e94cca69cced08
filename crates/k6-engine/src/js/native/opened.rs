//! `k6/experimental/fs` and `k6/experimental/csv`: opened files, and their rows.

use std::{rc::Rc, sync::Arc};

use rquickjs::{Array, Ctx, IntoJs as _, Result, Value};
use serde_json::{Map, Value as Json};

use super::{Native, files, given, text_at, throw};
use crate::js::{Phase, Vu};

pub(super) const TABLE: &[(&str, Native)] = &[
    ("fsOpen", open),
    ("fsRead", read),
    ("csvParse", parse),
    ("csvNext", next),
];

fn number_at(arguments: &[Value<'_>], place: usize) -> f64 {
    given(arguments, place)
        .and_then(Value::as_number)
        .unwrap_or(0.0)
}

/// Returns a file's number, -1 where none may be opened any more, -2 where there is none; and its
/// path and size.
fn open<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let answer = Array::new(ctx.clone())?;
    if vu.phase.get() != Phase::Init {
        answer.set(0, -1)?;
        return Ok(answer.into_value());
    }
    let path = files::located(vu, ctx, &text_at(arguments, 0)?);
    answer.set(1, path.to_string_lossy().as_ref())?;
    match files::contents(vu, &path) {
        Ok(contents) => {
            let mut opened = vu.opened.borrow_mut();
            answer.set(0, opened.len())?;
            answer.set(2, contents.len())?;
            opened.push(contents);
        }
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => answer.set(0, -2)?,
        Err(err) => {
            return Err(throw(
                ctx,
                &format!("cannot open `{}`: {err}", path.display()),
            ));
        }
    }
    Ok(answer.into_value())
}

/// Returns the file of the first argument, and the place in it of the second.
fn at(vu: &Vu, ctx: &Ctx<'_>, arguments: &[Value<'_>]) -> Result<(Arc<Vec<u8>>, usize)> {
    let id = number_at(arguments, 0);
    let found = vu.opened.borrow().get(id as usize).cloned();
    let contents = found.ok_or_else(|| throw(ctx, "there is no such file"))?;
    let place = (number_at(arguments, 1) as usize).min(contents.len());
    Ok((contents, place))
}

fn read<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (contents, start) = at(vu, ctx, arguments)?;
    let length = number_at(arguments, 2) as usize;
    let end = start.saturating_add(length).min(contents.len());
    let part = contents.get(start..end).unwrap_or_default();
    super::buffer(ctx, part)
}

/// Returns a reader of rows with this delimiter.
fn rows<'a>(
    ctx: &Ctx<'_>,
    contents: &'a [u8],
    start: usize,
    delimiter: &str,
) -> Result<csv::Reader<&'a [u8]>> {
    let [delimiter] = delimiter.as_bytes() else {
        return Err(throw(ctx, "the delimiter must be one character of ASCII"));
    };
    Ok(csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(*delimiter)
        .from_reader(contents.get(start..).unwrap_or_default()))
}

fn fields(record: &csv::ByteRecord) -> Vec<String> {
    record
        .iter()
        .map(|it| String::from_utf8_lossy(it).into_owned())
        .collect()
}

fn parse<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (contents, start) = at(vu, ctx, arguments)?;
    let flag = |place| given(arguments, place).and_then(Value::as_bool) == Some(true);
    let (delimiter, skips, as_objects) = (text_at(arguments, 2)?, flag(3), flag(6));
    let (from, to) = (number_at(arguments, 4) as usize, number_at(arguments, 5));
    let to = if to < 0.0 { usize::MAX } else { to as usize };
    // The address of the bytes stands for the file: each is kept once, and until the end.
    let name = format!(
        "csv {:p} {start} {delimiter} {skips} {from} {to} {as_objects}",
        contents.as_ptr()
    );
    let place = files::share(vu, name, || {
        let mut reader = rows(ctx, &contents, start, &delimiter)?;
        let (mut elements, mut names, mut record) = (Vec::new(), None, csv::ByteRecord::new());
        let mut line = 0;
        let failed = |err: csv::Error| throw(ctx, &format!("failed to parse the file: {err}"));
        while line <= to && reader.read_byte_record(&mut record).map_err(failed)? {
            let row = fields(&record);
            line += 1;
            if as_objects && names.is_none() {
                names = Some(row);
                continue;
            }
            if line <= from || (skips && line == 1) {
                continue;
            }
            elements.push(match &names {
                None => Json::from(row).to_string(),
                Some(names) => {
                    let pairs = names.iter().cloned().zip(row.into_iter().map(Json::from));
                    Json::from(pairs.collect::<Map<_, _>>()).to_string()
                }
            });
        }
        Ok(elements)
    })?;
    Ok(Value::new_number(ctx.clone(), place as f64))
}

/// Returns where the row ends, and its fields; `null` where there is none any more.
fn next<'js>(vu: &Rc<Vu>, ctx: &Ctx<'js>, arguments: &[Value<'js>]) -> Result<Value<'js>> {
    let (contents, start) = at(vu, ctx, arguments)?;
    let mut reader = rows(ctx, &contents, start, &text_at(arguments, 2)?)?;
    let mut record = csv::ByteRecord::new();
    let is_row = reader
        .read_byte_record(&mut record)
        .map_err(|err| throw(ctx, &format!("failed to parse the file: {err}")))?;
    let answer = Array::new(ctx.clone())?;
    let end = start as u64 + reader.position().byte();
    answer.set(0, end as f64)?;
    let row = if is_row {
        fields(&record).into_js(ctx)?
    } else {
        Value::new_null(ctx.clone())
    };
    answer.set(1, row)?;
    Ok(answer.into_value())
}
