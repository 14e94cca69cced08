//! Every way to name a value, and what is refused with which words.

use autoscaleops_gitops::{Address, Edit, EditError, NewValue, apply, inner_path, look};
use std::path::Path;

const DIGEST: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn image(name: &str, tag: &str) -> Edit {
    Edit::new(
        Address::Image(name.to_owned()),
        NewValue::tag(tag.parse().unwrap()),
    )
}

fn pinned(name: &str, tag: &str) -> Edit {
    let value = NewValue::Image {
        tag: Some(tag.parse().unwrap()),
        digest: Some(DIGEST.parse().unwrap()),
    };
    Edit::new(Address::Image(name.to_owned()), value)
}

fn path(path: &str, tag: &str) -> Edit {
    Edit::new(
        Address::Path(path.parse().unwrap()),
        NewValue::tag(tag.parse().unwrap()),
    )
}

fn edited(text: &str, edit: &Edit) -> String {
    let edited = apply(text.as_bytes(), std::slice::from_ref(edit));
    String::from_utf8(
        edited
            .unwrap_or_else(|err| panic!("{err} in {text}"))
            .content,
    )
    .unwrap()
}

fn refusal(text: &str, edit: &Edit) -> String {
    let err = apply(text.as_bytes(), std::slice::from_ref(edit)).unwrap_err();
    let failure = err.failure(Path::new("f.yaml"));
    format!("{failure}; {}", failure.remedy().unwrap_or("-"))
}

#[test]
fn a_helm_pair_is_found_by_its_image() {
    let text = "app:\n  image:\n    repository: ghcr.io/acme/shop # ours\n    tag: \"v1\"   # bumped\nother:\n  tag: v1\n";
    assert_eq!(
        edited(text, &image("ghcr.io/acme/shop", "v2")),
        text.replace("\"v1\"", "\"v2\"")
    );
    let split = "image:\n  registry: ghcr.io\n  repository: acme/shop\n  tag: v1\n";
    assert_eq!(
        edited(split, &image("ghcr.io/acme/shop", "v2")),
        split.replace("v1", "v2")
    );
    let short = "image: {repository: nginx, tag: 1.25}\n";
    assert_eq!(
        edited(short, &image("docker.io/library/nginx", "1.30")),
        "image: {repository: nginx, tag: \"1.30\"}\n"
    );
}

#[test]
fn a_digest_goes_where_the_text_has_a_place_for_it() {
    let inline = "image:\n  repository: acme/shop\n  tag: v1\n";
    assert_eq!(
        edited(inline, &pinned("acme/shop", "v2")),
        format!("image:\n  repository: acme/shop\n  tag: v2@{DIGEST}\n")
    );
    let beside = "image:\n  repository: acme/shop\n  tag: v1\n  digest: \"\"\n";
    assert_eq!(
        edited(beside, &pinned("acme/shop", "v2")),
        format!("image:\n  repository: acme/shop\n  tag: v2\n  digest: \"{DIGEST}\"\n")
    );
    // A new tag without its digest would have no effect there.
    let held = beside.replace("\"\"", "\"sha256:aaaa\"");
    let words = refusal(&held, &image("acme/shop", "v2"));
    assert!(words.contains("digest beside the tag (line 4)"), "{words}");
    let cleared = Edit {
        clear_digest: true,
        ..image("acme/shop", "v2")
    };
    assert_eq!(edited(&held, &cleared), beside.replace("v1", "v2"));
}

