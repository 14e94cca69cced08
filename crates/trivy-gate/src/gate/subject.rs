//! What was scanned, for the next tool in the pipe.

use autoscaleops_core::{Subject, image::ImageRef, text};

use crate::scan::Scan;

/// Returns what was scanned. The tag is the expected one where the archive has no name.
pub(super) fn subject(scan: &Scan, expected: Option<&ImageRef>) -> Subject {
    let candidates = [&scan.artifact_name, &scan.reference]
        .into_iter()
        .chain(&scan.tags);
    let named: Vec<ImageRef> = candidates.filter_map(|it| it.parse().ok()).collect();
    let image = expected
        .or_else(|| {
            named
                .iter()
                .find(|it| it.tag().is_some() || it.digest().is_some())
        })
        .or_else(|| named.first());
    let is_image = scan.artifact_type == "container_image";
    match image.filter(|_| is_image) {
        Some(image) => {
            let known = || {
                scan.digests
                    .iter()
                    .filter_map(|it| it.parse::<ImageRef>().ok())
                    .find(|it| it.same_repository(image))
                    .and_then(|it| it.digest().map(ToString::to_string))
            };
            Subject {
                kind: "image".to_owned(),
                name: image.name().to_owned(),
                tag: image.tag().map(ToString::to_string),
                digest: image.digest().map(ToString::to_string).or_else(known),
            }
        }
        None => Subject::new(
            if is_image { "archive" } else { "artifact" },
            text::shorten(&text::printable(&scan.artifact_name), 200),
        ),
    }
}

pub(super) fn shown(subject: &Subject) -> String {
    match (&subject.tag, &subject.digest) {
        (Some(tag), _) => format!("{}:{tag}", subject.name),
        (None, Some(digest)) => format!("{}@{digest}", subject.name),
        (None, None) if subject.name.is_empty() => format!("the unnamed {}", subject.kind),
        (None, None) => subject.name.clone(),
    }
}
