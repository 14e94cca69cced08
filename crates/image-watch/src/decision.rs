//! The decision for one image: every tag's standing, and the one tag that should run.
//!
//! Pure but for the evidence it asks for, which a test can give from a table.

use std::{cmp::Ordering, collections::BTreeMap, time::Duration};

use autoscaleops_core::time::Span;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    platform::{Platform, wanted},
    rule::{Dropped, Rule},
    strategy::{Key, Strategy},
};

/// Dates before this one are what reproducible builds write, and say nothing about age.
const FIRST_TRUSTED: Timestamp = Timestamp::constant(315_532_800, 0);

/// How often a tag may move under our eyes before we give up.
const MOVES: usize = 3;

/// What a registry knows about the image behind a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The digest of the manifest or index.
    pub digest: String,
    /// The date in the image's configuration; of an index, the latest of the wanted platforms.
    pub created: Option<Timestamp>,
    /// The date in an annotation or label, for images that have none of their own.
    pub annotated: Option<Timestamp>,
    /// The platforms that the image is for.
    pub offered: Vec<Platform>,
    /// When this cache saw the tag for the first time.
    pub first_seen: Option<Timestamp>,
}

impl Facts {
    /// Returns the date that can be trusted, if any.
    pub fn date(&self) -> Option<Timestamp> {
        self.created
            .filter(|it| *it >= FIRST_TRUSTED)
            .or(self.annotated.filter(|it| *it >= FIRST_TRUSTED))
    }

    /// Returns how long the image has existed at least.
    fn age(&self, now: Timestamp) -> Option<Duration> {
        let since = [self.date(), self.first_seen].into_iter().flatten().min()?;
        Some(Duration::try_from(now.duration_since(since)).unwrap_or_default())
    }
}

/// Where the decision gets what tags alone do not tell.
pub trait Evidence {
    /// Why evidence could not be had.
    type Error;

    /// Returns the facts about each tag, in the same order; `None` for a tag without an image.
    fn facts(&mut self, tags: &[&str]) -> Vec<Result<Option<Facts>, Self::Error>>;

    /// Returns the digest that a tag has at this moment; `None` for a tag without an image.
    ///
    /// # Errors
    ///
    /// Fails when the registry does not answer.
    fn digest(&mut self, tag: &str) -> Result<Option<String>, Self::Error>;

    /// Drops what is remembered about a tag that has moved.
    fn forget(&mut self, tag: &str);
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// Every tag of the repository, in any order.
    pub tags: &'a [String],
    /// The tag that is written in the target.
    pub current_tag: Option<&'a str>,
    /// The digest that is written in the target.
    pub current_digest: Option<&'a str>,
    /// The tag that the environment before this one runs, where there is one.
    pub after: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
}

/// How a tag stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It should run.
    Chosen,
    /// It runs.
    Current,
    /// It could run, but another one comes after it.
    Eligible,
    /// It could run, but not yet.
    Waiting,
    /// A filter dropped it.
    Dropped,
}

/// How one tag stands, and why.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TagVerdict {
    /// The tag.
    pub tag: String,
    /// How it stands.
    pub standing: Standing,
    /// What decided: `allow`, `constraint`, `min_age`, `order`, …
    pub filter: &'static str,
    /// The reason for people.
    pub reason: String,
    /// The image's date, where it was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub created: Option<Timestamp>,
    /// The image's digest, where it was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// The answer for one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This tag should be written.
    Update {
        /// The tag.
        tag: String,
        /// Its digest, checked at this moment.
        digest: Option<String>,
    },
    /// What is written stays.
    Keep {
        /// A stable word: `up_to_date`, `downgrade`, `waiting`.
        reason: &'static str,
        /// The sentence for people.
        why: String,
    },
    /// The evidence does not suffice.
    Undecided {
        /// A stable word: `no_candidate`, `tie`, `no_date`, `moving`.
        reason: &'static str,
        /// The sentence for people.
        why: String,
    },
}

/// The answer with the standing of every tag, the last one of the order at the end.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The answer.
    pub answer: Answer,
    /// Dropped tags first, then the others in ascending order.
    pub verdicts: Vec<TagVerdict>,
}

#[derive(Clone, Debug)]
struct Candidate {
    tag: String,
    key: Key,
    facts: Option<Facts>,
}

