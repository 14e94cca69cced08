//! Completions for a shell. What `clap_complete` writes does not find the subcommands of a program that has values of its
//! own beside them; that is mended here, in the text.

use clap::{Command, ValueEnum as _};
use clap_complete::Shell;

/// Returns the script that a shell reads.
pub(super) fn script(shell: Shell, command: &mut Command, name: &str) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, command, name, &mut text);
    let text = String::from_utf8_lossy(&text).into_owned();
    let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    match shell {
        Shell::Bash => bash(&text, name),
        Shell::Fish => fish(&text, name, &names),
        Shell::Zsh => zsh(&text, name, &names),
        _ => text,
    }
}

/// It looks for subcommands under one spelling of a name with a hyphen, and writes them under another.
fn bash(text: &str, name: &str) -> String {
    let end = "__subcmd__";
    let written = name.replace('-', end) + end;
    text.replace(&written, &(name.replace('-', "__") + end))
}

/// It offers nothing for an option that waits for its value, takes any first value for a subcommand, and names no shells.
fn fish(text: &str, name: &str, names: &[&str]) -> String {
    let parse = "argparse -s (";
    let Some(line) = text.lines().find(|it| it.trim_start().starts_with(parse)) else {
        return text.to_owned();
    };
    let without_last = line
        .trim_start()
        .replace("-- $cmd ", "-- $cmd[1..-2] ")
        .replacen(parse, &format!("    or {parse}"), 1);
    let shells: Vec<String> = Shell::value_variants()
        .iter()
        .map(ToString::to_string)
        .collect();
    let completions = format!(
        "complete -c {name} -n \"__fish_{}_using_subcommand completions\" -f -a \"{}\"\n",
        name.replace('-', "_"),
        shells.join(" ")
    );
    let text = text.replacen(line, &format!("{line}\n{without_last}"), 1);
    text.replacen(
        "if set -q argv[1]\n",
        &format!("if contains -- \"$argv[1]\" {}\n", names.join(" ")),
        1,
    ) + &completions
}

/// It looks for subcommands behind the program's own values, where they do not stand: when one is there, no value is.
fn zsh(text: &str, name: &str, names: &[&str]) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let commands = format!("\":: :_{name}_commands\" \\");
    let state = "local context curcontext=\"$curcontext\" state line";
    let (Some(end), Some(start)) = (
        lines.iter().position(|it| *it == commands),
        lines.iter().position(|it| it.trim() == state),
    ) else {
        return text.to_owned();
    };
    let is_value = |it: &&&str| it.starts_with("':") || it.starts_with("'*:");
    let count = lines[..end].iter().rev().take_while(is_value).count();
    if count == 0 {
        return text.to_owned();
    }
    let (options, values) = lines[..end].split_at(end - count);
    let (head, options) = options.split_at(start + 1);
    let [head, options] = [head, options].map(|it| it.join("\n"));
    let values: String = values.iter().map(|it| it.trim_end_matches('\\')).collect();
    let rest = lines[end..].join("\n");
    let rest = rest.replacen(&format!("$line[{}]", count + 1), "$line[$place]", 3);
    let names = names.join(" ");
    format!(
        "{head}\n    local -a names=({names}) values=({values})\n    local word\n    \
         for word in ${{words[2,CURRENT-1]}}; do (( ${{names[(Ie)$word]}} )) && values=(); done\n    \
         local place=$(( ${{#values}} + 1 ))\n{options}\n\"${{values[@]}}\" \\\n{rest}\n"
    )
}
