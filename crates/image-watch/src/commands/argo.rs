//! `import`, `export-cr` and `check --from-cr`: to and from Argo CD Image Updater.

use std::path::{Path, PathBuf};

use autoscaleops_core::{Console, Failure, Finding, Level, Report, Verdict, config};

use crate::{
    argo::{self, Documents},
    book::{self, Book, Written},
    cli::{CheckArgs, Cli, ExportArgs, ImportArgs},
    commands::{Scene, check, watcher},
    details::Details,
    rule::Compat,
    settings::{Image, Settings},
};

fn add(documents: &mut Documents, path: &Path) -> Result<(), Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|err| Failure::usage(format!("cannot read `{}`: {err}", path.display())))?;
    documents.add(path, &text)
}

fn text(summary: String, text: String, notes: &[String]) -> Report<Details> {
    let details = Details {
        text: Some(text),
        ..Details::default()
    };
    let findings = notes
        .iter()
        .map(|it| Finding::new(Level::Warning, "note", it.clone()));
    Report::new(Verdict::Pass, summary, details)
        .output("notes", notes.len())
        .findings(findings)
}

/// Prints our configuration for Image Updater's.
pub(crate) fn import(args: &ImportArgs) -> anyhow::Result<Report<Details>> {
    let mut documents = Documents::default();
    for path in &args.files {
        add(&mut documents, path)?;
    }
    let (entries, notes) = documents.entries()?;
    let converted = argo::convert(&entries, notes)?;
    let summary = format!("{} images, {} notes", entries.len(), converted.notes.len());
    Ok(text(summary, converted.text, &converted.notes).output("images", entries.len()))
}

/// Prints Image Updater's resource for our configuration.
pub(crate) fn export(cli: &Cli, args: &ExportArgs) -> anyhow::Result<Report<Details>> {
    let scene = Scene::of(cli)?;
    scene.select(&[])?;
    let exported = argo::export(
        &scene.settings,
        &args.name,
        &args.namespace,
        &args.application,
    )?;
    let summary = format!(
        "{} images, {} notes",
        scene.images.len(),
        exported.notes.len()
    );
    Ok(text(summary, exported.text, &exported.notes))
}

/// Polls as Image Updater would, by its own configuration, and writes nothing.
pub(crate) fn rehearse(
    cli: &Cli,
    args: &CheckArgs,
    resource: &Path,
    applications: &Path,
    console: &mut Console,
) -> anyhow::Result<Report<Details>> {
    if args.write.write {
        return Err(Failure::usage("a rehearsal writes nothing: leave out `--write`").into());
    }
    let mut documents = Documents::default();
    add(&mut documents, resource)?;
    for path in yaml_files(applications)? {
        if path.as_path() != resource {
            let before = documents.updaters.len();
            add(&mut documents, &path)?;
            documents.updaters.truncate(before);
        }
    }
    let (entries, notes) = documents.entries()?;
    for note in &notes {
        console.warn(note);
    }
    let resolved = config::resolve::<Settings>("image-watch", &cli.common, &cli.flags())?;
    let settings = resolved.value.clone();
    let images = entries
        .iter()
        .map(|it| it.as_written(&entries).read(Compat::ImageUpdater))
        .collect::<Result<Vec<Image>, Failure>>()?;
    let local = Settings {
        repository: None,
        pr: false,
        ..settings.clone()
    };
    let book = Book::open(&local, &images, &resolved.folder(), false, None)?;
    let mut currents = book.read(&images)?;
    for (image, current) in images.iter().zip(&mut currents) {
        // A file or a key that is missing is created there, silently; here it is said.
        if let Err(failure) = current
            && failure.kind() == "not_found"
        {
            let hint = failure
                .remedy()
                .map_or_else(String::new, |it| format!(" ({it})"));
            console.warn(&format!(
                "{}: {failure}: Image Updater would create it{hint}",
                image.name
            ));
            *current = Ok(None);
        }
    }
    let selected: Vec<usize> = (0..images.len())
        .filter(|it| {
            args.names.is_empty()
                || images
                    .get(*it)
                    .is_some_and(|it| args.names.contains(&it.name))
        })
        .collect();
    let (requests, failed) = book::requests(&images, &currents, &selected);
    let requests: Vec<_> = requests.into_iter().map(|it| it.1).collect();
    let mut outcomes = watcher(cli, &settings).poll(&requests, jiff::Timestamp::now())?;
    outcomes.extend(failed.into_iter().map(|it| it.1));
    let written = Written {
        commits: vec![None; outcomes.len()],
        review: None,
    };
    check::answer(&outcomes, &written, console)
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let problem =
        |err: std::io::Error| Failure::usage(format!("cannot read `{}`: {err}", folder.display()));
    if folder.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        let ending = path.extension().and_then(|it| it.to_str());
        if path.is_file() && matches!(ending, Some("yaml" | "yml")) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