#[test]
fn kustomize_entries_are_found_by_name_and_by_new_name() {
    let text = "images:\n- name: shop\n  newName: ghcr.io/acme/shop\n  newTag: v1\n- name: nginx\n  newTag: \"1.25\"\n- name: pinned\n  digest: sha256:aaaa\n";
    let wanted = text.replace("newTag: v1", "newTag: v2");
    assert_eq!(edited(text, &image("shop", "v2")), wanted);
    assert_eq!(edited(text, &image("ghcr.io/acme/shop", "v2")), wanted);
    assert_eq!(
        edited(text, &pinned("pinned", "v2")),
        text.replace("sha256:aaaa", DIGEST)
    );
    let words = refusal(text, &image("pinned", "v2"));
    assert!(words.contains("no new digest is given"), "{words}");
    let renamed = Edit::new(
        Address::Path("images[name=shop].newName".parse().unwrap()),
        NewValue::Text("quay.io/acme/shop".to_owned()),
    );
    assert_eq!(edited(text, &renamed), text.replace("ghcr.io", "quay.io"));
}

#[test]
fn a_manifest_keeps_its_name_and_its_comments() {
    let text = "spec:\n  containers:\n  - name: app\n    image: acme/app:v1 # live\n    # image: acme/app:v2\n  - name: proxy\n    image: \"envoy:v1.30@sha256:0000000000000000000000000000000000000000000000000000000000000000\"\n";
    assert_eq!(
        edited(text, &image("docker.io/acme/app", "v3")),
        text.replace("acme/app:v1", "acme/app:v3")
    );
    // The digest of another tag would be a lie.
    let proxy = edited(text, &image("envoy", "v1.31"));
    assert!(proxy.contains("image: \"envoy:v1.31\"\n"), "{proxy}");
    assert_eq!(
        edited(text, &path("spec.containers[name=app].image", "v9")),
        text.replace("acme/app:v1", "acme/app:v9")
    );
}

#[test]
fn more_than_one_fitting_value_is_refused_unless_all_are_wanted() {
    let text = "a:\n  image: acme/app:v1\nb:\n  image: acme/app:v1\n";
    let words = refusal(text, &image("acme/app", "v2"));
    assert!(words.contains("2 values: line 2, line 4"), "{words}");
    let every = Edit {
        every: true,
        ..image("acme/app", "v2")
    };
    assert_eq!(edited(text, &every), text.replace("v1", "v2"));
    let documents = "image: acme/app:v1\n---\nimage: acme/app:v1\n";
    let second = Edit {
        document: Some(2),
        ..image("acme/app", "v2")
    };
    assert_eq!(
        edited(documents, &second),
        "image: acme/app:v1\n---\nimage: acme/app:v2\n"
    );
    let third = Edit {
        document: Some(3),
        ..image("acme/app", "v2")
    };
    assert!(refusal(documents, &third).contains("2 documents"));
}

#[test]
fn refusals_say_where_and_what_to_do() {
    let table = [
        (
            "t: &t v1\nimage:\n  tag: *t\n",
            "image.tag",
            "f.yaml:3:8: the value is an alias",
            "at line 1",
        ),
        (
            "b: &b\n  tag: v1\nimage:\n  <<: *b\n",
            "image.tag",
            "f.yaml:4:3: `tag` can only come from",
            "below line",
        ),
        (
            "image:\n  tag: v1\n  tag: v1\n",
            "image.tag",
            "f.yaml:3:3: the key `tag` is there twice, first at line 2",
            "delete one",
        ),
        (
            "image:\n  tag: |\n    v1\n",
            "image.tag",
            "block scalar",
            "one line",
        ),
        ("image:\n  tag:\n    v: 1\n", "image.tag", "a mapping", "-"),
        ("image:\n  tag: {{ .x }}\n", "image.tag", "a template", "-"),
        (
            "image:\n  tag: \"{{ .x }}\"\n",
            "image.tag",
            "a template",
            "filled from",
        ),
        (
            "image:\n  tag: !Ref v1\n",
            "image.tag",
            "has the tag `!Ref`",
            "-",
        ),
        (
            "image:\n  tga: v1\n",
            "image.tag",
            "no `image.tag`",
            "line 2 has `tga`",
        ),
        (
            "image.tag: v1\n",
            "image.tag",
            "no `image.tag`",
            "[\"image.tag\"]",
        ),
        ("images:\n- a: 1\n", "images.tag", "no `images.tag`", "[0]"),
        ("images:\n- a: 1\n", "images[3]", "no `images[3]`", "1 item"),
        ("image: [\n", "image.tag", "not YAML", "--marker"),
        (
            "version https://git-lfs.github.com/spec/v1\noid sha256:aa\n",
            "image.tag",
            "LFS pointer",
            "out of LFS",
        ),
        (
            "image:\n  tag: v1\n   v2\n",
            "image.tag",
            "not written in one piece",
            "-",
        ),
    ];
    for (text, at, what, hint) in table {
        let words = refusal(text, &path(at, "v2"));
        assert!(
            words.contains(what) && words.contains(hint),
            "{text:?}: {words}"
        );
    }
    let words = refusal(
        "image:\n  repository: acme/other\n  tag: v1\n",
        &image("acme/shop", "v2"),
    );
    assert!(
        words.contains("the file names acme/other (line 2)"),
        "{words}"
    );
    // A chart's dependency is not an image.
    let chart = "dependencies:\n- name: redis\n  version: 1.0.0\n  repository: https://charts.example.org\n";
    assert!(refusal(chart, &image("redis", "v2")).contains("no tag of image redis"));
    assert!(matches!(
        look(b"\xff", &Address::Image("a".to_owned()), None),
        Err(EditError::Unfit { .. })
    ));
    assert!(apply("[".repeat(10_000).as_bytes(), &[path("a", "v2")]).is_err());
}

