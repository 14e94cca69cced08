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
pub(super) struct Table {
    dropped: Vec<TagVerdict>,
    ranked: Vec<TagVerdict>,
}

impl Table {
    pub(super) fn new(
        question: &Question<'_>,
        dropped: Vec<TagVerdict>,
        candidates: &[Candidate],
    ) -> Self {
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
                reason: Cow::Borrowed("another one comes after it"),
                created: it.facts.as_ref().and_then(|it| it.created),
                digest: it.facts.as_ref().map(|it| it.digest.clone()),
            })
            .collect();
        Self { dropped, ranked }
    }

    pub(super) fn mark(
        &mut self,
        tag: &str,
        standing: Standing,
        filter: &'static str,
        reason: &str,
    ) {
        // Those that are marked are the last ones of the order.
        if let Some(row) = self.ranked.iter_mut().rev().find(|it| it.tag == tag) {
            row.standing = standing;
            row.filter = filter;
            row.reason = Cow::Owned(reason.to_owned());
        }
    }

    pub(super) fn drop_tag(&mut self, candidate: &Candidate, filter: &'static str, reason: &str) {
        self.mark(&candidate.tag, Standing::Dropped, filter, reason);
    }

    pub(super) fn wait(&mut self, candidate: &Candidate, filter: &'static str, reason: &str) {
        self.mark(&candidate.tag, Standing::Waiting, filter, reason);
    }

    pub(super) fn keep_current(mut self, tag: &str) -> Decision {
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

    pub(super) fn keep_from_downgrade(
        mut self,
        candidate: &Candidate,
        current: &Candidate,
    ) -> Decision {
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

    pub(super) fn nothing_left(self, question: &Question<'_>) -> Decision {
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

    pub(super) fn end(mut self, answer: Answer) -> Decision {
        self.dropped.sort_by(|one, two| one.tag.cmp(&two.tag));
        self.dropped.append(&mut self.ranked);
        Decision {
            answer,
            verdicts: self.dropped,
        }
    }
}
