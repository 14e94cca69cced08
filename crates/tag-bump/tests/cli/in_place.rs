//! `tag-bump FILE`: the file itself.

use std::{fs, os::unix::fs::PermissionsExt as _};

use snapbox::str;
use tempfile::tempdir;

use crate::support::{VALUES, bump, read, report, run, values, write};

#[test]
fn the_diff_is_printed_and_one_token_is_another() {
    let folder = tempdir().unwrap();
    write(folder.path(), "values.yaml", VALUES);
    let arguments = [
        "values.yaml",
        "--image",
        "ghcr.io/acme/shop",
        "--tag",
        "1.10",
    ];
    bump(folder.path())
        .args(arguments)
        .assert()
        .success()
        .stdout_eq(str![[r#"
--- a/values.yaml
+++ b/values.yaml
@@ -2,5 +2,5 @@
 image:
   repository: ghcr.io/acme/shop
-  tag: "v1"         # bumped here only
+  tag: "1.10"         # bumped here only
 
 hpa:
pass values.yaml: ghcr.io/acme/shop v1 -> 1.10

"#]])
        .stderr_eq(str![""]);
    assert_eq!(read(folder.path(), "values.yaml"), values("1.10"));
    bump(folder.path())
        .args(arguments)
        .assert()
        .success()
        .stdout_eq(str![[r#"
pass values.yaml: ghcr.io/acme/shop is 1.10 already, nothing to do

"#]]);
}

#[test]
fn a_program_reads_the_same_in_outputs() {
    let folder = tempdir().unwrap();
    write(folder.path(), "values.yaml", VALUES);
    let (code, report) =
        report(bump(folder.path()).args(["values.yaml", "--image", "ghcr.io/acme/shop:v2"]));
    assert_eq!(code, 0);
    let outputs = &report["outputs"];
    assert_eq!(outputs["changed"], true);
    assert_eq!(
        [
            &outputs["old"],
            &outputs["new"],
            &outputs["file"],
            &outputs["path"]
        ],
        ["v1", "v2", "values.yaml", "image.tag"]
    );
    assert_eq!(report["subject"]["name"], "ghcr.io/acme/shop");
    assert_eq!(report["subject"]["tag"], "v2");
    assert_eq!(report["details"]["values"][0]["line"], 4);
}

#[test]
fn get_prints_the_value_alone() {
    let folder = tempdir().unwrap();
    write(folder.path(), "values.yaml", VALUES);
    bump(folder.path())
        .args(["get", "values.yaml", "--image", "ghcr.io/acme/shop"])
        .assert()
        .success()
        .stdout_eq("v1\n");
    let (code, _, words) =
        run(bump(folder.path()).args(["get", "values.yaml", "--path", "image.tga"]));
    assert_eq!(code, 2);
    assert!(words.contains("line 3 has `tag`"), "{words}");
}

#[test]
fn a_refusal_names_place_and_remedy_and_leaves_the_file() {
    let folder = tempdir().unwrap();
    let text = "image:\n  repository: acme/shop\n  tag: v1\n  tag: v1\n";
    write(folder.path(), "values.yaml", text);
    bump(folder.path())
        .args(["values.yaml", "--image", "acme/shop", "--tag", "v2"])
        .assert()
        .code(2)
        .stdout_eq(str![""])
        .stderr_eq(str![[r#"
error: values.yaml:4:3: the key `tag` is there twice, first at line 3
  try:   readers differ in which one counts: delete one

"#]]);
    assert_eq!(read(folder.path(), "values.yaml"), text);
    bump(folder.path())
        .args(["value.yaml", "--image", "acme/shop", "--tag", "v2"])
        .assert()
        .code(2)
        .stderr_eq(str![[r#"
error: cannot read `value.yaml`: No such file or directory (os error 2)
  try:   there is `values.yaml`

"#]]);
    assert!(
        !folder.path().join("value.yaml").exists(),
        "a missing file is never made"
    );
}

#[test]
fn mode_and_symbolic_link_survive() {
    let folder = tempdir().unwrap();
    write(folder.path(), "real.yaml", VALUES);
    fs::set_permissions(
        folder.path().join("real.yaml"),
        fs::Permissions::from_mode(0o640),
    )
    .unwrap();
    std::os::unix::fs::symlink("real.yaml", folder.path().join("link.yaml")).unwrap();
    bump(folder.path())
        .args(["link.yaml", "--path", "image.tag", "--tag", "v2"])
        .assert()
        .success();
    assert_eq!(read(folder.path(), "real.yaml"), values("v2"));
    let mode = fs::metadata(folder.path().join("real.yaml"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o640);
    assert!(
        fs::symlink_metadata(folder.path().join("link.yaml"))
            .unwrap()
            .is_symlink()
    );
}

#[test]
fn a_trial_writes_nothing_and_an_unexpected_value_is_a_no() {
    let folder = tempdir().unwrap();
    write(folder.path(), "values.yaml", VALUES);
    let arguments = ["values.yaml", "--path", "image.tag", "--tag", "v3"];
    let (code, answer, _) = run(bump(folder.path()).args(arguments).arg("--dry-run"));
    assert_eq!(code, 0);
    assert!(
        answer.contains("+  tag: \"v3\"") && answer.contains("nothing written"),
        "{answer}"
    );
    let (code, report) = report(
        bump(folder.path())
            .args(arguments)
            .args(["--expect-old", "v2"]),
    );
    assert_eq!(code, 10);
    assert_eq!(report["verdict"], "fail");
    assert_eq!(report["outputs"]["reason"], "conflict");
    assert_eq!(read(folder.path(), "values.yaml"), VALUES);
    let (code, ..) = run(bump(folder.path())
        .args(arguments)
        .args(["--expect-old", "v1"]));
    assert_eq!(code, 0);
}

#[test]
fn what_is_no_tag_is_not_written() {
    let folder = tempdir().unwrap();
    write(folder.path(), "values.yaml", VALUES);
    for tag in ["", "a b", "$(empty)", "-x", "v1\nx: y", "v1@sha256:zz"] {
        let (code, ..) = run(bump(folder.path())
            .args(["values.yaml", "--path", "image.tag"])
            .arg(format!("--tag={tag}")));
        assert_eq!(code, 2, "{tag:?}");
    }
    let (code, _, words) = run(bump(folder.path()).args(["values.yaml", "--tag", "v2"]));
    assert_eq!(code, 2);
    assert!(words.contains("--marker"), "{words}");
    assert_eq!(read(folder.path(), "values.yaml"), VALUES);
    // Any text, where that is said.
    let (code, ..) = run(bump(folder.path()).args([
        "values.yaml",
        "--path",
        "hpa.maxReplicas",
        "--value",
        "a: b",
    ]));
    assert_eq!(code, 0);
    assert!(read(folder.path(), "values.yaml").ends_with("maxReplicas: \"a: b\"   # six"));
}
