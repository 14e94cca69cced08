//! Takes changes to a branch of a repository as one commit, and does it again on the new tip when
//! others were faster.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use autoscaleops_core::{
    retry::{Policy, random_fraction},
    secret::Secret,
    stop,
};
use git2::Oid;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::edit::{Changed, Edit};

mod commit;
mod error;
mod follow;
mod identity;
mod library;
mod local;
mod prepare;
mod program;
mod said;
mod transport;

pub use commit::{Message, Signing};
pub use error::LandError;
pub use follow::follow;
pub use identity::Identity;
pub use local::{commit_here, path_in_checkout};
pub use program::with_token;
pub use transport::{TransportKind, review_branch};

use prepare::Prepared;
use transport::{PushError, Transport, TransportError};

/// How often one tip may refuse a push before that is taken for its last word.
const LAST_WORD: u32 = 3;

/// Where the repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A checkout, by any folder within. What is changed is the branch at its remote: work tree,
    /// index and HEAD stay as they are.
    Checkout(PathBuf),
    /// An address, without a checkout.
    Url(String),
}

/// What to do when somebody else changed the same value since it was first read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// Land nothing.
    #[default]
    Fail,
    /// Change the value all the same.
    Overwrite,
    /// Leave the value to the other, and land the rest.
    Skip,
    /// Change the value where ours is the newer version, by semantic versioning or by number.
    Newer,
}

/// How and where changes land.
#[derive(Clone, Debug)]
pub struct Landing {
    /// Where the repository is.
    pub source: Source,
    /// The remote of a checkout, by name or address.
    pub remote: String,
    /// The branch. Absent: the one that the checkout is on, or the remote's default.
    pub branch: Option<String>,
    /// What the commit says.
    pub message: Message,
    /// Who commits. Absent: the environment, then Git's configuration, then the bot in GitHub Actions.
    pub identity: Option<Identity>,
    /// Whether the commit is signed.
    pub signing: Signing,
    /// What to do when somebody else changed the same value meanwhile, or committed to the branch of
    /// the pull request.
    pub on_conflict: OnConflict,
    /// How often and how long to try again.
    pub retry: Policy,
    /// The time that one call of the network may take.
    pub timeout: Duration,
    /// What carries commits to the remote.
    pub transport: TransportKind,
    /// Push to a branch of its own, for a pull request: its name.
    pub review: Option<String>,
    /// Decide everything, and push nothing.
    pub dry_run: bool,
    /// A token for HTTPS, where no credential helper knows one.
    pub token: Option<Secret>,
}

impl Landing {
    /// Returns a landing with the defaults of all tools.
    pub fn new(source: Source, message: Message) -> Self {
        Self {
            source,
            remote: "origin".to_owned(),
            branch: None,
            message,
            identity: None,
            signing: Signing::AsConfigured,
            on_conflict: OnConflict::default(),
            retry: Policy {
                retries: 60,
                first_wait: Duration::from_millis(100),
                longest_wait: Duration::from_secs(5),
                total: Duration::from_mins(5),
            },
            timeout: Duration::from_mins(2),
            transport: TransportKind::default(),
            review: None,
            dry_run: false,
            token: None,
        }
    }
}

/// A change to one file of the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// The file, from the root of the repository (see [`crate::inner_path`]).
    pub file: String,
    /// What to change in it.
    pub edit: Edit,
    /// The version that must be there, else it is a conflict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<String>,
    /// The image that the value stands for, for the message of the commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
}

/// What became of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is another one now.
    Changed,
    /// It was already what it shall be.
    Unchanged,
    /// It was left to somebody else's change.
    Skipped,
}

/// A value of the branch, after landing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LandedValue {
    /// The file, from the root of the repository.
    pub file: String,
    /// The image, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The value.
    #[serde(flatten)]
    pub value: Changed,
    /// What became of it.
    pub outcome: Outcome,
}

/// What landing came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Landed {
    /// The new commit; absent when there was nothing to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The commit that it stands on, the tip that was read last.
    pub base: String,
    /// The branch that the changes are for.
    pub branch: String,
    /// The branch that was pushed, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_branch: Option<String>,
    /// Where to open the pull request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_url: Option<String>,
    /// How often the tip was read and built upon.
    pub attempts: u32,
    /// Every value.
    pub values: Vec<LandedValue>,
    /// The change as a unified diff.
    pub diff: String,
}

