//! Generated YAML files: one token changes, and a parser that is not ours reads the rest as before.

use autoscaleops_gitops::{Address, Edit, KeyPath, NewValue, Step, apply};
use proptest::{prelude::*, test_runner::Config};
use serde_yaml::Value;

/// A generated document: its text, and the paths to scalars that stand on one line each.
#[derive(Clone, Debug)]
struct File {
    text: String,
    targets: Vec<KeyPath>,
}

#[derive(Clone, Debug)]
enum Tree {
    Leaf(String),
    Block(Vec<String>),
    Map(Vec<(String, Self)>),
    List(Vec<Self>),
}

fn leaf() -> impl Strategy<Value = Tree> {
    prop_oneof![
        6 => prop_oneof![
            "v[0-9]\\.[0-9]{1,2}", "[a-z]{1,8}", "[0-9]{1,3}", "\"[a-z# :é]{0,8}\"", "'[a-z#: ü]{0,8}'",
            Just("\"a\\\"b\\\\\"".to_owned()), Just("'it''s'".to_owned()), Just("!!str 1.10".to_owned()),
            Just("ghcr.io/acme/shop:v1".to_owned()), Just("~".to_owned()), Just("\"\"".to_owned()),
            Just("&here v1".to_owned()), Just("true".to_owned()),
        ].prop_map(Tree::Leaf),
        1 => proptest::collection::vec("[a-z:# ]{0,10}", 1..3).prop_map(Tree::Block),
    ]
}

/// `r` and `"r"` are one key.
fn without_twins(entries: Vec<(String, Tree)>) -> Vec<(String, Tree)> {
    let mut seen = std::collections::BTreeSet::new();
    entries
        .into_iter()
        .filter(|(key, _)| seen.insert(key.trim_matches('"').to_owned()))
        .collect()
}

fn tree() -> impl Strategy<Value = Tree> {
    leaf().prop_recursive(4, 24, 5, |inner| {
        let key = prop_oneof!["[a-z]{1,6}", "é[a-z]{0,3}", "[a-z]\\.[a-z]", "\"[a-z: ]{1,5}\""];
        prop_oneof![
            2 => proptest::collection::btree_map(key, inner.clone(), 1..5).prop_map(|it| Tree::Map(without_twins(it.into_iter().collect()))),
            1 => proptest::collection::vec(inner, 1..4).prop_map(Tree::List),
        ]
    })
}

#[derive(Clone, Debug)]
struct Look {
    comment: String,
    gap: usize,
    blank: bool,
    indent: usize,
}

struct Writer<'l> {
    look: &'l Look,
    file: File,
}

impl Writer<'_> {
    fn node(&mut self, tree: &Tree, depth: usize, path: &KeyPath) {
        let indent = " ".repeat(depth * self.look.indent);
        match tree {
            Tree::Leaf(text) => {
                self.file.targets.push(path.clone());
                let gap = " ".repeat(self.look.gap + 1);
                self.file
                    .text
                    .push_str(&format!(" {text}{gap}# {}\n", self.look.comment));
            }
            Tree::Block(lines) => {
                self.file.text.push_str(" |-\n");
                for line in lines {
                    self.file.text.push_str(&format!("{indent}x{line}\n"));
                }
            }
            Tree::Map(entries) => {
                self.file.text.push('\n');
                for (key, value) in entries {
                    if self.look.blank {
                        self.file.text.push_str("\n# between\n");
                    }
                    self.file.text.push_str(&format!("{indent}{key}:"));
                    let name = key.trim_matches('"').to_owned();
                    self.node(value, depth + 1, &path.then(Step::Key(name)));
                }
            }
            Tree::List(items) => {
                self.file.text.push('\n');
                for (index, item) in items.iter().enumerate() {
                    self.file.text.push_str(&format!("{indent}-"));
                    self.node(item, depth + 1, &path.then(Step::Index(index)));
                }
            }
        }
    }
}

