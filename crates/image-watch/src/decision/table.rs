//! How every tag stands, filled in as the decision goes on.

use std::{borrow::Cow, collections::BTreeMap};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Answer, Candidate, Decision, Question};
use crate::rule::Dropped;

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
    pub reason: Cow<'static, str>,
    /// The image's date, where it was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub created: Option<Timestamp>,
    /// The image's digest, where it was looked up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

impl TagVerdict {
    /// Returns the verdict on a tag that a filter dropped.
    pub(super) fn dropped(tag: &str, dropped: Dropped) -> Self {
        Self {
            tag: tag.to_owned(),
            standing: Standing::Dropped,
            filter: dropped.filter,
            reason: dropped.reason.into(),
            created: None,
            digest: None,
        }
    }
}

/// The standings, filled in as the decision goes on.
pub(super) struct Table<'a> {
    question: &'a Question<'a>,
    dropped: Vec<TagVerdict>,
    /// What is known about single candidates, by their places in the order; few have something.
    marks: BTreeMap<usize, Mark>,
}

struct Mark {
    standing: Standing,
    filter: &'static str,
    reason: String,
}

impl<'a> Table<'a> {
    pub(super) fn new(question: &'a Question<'a>, dropped: Vec<TagVerdict>) -> Self {
        Self {
            question,
            dropped,
            marks: BTreeMap::new(),
        }
    }

    pub(super) fn mark(
        &mut self,
        place: usize,
        standing: Standing,
        filter: &'static str,
        reason: &str,
    ) {
        let reason = reason.to_owned();
        let mark = Mark {
            standing,
            filter,
            reason,
        };
        self.marks.insert(place, mark);
    }

    pub(super) fn drop_tag(&mut self, place: usize, filter: &'static str, reason: &str) {
        self.mark(place, Standing::Dropped, filter, reason);
    }

    pub(super) fn wait(&mut self, place: usize, filter: &'static str, reason: &str) {
        self.mark(place, Standing::Waiting, filter, reason);
    }

    pub(super) fn keep_current(&mut self, place: usize, candidates: &[Candidate<'_>]) -> Answer {
        self.mark(place, Standing::Current, "order", "is written already");
        match self.waiting(candidates) {
            Some(why) => Answer::Keep {
                reason: "waiting",
                why,
            },
            None => Answer::Keep {
                reason: "up_to_date",
                why: format!("`{}` is written already", tag(candidates, place)),
            },
        }
    }

    pub(super) fn keep_from_downgrade(
        &mut self,
        place: usize,
        current: &str,
        candidates: &[Candidate<'_>],
    ) -> Answer {
        let reason = format!("sorts before `{current}`, which is written");
        self.mark(place, Standing::Eligible, "downgrade", &reason);
        match self.waiting(candidates) {
            Some(why) => Answer::Keep {
                reason: "waiting",
                why,
            },
            None => Answer::Keep {
                reason: "downgrade",
                why: format!(
                    "`{}` {reason}; `allow_downgrade: true` would write it",
                    tag(candidates, place)
                ),
            },
        }
    }

    /// Returns the sentence about the last tag that has to wait.
    fn waiting(&self, candidates: &[Candidate<'_>]) -> Option<String> {
        let mut marks = self.marks.iter().rev();
        let (place, mark) = marks.find(|it| it.1.standing == Standing::Waiting)?;
        Some(format!("`{}` {}", tag(candidates, *place), mark.reason))
    }

    pub(super) fn nothing_left(&self, candidates: &[Candidate<'_>]) -> Answer {
        match self.waiting(candidates) {
            Some(why) if self.question.current_tag.is_some() => Answer::Keep {
                reason: "waiting",
                why,
            },
            Some(why) => Answer::Undecided {
                reason: "no_candidate",
                why,
            },
            None => Answer::Undecided {
                reason: "no_candidate",
                why: self.why_nothing(),
            },
        }
    }

    /// Says which filters dropped how many tags.
    fn why_nothing(&self) -> String {
        let tags = self.question.tags.len();
        if tags == 0 {
            return "the repository has no tags".to_owned();
        }
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let filters = self.dropped.iter().map(|it| it.filter);
        for filter in filters.chain(self.marks.values().map(|it| it.filter)) {
            *counts.entry(filter).or_default() += 1;
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

    pub(super) fn end(mut self, candidates: Vec<Candidate<'_>>, answer: Answer) -> Decision {
        let mut verdicts = self.dropped;
        verdicts.sort_by(|one, two| one.tag.cmp(&two.tag));
        verdicts.reserve(candidates.len());
        for (place, candidate) in candidates.into_iter().enumerate() {
            let facts = candidate.facts.unwrap_or_default();
            let mark = self.marks.remove(&place);
            let is_current = self.question.current_tag == Some(candidate.tag);
            let standing = match &mark {
                Some(mark) => mark.standing,
                None if is_current => Standing::Current,
                None => Standing::Eligible,
            };
            verdicts.push(TagVerdict {
                tag: candidate.tag.to_owned(),
                standing,
                filter: mark.as_ref().map_or("order", |it| it.filter),
                reason: mark.map_or(Cow::Borrowed("another one comes after it"), |it| {
                    Cow::Owned(it.reason)
                }),
                created: facts.created,
                digest: Some(facts.digest).filter(|it| !it.is_empty()),
            });
        }
        Decision { answer, verdicts }
    }
}

fn tag<'a>(candidates: &[Candidate<'a>], place: usize) -> &'a str {
    candidates.get(place).map_or("", |it| it.tag)
}
