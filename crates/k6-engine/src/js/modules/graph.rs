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

    /// Returns whether loading the module `name` would need one of `running`, those in which code runs.
    /// Whoever waits for one of them imports it, so that these are found too.
    pub(super) fn is_circular(&self, name: &str, running: &[String]) -> bool {
        let below = self.below(name);
        running.iter().any(|it| below.contains(it))
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