impl Landed {
    fn of(base: Oid, branch: String, attempts: u32, prepared: &Prepared) -> Self {
        Self {
            commit: None,
            base: base.to_string(),
            branch,
            review_branch: None,
            review_url: None,
            attempts,
            values: prepared.values.clone(),
            diff: prepared.diff.clone(),
        }
    }

    /// Leaves every value that would have changed to somebody else.
    fn skipped(mut self) -> Self {
        for value in &mut self.values {
            if value.outcome == Outcome::Changed {
                value.outcome = Outcome::Skipped;
            }
        }
        self.diff.clear();
        self
    }
}

/// Lands `changes` as one commit: all of them or none.
///
/// Reads the tip of the branch, applies the changes to what is there, commits, and pushes on the
/// condition that the tip is still that one. When it is not, everything is done again on the new
/// tip, after a random wait (full jitter). Nothing to change makes no commit.
///
/// # Errors
///
/// Fails when an edit is refused, a value conflicts, or the remote cannot be reached or refuses.
pub fn land(landing: &Landing, changes: &[Change]) -> Result<Landed, LandError> {
    for branch in landing.branch.iter().chain(&landing.review) {
        transport::check_branch(branch)?;
    }
    let mut transport = transport::open(landing)?;
    let mut run = Attempts {
        landing,
        changes,
        branch: String::new(),
        seen: None,
        sent: Vec::new(),
        last_tip: None,
        refusals: 0,
        failures: 0,
    };
    let started = Instant::now();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let begun = Instant::now();
        let cause = match run.attempt(transport.as_mut(), attempt) {
            Ok(landed) => return Ok(landed),
            Err(Trial::Over(err)) => return Err(err),
            Err(Trial::Again(cause)) => cause,
        };
        tracing::info!(attempt, cause, "trying again");
        let wait = longest_wait(&landing.retry, attempt - 1, begun.elapsed())
            .map(|it| it.mul_f64(random_fraction()));
        match wait {
            Some(wait) if started.elapsed() + wait <= landing.retry.total => {
                if stop::wait(wait) {
                    return Err(LandError::Interrupted);
                }
            }
            _ => {
                return Err(LandError::Exhausted {
                    attempts: attempt,
                    cause,
                });
            }
        }
    }
}

/// Returns the bound of the wait after attempt `index`, which took `elapsed`.
///
/// It grows from the time that an attempt takes: waits that are short beside it would bring the
/// same writers together again.
fn longest_wait(policy: &Policy, index: u32, elapsed: Duration) -> Option<Duration> {
    policy.bound(index)?;
    let grown = elapsed
        .max(policy.first_wait)
        .saturating_mul(2_u32.saturating_pow(index));
    Some(grown.min(policy.longest_wait.max(elapsed.saturating_mul(8))))
}

/// How one attempt ended without landing.
enum Trial {
    Over(LandError),
    Again(String),
}

impl From<LandError> for Trial {
    fn from(err: LandError) -> Self {
        Self::Over(err)
    }
}

struct Attempts<'l> {
    landing: &'l Landing,
    changes: &'l [Change],
    branch: String,
    /// The values as they were first read.
    seen: Option<Vec<Vec<String>>>,
    /// Commits whose push may or may not have arrived.
    sent: Vec<Oid>,
    last_tip: Option<Oid>,
    refusals: u32,
    failures: u32,
}

