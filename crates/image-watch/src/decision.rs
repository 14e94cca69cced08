//! The decision for one image: every tag's standing, and the one tag that should run.
//!
//! Pure but for the evidence it asks for, which a test can give from a table.

use std::{cmp::Ordering, time::Duration};

use autoscaleops_core::time::Span;
use jiff::Timestamp;

use crate::{
    rule::{Dropped, Rule},
    strategy::{Key, Strategy},
};

mod dates;
mod evidence;
mod table;

use dates::{date, misses_platform, refuse};
pub use evidence::{Evidence, Facts};
use table::Table;
pub use table::{Standing, TagVerdict};

/// How often a tag may move under our eyes before we give up.
const MOVES: usize = 3;

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
    /// The digest that it runs, where that is written.
    pub after_digest: Option<&'a str>,
    /// The time.
    pub now: Timestamp,
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
struct Candidate<'a> {
    tag: &'a str,
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
    let mut table = Table::new(question, dropped);
    let choice = match refuse(rule, &candidates) {
        Some(answer) => Choice::Answer(answer),
        None => choose(question, &candidates, &mut table, evidence)?,
    };
    Ok(match choice {
        Choice::Answer(answer) => Attempt::Decided(table.end(candidates, answer)),
        Choice::Moved(tag) => Attempt::Moved(tag),
    })
}

enum Choice {
    Answer(Answer),
    Moved(String),
}

/// Goes from the last candidate of the order downward, until one may run or is there already.
fn choose<'a, E: Evidence>(
    question: &Question<'a>,
    candidates: &[Candidate<'a>],
    table: &mut Table<'_>,
    evidence: &mut E,
) -> Result<Choice, E::Error> {
    let rule = question.rule;
    let current = current(question, candidates, evidence)?;
    for (place, candidate) in candidates.iter().enumerate().rev() {
        if rule.strategy == Strategy::Digest {
            let Some(digest) = evidence.digest(candidate.tag)? else {
                table.drop_tag(place, "manifest", "there is no image behind it");
                continue;
            };
            if question.current_digest == Some(digest.as_str()) {
                return Ok(Choice::Answer(table.keep_current(place, candidates)));
            }
            // The same tag may stand for another image by now.
            if question.after.is_some() && question.after_digest != Some(digest.as_str()) {
                let reason = "the environment before runs another image";
                table.wait(place, "after", reason);
                continue;
            }
        } else {
            if question.current_tag == Some(candidate.tag) {
                return Ok(Choice::Answer(table.keep_current(place, candidates)));
            }
            if let Some(current) = &current
                && rule.is_ours()
                && !rule.allow_downgrade
                && order(candidate, current).is_lt()
            {
                let answer = table.keep_from_downgrade(place, current.tag, candidates);
                return Ok(Choice::Answer(answer));
            }
        }
        if let Some(reason) = not_after(question, candidate) {
            table.wait(place, "after", &reason);
            continue;
        }
        match inspect(question, candidate, evidence)? {
            Inspected::Fine(digest) => {
                let reason = "is the last one of the order";
                table.mark(place, Standing::Chosen, "order", reason);
                return Ok(Choice::Answer(Answer::Update {
                    tag: candidate.tag.to_owned(),
                    digest,
                }));
            }
            Inspected::Moved => return Ok(Choice::Moved(candidate.tag.to_owned())),
            Inspected::Gone => table.drop_tag(place, "manifest", "there is no image behind it"),
            Inspected::Dropped(dropped) => table.drop_tag(place, dropped.filter, &dropped.reason),
            Inspected::Young(reason) => table.wait(place, "min_age", &reason),
        }
    }
    Ok(Choice::Answer(table.nothing_left(candidates)))
}

fn screen<'a>(question: &Question<'a>) -> (Vec<Candidate<'a>>, Vec<TagVerdict>) {
    let mut candidates = Vec::new();
    let mut dropped = Vec::new();
    for tag in question.tags {
        match question.rule.screen(tag) {
            Ok(key) => candidates.push(Candidate {
                tag,
                key,
                facts: None,
            }),
            Err(reason) => dropped.push(TagVerdict::dropped(tag, reason)),
        }
    }
    (candidates, dropped)
}

/// The order of candidates; equal ones by name, so that the answer is always the same.
fn order(one: &Candidate<'_>, two: &Candidate<'_>) -> Ordering {
    one.key.compare(&two.key).then_with(|| one.tag.cmp(two.tag))
}

/// Returns what is written now as a candidate, so that it can be compared.
fn current<'a, E: Evidence>(
    question: &Question<'a>,
    candidates: &[Candidate<'a>],
    evidence: &mut E,
) -> Result<Option<Candidate<'a>>, E::Error> {
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
    Ok(Some(Candidate { tag, key, facts }))
}

/// Returns why a tag has to wait for the environment before this one.
fn not_after(question: &Question<'_>, candidate: &Candidate<'_>) -> Option<String> {
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
    candidate: &Candidate<'_>,
    evidence: &mut E,
) -> Result<Inspected, E::Error> {
    let rule = question.rule;
    let has_guards = !rule.min_age.is_zero() || (rule.is_ours() && !rule.platforms.is_empty());
    let mut facts = candidate.facts.clone();
    if facts.is_none() && has_guards {
        for answer in evidence.facts(&[candidate.tag]) {
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
    match (evidence.digest(candidate.tag)?, facts) {
        (None, _) => Ok(Inspected::Gone),
        (Some(now), Some(facts)) if now != facts.digest => Ok(Inspected::Moved),
        (now, _) => Ok(Inspected::Fine(now)),
    }
}

#[cfg(test)]
mod tests;
