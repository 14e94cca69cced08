//! Carries an order out: in the file, in a commit, or on the remote's branch.

use std::path::Path;

use autoscaleops_core::{
    Console, Failure, Finding, Level, Report, Verdict, cli::VERSION, failure, file,
    report::ErrorInfo, retry::Policy, secret::Secret,
};
use autoscaleops_gitops::{
    Change, LandError, Landed, Landing, Message, Signing, Source, apply, commit_here, follow,
    inner_path, land, path_in_checkout, review_branch, unified,
};

use crate::{
    details::{BumpDetails, Place},
    order::{LandArgs, Order},
    settings::Settings,
};

/// Carries `order` out.
pub(crate) fn bump(
    order: &Order,
    settings: &Settings,
    land: &LandArgs,
    console: &mut Console,
) -> anyhow::Result<Report<BumpDetails>> {
    let place = place(land);
    let result = match place {
        Place::File | Place::Nowhere => return in_place(order, land),
        Place::Commit | Place::Branch | Place::PullRequest => {
            landed(order, settings, land, place, console)
        }
    };
    match result {
        Ok(details) => Ok(details.report()),
        Err(LandError::Conflict {
            file,
            path,
            expected,
            found,
            wanted,
        }) => Ok(conflict(&file, &path, &expected, &found, &wanted)),
        Err(err) => {
            let failure = err.failure();
            if let LandError::Foreign { branch, .. } = &err {
                let text = autoscaleops_core::text::printable(&err.to_string());
                console.note(failure.remedy().unwrap_or_default());
                return Ok(
                    nothing(Verdict::Fail, "conflict", &text).output("pr_branch", branch.as_str())
                );
            }
            Err(anyhow::Error::new(failure))
        }
    }
}

fn place(land: &LandArgs) -> Place {
    if land.pr.is_some() {
        return Place::PullRequest;
    }
    match (&land.repo, land.commit, land.push) {
        (Some(_), ..) | (None, _, true) => Place::Branch,
        (None, true, false) => Place::Commit,
        (None, false, false) => Place::File,
    }
}

fn in_place(order: &Order, land: &LandArgs) -> anyhow::Result<Report<BumpDetails>> {
    let path = &order.file;
    let before = read(path)?;
    let edited =
        apply(&before, std::slice::from_ref(&order.edit)).map_err(|err| err.failure(path))?;
    let name = path.display().to_string();
    if let Some(expected) = &order.expect {
        for value in &edited.values {
            if value.old != *expected && value.old != value.new {
                return Ok(conflict(
                    &name,
                    &value.path,
                    expected,
                    &value.old,
                    &value.new,
                ));
            }
        }
    }
    let diff = unified(&name, &before, &edited.content);
    if edited.content != before && !land.dry_run {
        file::replace(path, &edited.content)
            .map_err(|err| Failure::error("io", err.to_string()))?;
    }
    let details = BumpDetails {
        dry_run: land.dry_run,
        ..BumpDetails::in_place(&name, order.image.as_deref(), edited.values, diff)
    };
    Ok(details.report())
}

/// Reads the file to change.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|err| {
        let failure = Failure::usage(format!("cannot read `{}`: {err}", path.display()));
        let nearby = nearby(path);
        match nearby {
            Some(other) if err.kind() == std::io::ErrorKind::NotFound => {
                failure.hint(format!("there is `{other}`"))
            }
            _ => failure,
        }
    })
}

/// Returns a file of nearly this name in the same folder.
fn nearby(path: &Path) -> Option<String> {
    let folder = path
        .parent()
        .filter(|it| !it.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let name = path.file_name()?.to_str()?;
    let names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|it| it.ok()?.file_name().into_string().ok())
        .collect();
    autoscaleops_core::text::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
}

