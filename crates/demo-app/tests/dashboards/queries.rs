//! The queries in the repository.

use std::{collections::BTreeSet, fs};

use autoscaleops_testkit::root;
use regex::Regex;
use serde_json::Value;

/// A query and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    /// Dashboard and panel, or rule file and name.
    pub(crate) place: String,
    /// The text, with Grafana's variables in it.
    pub(crate) text: String,
}

impl Query {
    /// Puts values in for Grafana's variables, as Grafana would.
    pub(crate) fn filled(&self, prefix: &str, interval: &str, range: &str) -> String {
        let text = self
            .text
            .replace("${prefix}", prefix)
            .replace("$namespace", "dev|prod")
            .replace("$pod", ".*")
            .replace("$__rate_interval", interval)
            .replace("$__range", range);
        assert!(!text.contains('$'), "{}: {text}", self.place);
        text
    }

    /// Returns the names of the metrics in it, by leaving out all that is something else.
    pub(crate) fn metrics(&self) -> BTreeSet<String> {
        let filled = self.filled("app", "5m", "1h");
        let mut names = BTreeSet::new();
        let by_name = Regex::new(r#"__name__=~"([^"]+)""#).unwrap();
        for found in by_name.captures_iter(&filled) {
            names.extend(found[1].split('|').map(str::to_owned));
        }
        // What stands in braces, brackets and label lists is no metric.
        let rest = Regex::new(r"\{[^}]*\}|\[[^\]]*\]|\b(by|on|without|ignoring)\s*\([^)]*\)")
            .unwrap()
            .replace_all(&filled, " ");
        let word = Regex::new(r"[a-zA-Z_:][a-zA-Z0-9_:]*\s*\(?").unwrap();
        for found in word.find_iter(&rest) {
            let name = found.as_str();
            let keyword = ["and", "or", "unless", "bool", "by", "on"].contains(&name.trim());
            if !name.ends_with('(') && !keyword {
                names.insert(name.trim().to_owned());
            }
        }
        names
    }
}

/// Returns every query of every dashboard panel.
pub(crate) fn of_dashboards() -> Vec<Query> {
    let mut queries = Vec::new();
    for (name, board) in dashboards() {
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                queries.push(Query {
                    place: format!("{name}: {}", panel["title"].as_str().unwrap()),
                    text: target["expr"].as_str().unwrap().to_owned(),
                });
            }
        }
    }
    assert!(queries.len() > 25, "{}", queries.len());
    queries
}

/// Returns every dashboard by its file's name.
pub(crate) fn dashboards() -> Vec<(String, Value)> {
    let folder = root().join("charts/observability/dashboards");
    let mut boards: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let board = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
            (name, board)
        })
        .collect();
    boards.sort_by(|one, other| one.0.cmp(&other.0));
    boards
}

/// Returns every rule's expression, and what the rules record.
pub(crate) fn of_rules() -> (Vec<Query>, BTreeSet<String>) {
    let (mut queries, mut recorded) = (Vec::new(), BTreeSet::new());
    for file in ["recording.yaml", "alerts.yaml"] {
        let text =
            fs::read_to_string(root().join("charts/observability/rules").join(file)).unwrap();
        let rules: Value = serde_yaml::from_str(&text).unwrap();
        for rule in rules["groups"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap())
        {
            recorded.extend(rule["record"].as_str().map(str::to_owned));
            let name = rule["record"].as_str().or(rule["alert"].as_str()).unwrap();
            queries.push(Query {
                place: format!("{file}: {name}"),
                text: rule["expr"].as_str().unwrap().to_owned(),
            });
        }
    }
    (queries, recorded)
}

/// Returns the sections of the inventory with their metrics.
pub(crate) fn inventory() -> Vec<(String, BTreeSet<String>)> {
    let text =
        fs::read_to_string(root().join("charts/observability/tests/inventory.toml")).unwrap();
    let inventory: toml::Table = toml::from_str(&text).unwrap();
    inventory
        .into_iter()
        .map(|(section, entry)| {
            let names = entry["names"].as_array().unwrap();
            let names = names.iter().map(|name| name.as_str().unwrap().to_owned());
            (section, names.collect())
        })
        .collect()
}

#[test]
fn the_names_in_a_query_are_found() {
    let query = Query {
        place: String::new(),
        text: "100 * sum by (a) (rate(x_total{b=\"c\", d!~\"/(e|f)\"}[5m])) / (max(y) > 0) or on (g) z unless {__name__=~\"u|v\"}"
            .to_owned(),
    };
    let names: Vec<_> = query.metrics().into_iter().collect();
    assert_eq!(names, ["u", "v", "x_total", "y", "z"]);
}
