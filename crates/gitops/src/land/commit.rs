//! The commit: its words, its author, its signature.

use autoscaleops_core::{process::Run, text::printable};
use git2::Oid;
use minijinja::{Environment, UndefinedBehavior, value::Serde};
use serde::Serialize;

use crate::land::{
    LandError, Landed, LandedValue, Landing, Outcome,
    identity::{Identities, signature},
    transport::{Transport, TransportError},
};

/// The words of a commit when nothing else is said.
const TEMPLATE: &str = "\
{% if count == 1 %}{{ image }}: {{ old or '(none)' }} -> {{ new }}{% else %}\
update {{ count }} images{% endif %}

{% for change in changes %}{{ change.file }}: {{ change.path }} {{ change.old or '(none)' }} -> {{ change.new }}
{% endfor %}";

/// How the line begins that names the program, in every commit of ours.
pub(crate) const TRAILER: &str = "AutoScaleOps-Tool: ";

/// What a commit says.
#[derive(Clone, Debug)]
pub struct Message {
    /// The program that commits, with its version, for the trailer.
    pub tool: String,
    /// A template (Jinja) of its own. It knows `image`, `old`, `new`, `file`, `path`, `branch`,
    /// `tool`, `changes` with the same of each, their `count`, and `values`.
    pub template: Option<String>,
    /// What the template knows as `values`.
    pub values: serde_json::Value,
    /// Whether `[skip ci]` is added to the first line.
    pub skip_ci: bool,
    /// Whether a `Signed-off-by:` is added.
    pub sign_off: bool,
}

impl Message {
    /// Returns the usual words of a tool, such as `tag-bump 0.1.0`.
    pub fn of_tool(tool: impl Into<String>) -> Self {
        Self {
            tool: tool.into(),
            template: None,
            values: serde_json::Value::Null,
            skip_ci: false,
            sign_off: false,
        }
    }
}

/// Whether a commit is signed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    /// As `commit.gpgSign` says.
    #[default]
    AsConfigured,
    /// Never.
    Never,
    /// With this key, or with the configured one.
    With(Option<String>),
}

#[derive(Serialize)]
struct OneChange {
    image: String,
    old: String,
    new: String,
    file: String,
    path: String,
}

#[derive(Serialize)]
struct Context<'l> {
    #[serde(flatten)]
    first: &'l OneChange,
    changes: &'l [OneChange],
    count: usize,
    branch: &'l str,
    tool: &'l str,
    values: &'l serde_json::Value,
}

fn image_of(value: &LandedValue) -> String {
    match value.image.as_ref().or(value.value.repository.as_ref()) {
        Some(image) => image.clone(),
        None => value.value.path.clone(),
    }
}

