//! What every tool can say about itself: completions, man page, configuration.

use std::path::PathBuf;

use clap::{
    Arg, ArgMatches, Command, ValueEnum as _,
    builder::{PossibleValuesParser, TypedValueParser},
    value_parser,
};
use clap_complete::Shell;
use clap_mangen::{Man, roff::Roff};
use serde_json::{Value, json};

use super::{CommonArgs, Format, LONG_VERSION, Tool, completions};
use crate::{
    config::{self, Resolved},
    console::{self, Console},
    exit, failure,
    report::{Report, Verdict},
};

/// Returns the command line of the tool, with what every tool has.
pub(super) fn command<T: Tool>() -> Command {
    let completions = Command::new("completions")
        .about("Print completions for a shell")
        .arg(
            Arg::new("shell")
                .required(true)
                .value_parser(value_parser!(Shell)),
        );
    let man = Command::new("man").about("Print the man page");
    let report = Arg::new("of_report")
        .long("of-report")
        .help("Print the schema of the report instead")
        .action(clap::ArgAction::SetTrue);
    let settings = Command::new("config")
        .about("Print the configuration")
        .subcommand_required(true)
        .subcommand(
            Command::new("show").about("Print the effective values and where each came from"),
        )
        .subcommand(
            Command::new("schema")
                .about("Print the JSON Schema")
                .arg(report),
        );
    T::command()
        .mut_arg("format", |arg| arg.value_parser(forms::<T>()))
        .version(LONG_VERSION)
        .long_version(LONG_VERSION)
        .subcommand_negates_reqs(true)
        .subcommands([completions, man, settings])
}

/// Only the forms that the tool has, so that help, completions and errors name no other.
fn forms<T: Tool>() -> impl TypedValueParser<Value = Format> {
    let names = [Format::Human, Format::Json]
        .into_iter()
        .chain(T::FORMATS.iter().copied())
        .filter_map(|it| it.to_possible_value());
    PossibleValuesParser::new(names.collect::<Vec<_>>())
        .try_map(|name| Format::from_str(&name, false))
}

/// Runs the subcommands that every tool has. `None` when another one was asked for.
pub(super) fn run<T: Tool>(matches: &ArgMatches) -> Option<u8> {
    let (name, matches) = matches.subcommand()?;
    let written = match name {
        "completions" => {
            let shell = *matches.get_one::<Shell>("shell")?;
            Ok(completions::script(shell, &mut command::<T>(), T::NAME))
        }
        "man" => man::<T>(),
        "config" => match matches.subcommand()? {
            ("show", matches) => show::<T>(&common(matches)),
            (_, matches) => schema::<T>(matches.get_flag("of_report")),
        },
        _ => return None,
    };
    let mut console = Console::of_process(T::NAME, super::settings(&common(matches)));
    match written.and_then(|text| Ok(console.answer(&text)?)) {
        Ok(()) => Some(exit::PASS),
        Err(err) => {
            console.say(&failure::explain(&err));
            Some(failure::code(&err))
        }
    }
}

fn common(matches: &ArgMatches) -> CommonArgs {
    CommonArgs {
        format: matches
            .get_one::<Format>("format")
            .copied()
            .unwrap_or_default(),
        config: matches.get_one::<PathBuf>("config").cloned(),
        ..CommonArgs::default()
    }
}

/// Returns one page for the tool and all its subcommands, since nobody looks for a page of one.
fn man<T: Tool>() -> anyhow::Result<String> {
    let command = command::<T>();
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    for subcommand in command.get_subcommands() {
        chapter(T::NAME, subcommand, &mut page)?;
    }
    man.render_extra_section(&mut page)?;
    man.render_version_section(&mut page)?;
    let page = String::from_utf8_lossy(&page);
    // Command lines stay as they are written: not filled, not justified.
    Ok(page
        .replace("\n.SH EXTRA\nExamples:\n", "\n.SH EXAMPLES\n.nf\n")
        .replace("\n.SH EXTRA\n", "\n.SH EXAMPLES\n.nf\n")
        .replace("\n.SH VERSION\n", "\n.fi\n.SH VERSION\n"))
}

fn chapter(above: &str, command: &Command, page: &mut Vec<u8>) -> anyhow::Result<()> {
    let name = format!("{above} {}", command.get_name());
    Roff::new()
        .control("SH", [name.to_uppercase().as_str()])
        .to_writer(page)?;
    // The options of the tool itself stand above, once.
    let man = Man::new(command.clone().bin_name(&name).disable_help_flag(true));
    let mut part = Vec::new();
    man.render_synopsis_section(&mut part)?;
    man.render_description_section(&mut part)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(&mut part)?;
    }
    let part = String::from_utf8_lossy(&part).replace("\n.SH ", "\n.SS ");
    page.extend_from_slice(part.as_bytes());
    for subcommand in command.get_subcommands() {
        chapter(&name, subcommand, page)?;
    }
    Ok(())
}

fn show<T: Tool>(common: &CommonArgs) -> anyhow::Result<String> {
    let resolved: Resolved<T::Section> = config::resolve(T::NAME, common, &Value::Null)?;
    let values = serde_json::to_value(&resolved.value)?;
    let empty = serde_json::Map::new();
    let values = values.as_object().unwrap_or(&empty);
    if common.format == Format::Json {
        let sources: serde_json::Map<String, Value> = resolved
            .sources
            .iter()
            .map(|(key, source)| (key.clone(), Value::String(source.to_string())))
            .collect();
        let details = json!({"values": values, "sources": sources});
        let mut report = Report::new(
            Verdict::Pass,
            format!("configuration of {}", T::NAME),
            details,
        );
        report.stamp(T::NAME, super::VERSION, jiff::Timestamp::now());
        return Ok(console::json(&report)?);
    }
    let mut text = format!("{}:\n", T::NAME);
    for (key, value) in values {
        let source = resolved
            .sources
            .get(key)
            .map_or_else(|| "default".to_owned(), ToString::to_string);
        let value = serde_json::to_string(value)?;
        text.push_str(&format!("  {key}: {value}  # {source}\n"));
    }
    Ok(text)
}

fn schema<T: Tool>(of_report: bool) -> anyhow::Result<String> {
    let schema = if of_report {
        let mut schema = config::written_schema::<Report<T::Details>>();
        let details = schema["properties"]["details"].take();
        schema["properties"]["details"] = json!({
            "description": "What only this tool knows; nothing where it could not do its work.",
            "anyOf": [details, {"type": "object", "maxProperties": 0}],
        });
        schema
    } else {
        let mut section = config::schema::<T::Section>();
        if let Some(section) = section.as_object_mut() {
            // Said once, at the top.
            section.shift_remove("$schema");
        }
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": format!("autoscaleops.yaml, section {}", T::NAME),
            "type": "object",
            "properties": {T::NAME: section},
        })
    };
    Ok(serde_json::to_string_pretty(&schema)?)
}
