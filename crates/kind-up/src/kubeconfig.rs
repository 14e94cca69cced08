//! The private kubeconfig: printed, printed for a client in WSL, or added to another one.
//!
//! What stands in the other file stays as it is written, the current context above all: our three
//! entries are put in as text, and the result is read again before it replaces anything.

use std::{
    fs::OpenOptions,
    io::ErrorKind,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use autoscaleops_core::{Failure, Report, Verdict, config, file, stop};
use serde_json::{Value, json};

use crate::{details::Details, run::Run};

/// The lists of a kubeconfig, each with the field of its items beside the name.
const LISTS: [(&str, &str); 3] = [
    ("clusters", "cluster"),
    ("contexts", "context"),
    ("users", "user"),
];
/// The extension that marks a cluster as added by us.
const MARK: &str = "autoscaleops.dev/kind-up";

/// Says where the private kubeconfig lies.
///
/// # Errors
///
/// Fails when there is none.
pub(crate) fn path(run: &Run) -> anyhow::Result<Report<Details>> {
    let path = run.state.kubeconfig();
    if !path.exists() {
        return Err(run.not_up().into());
    }
    Ok(answer(run, format!("{}\n", path.display())))
}

/// Prints the private kubeconfig.
///
/// # Errors
///
/// Fails when there is none, or it cannot be read.
pub(crate) fn print(run: &Run, wsl: Option<IpAddr>) -> anyhow::Result<Report<Details>> {
    Ok(answer(run, read(run, wsl)?))
}

fn answer(run: &Run, text: String) -> Report<Details> {
    let path = run.state.kubeconfig().display().to_string();
    let mut details = run.details();
    details.kubeconfig = Some(path.clone());
    details.text = Some(text);
    Report::new(Verdict::Pass, format!("the kubeconfig is {path}"), details)
        .subject(run.subject())
        .output("kubeconfig", path)
}

fn read(run: &Run, wsl: Option<IpAddr>) -> anyhow::Result<String> {
    let path = run.state.kubeconfig();
    if !path.exists() {
        return Err(run.not_up().into());
    }
    let text = fs_err::read_to_string(&path)?;
    match wsl {
        Some(address) => for_wsl(&text, address),
        None => Ok(text),
    }
}

/// Adds the private kubeconfig to `file`, or where that is empty to the user's own: the first of `KUBECONFIG`, else
/// `~/.kube/config`.
///
/// # Errors
///
/// Fails when the file is not a kubeconfig, has entries of the same name that are not ours, or is
/// being changed by another program.
pub(crate) fn merge_into(
    run: &Run,
    wsl: Option<IpAddr>,
    file: &Path,
) -> anyhow::Result<Report<Details>> {
    let ours = read(run, wsl)?;
    let target = if file.as_os_str().is_empty() {
        own()?
    } else {
        file.to_owned()
    };
    if same(&target, &run.state.kubeconfig()) {
        return Err(Failure::usage(format!(
            "`{}` is the private kubeconfig itself",
            target.display()
        ))
        .hint("name another file: `--merge=FILE`")
        .into());
    }
    if let Some(folder) = target.parent().filter(|it| !it.as_os_str().is_empty()) {
        fs_err::create_dir_all(folder)?;
    }
    let _lock = Lock::take(&target)?;
    let before = match fs_err::read_to_string(&target) {
        Ok(text) => text,
        Err(err) if err.kind() == ErrorKind::NotFound => String::new(),
        Err(err) => return Err(err.into()),
    };
    let after = merge(&before, &ours).map_err(|why| {
        Failure::usage(format!("`{}` {why}", target.display()))
            .hint("nothing was written; `kubectl config delete-context NAME` removes an entry, `--cluster NAME` takes another name")
    })?;
    let changed = after != before;
    if changed {
        if before.is_empty() {
            file::replace_private(&target, after.as_bytes())?;
        } else {
            file::replace_private(&beside(&target, "kind-up.bak"), before.as_bytes())?;
            file::replace(&target, after.as_bytes())?;
        }
    }
    let context = run.settings.context();
    let mut details = run.details();
    details.kubeconfig = Some(target.display().to_string());
    let summary = if changed {
        format!(
            "the context {context} is in {}, and is not the current one because of it",
            target.display()
        )
    } else {
        format!("the context {context} was in {} already", target.display())
    };
    Ok(Report::new(Verdict::Pass, summary, details)
        .subject(run.subject())
        .output("changed", changed)
        .output("context", context)
        .output("kubeconfig", target.display().to_string()))
}

fn own() -> Result<PathBuf, Failure> {
    let listed = config::env("KUBECONFIG")
        .and_then(|it| it.split(':').find(|it| !it.is_empty()).map(PathBuf::from));
    listed
        .or_else(|| Some(PathBuf::from(config::env("HOME")?).join(".kube/config")))
        .ok_or_else(|| {
            Failure::usage("neither KUBECONFIG nor HOME is set").hint("name a file: `--merge=FILE`")
        })
}

fn same(one: &Path, two: &Path) -> bool {
    matches!((one.canonicalize(), two.canonicalize()), (Ok(one), Ok(two)) if one == two)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

/// The lock that kubectl takes when it writes a kubeconfig: a file beside it.
struct Lock(PathBuf);

impl Lock {
    fn take(target: &Path) -> anyhow::Result<Self> {
        let path = beside(target, "lock");
        for _ in 0..50 {
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(_) => return Ok(Self(path)),
                Err(err) if err.kind() == ErrorKind::AlreadyExists => {}
                Err(err) => {
                    return Err(err).with_context(|| format!("cannot make `{}`", path.display()));
                }
            }
            if stop::wait(Duration::from_millis(100)) {
                break;
            }
        }
        Err(Failure::unavailable(
            "locked",
            format!("another program is changing `{}`", target.display()),
        )
        .hint(format!("if none is, remove `{}`", path.display()))
        .into())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Returns `theirs` with the entries of `ours` in it.
pub(crate) fn merge(theirs: &str, ours: &str) -> Result<String, String> {
    let mut ours: Value =
        serde_yaml::from_str(ours).map_err(|err| format!("is not YAML: {err}"))?;
    let clusters = ours.get_mut("clusters").and_then(Value::as_array_mut);
    for entry in clusters.into_iter().flatten() {
        if let Some(cluster) = entry.get_mut("cluster").and_then(Value::as_object_mut) {
            let mark = json!([{"name": MARK, "extension": {"by": "kind-up"}}]);
            cluster.insert("extensions".to_owned(), mark);
        }
    }
    if theirs.trim().is_empty() {
        if let Some(map) = ours.as_object_mut() {
            map.shift_remove("current-context");
        }
        return serde_yaml::to_string(&ours).map_err(|err| err.to_string());
    }
    let before: Value =
        serde_yaml::from_str(theirs).map_err(|err| format!("is not YAML: {err}"))?;
    if !before.is_object() || before["kind"].as_str().is_some_and(|it| it != "Config") {
        return Err("is not a kubeconfig".to_owned());
    }
    let mut wanted = before.clone();
    let mut text = theirs.to_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let names_of =
        |it: &Value, list: &str| -> Vec<Value> { it[list].as_array().cloned().unwrap_or_default() };
    let is_ours = |name: &Value| {
        let found = names_of(&before, "clusters")
            .into_iter()
            .find(|it| it["name"] == *name);
        let mine = names_of(&ours, "clusters")
            .into_iter()
            .find(|it| it["name"] == *name);
        match (found, mine) {
            (Some(found), Some(mine)) => {
                let marked = found["cluster"]["extensions"]
                    .as_array()
                    .is_some_and(|it| it.iter().any(|it| it["name"] == MARK));
                marked
                    || found["cluster"]["certificate-authority-data"]
                        == mine["cluster"]["certificate-authority-data"]
            }
            _ => false,
        }
    };
    for (list, _) in LISTS {
        for entry in names_of(&ours, list) {
            let there = names_of(&before, list)
                .into_iter()
                .find(|it| it["name"] == entry["name"]);
            if there.as_ref() == Some(&entry) {
                continue;
            }
            if there.is_some() && !is_ours(&entry["name"]) {
                return Err(format!(
                    "has {} in its {list} already, and not from kind-up",
                    entry["name"]
                ));
            }
            let mut items = names_of(&wanted, list);
            match items.iter_mut().find(|it| it["name"] == entry["name"]) {
                Some(old) => *old = entry.clone(),
                None => items.push(entry.clone()),
            }
            wanted[list] = Value::Array(items);
            text = put(&text, list, &entry).unwrap_or_default();
        }
    }
    // What was put in as text must read as what was meant; else the file is written anew.
    if serde_yaml::from_str::<Value>(&text).is_ok_and(|it| it == wanted) {
        return Ok(text);
    }
    serde_yaml::to_string(&wanted).map_err(|err| err.to_string())
}

/// Puts an entry at the end of a list in block style, or in the place of the one of its name.
fn put(text: &str, list: &str, entry: &Value) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let key = format!("{list}:");
    let item = |indent: &str| -> Option<String> {
        let written = serde_yaml::to_string(&json!([entry])).ok()?;
        let lines: Vec<String> = written.lines().map(|it| indent.to_owned() + it).collect();
        Some(lines.join("\n") + "\n")
    };
    let Some(start) = lines.iter().position(|it| it.starts_with(&key)) else {
        return Some(format!("{text}{key}\n{}", item("")?));
    };
    let rest = lines[start][key.len()..].trim();
    if matches!(rest, "[]" | "null" | "~") {
        let (above, below) = (lines[..start].concat(), lines[start + 1..].concat());
        return Some(format!("{above}{key}\n{}{below}", item("")?));
    }
    if !rest.is_empty() {
        return None;
    }
    let is_within = |it: &&&str| it.starts_with([' ', '-', '#']) || it.trim().is_empty();
    let end = start + 1 + lines[start + 1..].iter().take_while(is_within).count();
    let indent_of = |it: &str| it.len() - it.trim_start_matches(' ').len();
    let first = lines[start + 1..end]
        .iter()
        .find(|it| it.trim_start().starts_with('-'));
    let indent = first.map_or(0, |it| indent_of(it));
    let begins = |it: &str| indent_of(it) == indent && it[indent..].starts_with("- ");
    let starts: Vec<usize> = (start + 1..end).filter(|it| begins(lines[*it])).collect();
    let new = item(&" ".repeat(indent))?;
    for (index, from) in starts.iter().enumerate() {
        let to = starts.get(index + 1).copied().unwrap_or(end);
        let parsed: Value = serde_yaml::from_str(&lines[*from..to].concat()).ok()?;
        if parsed[0]["name"] == entry["name"] {
            let (above, below) = (lines[..*from].concat(), lines[to..].concat());
            return Some(format!("{above}{new}{below}"));
        }
    }
    Some(format!(
        "{}{new}{}",
        lines[..end].concat(),
        lines[end..].concat()
    ))
}

/// Returns a kubeconfig for a client that reaches this machine at `address`. The certificate names
/// `localhost`, so the client must ask for that name.
pub(crate) fn for_wsl(kubeconfig: &str, address: IpAddr) -> anyhow::Result<String> {
    let mut value: Value =
        serde_yaml::from_str(kubeconfig).context("the kubeconfig is not YAML")?;
    let clusters = value.get_mut("clusters").and_then(Value::as_array_mut);
    for entry in clusters.into_iter().flatten() {
        let Some(cluster) = entry.get_mut("cluster").filter(|it| it.is_object()) else {
            continue;
        };
        let port = cluster["server"]
            .as_str()
            .and_then(|it| it.rsplit_once(':'))
            .map_or("6443", |it| it.1)
            .trim_end_matches('/')
            .to_owned();
        let host = match address {
            IpAddr::V4(it) => it.to_string(),
            IpAddr::V6(it) => format!("[{it}]"),
        };
        cluster["server"] = format!("https://{host}:{port}").into();
        cluster["tls-server-name"] = "localhost".into();
    }
    Ok(serde_yaml::to_string(&value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "apiVersion: v1\nkind: Config\ncurrent-context: kind-a\nclusters:\n- name: kind-a\n  cluster: {server: 'https://127.0.0.1:1', certificate-authority-data: QQ==}\nusers:\n- name: kind-a\n  user: {token: t}\ncontexts:\n- name: kind-a\n  context: {cluster: kind-a, user: kind-a}\n";
    const THEIRS: &str = "# mine\napiVersion: v1\nclusters:\n- cluster:\n    server: https://prod.example.org   # do not touch\n  name: prod\ncontexts:\n- context: {cluster: prod, user: prod}\n  name: prod\ncurrent-context: prod\nkind: Config\npreferences: {}\nusers:\n- name: prod\n  user:\n    token: secret\n";

    #[test]
    fn every_line_of_theirs_stays_and_the_current_context_too() {
        let merged = merge(THEIRS, OURS).unwrap();
        let mut rest = merged.lines();
        for line in THEIRS.lines() {
            assert!(rest.any(|it| it == line), "{line} is gone:\n{merged}");
        }
        let value: Value = serde_yaml::from_str(&merged).unwrap();
        assert_eq!(value["current-context"], "prod");
        assert_eq!(value["users"][1]["name"], "kind-a");
        assert_eq!(
            merge(&merged, OURS).unwrap(),
            merged,
            "a second time changes nothing"
        );
    }

    #[test]
    fn an_entry_of_ours_is_renewed_and_one_of_another_is_refused() {
        let merged = merge(THEIRS, OURS).unwrap();
        let newer = OURS.replace("QQ==", "Qg==").replace("token: t", "token: u");
        let renewed: Value = serde_yaml::from_str(&merge(&merged, &newer).unwrap()).unwrap();
        assert_eq!(renewed["users"][1]["user"]["token"], "u");
        assert_eq!(renewed["clusters"].as_array().unwrap().len(), 2);
        let foreign = THEIRS.replace("prod", "kind-a");
        assert!(
            merge(&foreign, OURS)
                .unwrap_err()
                .contains("not from kind-up")
        );
    }

    #[test]
    fn flow_style_empty_lists_and_nothing_at_all_are_taken() {
        for theirs in [
            "",
            "apiVersion: v1\nkind: Config\nclusters: []\ncontexts: null\nusers: []\n",
            "{\"kind\":\"Config\",\"clusters\":[{\"name\":\"x\",\"cluster\":{}}],\"current-context\":\"x\"}",
            "kind: Config\nclusters:\n  - name: x\n    cluster: {}\n",
        ] {
            let value: Value = serde_yaml::from_str(&merge(theirs, OURS).unwrap()).unwrap();
            let last = value["clusters"].as_array().unwrap().last().unwrap();
            assert_eq!(last["name"], "kind-a", "{theirs}");
            assert_ne!(value["current-context"], "kind-a");
        }
        assert!(merge("- a\n", OURS).is_err());
        assert!(merge("kind: Pod\n", OURS).is_err());
    }
}
