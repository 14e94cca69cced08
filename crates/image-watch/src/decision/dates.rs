//! The order of dates: which tags have one, and when it is not to be trusted.

use super::{Answer, Candidate, Evidence, Facts, TagVerdict};
use crate::{
    platform::{Platform, wanted},
    rule::{Dropped, Rule},
    strategy::Key,
};

/// Looks up the date of every candidate, and drops those without an image for the platform.
pub(super) fn date<E: Evidence>(
    rule: &Rule,
    candidates: &mut Vec<Candidate<'_>>,
    dropped: &mut Vec<TagVerdict>,
    evidence: &mut E,
) -> Result<(), E::Error> {
    let names: Vec<&str> = candidates.iter().map(|it| it.tag).collect();
    let answers = evidence.facts(&names);
    let mut kept = Vec::with_capacity(candidates.len());
    for (mut candidate, answer) in std::mem::take(candidates).into_iter().zip(answers) {
        let problem = match answer {
            Ok(Some(facts)) => match misses_platform(rule, &facts) {
                Some(problem) => problem,
                // Image Updater drops what has no date; ours refuse to decide, further below.
                None if !rule.is_ours() && facts.created.is_none() => {
                    Dropped::by("date", "the image has no date")
                }
                None => {
                    let date = if rule.is_ours() {
                        facts.date()
                    } else {
                        facts.created
                    };
                    candidate.key = Key::Date(date);
                    candidate.facts = Some(facts);
                    kept.push(candidate);
                    continue;
                }
            },
            Ok(None) => Dropped::by("manifest", "there is no image behind it"),
            Err(error) if rule.is_ours() => return Err(error),
            // The trap that this tool exists for; kept for a faithful rehearsal.
            Err(_) => Dropped::by("metadata", "the registry did not answer"),
        };
        dropped.push(TagVerdict::dropped(candidate.tag, problem));
    }
    *candidates = kept;
    Ok(())
}

pub(super) fn misses_platform(rule: &Rule, facts: &Facts) -> Option<Dropped> {
    let offers = |wish: &Platform| facts.offered.iter().any(|it| wish.takes(it));
    let missing = if rule.is_ours() {
        // All of them: an image that is half pushed lacks some.
        rule.platforms.iter().find(|it| !offers(it))
    } else if facts.offered.iter().any(|it| wanted(&rule.platforms, it)) {
        None
    } else {
        rule.platforms.first()
    };
    missing.map(|it| Dropped::by("platform", format!("there is no image for {it}")))
}

/// Refuses to choose where the order of dates is not one.
pub(super) fn refuse(rule: &Rule, candidates: &[Candidate<'_>]) -> Option<Answer> {
    if !rule.strategy.needs_dates() || !rule.is_ours() {
        return None;
    }
    let undated: Vec<&str> = candidates
        .iter()
        .filter(|it| it.key == Key::Date(None))
        .map(|it| it.tag)
        .collect();
    if !undated.is_empty() {
        return Some(Answer::Undecided {
            reason: "no_date",
            why: format!(
                "no usable build date in {}; ignore what is no release, or compare a part of the tag with `extract` and `numerical`",
                list(&undated)
            ),
        });
    }
    let last = candidates.last()?;
    let tied: Vec<&Candidate<'_>> = candidates.iter().filter(|it| it.key == last.key).collect();
    let digest = |it: &Candidate<'_>| it.facts.as_ref().map(|it| it.digest.clone());
    if tied.iter().all(|it| digest(it) == digest(last)) {
        return None;
    }
    let names: Vec<&str> = tied.iter().map(|it| it.tag).collect();
    Some(Answer::Undecided {
        reason: "tie",
        why: format!(
            "different images were built at the same time: {}",
            list(&names)
        ),
    })
}

fn list(names: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|it| format!("`{it}`"))
        .collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