#[test]
fn a_marker_works_in_any_text() {
    let text = "variable {\n  tag = \"v1\" # tag-bump: shop\n  other = \"v1\"\n}\n";
    let edit = Edit::new(
        Address::Marker("shop".to_owned()),
        NewValue::tag("1.10".parse().unwrap()),
    );
    assert_eq!(edited(text, &edit), text.replacen("\"v1\"", "\"1.10\"", 1));
    let template = "{{- if .x }}\nimage:\n  tag: v1 # tag-bump: shop\n{{- end }}\n";
    assert_eq!(edited(template, &edit), template.replace("v1", "\"1.10\""));
    let docker = "# tag-bump: shop\nFROM ghcr.io/acme/base:v1 AS base\n";
    assert_eq!(edited(docker, &edit), docker.replace("v1", "1.10"));
}

#[test]
fn several_edits_are_all_or_nothing() {
    let text = "a:\n  image: acme/a:v1\nb:\n  image: acme/b:v1\n";
    let both = [image("acme/a", "v2"), image("acme/b", "v3")];
    let result = apply(text.as_bytes(), &both).unwrap();
    assert_eq!(
        result.content,
        b"a:\n  image: acme/a:v2\nb:\n  image: acme/b:v3\n"
    );
    assert_eq!(result.values.len(), 2);
    assert!(
        apply(
            text.as_bytes(),
            &[image("acme/a", "v2"), image("acme/c", "v3")]
        )
        .is_err()
    );
}

#[test]
fn a_value_that_is_already_there_changes_no_byte() {
    let text = "image:\r\n  repository: acme/shop\r\n  tag: 'v1'";
    let result = apply(text.as_bytes(), &[image("acme/shop", "v1")]).unwrap();
    assert_eq!(result.content, text.as_bytes());
    assert!(!result.values[0].changed);
    // But a number is made the text that it was meant to be.
    let bare = apply(
        b"image:\n  repository: acme/shop\n  tag: 1234567\n",
        &[image("acme/shop", "1234567")],
    )
    .unwrap();
    assert!(bare.values[0].changed);
    assert!(bare.content.ends_with(b"tag: \"1234567\"\n"));
}

#[test]
fn a_path_stays_within_the_repository() {
    assert_eq!(
        inner_path(Path::new("./a/../b/c.yaml")).unwrap(),
        "b/c.yaml"
    );
    for path in [
        "../x",
        "/etc/passwd",
        ".git/config",
        "a/.GIT/config",
        "",
        ".",
        "a/..",
    ] {
        assert!(inner_path(Path::new(path)).is_err(), "{path}");
    }
}
