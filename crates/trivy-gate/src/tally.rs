//! All decisions on one report: counted, and listed as far as the list goes.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
};

use sha2::{Digest as _, Sha256};

use crate::{
    baseline::Baseline,
    judge::{Decision, Judgement, decide},
    policy::{BudgetUnit, Policy},
    scan::{Class, Finding, Severity, Sink, Target},
    waiver::Waivers,
};

/// A fingerprint of a few texts, wide enough that nobody can make two alike.
pub(crate) type Print = [u8; 16];

/// A finding with its decision, kept for the lists.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) finding: Finding,
    pub(crate) target: String,
    pub(crate) judgement: Judgement,
}

/// How many findings had which decision, and which of them are listed.
pub(crate) struct Tally<'a> {
    policy: &'a Policy,
    waivers: &'a Waivers,
    baseline: Option<&'a Baseline>,
    /// An id whose findings are listed whatever their decision.
    watched: Option<&'a str>,
    limit: usize,
    /// The findings of the result that is being read, without Trivy's duplicates.
    current: HashMap<Print, Slot>,
    order: usize,
    /// How many findings were put on the list, by rank.
    ranks: [usize; 10],
    #[expect(clippy::vec_box, reason = "sorting moves pointers, not findings")]
    pub(crate) listed: Vec<Box<Listed>>,
    pub(crate) unlisted: u64,
    /// Findings that count, by class and severity.
    pub(crate) blocking: HashMap<(Class, Severity), u64>,
    /// The ids among the vulnerabilities that count, by severity.
    pub(crate) ids: HashMap<Severity, HashSet<Print>>,
    /// The ids of all findings that count.
    pub(crate) unique: HashSet<Print>,
    /// Findings that do not count, by why.
    pub(crate) passed: HashMap<&'static str, u64>,
    pub(crate) unfixed: HashMap<Severity, u64>,
    pub(crate) all: HashMap<(Class, Severity), u64>,
    /// How many findings each waiver waives.
    pub(crate) used: HashMap<usize, u64>,
    /// How many findings each expired waiver would have waived.
    pub(crate) missed: HashMap<usize, u64>,
    /// How many findings of the baseline are still there.
    pub(crate) seen: HashSet<Print>,
}

/// One finding of the current result, reduced to what counting needs.
struct Slot {
    class: Class,
    severity: Severity,
    judgement: Judgement,
    fixed: Box<str>,
    id: Print,
    order: usize,
    /// Whether it belongs on the list, room or not.
    is_wanted: bool,
    listed: Option<Box<Listed>>,
}

impl<'a> Tally<'a> {
    /// Returns an empty tally that lists at most `limit` findings.
    pub(crate) fn new(policy: &'a Policy, waivers: &'a Waivers, limit: usize) -> Self {
        Self {
            policy,
            waivers,
            baseline: None,
            watched: None,
            limit,
            current: HashMap::new(),
            order: 0,
            ranks: [0; 10],
            listed: Vec::new(),
            unlisted: 0,
            blocking: HashMap::new(),
            ids: HashMap::new(),
            unique: HashSet::new(),
            passed: HashMap::new(),
            unfixed: HashMap::new(),
            all: HashMap::new(),
            used: HashMap::new(),
            missed: HashMap::new(),
            seen: HashSet::new(),
        }
    }

    /// Judges only what `baseline` does not have.
    pub(crate) fn against(mut self, baseline: &'a Baseline) -> Self {
        self.baseline = Some(baseline);
        self
    }

    /// Lists every finding with this id, whatever becomes of it.
    pub(crate) fn watching(mut self, id: &'a str) -> Self {
        self.watched = Some(id);
        self
    }

    /// Returns the number of findings of `severity` that count, in all classes.
    pub(crate) fn of_severity(&self, severity: Severity) -> u64 {
        self.blocking
            .iter()
            .filter(|it| it.0.1 == severity)
            .map(|it| it.1)
            .sum()
    }

    /// Returns the number of findings that count.
    pub(crate) fn total(&self) -> u64 {
        self.blocking.values().sum()
    }

    /// Returns for every severity whose budget is exceeded: how many there are, how many may be.
    /// The worst comes first.
    pub(crate) fn excess(&self) -> Vec<(Severity, u64, u64)> {
        let mut all = Vec::new();
        for (index, severity) in Severity::ALL.into_iter().enumerate().rev() {
            let count = match self.policy.budget_unit {
                BudgetUnit::Finding => self
                    .blocking
                    .get(&(Class::Vulnerability, severity))
                    .copied()
                    .unwrap_or(0),
                BudgetUnit::Cve => self.ids.get(&severity).map_or(0, |it| it.len() as u64),
            };
            let budget = self.policy.budgets[index];
            if count > budget {
                all.push((severity, count, budget));
            }
        }
        all
    }

    /// Sorts the list: what counts first, the worst first, then by name.
    pub(crate) fn sort(&mut self) {
        sort(&mut self.listed);
    }

    /// Whether `new` takes the place of `old`, of the same package and flaw. What counts wins over
    /// what does not; then, as in Trivy, the textually greater fixed version does.
    fn replaces(old: &Slot, new: &Judgement, fixed: &str) -> bool {
        match (old.judgement.decision.blocks(), new.decision.blocks()) {
            (true, false) => false,
            (false, true) => true,
            _ => &*old.fixed < fixed,
        }
    }

