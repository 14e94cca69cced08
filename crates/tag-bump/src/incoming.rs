//! What a report of the tool before us in the pipe asks for.

use autoscaleops_core::{
    Failure, Report, Verdict,
    image::{Digest, Tag},
};
use autoscaleops_gitops::KeyPath;
use serde::Deserialize;
use serde_json::Value;

/// What a report asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// It is about no image, such as the last line of image-watch.
    Nothing,
    /// It is no `pass`, so nothing may be done.
    Closed {
        /// Who says so.
        tool: String,
        /// What it says.
        verdict: Verdict,
        /// Why.
        summary: String,
    },
    /// This image shall run.
    Image(Image),
}

/// An image that shall run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Registry and repository.
    pub(crate) name: String,
    /// The tag.
    pub(crate) tag: Option<Tag>,
    /// The digest.
    pub(crate) digest: Option<Digest>,
    /// Where it is to be written, where the report says so.
    pub(crate) target: Option<Target>,
}

/// Where an image is to be written, as image-watch says it in `details.images[0].target`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Target {
    /// The file, from the root of the repository.
    pub(crate) file: Option<String>,
    /// The path of the value.
    pub(crate) path: Option<KeyPath>,
    /// The image's name in the file, where it is another one.
    pub(crate) image: Option<String>,
    /// The name of the marker on the value's line.
    pub(crate) marker: Option<String>,
    /// The document, counted from one.
    pub(crate) document: Option<usize>,
}

/// Reads what `report` asks for. Its digest is taken only with `pin`, or where there is no tag.
///
/// # Errors
///
/// Fails when the report passes and names no tag that could be written.
pub(crate) fn read(report: Report<Value>, pin: bool) -> Result<Incoming, Failure> {
    let printable = autoscaleops_core::text::printable;
    if report.verdict != Verdict::Pass {
        return Ok(Incoming::Closed {
            tool: printable(&report.tool),
            verdict: report.verdict,
            summary: printable(&report.summary),
        });
    }
    let from_watch = report.tool == "image-watch";
    let subject = report.subject.filter(|it| it.kind == "image");
    let Some(subject) = subject else {
        if from_watch {
            return Ok(Incoming::Nothing);
        }
        return Err(Failure::usage(format!(
            "the report of {} is about no image",
            printable(&report.tool)
        ))
        .kind_of("not_a_report")
        .hint("pipe a tool whose subject is an image, such as trivy-gate"));
    };
    let tag = subject.tag.as_deref().map(str::parse::<Tag>).transpose();
    let digest = subject
        .digest
        .as_deref()
        .map(str::parse::<Digest>)
        .transpose();
    let problem = |err| {
        Failure::usage(format!("the report of {}: {err}", printable(&report.tool)))
            .kind_of("not_a_report")
    };
    let (tag, digest) = (tag.map_err(problem)?, digest.map_err(problem)?);
    if tag.is_none() && digest.is_none() {
        return Err(Failure::usage(format!(
            "the report of {} names no tag of {}",
            printable(&report.tool),
            printable(&subject.name)
        ))
        .kind_of("not_a_report")
        .hint("scan the image by its tag"));
    }
    let target = report
        .details
        .get("images")
        .and_then(|it| it.get(0))
        .and_then(|it| it.get("target"))
        .filter(|_| from_watch)
        .map(Target::deserialize)
        .transpose()
        .map_err(|err| {
            Failure::usage(format!(
                "the report of image-watch has a target that cannot be read: {err}"
            ))
            .kind_of("not_a_report")
        })?;
    Ok(Incoming::Image(Image {
        name: subject.name,
        digest: digest.filter(|_| pin || tag.is_none() || from_watch),
        tag,
        target,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(verdict: &str, subject: &Value, tool: &str, details: &Value) -> Report<Value> {
        let text = json!({
            "schema": "autoscaleops/report/v1", "tool": tool, "verdict": verdict, "summary": "s",
            "subject": subject, "details": details,
        });
        Report::parse(&text.to_string()).unwrap()
    }

    #[test]
    fn whatever_is_no_pass_closes() {
        let subject = json!({"kind": "image", "name": "acme/shop", "tag": "v1"});
        for verdict in ["fail", "undecided", "error"] {
            let incoming =
                read(report(verdict, &subject, "trivy-gate", &json!({})), false).unwrap();
            assert!(matches!(incoming, Incoming::Closed { .. }), "{verdict}");
        }
    }

    #[test]
    fn a_digest_is_taken_only_when_asked_for() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let subject = json!({"kind": "image", "name": "acme/shop", "tag": "v1", "digest": digest});
        for pin in [false, true] {
            let Incoming::Image(image) =
                read(report("pass", &subject, "trivy-gate", &json!({})), pin).unwrap()
            else {
                panic!("no image");
            };
            assert_eq!(image.digest.is_some(), pin);
        }
    }

    #[test]
    fn what_names_no_tag_or_a_wrong_one_is_refused() {
        for subject in [
            json!({"kind": "image", "name": "acme/shop"}),
            json!({"kind": "image", "name": "acme/shop", "tag": "$(rm)"}),
            json!({"kind": "cluster", "name": "x", "tag": "v1"}),
        ] {
            assert!(
                read(report("pass", &subject, "trivy-gate", &json!({})), false).is_err(),
                "{subject}"
            );
        }
    }

    #[test]
    fn image_watch_says_where() {
        let subject = json!({"kind": "image", "name": "acme/shop", "tag": "v2"});
        let details = json!({"images": [{"name": "shop", "target": {"file": "dev/values.yaml", "path": "image.tag", "image": null}}]});
        let Incoming::Image(image) =
            read(report("pass", &subject, "image-watch", &details), false).unwrap()
        else {
            panic!("no image");
        };
        let target = image.target.unwrap();
        assert_eq!(target.file.as_deref(), Some("dev/values.yaml"));
        assert_eq!(target.path.unwrap().to_string(), "image.tag");
        assert_eq!(
            read(
                report("pass", &Value::Null, "image-watch", &json!({})),
                false
            )
            .unwrap(),
            Incoming::Nothing
        );
    }
}