/// Decides which tag should run.
///
/// # Errors
///
/// Fails when evidence is missing: a part of it never picks a tag.
pub fn decide<E: Evidence>(
    question: &Question<'_>,
    evidence: &mut E,
) -> Result<Decision, E::Error> {
    for _ in 0..MOVES {
        match attempt(question, evidence)? {
            Attempt::Decided(decision) => return Ok(decision),
            Attempt::Moved(tag) => evidence.forget(&tag),
        }
    }
    Ok(Decision {
        answer: Answer::Undecided {
            reason: "moving",
            why: "the newest tag moved to another image each time it was looked at".to_owned(),
        },
        verdicts: Vec::new(),
    })
}

enum Attempt {
    Decided(Decision),
    /// The remembered facts about this tag are old.
    Moved(String),
}

fn attempt<E: Evidence>(question: &Question<'_>, evidence: &mut E) -> Result<Attempt, E::Error> {
    let rule = question.rule;
    let (mut candidates, mut dropped) = screen(question);
    if rule.strategy.needs_dates() {
        date(rule, &mut candidates, &mut dropped, evidence)?;
    }
    candidates.sort_by(order);
    let mut table = Table::new(question, dropped, &candidates);
    if let Some(answer) = refuse(rule, &candidates) {
        return Ok(Attempt::Decided(table.end(answer)));
    }
    let current = current(question, &candidates, evidence)?;
    for candidate in candidates.iter().rev() {
        if rule.strategy == Strategy::Digest {
            let Some(digest) = evidence.digest(&candidate.tag)? else {
                table.drop_tag(candidate, "manifest", "there is no image behind it");
                continue;
            };
            if question.current_digest == Some(digest.as_str()) {
                return Ok(Attempt::Decided(table.keep_current(&candidate.tag)));
            }
        } else {
            if question.current_tag == Some(candidate.tag.as_str()) {
                return Ok(Attempt::Decided(table.keep_current(&candidate.tag)));
            }
            if let Some(current) = &current
                && rule.is_ours()
                && !rule.allow_downgrade
                && order(candidate, current).is_lt()
            {
                return Ok(Attempt::Decided(
                    table.keep_from_downgrade(candidate, current),
                ));
            }
        }
        if let Some(reason) = not_after(question, candidate) {
            table.wait(candidate, "after", &reason);
            continue;
        }
        match inspect(question, candidate, evidence)? {
            Inspected::Fine(digest) => {
                let answer = Answer::Update {
                    tag: candidate.tag.clone(),
                    digest,
                };
                table.mark(
                    &candidate.tag,
                    Standing::Chosen,
                    "order",
                    "is the last one of the order",
                );
                return Ok(Attempt::Decided(table.end(answer)));
            }
            Inspected::Moved => return Ok(Attempt::Moved(candidate.tag.clone())),
            Inspected::Gone => table.drop_tag(candidate, "manifest", "there is no image behind it"),
            Inspected::Dropped(dropped) => {
                table.drop_tag(candidate, dropped.filter, &dropped.reason);
            }
            Inspected::Young(reason) => table.wait(candidate, "min_age", &reason),
        }
    }
    Ok(Attempt::Decided(table.nothing_left(question)))
}

fn screen(question: &Question<'_>) -> (Vec<Candidate>, Vec<TagVerdict>) {
    let mut candidates = Vec::new();
    let mut dropped = Vec::new();
    for tag in question.tags {
        match question.rule.screen(tag) {
            Ok(key) => candidates.push(Candidate {
                tag: tag.clone(),
                key,
                facts: None,
            }),
            Err(reason) => dropped.push(verdict(tag, reason)),
        }
    }
    (candidates, dropped)
}

fn verdict(tag: &str, dropped: Dropped) -> TagVerdict {
    TagVerdict {
        tag: tag.to_owned(),
        standing: Standing::Dropped,
        filter: dropped.filter,
        reason: dropped.reason,
        created: None,
        digest: None,
    }
}

/// Looks up the date of every candidate, and drops those without an image for the platform.
fn date<E: Evidence>(
    rule: &Rule,
    candidates: &mut Vec<Candidate>,
    dropped: &mut Vec<TagVerdict>,
    evidence: &mut E,
) -> Result<(), E::Error> {
    let names: Vec<&str> = candidates.iter().map(|it| it.tag.as_str()).collect();
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
        dropped.push(verdict(&candidate.tag, problem));
    }
    *candidates = kept;
    Ok(())
}

