//! Which modules wait for which others.

use std::collections::{HashMap, HashSet};

/// The modules that each one imports, by their names.
#[derive(Debug, Default)]
pub(super) struct Graph {
    imports: HashMap<String, Vec<String>>,
}

impl Graph {
    pub(super) fn add(&mut self, name: &str, imports: Vec<String>) {
        self.imports.insert(name.to_owned(), imports);
    }

    /// Returns whether loading the module `name` would need one that is being loaded: `running` are
    /// those in which code runs, and whoever imports one of them waits for it.
    pub(super) fn is_circular(&self, name: &str, running: &[String]) -> bool {
        let below = self.below(name);
        let waits = |it: &&String| self.below(it).iter().any(|one| running.contains(one));
        below.iter().any(|it| running.contains(it))
            || self
                .imports
                .keys()
                .filter(waits)
                .any(|it| below.contains(it))
    }

    /// Returns `name` with all that it imports, directly or not.
    fn below(&self, name: &str) -> HashSet<String> {
        let mut seen = HashSet::new();
        let mut open = vec![name];
        while let Some(name) = open.pop() {
            if seen.insert(name.to_owned()) {
                open.extend(
                    self.imports
                        .get(name)
                        .into_iter()
                        .flatten()
                        .map(String::as_str),
                );
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_the_running_module_cannot_be_loaded_now() {
        let mut graph = Graph::default();
        for (name, imports) in [
            ("main", &["a", "b"][..]),
            ("a", &["c"]),
            ("b", &[]),
            ("d", &["main"]),
        ] {
            graph.add(name, imports.iter().map(|it| (*it).to_owned()).collect());
        }
        let running = ["c".to_owned()];
        for (name, is_circular) in [
            ("c", true),
            ("a", true),
            ("main", true),
            ("d", true),
            ("b", false),
            ("new", false),
        ] {
            assert_eq!(graph.is_circular(name, &running), is_circular, "{name}");
        }
    }
}
