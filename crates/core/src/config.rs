//! Configuration: one file `autoscaleops.yaml`, a section per tool, and what overrides it.
//!
//! Precedence: flag, then environment (`AUTOSCALEOPS_<TOOL>_<FIELD>`), then file, then default.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{cli::CommonArgs, failure::Failure, text};

pub(crate) mod file;

/// The name of the file that is looked for from the working directory upward.
pub const FILE_NAME: &str = "autoscaleops.yaml";

/// The sections that the file may have. A tool's section has the tool's name.
pub const SECTIONS: [&str; 6] = [
    "hpa-watch",
    "image-watch",
    "k6-run",
    "kind-up",
    "tag-bump",
    "trivy-gate",
];

/// What a section's type must be: a struct with defaults that refuses unknown keys
/// (`#[serde(default, deny_unknown_fields)]`).
pub trait Section: Serialize + DeserializeOwned + Default + JsonSchema {}

impl<T: Serialize + DeserializeOwned + Default + JsonSchema> Section for T {}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The tool's own default.
    Default,
    /// The configuration file.
    File(PathBuf),
    /// The environment variable of this name.
    Environment(String),
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// A section with every layer applied.
#[derive(Clone, Debug)]
pub struct Resolved<T> {
    /// The effective values.
    pub value: T,
    /// Where each top-level key came from.
    pub sources: BTreeMap<String, Source>,
    /// The file that was read, where there is one.
    pub file: Option<PathBuf>,
}

impl<T> Resolved<T> {
    /// Returns the folder that relative paths in the file start from: the file's own, else the
    /// working directory.
    pub fn folder(&self) -> PathBuf {
        match self.file.as_deref().and_then(Path::parent) {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        }
    }
}

/// Returns the environment variable `name`, when it is set and Unicode. The only place of the
/// workspace that reads the environment.
pub fn env(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    std::env::var(name).ok()
}

/// Returns all environment variables that are Unicode, for programs that pass theirs on.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// Returns the section of `tool` with every layer applied. `flags` is a struct whose fields have
/// the names of the section's keys; `None` and empty lists count as not given.
///
/// # Errors
///
/// Fails on a file that cannot be read, an unknown key (naming the nearest known one, with line and
/// column), an unknown variable that begins as the tool's do, and a value of the wrong kind in any
/// layer.
pub fn resolve<T: Section>(
    tool: &str,
    common: &CommonArgs,
    flags: &impl Serialize,
) -> Result<Resolved<T>, Failure> {
    check_names::<T>(tool, environment().keys().map(String::as_str))?;
    let path = match &common.config {
        Some(path) => Some(path.clone()),
        None => env("AUTOSCALEOPS_CONFIG")
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
            .or_else(find),
    };
    let file = match path {
        Some(path) => Some((file::read::<T>(tool, &path)?, path)),
        None => None,
    };
    layer(tool, file, env, flags)
}

/// Returns the nearest configuration file, from the working directory upward.
pub fn find() -> Option<PathBuf> {
    let start = std::env::current_dir().ok()?;
    start
        .ancestors()
        .map(|it| it.join(FILE_NAME))
        .find(|it| it.is_file())
        .map(|it| match it.strip_prefix(&start) {
            Ok(short) => short.to_owned(),
            Err(_) => it,
        })
}

