//! Every rule of the contract's section on configuration.

use serde::Deserialize;

use super::*;

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Gate {
    max_critical: u32,
    tag: String,
    severities: Vec<String>,
    fix: Option<bool>,
    images: Vec<Image>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Image {
    name: String,
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            max_critical: 0,
            tag: "latest".to_owned(),
            severities: vec!["HIGH".to_owned()],
            fix: None,
            images: Vec::new(),
        }
    }
}

#[derive(Default, Serialize)]
struct Flags {
    max_critical: Option<u32>,
    severities: Vec<String>,
}

fn read(yaml: &str) -> Result<Option<file::Contents<Gate>>, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE_NAME);
    fs_err::write(&path, yaml).unwrap();
    file::read("trivy-gate", &path)
}

fn resolved(
    yaml: &str,
    environment: &[(&str, &str)],
    flags: &Flags,
) -> Result<Resolved<Gate>, Failure> {
    let contents = read(yaml)?;
    layer(
        "trivy-gate",
        Some((contents, PathBuf::from(FILE_NAME))),
        |name| {
            environment
                .iter()
                .find(|it| it.0 == name)
                .map(|it| it.1.to_owned())
        },
        flags,
    )
}

#[test]
fn flag_beats_environment_beats_file_beats_default() {
    let yaml = "trivy-gate:\n  max_critical: 1\n  tag: '2'\n";
    let environment = [("AUTOSCALEOPS_TRIVY_GATE_MAX_CRITICAL", "2")];
    let flags = Flags {
        max_critical: Some(3),
        ..Flags::default()
    };
    let all = resolved(yaml, &environment, &flags).unwrap();
    assert_eq!(all.value.max_critical, 3);
    assert_eq!(all.sources["max_critical"], Source::Flag);
    assert_eq!(all.sources["tag"], Source::File(PathBuf::from(FILE_NAME)));
    assert_eq!(all.sources["severities"], Source::Default);
    let without = resolved(yaml, &environment, &Flags::default()).unwrap();
    assert_eq!(without.value.max_critical, 2);
    assert_eq!(
        without.sources["max_critical"],
        Source::Environment("AUTOSCALEOPS_TRIVY_GATE_MAX_CRITICAL".to_owned())
    );
}

#[test]
fn a_number_like_text_stays_the_text_that_was_written() {
    let all = resolved("trivy-gate: {tag: 1.10}\n", &[], &Flags::default()).unwrap();
    assert_eq!(all.value.tag, "1.10");
    let environment = [("AUTOSCALEOPS_TRIVY_GATE_TAG", "1.10")];
    let all = resolved("trivy-gate: {}\n", &environment, &Flags::default()).unwrap();
    assert_eq!(all.value.tag, "1.10");
}

#[test]
fn the_environment_gives_lists_numbers_and_booleans() {
    let environment = [
        ("AUTOSCALEOPS_TRIVY_GATE_SEVERITIES", "HIGH, CRITICAL"),
        ("AUTOSCALEOPS_TRIVY_GATE_FIX", "true"),
    ];
    let all = resolved("trivy-gate:\n", &environment, &Flags::default()).unwrap();
    assert_eq!(all.value.severities, ["HIGH", "CRITICAL"]);
    assert_eq!(all.value.fix, Some(true));
    let bad = [("AUTOSCALEOPS_TRIVY_GATE_MAX_CRITICAL", "many")];
    let refusal = resolved("trivy-gate:\n", &bad, &Flags::default()).unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("AUTOSCALEOPS_TRIVY_GATE_MAX_CRITICAL"),
        "{refusal}"
    );
}

#[test]
fn an_unknown_key_is_refused_with_place_and_nearest_known() {
    let refusal = read("# first\ntrivy-gate:\n  max_critcal: 1\n")
        .err()
        .unwrap();
    let place = refusal.location().unwrap();
    assert_eq!((place.line, place.column), (3, 3), "{refusal}");
    assert_eq!(refusal.remedy(), Some("did you mean `max_critical`?"));
    let nested = read("trivy-gate:\n  images:\n    - nam: x\n")
        .err()
        .unwrap();
    assert_eq!(nested.remedy(), Some("did you mean `name`?"));
    assert_eq!(nested.location().unwrap().line, 3);
    let section = read("trivy-gat:\n  max_critical: 1\n").err().unwrap();
    assert_eq!(section.remedy(), Some("did you mean `trivy-gate`?"));
}

#[test]
fn other_sections_are_left_to_their_tools() {
    let contents = read("kind-up:\n  whatever: 1\nx-anchors: [1]\ntrivy-gate: {max_critical: 4}\n");
    assert_eq!(contents.unwrap().unwrap().section.max_critical, 4);
    assert!(read("kind-up: {}\n").unwrap().is_none());
    assert!(read("# nothing\n").unwrap().is_none());
}

#[test]
fn broken_files_are_refused_with_their_place() {
    for yaml in [
        "trivy-gate: [\n",
        "- 1\n",
        "trivy-gate: {max_critical: x}\n",
        "trivy-gate: {}\ntrivy-gate: {}\n",
        "trivy-gate: {tag: a, tag: b}\n",
    ] {
        let refusal = read(yaml).err().unwrap();
        assert!(refusal.location().is_some(), "{yaml}: {refusal}");
        assert_eq!(refusal.code(), crate::exit::USAGE);
    }
}

#[test]
fn a_sections_schema_holds_no_reference_that_breaks_inside_the_files_schema() {
    let schema = schema::<Gate>().to_string();
    assert!(!schema.contains("$ref"), "{schema}");
    assert!(schema.contains("\"name\""), "{schema}");
}

#[test]
fn a_variable_that_sets_nothing_is_refused_with_the_nearest_that_does() {
    let check = |name: &str| {
        let all = [
            "PATH",
            "AUTOSCALEOPS_CONFIG",
            "AUTOSCALEOPS_TAG_BUMP_X",
            name,
        ];
        check_names::<Gate>("trivy-gate", all.into_iter())
    };
    check("AUTOSCALEOPS_TRIVY_GATE_MAX_CRITICAL").unwrap();
    let failure = check("AUTOSCALEOPS_TRIVY_GATE_MAX_CRITCAL").unwrap_err();
    assert_eq!((failure.code(), failure.kind()), (2, "config"));
    assert_eq!(
        failure.remedy(),
        Some("did you mean AUTOSCALEOPS_TRIVY_GATE_MAX_CRITICAL?")
    );
    assert!(check("AUTOSCALEOPS_TRIVY_GATE_QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ").is_err());
}
