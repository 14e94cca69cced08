//! What stands in a target file now.

use std::path::Path;

use autoscaleops_core::Failure;
use autoscaleops_gitops::{EditError, Hold, Version, hold_on, look};

use crate::settings::{Image, Target};

/// The value in a target file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    /// Tag and digest.
    pub version: Version,
    /// The path of the value, as it was found.
    pub path: String,
    /// The line, counted from one.
    pub line: usize,
    /// The comment that keeps it as it is.
    pub hold: Option<Hold>,
}

/// Returns what a target file says about an image.
///
/// # Errors
///
/// Fails when the value is not there, or more than one value fits.
pub fn read(content: &[u8], target: &Target, image: &Image) -> Result<Current, Failure> {
    let file = Path::new(&target.file);
    let address = target.address(&image.image);
    let failure = |err: EditError| err.failure(file);
    let mut found = look(content, &address, target.document).map_err(failure)?;
    if found.len() > 1 {
        let lines: Vec<String> = found.iter().map(|it| format!("line {}", it.line)).collect();
        return Err(Failure::usage(format!(
            "{}: {address} fits {} values: {}",
            target.file,
            found.len(),
            lines.join(", ")
        ))
        .kind_of("ambiguous")
        .hint("name one with `path` or `document` in the image's `target`"));
    }
    let Some(found) = found.pop() else {
        return Err(
            Failure::usage(format!("{}: {address} is not there", target.file)).kind_of("not_found"),
        );
    };
    let text = String::from_utf8_lossy(content);
    Ok(Current {
        hold: hold_on(&text, found.line).map_err(failure)?,
        version: found.version,
        path: found.path,
        line: found.line,
    })
}

/// Returns the failure for a target file that is not there, with a guess where it is.
pub fn missing(file: &str, exists: impl Fn(&str) -> bool) -> Failure {
    let failure =
        Failure::usage(format!("the target file `{file}` is not there")).kind_of("not_found");
    let parts: Vec<&str> = file.split('/').filter(|it| !it.is_empty()).collect();
    // A folder too many in front is the usual mistake: `app/app/values.yaml`.
    let guess = (1..parts.len())
        .map(|it| parts[it..].join("/"))
        .find(|it| exists(it));
    match guess {
        Some(guess) => failure.hint(format!("`{guess}` is there; did you mean that?")),
        None => {
            failure.hint("a file is never created; its path starts at the root of the repository")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{rule::Compat, settings::ImageSettings};

    fn image(target: Target) -> Image {
        ImageSettings {
            image: "ghcr.io/acme/shop".to_owned(),
            target: Some(target),
            ..ImageSettings::default()
        }
        .read(Compat::Ours)
        .unwrap()
    }

    #[test]
    fn the_value_and_its_hold_are_found() {
        let target = Target {
            file: "values.yaml".to_owned(),
            path: Some("image.tag".parse().unwrap()),
            ..Target::default()
        };
        let text = b"image:\n  repository: ghcr.io/acme/shop\n  tag: \"1.2.3\" # image-watch: hold until=2030-01-01\n";
        let current = read(text, &target, &image(target.clone())).unwrap();
        assert_eq!((current.version.tag.as_str(), current.line), ("1.2.3", 3));
        assert!(current.hold.is_some());
        // Without a path the image's own name leads there.
        let by_name = Target {
            file: "values.yaml".to_owned(),
            ..Target::default()
        };
        let current = read(text, &by_name, &image(by_name.clone())).unwrap();
        assert_eq!(current.path, "image.tag");
    }

    #[test]
    fn two_values_are_refused_by_line() {
        let target = Target {
            file: "values.yaml".to_owned(),
            ..Target::default()
        };
        let text = b"a:\n  image: ghcr.io/acme/shop:1\nb:\n  image: ghcr.io/acme/shop:2\n";
        let error = read(text, &target, &image(target.clone())).unwrap_err();
        assert!(error.to_string().contains("line 2, line 4"), "{error}");
    }

    #[test]
    fn a_folder_too_many_is_guessed() {
        let failure = missing("AutoScaleOps/AutoScaleOps/values-dev.yaml", |it| {
            it == "AutoScaleOps/values-dev.yaml"
        });
        assert!(
            failure
                .remedy()
                .unwrap()
                .contains("`AutoScaleOps/values-dev.yaml` is there")
        );
    }
}
