//! The two passes over the pods of one metric: what their values say, and what is assumed of those
//! without one.

use super::{MetricError, Proposal, Question, Samples, ceil, count, float};
use crate::{pod::Group, spec::Tolerances};

/// The pods of one metric in their groups, and the values that count.
pub(super) struct Pass<'a> {
    question: &'a Question<'a>,
    /// For each pod the value that counts, filled in by the second pass.
    values: Vec<Option<i64>>,
    others: Vec<i64>,
    groups: Vec<Group>,
    proposal: Proposal,
}

impl<'a> Pass<'a> {
    pub(super) fn new(
        question: &'a Question<'a>,
        samples: &Samples,
        is_cpu: bool,
    ) -> Result<Self, MetricError> {
        if question.pods.is_empty() {
            return Err(MetricError::NoPods);
        }
        let mut pass = Self {
            question,
            values: Vec::with_capacity(question.pods.len()),
            others: samples.others.iter().map(|sample| sample.milli).collect(),
            groups: Vec::with_capacity(question.pods.len()),
            proposal: Proposal::default(),
        };
        for (index, pod) in question.pods.iter().enumerate() {
            let sample = samples.by_pod.get(index).and_then(Option::as_ref);
            let group = Group::of(pod, sample, is_cpu, question.controller, question.now);
            let number = match group {
                Group::Ready => &mut pass.proposal.ready,
                Group::Unready => &mut pass.proposal.unready,
                Group::Missing => &mut pass.proposal.missing,
                Group::Ignored => &mut pass.proposal.ignored,
            };
            *number = number.saturating_add(1);
            let counts = group == Group::Ready;
            pass.values
                .push(sample.filter(|_| counts).map(|sample| sample.milli));
            pass.groups.push(group);
        }
        if pass.len() == 0 {
            return Err(MetricError::NoSamples);
        }
        Ok(pass)
    }

    /// How many values there are, those of unknown pods among them.
    fn len(&self) -> usize {
        self.values.iter().flatten().count() + self.others.len()
    }

    fn fill(&mut self, group: Group, value: impl Fn(usize) -> i64) {
        for (index, (place, _)) in self
            .values
            .iter_mut()
            .zip(&self.groups)
            .enumerate()
            .filter(|(_, (_, of))| **of == group)
        {
            *place = Some(value(index));
        }
    }

    pub(super) fn utilization(
        &mut self,
        requests: &[i64],
        target: i32,
        tolerances: Tolerances,
    ) -> Result<Proposal, MetricError> {
        let (ratio, percent, average) = self.utilization_ratio(requests, target)?;
        self.proposal.utilization = Some(percent);
        self.proposal.value_milli = Some(average);
        self.proposal.ratio = ratio;
        if let Some(done) = self.first_pass(ratio, tolerances) {
            return Ok(done);
        }
        if ratio < 1.0 {
            let assumed = i64::from(target.max(100));
            self.fill(Group::Missing, |index| {
                requests
                    .get(index)
                    .copied()
                    .unwrap_or(0)
                    .wrapping_mul(assumed)
                    / 100
            });
        } else if ratio > 1.0 {
            self.fill(Group::Missing, |_| 0);
        }
        if ratio > 1.0 {
            self.fill(Group::Unready, |_| 0);
        }
        let (second, _, _) = self.utilization_ratio(requests, target)?;
        Ok(self.second_pass(ratio, second, tolerances))
    }

    /// Ratio, percent and average over the pods that have both a value and a request.
    fn utilization_ratio(
        &self,
        requests: &[i64],
        target: i32,
    ) -> Result<(f64, i32, i64), MetricError> {
        let (mut used, mut requested, mut number) = (0_i64, 0_i64, 0_i64);
        for (value, request) in self.values.iter().zip(requests) {
            if let Some(value) = value {
                used = used.wrapping_add(*value);
                requested = requested.wrapping_add(*request);
                number += 1;
            }
        }
        if requested == 0 {
            return Err(MetricError::NoMatch);
        }
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the controller's own conversion"
        )]
        let percent = (used.wrapping_mul(100) / requested) as i32;
        let ratio = f64::from(percent) / f64::from(target);
        Ok((ratio, percent, used / number))
    }

    pub(super) fn average(&mut self, target: i64, tolerances: Tolerances) -> Proposal {
        let (ratio, average) = self.average_ratio(target);
        self.proposal.value_milli = Some(average);
        self.proposal.ratio = ratio;
        if let Some(done) = self.first_pass(ratio, tolerances) {
            return done;
        }
        if ratio < 1.0 {
            self.fill(Group::Missing, |_| target);
        } else if ratio > 1.0 {
            self.fill(Group::Missing, |_| 0);
            self.fill(Group::Unready, |_| 0);
        }
        let (second, _) = self.average_ratio(target);
        self.second_pass(ratio, second, tolerances)
    }

    fn average_ratio(&self, target: i64) -> (f64, i64) {
        let values = self.values.iter().flatten().chain(&self.others);
        let sum = values.fold(0_i64, |sum, value| sum.wrapping_add(*value));
        let number = i64::try_from(self.len()).unwrap_or(i64::MAX).max(1);
        let average = sum / number;
        (float(average) / float(target), average)
    }

    /// The answer when there is nothing to assume.
    fn first_pass(&mut self, ratio: f64, tolerances: Tolerances) -> Option<Proposal> {
        let grows_with_unready = self.proposal.unready > 0 && ratio > 1.0;
        if grows_with_unready || self.proposal.missing > 0 {
            return None;
        }
        let mut proposal = self.proposal.clone();
        if self.question.controller.is_within(tolerances, ratio) {
            proposal.replicas = self.question.current;
            proposal.is_within_tolerance = true;
        } else {
            proposal.replicas = ceil(ratio * f64::from(proposal.ready));
        }
        Some(proposal)
    }

    /// The answer with assumptions: they may dampen a change, but not turn it round.
    fn second_pass(&self, ratio: f64, second: f64, tolerances: Tolerances) -> Proposal {
        let current = self.question.current;
        let mut proposal = self.proposal.clone();
        proposal.second_ratio = Some(second);
        proposal.replicas = current;
        if self.question.controller.is_within(tolerances, second) {
            proposal.is_within_tolerance = true;
            return proposal;
        }
        if (ratio < 1.0 && second > 1.0) || (ratio > 1.0 && second < 1.0) {
            return proposal;
        }
        let replicas = ceil(second * f64::from(count(self.len())));
        let turns_round =
            (second < 1.0 && replicas > current) || (second > 1.0 && replicas < current);
        if !turns_round {
            proposal.replicas = replicas;
        }
        proposal
    }
}