fn landed(
    order: &Order,
    settings: &Settings,
    args: &LandArgs,
    place: Place,
    console: &mut Console,
) -> Result<BumpDetails, LandError> {
    let here = Path::new(".");
    let (source, file) = match &args.repo {
        Some(url) => {
            let file = inner_path(&order.file).map_err(|source| LandError::Edit {
                file: order.file.display().to_string(),
                source,
            })?;
            (Source::Url(url.clone()), file)
        }
        None => (
            Source::Checkout(here.to_owned()),
            path_in_checkout(here, &order.file)?.1,
        ),
    };
    let change = Change {
        file,
        edit: order.edit.clone(),
        expect: order.expect.clone(),
        image: order.image.clone(),
    };
    let landing = landing(source, settings, args, &change)?;
    let result = if place == Place::Commit {
        commit_here(&landing, &[change])
    } else {
        let branch = landing.branch.as_deref().unwrap_or("the branch");
        let _progress = console.spinner(&format!("landing on {branch}"));
        land(&landing, &[change])
    };
    let landed: Landed = result?;
    let updated =
        args.repo.is_none() && place == Place::Branch && !args.dry_run && follow(here, &landed);
    Ok(BumpDetails {
        dry_run: args.dry_run,
        checkout_updated: updated,
        ..BumpDetails::landed(place, landed)
    })
}

fn landing(
    source: Source,
    settings: &Settings,
    args: &LandArgs,
    change: &Change,
) -> Result<Landing, LandError> {
    let message = Message {
        template: settings.message.clone(),
        skip_ci: settings.skip_ci,
        sign_off: settings.sign_off,
        ..Message::of_tool(format!("tag-bump {VERSION}"))
    };
    let review = match args.pr.as_deref() {
        None => None,
        Some("") => {
            let branch = settings.branch.as_deref().unwrap_or_default();
            let target = format!("{branch}\n{}\n{}", change.file, change.edit.address);
            Some(review_branch("tag-bump", &target)?)
        }
        Some(branch) => Some(branch.to_owned()),
    };
    if review.is_some() && settings.skip_ci {
        return Err(LandError::Usage(
            "`--skip-ci` with `--pr` would leave the pull request's checks waiting for ever"
                .to_owned(),
            Some("leave one of them out".to_owned()),
        ));
    }
    let identity = match &settings.author {
        None => None,
        Some(text) => Some(
            text.parse()
                .map_err(|problem| LandError::Usage(problem, None))?,
        ),
    };
    let signing = match (settings.sign, &settings.signing_key) {
        (Some(false), _) => Signing::Never,
        (None, None) => Signing::AsConfigured,
        (_, key) => Signing::With(key.clone()),
    };
    Ok(Landing {
        remote: settings.remote.clone(),
        branch: settings.branch.clone(),
        identity,
        signing,
        on_conflict: settings.on_conflict,
        retry: Policy {
            retries: settings.attempts.saturating_sub(1),
            total: settings.retry_for.0,
            ..Landing::new(source.clone(), message.clone()).retry
        },
        timeout: settings.timeout.0,
        transport: settings.transport,
        review,
        dry_run: args.dry_run,
        token: Secret::from_env("AUTOSCALEOPS_GIT_TOKEN"),
        ..Landing::new(source, message)
    })
}

/// Somebody else changed the value: the answer is no.
fn conflict(
    file: &str,
    path: &str,
    expected: &str,
    found: &str,
    wanted: &str,
) -> Report<BumpDetails> {
    let text = format!(
        "{file}: {path} is `{found}` and not `{expected}`, so it does not become `{wanted}`"
    );
    let text = autoscaleops_core::text::printable(&text);
    nothing(Verdict::Fail, "conflict", &text)
        .output("file", file)
        .output("path", path)
        .output("old", found)
        .output("new", wanted)
}

/// Returns the report of having done nothing, and why.
pub(crate) fn nothing(verdict: Verdict, id: &str, text: &str) -> Report<BumpDetails> {
    Report::new(verdict, text, BumpDetails::default())
        .output("changed", false)
        .output("reason", id)
        .finding(Finding::new(Level::Error, id, text))
}

/// Returns the report of a failure, which is also told to people.
pub(crate) fn failed(error: &anyhow::Error, console: &Console) -> Report<BumpDetails> {
    console.say(&failure::explain(error));
    let info = ErrorInfo::of(error);
    nothing(Verdict::Error, &info.kind.clone(), &info.message.clone()).because(info)
}