fn file() -> impl Strategy<Value = File> {
    let look = (
        "[a-zäöü: #'\"]{0,12}",
        0_usize..6,
        any::<bool>(),
        1_usize..4,
    )
        .prop_map(|(comment, gap, blank, indent)| Look {
            comment,
            gap,
            blank,
            indent,
        });
    let top = proptest::collection::btree_map("[a-z]{1,6}", tree(), 1..5);
    (top, look, any::<bool>(), any::<bool>()).prop_map(|(top, look, is_crlf, is_cut)| {
        let mut writer = Writer {
            look: &look,
            file: File {
                text: "# head".to_owned(),
                targets: Vec::new(),
            },
        };
        writer.node(
            &Tree::Map(top.into_iter().collect()),
            0,
            &KeyPath::default(),
        );
        let mut file = writer.file;
        if is_cut {
            file.text.truncate(file.text.trim_end().len());
        }
        if is_crlf {
            file.text = file.text.replace('\n', "\r\n");
        }
        file
    })
}

fn tag() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9a-f]{7}",
        "[0-9]{1,7}",
        "[0-9]{1,3}\\.[0-9]{1,3}",
        "v[0-9]\\.[0-9]\\.[0-9]",
        "[0-9]{2}e[0-9]{4}",
        "[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}",
        "0x[0-9a-f]{1,4}",
        "0[0-7]{1,5}",
        "20[0-9]{2}-[0-9]{1,2}-[0-9]{1,2}",
        "(null|true|no|on|y|NO|Off)",
        "[0-9]_[0-9]{3}",
    ]
}

/// Follows a path through what the other parser read.
fn at<'v>(value: &'v mut Value, path: &KeyPath) -> Option<&'v mut Value> {
    path.0.iter().try_fold(value, |value, step| match step {
        Step::Key(key) => value.get_mut(key.as_str()),
        Step::Index(index) => value.get_mut(*index),
        Step::Select { .. } => None,
    })
}

proptest! {
    #![proptest_config(Config { cases: 1000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn exactly_one_token_changes(file in file(), pick in any::<prop::sample::Index>(), tag in tag()) {
        prop_assume!(!file.targets.is_empty());
        let path = &file.targets[pick.index(file.targets.len())];
        let edit = Edit::new(Address::Path(path.clone()), NewValue::Text(tag.clone()));
        let mut before: Value = match serde_yaml::from_str(&file.text) {
            Ok(it) => it,
            Err(err) => panic!("the generator wrote no YAML: {err}\n{}", file.text),
        };
        let edited = match apply(file.text.as_bytes(), std::slice::from_ref(&edit)) {
            Ok(it) => it,
            Err(err) => panic!("refused {path}: {err}\n{}", file.text),
        };
        let text = String::from_utf8(edited.content).unwrap();

        // The parser that is not ours sees that one value changed, into a text.
        let after: Value = serde_yaml::from_str(&text).unwrap();
        *at(&mut before, path).unwrap() = Value::String(tag.clone());
        prop_assert_eq!(&before, &after, "{}", text);

        // And the bytes before and after the token are the old ones.
        let (old, new) = (file.text.as_bytes(), text.as_bytes());
        let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
        let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
        let (gone, came) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
        prop_assert!(!gone.contains(&b'\n') && !came.contains(&b'\n'), "{:?} -> {:?}", gone, came);
        prop_assert!(came.len() <= tag.len() + 2);
        prop_assert_eq!(file.text.lines().count(), text.lines().count());

        // Done again, nothing is left to change.
        let again = apply(text.as_bytes(), std::slice::from_ref(&edit)).unwrap();
        prop_assert_eq!(again.content, text.as_bytes());
    }

    #[test]
    fn no_text_panics(text in "[a-z:\\-\\[\\]{}&*!|>'\"%#?\\n\\r \\t\u{e9}\u{feff}]{0,60}") {
        for address in [Address::Path("a.b".parse().unwrap()), Address::Image("a".to_owned()), Address::Marker("a".to_owned())] {
            let edit = Edit::new(address, NewValue::Text("v2".to_owned()));
            let _ = apply(text.as_bytes(), &[edit]);
        }
    }
}
