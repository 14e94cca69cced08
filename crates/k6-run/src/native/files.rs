//! The files that a run writes: samples as lines, and the summary export.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
    sync::{Arc, OnceLock},
};

use anyhow::{Context as _, Result};
use autoscaleops_core::{Failure, file};
use serde::Serialize as _;
use serde_json::Value;

use crate::flags::RunFlags;

/// Writes a summary export, indented as k6 indents it.
pub(crate) fn export(path: &Path, exported: &Value) -> Result<()> {
    let mut text = Vec::new();
    let form = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    exported.serialize(&mut serde_json::Serializer::with_formatter(&mut text, form))?;
    file::replace(path, &text).with_context(|| format!("cannot write `{}`", path.display()))
}

/// A file for samples that remembers why it could not be written.
struct Samples {
    path: String,
    file: BufWriter<File>,
    fault: Arc<OnceLock<String>>,
}

impl Samples {
    fn remember<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.inspect_err(|err| {
            let message = format!("`{}` is not complete: {err}", self.path);
            let _ = self.fault.set(message);
        })
    }
}

impl Write for Samples {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        self.remember(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.file.flush();
        self.remember(flushed)
    }
}

impl Drop for Samples {
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

pub(super) type Lines = Option<Box<dyn Write + Send>>;

pub(super) fn lines(flags: &RunFlags) -> Result<(Lines, Arc<OnceLock<String>>)> {
    let fault = Arc::default();
    let outputs = &flags.k6_flags.out;
    let mut paths = outputs
        .iter()
        .filter(|it| it.split('=').next() == Some("json"));
    let Some(output) = paths.next() else {
        return Ok((None, fault));
    };
    if paths.next().is_some() {
        return Err(Failure::usage("`--out json=FILE` can be given once").into());
    }
    let path = output.split_once('=').map_or("", |it| it.1);
    if path.is_empty() || path == "-" {
        return Err(Failure::usage(format!("`--out {output}` names no file"))
            .hint("standard output carries the result: --out json=FILE")
            .into());
    }
    let file = File::create(path).with_context(|| format!("cannot write `{path}`"))?;
    let samples = Samples {
        path: path.to_owned(),
        file: BufWriter::new(file),
        fault: Arc::clone(&fault),
    };
    Ok((Some(Box::new(samples)), fault))
}