fn layer<T: Section>(
    tool: &str,
    file: Option<(Option<file::Contents<T>>, PathBuf)>,
    environment: impl Fn(&str) -> Option<String>,
    flags: &impl Serialize,
) -> Result<Resolved<T>, Failure> {
    let mut values = object(&T::default())?;
    let mut sources: BTreeMap<String, Source> = keys::<T>()
        .into_iter()
        .map(|it| (it, Source::Default))
        .collect();
    let mut set = |values: &mut Map<String, Value>, key: String, value: Value, source: Source| {
        values.insert(key.clone(), value);
        sources.insert(key, source);
    };
    let path = file.as_ref().map(|(_, path)| path.clone());
    if let Some((Some(contents), path)) = file {
        let mut given = object(&contents.section)?;
        for key in contents.keys {
            if let Some(value) = given.remove(&key) {
                set(&mut values, key, value, Source::File(path.clone()));
            }
        }
    }
    for key in keys::<T>() {
        let name = variable(tool, &key);
        if let Some(text) = environment(&name) {
            let value = from_text::<T>(&key, &text).map_err(|err| {
                Failure::usage(format!(
                    "the environment variable {name} is not usable: {err}"
                ))
                .kind_of("config")
                .hint(format!("unset {name}, or see `{tool} config schema`"))
            })?;
            set(&mut values, key, value, Source::Environment(name));
        }
    }
    for (key, value) in object(flags)? {
        let given = match &value {
            Value::Null => false,
            Value::Array(list) => !list.is_empty(),
            _ => true,
        };
        if given {
            set(&mut values, key, value, Source::Flag);
        }
    }
    let value = serde_json::from_value(Value::Object(values)).map_err(|err| {
        Failure::usage(format!("the configuration of {tool} is not usable: {err}"))
            .kind_of("config")
    })?;
    Ok(Resolved {
        value,
        sources,
        file: path,
    })
}

/// Returns the environment variable for `key` of `tool`.
pub fn variable(tool: &str, key: &str) -> String {
    format!("AUTOSCALEOPS_{tool}_{key}")
        .replace('-', "_")
        .to_ascii_uppercase()
}

/// Refuses a variable that sets nothing: one misspelt would leave the default in force unseen.
fn check_names<'a, T: Section>(
    tool: &str,
    names: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    let prefix = variable(tool, "");
    let known: Vec<String> = keys::<T>().iter().map(|it| variable(tool, it)).collect();
    for name in names.filter(|it| it.starts_with(&prefix)) {
        if known.iter().any(|it| it == name) {
            continue;
        }
        let hint = match text::nearest(name, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => format!("unset it, or see `{tool} config schema`"),
        };
        return Err(Failure::usage(format!(
            "the environment variable {} sets nothing: {tool} has no such key",
            text::printable(name)
        ))
        .kind_of("config")
        .hint(hint));
    }
    Ok(())
}

/// Returns the top-level keys of the section, in the order of its fields.
pub fn keys<T: JsonSchema>() -> Vec<String> {
    let schema = schema::<T>();
    match schema.get("properties").and_then(Value::as_object) {
        Some(properties) => properties.keys().cloned().collect(),
        None => Vec::new(),
    }
}

/// Returns the JSON Schema of `T` as it is read, complete in itself. It holds no references, so that
/// it stays true inside another one, as a section's does in that of the whole file.
pub fn schema<T: JsonSchema>() -> Value {
    of::<T>(SchemaSettings::draft2020_12())
}

/// Returns the JSON Schema of `T` as it is written: what is left out when it is empty need not be
/// there, and what has a default is there all the same.
pub fn written_schema<T: JsonSchema>() -> Value {
    of::<T>(SchemaSettings::draft2020_12().for_serialize())
}

fn of<T: JsonSchema>(settings: SchemaSettings) -> Value {
    settings
        .with(|settings| settings.inline_subschemas = true)
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value()
}

/// Finds the kind of value that `text` stands for by trying what the section accepts.
fn from_text<T: Section>(key: &str, text: &str) -> Result<Value, String> {
    let list = text
        .split(',')
        .map(|it| Value::String(it.trim().to_owned()))
        .collect();
    let structured = serde_yaml::from_str::<Value>(text).ok();
    let candidates = [
        Some(Value::String(text.to_owned())),
        structured,
        Some(Value::Array(list)),
    ];
    let mut problem = String::new();
    for candidate in candidates.into_iter().flatten() {
        let one = Value::Object(Map::from_iter([(key.to_owned(), candidate.clone())]));
        match serde_json::from_value::<T>(one) {
            Ok(_) => return Ok(candidate),
            Err(err) if problem.is_empty() => problem = err.to_string(),
            Err(_) => {}
        }
    }
    Err(problem)
}

fn object(value: &impl Serialize) -> Result<Map<String, Value>, Failure> {
    match serde_json::to_value(value) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(other) => Err(Failure::error(
            "bug",
            format!("a section is not a mapping: {other}"),
        )),
        Err(err) => Err(Failure::error(
            "bug",
            format!("a section cannot be expressed in JSON: {err}"),
        )),
    }
}

#[cfg(test)]
mod tests;