impl Attempts<'_> {
    fn attempt(&mut self, transport: &mut dyn Transport, attempt: u32) -> Result<Landed, Trial> {
        if self.branch.is_empty() {
            self.branch = transport.branch().or_else(|err| self.carried_error(err))?;
        }
        let tip =
            self.carried(transport.tip(&self.branch))?
                .ok_or_else(|| LandError::NoBranch {
                    branch: self.branch.clone(),
                })?;
        let review_tip = match &self.landing.review {
            Some(branch) => self.carried(transport.tip(branch))?,
            None => None,
        };
        self.failures = 0;
        let prepared = prepare::prepare(
            transport,
            tip,
            self.changes,
            self.landing.on_conflict,
            &mut self.seen,
        )
        .or_else(|err| self.carried_error(err))?;
        let mut landed = Landed::of(tip, self.branch.clone(), attempt, &prepared);
        landed.review_branch.clone_from(&self.landing.review);
        if let Some(sent) = self
            .sent
            .iter()
            .find(|it| **it == tip || Some(**it) == review_tip)
        {
            // The answer to an earlier push was lost, the push was not.
            landed.commit = Some(sent.to_string());
            return Ok(landed);
        }
        let Some(tree) = prepared.tree else {
            return Ok(landed);
        };
        if self.landing.review.is_some() {
            landed.review_url = self
                .landing
                .review
                .as_deref()
                .and_then(|it| transport.review_url(&self.branch, it));
            if review_tip
                .is_some_and(|it| transport::stands_on(transport.repository(), it, tree, tip))
            {
                landed.commit = review_tip.map(|it| it.to_string());
                return Ok(landed);
            }
        }
        if let (Some(branch), Some(theirs)) = (&self.landing.review, review_tip)
            && !transport::is_ours(transport.repository(), theirs)
        {
            match self.landing.on_conflict {
                OnConflict::Overwrite => {}
                OnConflict::Skip => return Ok(landed.skipped()),
                OnConflict::Fail | OnConflict::Newer => {
                    return Err(LandError::Foreign {
                        branch: branch.clone(),
                        commit: theirs.to_string(),
                    }
                    .into());
                }
            }
        }
        let commit = commit::commit(self.landing, transport, &landed, tree, tip)?;
        landed.commit = Some(commit.to_string());
        if self.landing.dry_run {
            return Ok(landed);
        }
        if stop::requested() {
            return Err(LandError::Interrupted.into());
        }
        let (target, expected) = match &self.landing.review {
            Some(branch) => (branch.clone(), review_tip),
            None => (self.branch.clone(), Some(tip)),
        };
        match transport.push(commit, &target, expected) {
            Ok(()) => Ok(landed),
            Err(PushError::Refused(said)) => Err(LandError::Refused {
                branch: target,
                said,
            }
            .into()),
            Err(PushError::Interrupted) => Err(LandError::Interrupted.into()),
            Err(PushError::Unclear(said)) => {
                self.sent.push(commit);
                self.weigh(tip, &target, said)
            }
        }
    }

    /// A push that failed while the tip stays is refused for good; while the tip moves it is a race.
    fn weigh(&mut self, tip: Oid, target: &str, said: String) -> Result<Landed, Trial> {
        if self.last_tip == Some(tip) {
            self.refusals += 1;
        } else {
            self.refusals = 1;
        }
        self.last_tip = Some(tip);
        if self.refusals >= LAST_WORD {
            let branch = target.to_owned();
            return Err(LandError::Refused { branch, said }.into());
        }
        Err(Trial::Again(said))
    }

    fn carried<T>(&mut self, result: Result<T, TransportError>) -> Result<T, Trial> {
        result.or_else(|err| self.carried_error(err.into()))
    }

    /// What may pass is tried again, a few times.
    fn carried_error<T>(&mut self, err: LandError) -> Result<T, Trial> {
        match err {
            LandError::Transport(TransportError::Failed(said)) if self.failures < 3 => {
                self.failures += 1;
                Err(Trial::Again(said))
            }
            err => Err(Trial::Over(err)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_the_time_of_an_attempt_and_end_with_the_policy() {
        let policy = Policy {
            retries: 3,
            first_wait: Duration::from_millis(100),
            longest_wait: Duration::from_secs(5),
            total: Duration::from_mins(1),
        };
        let bound = |index, elapsed| {
            longest_wait(&policy, index, Duration::from_millis(elapsed)).map(|it| it.as_millis())
        };
        assert_eq!(bound(0, 10), Some(100));
        assert_eq!(bound(2, 300), Some(1_200));
        assert_eq!(bound(2, 2_000), Some(8_000));
        assert_eq!(bound(2, 10), Some(400));
        assert_eq!(bound(3, 10), None);
    }
}