    fn is_listed(&self, finding: &Finding, decision: &Decision) -> bool {
        if self.watched == Some(finding.id.as_str()) {
            return true;
        }
        match decision {
            Decision::Below => false,
            Decision::Suppressed => self.policy.gates(finding.class, finding.severity),
            _ => true,
        }
    }
}

impl Sink for Tally<'_> {
    fn finding(&mut self, target: &Target, finding: &Finding) {
        let known = self.baseline.map(|it| it.find(target, finding));
        let mut is_known = false;
        if let Some(found) = known {
            self.seen.insert(found.key);
            is_known = found.is_known(self.policy, finding);
        }
        let judgement = decide(self.policy, self.waivers, target, finding, is_known);
        self.order += 1;
        let key = key_of(finding, self.order);
        if let Some(old) = self.current.get(&key)
            && !Self::replaces(old, &judgement, &finding.fixed)
        {
            return;
        }
        let is_wanted = self.is_listed(finding, &judgement.decision);
        // One of a rank that fills the list already would be cut off again.
        let rank = rank_of(&judgement.decision, finding.severity);
        let has_room = self.ranks[..=rank].iter().sum::<usize>() < self.limit;
        let listed = (is_wanted && has_room).then(|| {
            self.ranks[rank] += 1;
            Box::new(Listed {
                finding: finding.clone(),
                target: target.name.clone(),
                judgement: judgement.clone(),
            })
        });
        let slot = Slot {
            class: finding.class,
            severity: finding.severity,
            judgement,
            fixed: finding.fixed.as_str().into(),
            id: print(&[&finding.id]),
            order: self.order,
            is_wanted,
            listed,
        };
        self.current.insert(key, slot);
    }

    fn end_of_target(&mut self) {
        let mut slots: Vec<Slot> = self.current.drain().map(|it| it.1).collect();
        slots.sort_unstable_by_key(|it| it.order);
        for slot in slots {
            let kind = (slot.class, slot.severity);
            *self.all.entry(kind).or_default() += 1;
            match &slot.judgement.decision {
                Decision::Blocks(_) => {
                    *self.blocking.entry(kind).or_default() += 1;
                    self.unique.insert(slot.id);
                    if slot.class == Class::Vulnerability {
                        self.ids.entry(slot.severity).or_default().insert(slot.id);
                    }
                }
                other => *self.passed.entry(other.word()).or_default() += 1,
            }
            match slot.judgement.decision {
                Decision::Unfixed => *self.unfixed.entry(slot.severity).or_default() += 1,
                Decision::Waived(number) => *self.used.entry(number).or_default() += 1,
                _ => {}
            }
            if let Some(number) = slot.judgement.expired {
                *self.missed.entry(number).or_default() += 1;
            }
            match slot.listed {
                Some(listed) => self.listed.push(listed),
                None if slot.is_wanted => self.unlisted += 1,
                None => {}
            }
        }
        if self.listed.len() > self.limit {
            sort(&mut self.listed);
            self.unlisted += (self.listed.len() - self.limit) as u64;
            self.listed.truncate(self.limit);
        }
    }
}

/// Returns the place in the order of importance: what counts first, the worst first.
fn rank_of(decision: &Decision, severity: Severity) -> usize {
    let severity = Severity::Critical as usize - severity as usize;
    if decision.blocks() {
        severity
    } else {
        severity + Severity::ALL.len()
    }
}

fn sort(listed: &mut [Box<Listed>]) {
    fn key(it: &Listed) -> (bool, Reverse<Severity>, &str, &str, &str, &str) {
        let finding = &it.finding;
        (
            !it.judgement.decision.blocks(),
            Reverse(finding.severity),
            &finding.id,
            &finding.package,
            &finding.path,
            &it.target,
        )
    }

    listed.sort_by(|a, b| key(a).cmp(&key(b)));
}

/// The texts by which Trivy tells duplicates within one result (0.69 and later). It takes only
/// vulnerabilities for duplicates, so all others are told apart by their number.
fn key_of(finding: &Finding, order: usize) -> Print {
    if finding.class != Class::Vulnerability || finding.suppressed.is_some() {
        return print(&["number", &order.to_string()]);
    }
    print(&[
        &finding.id,
        &finding.package_id,
        &finding.package,
        &finding.installed,
        &finding.path,
    ])
}

/// Returns the fingerprint of `parts`, which cannot run into each other.
pub(crate) fn print(parts: &[&str]) -> Print {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut print = [0; 16];
    print.copy_from_slice(&hash.finalize()[..16]);
    print
}

impl Tally<'_> {
    /// Returns the number of findings of `class` that count.
    pub(crate) fn blocking_of(&self, class: Class) -> u64 {
        self.blocking
            .iter()
            .filter(|it| it.0.0 == class)
            .map(|it| it.1)
            .sum()
    }

    /// Returns how many findings of `baseline` were met again.
    pub(crate) fn seen_of(&self, baseline: &Baseline) -> usize {
        self.seen.iter().filter(|it| baseline.has(it)).count()
    }
}