fn misses_platform(rule: &Rule, facts: &Facts) -> Option<Dropped> {
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

/// The order of candidates; equal ones by name, so that the answer is always the same.
fn order(one: &Candidate, two: &Candidate) -> Ordering {
    one.key
        .compare(&two.key)
        .then_with(|| one.tag.cmp(&two.tag))
}

/// Refuses to choose where the order of dates is not one.
fn refuse(rule: &Rule, candidates: &[Candidate]) -> Option<Answer> {
    if !rule.strategy.needs_dates() || !rule.is_ours() {
        return None;
    }
    let undated: Vec<&str> = candidates
        .iter()
        .filter(|it| it.key == Key::Date(None))
        .map(|it| it.tag.as_str())
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
    let tied: Vec<&Candidate> = candidates.iter().filter(|it| it.key == last.key).collect();
    let digest = |it: &Candidate| it.facts.as_ref().map(|it| it.digest.clone());
    if tied.iter().all(|it| digest(it) == digest(last)) {
        return None;
    }
    let names: Vec<&str> = tied.iter().map(|it| it.tag.as_str()).collect();
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

/// Returns what is written now as a candidate, so that it can be compared.
fn current<E: Evidence>(
    question: &Question<'_>,
    candidates: &[Candidate],
    evidence: &mut E,
) -> Result<Option<Candidate>, E::Error> {
    let Some(tag) = question.current_tag.filter(|_| question.rule.is_ours()) else {
        return Ok(None);
    };
    if let Some(known) = candidates.iter().find(|it| it.tag == tag) {
        return Ok(Some(known.clone()));
    }
    let Ok(mut key) = question.rule.key(tag) else {
        return Ok(None);
    };
    let mut facts = None;
    if question.rule.strategy.needs_dates() {
        if !question.tags.iter().any(|it| it == tag) {
            return Ok(None);
        }
        for answer in evidence.facts(&[tag]) {
            facts = answer?;
        }
        let Some(date) = facts.as_ref().and_then(Facts::date) else {
            return Ok(None);
        };
        key = Key::Date(Some(date));
    }
    Ok(Some(Candidate {
        tag: tag.to_owned(),
        key,
        facts,
    }))
}

/// Returns why a tag has to wait for the environment before this one.
fn not_after(question: &Question<'_>, candidate: &Candidate) -> Option<String> {
    let after = question.after?;
    if after == candidate.tag {
        return None;
    }
    let reached = match (&candidate.key, question.rule.key(after)) {
        (Key::Date(_), _) | (_, Err(_)) => false,
        (key, Ok(reached)) => key.compare(&reached).is_le(),
    };
    (!reached).then(|| format!("the environment before runs `{after}`"))
}

enum Inspected {
    Fine(Option<String>),
    Moved,
    Gone,
    Dropped(Dropped),
    Young(String),
}

/// Looks at the image behind the tag that would be chosen.
fn inspect<E: Evidence>(
    question: &Question<'_>,
    candidate: &Candidate,
    evidence: &mut E,
) -> Result<Inspected, E::Error> {
    let rule = question.rule;
    let has_guards = !rule.min_age.is_zero() || (rule.is_ours() && !rule.platforms.is_empty());
    let mut facts = candidate.facts.clone();
    if facts.is_none() && has_guards {
        for answer in evidence.facts(&[candidate.tag.as_str()]) {
            match answer? {
                Some(found) => facts = Some(found),
                None => return Ok(Inspected::Gone),
            }
        }
        if let Some(dropped) = facts.as_ref().and_then(|it| misses_platform(rule, it)) {
            return Ok(Inspected::Dropped(dropped));
        }
    }
    if !rule.min_age.is_zero() {
        let wished = Span(rule.min_age);
        match facts.as_ref().and_then(|it| it.age(question.now)) {
            Some(age) if age >= rule.min_age => {}
            Some(age) => {
                let age = Span(Duration::from_secs(age.as_secs()));
                return Ok(Inspected::Young(format!(
                    "is {age} old, {wished} are wanted"
                )));
            }
            None => {
                return Ok(Inspected::Young(format!(
                    "has no date, so nobody knows whether it is {wished} old"
                )));
            }
        }
    }
    if !rule.is_ours() {
        return Ok(Inspected::Fine(facts.map(|it| it.digest)));
    }
    // Whatever is remembered, the tag must be there now, and mean what it meant.
    match (evidence.digest(&candidate.tag)?, facts) {
        (None, _) => Ok(Inspected::Gone),
        (Some(now), Some(facts)) if now != facts.digest => Ok(Inspected::Moved),
        (now, _) => Ok(Inspected::Fine(now)),
    }
}

/// The standings, filled in as the decision goes on.
struct Table {
    dropped: Vec<TagVerdict>,
    ranked: Vec<TagVerdict>,
    places: BTreeMap<String, usize>,
}

impl Table {
    fn new(question: &Question<'_>, dropped: Vec<TagVerdict>, candidates: &[Candidate]) -> Self {
        let ranked = candidates
            .iter()
            .map(|it| TagVerdict {
                tag: it.tag.clone(),
                standing: if question.current_tag == Some(it.tag.as_str()) {
                    Standing::Current
                } else {
                    Standing::Eligible
                },
                filter: "order",
                reason: "another one comes after it".to_owned(),
                created: it.facts.as_ref().and_then(|it| it.created),
                digest: it.facts.as_ref().map(|it| it.digest.clone()),
            })
            .collect();
        let places = candidates.iter().enumerate();
        Self {
            dropped,
            ranked,
            places: places.map(|(place, it)| (it.tag.clone(), place)).collect(),
        }
    }

    fn mark(&mut self, tag: &str, standing: Standing, filter: &'static str, reason: &str) {
        if let Some(row) = self.places.get(tag).and_then(|it| self.ranked.get_mut(*it)) {
            row.standing = standing;
            row.filter = filter;
            reason.clone_into(&mut row.reason);
        }
    }

    fn drop_tag(&mut self, candidate: &Candidate, filter: &'static str, reason: &str) {
        self.mark(&candidate.tag, Standing::Dropped, filter, reason);
    }

    fn wait(&mut self, candidate: &Candidate, filter: &'static str, reason: &str) {
        self.mark(&candidate.tag, Standing::Waiting, filter, reason);
    }

    fn keep_current(mut self, tag: &str) -> Decision {
        self.mark(tag, Standing::Current, "order", "is written already");
        let answer = match self.waiting() {
            Some(why) => Answer::Keep {
                reason: "waiting",
                why,
            },
            None => Answer::Keep {
                reason: "up_to_date",
                why: format!("`{tag}` is written already"),
            },
        };
        self.end(answer)
    }

    fn keep_from_downgrade(mut self, candidate: &Candidate, current: &Candidate) -> Decision {
        let reason = format!("sorts before `{}`, which is written", current.tag);
        self.mark(&candidate.tag, Standing::Eligible, "downgrade", &reason);
        let answer = match self.waiting() {
            Some(why) => Answer::Keep {
                reason: "waiting",
                why,
            },
            None => Answer::Keep {
                reason: "downgrade",
                why: format!(
                    "`{}` {reason}; `allow_downgrade: true` would write it",
                    candidate.tag
                ),
            },
        };
        self.end(answer)
    }

    /// Returns the sentence about the last tag that has to wait.
    fn waiting(&self) -> Option<String> {
        let row = self
            .ranked
            .iter()
            .rev()
            .find(|it| it.standing == Standing::Waiting)?;
        Some(format!("`{}` {}", row.tag, row.reason))
    }

    fn nothing_left(self, question: &Question<'_>) -> Decision {
        let answer = match self.waiting() {
            Some(why) if question.current_tag.is_some() => Answer::Keep {
                reason: "waiting",
                why,
            },
            Some(why) => Answer::Undecided {
                reason: "no_candidate",
                why,
            },
            None => Answer::Undecided {
                reason: "no_candidate",
                why: self.why_nothing(question.tags.len()),
            },
        };
        self.end(answer)
    }

    /// Says which filters dropped how many tags.
    fn why_nothing(&self, tags: usize) -> String {
        if tags == 0 {
            return "the repository has no tags".to_owned();
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for row in self.dropped.iter().chain(&self.ranked) {
            *counts.entry(row.filter).or_default() += 1;
        }
        let counts: Vec<String> = counts
            .iter()
            .map(|(filter, count)| format!("{filter} {count}"))
            .collect();
        format!(
            "none of {tags} tags may run; dropped by {}",
            counts.join(", ")
        )
    }

    fn end(mut self, answer: Answer) -> Decision {
        self.dropped.sort_by(|one, two| one.tag.cmp(&two.tag));
        self.dropped.append(&mut self.ranked);
        Decision {
            answer,
            verdicts: self.dropped,
        }
    }
}

#[cfg(test)]
mod tests;