/// Returns the whole message, trailers included.
pub(crate) fn message(
    message: &Message,
    landed: &Landed,
    committer: &str,
) -> Result<String, LandError> {
    // What stood in the file may have lines, and would add paragraphs or trailers of its own.
    let changes: Vec<OneChange> = landed
        .values
        .iter()
        .filter(|it| it.outcome == Outcome::Changed)
        .map(|it| OneChange {
            image: printable(&image_of(it)),
            old: printable(&it.value.old),
            new: printable(&it.value.new),
            file: printable(&it.file),
            path: printable(&it.value.path),
        })
        .collect();
    let Some(first) = changes.first() else {
        return Err(LandError::Usage(
            "there is nothing to commit".to_owned(),
            None,
        ));
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let context = Context {
        first,
        changes: &changes,
        count: changes.len(),
        branch: &landed.branch,
        tool: &message.tool,
        values: &message.values,
    };
    let template = message.template.as_deref().unwrap_or(TEMPLATE);
    let text = environment
        .render_str(template, Serde(&context))
        .map_err(|err| {
            LandError::Usage(
                format!("the template of the message cannot be used: {err}"),
                Some(
                    "it knows image, old, new, file, path, branch, tool, changes and count"
                        .to_owned(),
                ),
            )
        })?;
    let text = text.replace("\r\n", "\n");
    let (subject, body) = match text.trim().split_once('\n') {
        Some((subject, body)) => (subject.trim_end(), body.trim()),
        None => (text.trim(), ""),
    };
    if subject.is_empty() {
        return Err(LandError::Usage(
            "the template of the message gives no first line".to_owned(),
            None,
        ));
    }
    let skip = if message.skip_ci { " [skip ci]" } else { "" };
    let mut text = format!("{subject}{skip}\n\n");
    if !body.is_empty() {
        text.push_str(body);
        text.push_str("\n\n");
    }
    let mut trailers = vec![format!("{TRAILER}{}", message.tool)];
    for change in &changes {
        let colon = if change.new.starts_with('@') { "" } else { ":" };
        trailers.push(format!(
            "AutoScaleOps-Image: {}{colon}{}",
            change.image, change.new
        ));
    }
    if message.sign_off {
        trailers.push(format!("Signed-off-by: {committer}"));
    }
    trailers.dedup();
    for trailer in trailers {
        // One line each, whatever a file holds.
        text.push_str(&printable(&trailer));
        text.push('\n');
    }
    Ok(text)
}

/// Writes the commit of `tree` on `parent`, and points nothing at it.
pub(crate) fn commit(
    landing: &Landing,
    transport: &dyn Transport,
    landed: &Landed,
    tree: Oid,
    parent: Oid,
) -> Result<Oid, LandError> {
    let problem = |err: git2::Error| LandError::git("write the commit", err);
    let repository = transport.repository();
    let settings = repository
        .config()
        .and_then(|mut it| it.snapshot())
        .map_err(problem)?;
    let people = Identities::of_process(landing.identity.as_ref(), &settings)?;
    let text = message(&landing.message, landed, &people.committer.to_string())?;
    let key = match &landing.signing {
        Signing::Never => None,
        Signing::With(key) => Some(key.clone()),
        Signing::AsConfigured => settings
            .get_bool("commit.gpgsign")
            .unwrap_or(false)
            .then_some(None),
    };
    if let Some(key) = key {
        return signed(transport, &people, &text, tree, parent, key.as_deref());
    }
    let tree = repository.find_tree(tree).map_err(problem)?;
    let parent = repository.find_commit(parent).map_err(problem)?;
    repository
        .commit(
            None,
            &signature(&people.author)?,
            &signature(&people.committer)?,
            &text,
            &tree,
            &[&parent],
        )
        .map_err(problem)
}

/// Git signs: it knows the keys, the agents and the formats.
fn signed(
    transport: &dyn Transport,
    people: &Identities,
    text: &str,
    tree: Oid,
    parent: Oid,
    key: Option<&str>,
) -> Result<Oid, LandError> {
    let Some(git) = transport.program() else {
        return Err(TransportError::NeedsGit(
            "only the `git` program signs a commit; `--no-sign` leaves it unsigned".to_owned(),
        )
        .into());
    };
    let output = sign_with(git, people, key)
        .args([tree.to_string(), "-p".to_owned(), parent.to_string()])
        .stdin(text)
        .capture()
        .and_then(autoscaleops_core::process::Output::check)
        .map_err(|err| LandError::git("sign the commit", err))?;
    output
        .text()
        .parse()
        .map_err(|err: git2::Error| LandError::git("sign the commit", err))
}

fn sign_with(git: Run, people: &Identities, key: Option<&str>) -> Run {
    git.arg("commit-tree")
        .arg(format!("-S{}", key.unwrap_or_default()))
        .env("GIT_AUTHOR_NAME", &people.author.name)
        .env("GIT_AUTHOR_EMAIL", &people.author.email)
        .env("GIT_COMMITTER_NAME", &people.committer.name)
        .env("GIT_COMMITTER_EMAIL", &people.committer.email)
}
