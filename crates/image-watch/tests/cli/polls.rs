//! What is chosen, what is said, and what it costs.

use autoscaleops_testkit::{Registry, tool};
use snapbox::str;

use crate::support::{Folder, at, one_image, registry, text};

#[test]
fn each_strategy_finds_its_tag() {
    let registry = registry(&[
        "1.2.3",
        "1.10.0",
        "2.0.0-rc1",
        "dev-20240102-a",
        "dev-20231231-b",
        "latest",
        "1234567",
    ]);
    for (rule, expected) in [
        ("strategy: semver", "1.10.0"),
        ("constraint: '>=1.0, <1.5'", "1.2.3"),
        ("constraint: '*-0'", "2.0.0-rc1"),
        ("strategy: newest-build\nallow: '^dev-'", "dev-20231231-b"),
        ("strategy: alphabetical\nallow: '^dev-'", "dev-20240102-a"),
        (
            "strategy: numerical\nextract: '^dev-(\\d+)-'",
            "dev-20240102-a",
        ),
        ("strategy: name\nignore: ['latest', 'dev-*']", "2.0.0-rc1"),
        ("loose: true", "1234567"),
    ] {
        let folder = Folder::new(&one_image(&registry, "", rule));
        assert_eq!(
            folder.answer(),
            (0, expected.to_owned(), "update".to_owned()),
            "{rule}"
        );
    }
}

#[test]
fn the_line_says_what_runs_what_should_and_what_it_cost() {
    let registry = registry(&["1.2.3", "1.2.4"]);
    let target =
        "name: shop-prod\nconstraint: <2\ntarget: {file: charts/values.yaml, path: image.tag}";
    let folder = Folder::new(&one_image(&registry, "", target));
    folder.write("charts/values.yaml", "image:\n  tag: \"1.2.3\"   # here\n");
    let (code, reports) = folder.check(&[]);
    assert_eq!(code, 0);
    let report = &reports[0];
    assert_eq!(report["schema"], "autoscaleops/report/v1");
    assert_eq!(report["verdict"], "pass");
    assert_eq!(report["subject"]["tag"], "1.2.4");
    assert_eq!(
        report["subject"]["name"],
        format!("{}/acme/shop", registry.address())
    );
    for (name, expected) in [
        ("name", "shop-prod"),
        ("current", "1.2.3"),
        ("candidate", "1.2.4"),
        ("changed", "true"),
        ("requests", "2"),
        ("file", "charts/values.yaml"),
        ("path", "image.tag"),
    ] {
        assert_eq!(text(report, name), expected);
    }
    // Looking changes nothing.
    assert!(folder.read("charts/values.yaml").contains("1.2.3"));
}

#[test]
fn a_person_reads_it_in_two_lines() {
    let registry = registry(&["1.2.3", "1.2.4"]);
    let folder = Folder::new(&one_image(&registry, "", "current: 1.2.3"));
    snapbox::assert_data_eq!(
        folder.run(&["check"]).stdout,
        str![[r#"
shop: 1.2.3 -> 1.2.4
  `1.2.4` comes after `1.2.3`

"#]]
    );
    snapbox::assert_data_eq!(
        folder.run(&["explain", "shop", "1.2.4"]).stdout,
        str![[r#"
`1.2.4`: is the last one of the order
  ok  exists      the registry lists it
  ok  artifact    is no signature or attestation
  ok  allow       any tag is allowed
  ok  ignore      matches none of 0 patterns
  ok  version     is a semantic version
  ok  constraint  `*` admits it
  ok  order       is the last one of the order

"#]]
    );
}

#[test]
fn every_tag_says_why_it_is_not_the_one() {
    let registry = registry(&["1.2.3", "1.3.0", "2.0.0-rc1", "foo", "20240101"]);
    let folder = Folder::new("image-watch: {}\n");
    let image = format!("{}/acme/shop", registry.address());
    let said = folder.run(&[
        "tags",
        &image,
        "--constraint",
        "^1.0",
        "--ignore",
        "foo",
        "--current",
        "1.2.3",
    ]);
    snapbox::assert_data_eq!(
        said.stdout,
        str![[r#"
2.0.0-rc1  dropped   constraint: is a pre-release, and `^1.0` names none (`pre_releases: true` admits them)
20240101   dropped   version: `20240101` has no dot: it may be a date or a commit (`loose: true` takes it)
foo        dropped   ignore: matches `foo`
1.2.3      current   another one comes after it
1.3.0      chosen    is the last one of the order
shop: `1.3.0` comes after `1.2.3`

"#]]
    );
    for (tag, expected) in [
        (
            "9.9.9-rc99-long",
            "no  exists      the registry does not list it\n",
        ),
        ("1.3.1", "the registry does not list it; there is `1.3.0`"),
        // The first line is what decides.
        ("1.2.3", "`1.2.3`: `1.3.0` comes after it\n"),
        ("1.3.0", "`1.3.0`: is the last one of the order\n"),
        ("foo", "`foo` is not a semantic version\n"),
    ] {
        let said = folder.run(&["explain", &image, tag]);
        assert!(said.stdout.contains(expected), "{tag}: {said:?}");
    }
}

#[test]
fn a_long_name_does_not_push_the_others_apart() {
    let signature = format!("sha256-{}.sig", "a".repeat(64));
    let registry = registry(&["1.0.0", &signature]);
    let folder = Folder::new("image-watch: {}\n");
    let said = folder.run(&["tags", &format!("{}/acme/shop", registry.address())]);
    assert!(
        said.stdout.contains("\n1.0.0  chosen    is the last"),
        "{said:?}"
    );
}

/// A process that is killed at any moment leaves a cache that the next one can use.
#[test]
fn a_poll_that_is_killed_leaves_a_cache_that_serves() {
    let tags: Vec<String> = (0..40).map(|it| format!("b{it:02}")).collect();
    let tags: Vec<&str> = tags.iter().map(String::as_str).collect();
    let registry = registry(&tags);
    let folder = Folder::new(&one_image(
        &registry,
        "",
        "strategy: newest-build\ncurrent: b39",
    ));
    for wait in 0..12_u64 {
        // Half of them begin cold, so that the kill may meet the first writing too.
        if wait % 2 == 0 {
            drop(std::fs::remove_dir_all(folder.cache()));
        }
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_image-watch"))
            .current_dir(folder.path())
            .env("XDG_CACHE_HOME", folder.cache())
            .args(["check", "--quiet"])
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(std::time::Duration::from_millis(wait * 9));
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(folder.answer().2, "up_to_date", "killed after {wait}");
    }
    // Several at one time, all of them cold.
    drop(std::fs::remove_dir_all(folder.cache()));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_eq!(folder.answer().2, "up_to_date"));
        }
    });
    registry.take_log();
    assert_eq!(folder.answer().2, "up_to_date");
    assert_eq!(registry.take_log(), ["GET /v2/acme/shop/tags/list?n=1000"]);
}

#[test]
fn who_cannot_be_reached_is_told_in_a_few_words() {
    let folder =
        Folder::new("image-watch: {retries: 0, images: [{image: '127.0.0.1:1/acme/shop'}]}\n");
    let said = folder.run(&["check"]);
    assert_eq!(said.code, 3);
    assert!(
        said.stdout
            .contains("cannot read 127.0.0.1:1/acme/shop: cannot connect: Connection refused"),
        "{said:?}"
    );
}

#[test]
fn an_unchanged_image_costs_the_list_alone() {
    let registry = registry(&["1.2.3", "1.2.4"]);
    let folder = Folder::new(&one_image(
        &registry,
        "",
        "current: 1.2.4\nplatform: linux/amd64\nmin_age: 1h",
    ));
    for _ in 0..2 {
        assert_eq!(folder.answer().2, "up_to_date");
        assert_eq!(registry.take_log(), ["GET /v2/acme/shop/tags/list?n=1000"]);
    }
}

#[test]
fn a_digest_that_has_not_moved_costs_a_token_and_a_head() {
    let registry = registry(&["latest"]);
    registry.require_token(None, 300);
    let digest = registry.add("acme/shop", "latest", &at(1));
    let rule = format!("strategy: digest\nconstraint: latest\ncurrent: latest@{digest}");
    let folder = Folder::new(&one_image(&registry, "", &rule));
    assert_eq!(
        folder.answer(),
        (0, format!("latest@{digest}"), "up_to_date".to_owned())
    );
    let token = "GET /token?service=registry&scope=repository%3Aacme%2Fshop%3Apull";
    let head = "HEAD /v2/acme/shop/manifests/latest";
    assert_eq!(registry.take_log(), [head, token, head]);
    // The challenge is remembered, the token is not.
    assert_eq!(folder.answer().2, "up_to_date");
    assert_eq!(registry.take_log(), [token, head]);
    let cached = std::fs::read_to_string(
        folder
            .cache()
            .join("image-watch/v2")
            .join(registry.address())
            .join("acme/shop.cache"),
    );
    assert!(!cached.unwrap().contains("token-"), "a token in the cache");
    // It moves.
    let moved = registry.add("acme/shop", "latest", &at(2));
    assert_eq!(
        folder.answer(),
        (0, format!("latest@{moved}"), "update".to_owned())
    );
}

#[test]
fn metadata_is_read_once_and_remembered() {
    let registry = registry(&["a", "b", "c"]);
    let folder = Folder::new(&one_image(
        &registry,
        "",
        "strategy: newest-build\ncurrent: c",
    ));
    assert_eq!(folder.answer().2, "up_to_date");
    assert_eq!(registry.take_log().len(), 1 + 2 * 3);
    assert_eq!(folder.answer().2, "up_to_date");
    assert_eq!(registry.take_log(), ["GET /v2/acme/shop/tags/list?n=1000"]);
    // One tag more: its manifest, its configuration, and nothing of the others.
    registry.add("acme/shop", "d", &at(9));
    assert_eq!(folder.answer().1, "d");
    let log = registry.take_log();
    assert_eq!(log.len(), 3, "{log:?}");
    assert!(
        log[1].ends_with("/manifests/d") && log[2].contains("/blobs/"),
        "{log:?}"
    );
    // A cache that cannot be read is a cold start.
    let cache = folder
        .cache()
        .join("image-watch/v2")
        .join(registry.address())
        .join("acme/shop.cache");
    let whole = std::fs::read_to_string(&cache).unwrap();
    for broken in [
        // As a full disk leaves it.
        whole[..whole.len() / 2].to_owned(),
        // A date that would make `a` the newest.
        whole.replacen("\t1704067200\t", "\t1904067200\t", 1),
    ] {
        assert_ne!(broken, whole);
        std::fs::write(&cache, broken).unwrap();
        assert_eq!(folder.answer().1, "d");
        assert_eq!(registry.take_log().len(), 1 + 2 * 4);
    }
}

#[test]
fn a_daemon_without_a_cache_on_disk_remembers_all_the_same() {
    let registry = registry(&["a", "b", "c"]);
    let folder = Folder::new(&one_image(
        &registry,
        "",
        "strategy: newest-build\ncurrent: c",
    ));
    let daemon = ["run", "--polls", "3", "--interval", "1ms"];
    assert_eq!(folder.run(&[&daemon[..], &["--no-cache"]].concat()).code, 0);
    assert_eq!(registry.take_log().len(), 1 + 2 * 3 + 1 + 1);
    // A place where nobody can write is as good.
    folder.write("file", "");
    assert_eq!(
        folder
            .run(&[&daemon[..], &["--cache", "file/x"]].concat())
            .code,
        0
    );
    assert_eq!(registry.take_log().len(), 1 + 2 * 3 + 1 + 1);
}

/// A list that the registry marks is sent once, page by page, until it changes.
#[test]
fn a_list_that_is_as_it_was_is_not_sent_again() {
    use autoscaleops_testkit::registry::Reply;

    let registry = registry(&["1.0.0", "1.1.0", "1.2.0"]);
    let page = |tags: &str, mark: &str| Reply::new(200, tags).header("ETag", format!("\"{mark}\""));
    let first = page("{\"tags\":[\"1.0.0\"]}", "one").header("Link", "<list?page=2>; rel=\"next\"");
    let second = page("{\"tags\":[\"1.1.0\"]}", "two");
    let changed = page("{\"tags\":[\"1.1.0\",\"1.2.0\"]}", "three");
    let is_changed = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let (now, sent) = (is_changed.clone(), seen.clone());
    registry.on_request(move |asked| {
        if !asked.path.ends_with("/tags/list") {
            return None;
        }
        let page = match asked.query.as_str() {
            "page=2" if now.load(std::sync::atomic::Ordering::SeqCst) => &changed,
            "page=2" => &second,
            _ => &first,
        };
        let mark = &page.headers.iter().find(|it| it.0 == "ETag")?.1;
        let is_known = asked.if_none_match.as_ref() == Some(mark);
        sent.lock().unwrap().push(if is_known { 304 } else { 200 });
        Some(if is_known {
            Reply::new(304, "")
        } else {
            page.clone()
        })
    });
    let folder = Folder::new(&one_image(&registry, "", "current: 1.1.0"));
    let pages = || std::mem::take(&mut *seen.lock().unwrap());
    assert_eq!(folder.answer().2, "up_to_date");
    assert_eq!(pages(), [200, 200]);
    assert_eq!(folder.answer().2, "up_to_date");
    assert_eq!(pages(), [304, 304]);
    // Who doubts the marks asks for everything.
    assert_eq!(folder.check(&["--recheck"]).0, 0);
    assert_eq!(pages(), [200, 200]);
    is_changed.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(folder.answer().1, "1.2.0");
    assert_eq!(pages(), [304, 200]);
    // A registry that says so without having been asked says nothing.
    registry.on_request(|asked| {
        asked
            .path
            .ends_with("/tags/list")
            .then(|| Reply::new(304, ""))
    });
    std::fs::remove_dir_all(folder.cache()).unwrap();
    let (code, reports) = folder.check(&[]);
    assert_eq!(code, 3, "{reports:?}");
}

#[test]
fn two_entries_of_one_repository_share_its_list() {
    let registry = registry(&["1.0.0", "1.1.0"]);
    let image = format!("{}/acme/shop", registry.address());
    let folder = Folder::new(&format!(
        "image-watch:\n  images:\n    - {{name: dev, image: {image}, current: 1.1.0}}\n    - {{name: prod, image: {image}, current: 1.0.0, after: dev}}\n"
    ));
    let (code, reports) = folder.check(&[]);
    assert_eq!(
        (
            code,
            text(&reports[0], "reason"),
            text(&reports[1], "candidate")
        ),
        (0, "up_to_date".to_owned(), "1.1.0".to_owned())
    );
    let log = registry.take_log();
    assert_eq!(
        log.iter().filter(|it| it.contains("tags/list")).count(),
        1,
        "{log:?}"
    );
}

#[test]
fn an_index_counts_as_a_whole_and_without_its_attestation() {
    let registry = Registry::start();
    let both = [
        ("linux/amd64", "2024-01-01T00:00:00Z"),
        ("linux/arm64", "2024-01-01T01:00:00Z"),
    ];
    let digest = registry.add_index("acme/shop", "1.0.0", &both);
    registry.add_index(
        "acme/shop",
        "1.1.0",
        &[("linux/amd64", "2024-01-02T00:00:00Z")],
    );
    let rule = "platform: [linux/amd64, linux/arm64]\nstrategy: newest-build\npin: both";
    let folder = Folder::new(&one_image(&registry, "", rule));
    assert_eq!(folder.answer().1, format!("1.0.0@{digest}"));
}

#[test]
fn a_token_that_ends_on_the_way_is_renewed() {
    let registry = registry(&["a", "b", "c", "d"]);
    registry.require_token(Some("ada:secret-word"), 300);
    let mut folder = Folder::new(&one_image(
        &registry,
        &format!(
            "  registries: [{{host: '{}', credentials: 'env:SHOP_LOGIN'}}]\n",
            registry.address()
        ),
        "strategy: newest-build",
    ));
    folder
        .environment
        .push(("SHOP_LOGIN".to_owned(), "ada:secret-word".to_owned()));
    // After the third manifest the server has forgotten the token, once.
    let refusals = std::sync::atomic::AtomicU32::new(0);
    let address = registry.address();
    registry.on_request(move |seen| {
        let is_late = seen.path.ends_with("/manifests/c");
        if is_late && refusals.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
            let challenge = format!("Bearer realm=\"http://{address}/token\",service=\"registry\"");
            return Some(
                autoscaleops_testkit::registry::Reply::new(401, "")
                    .header("WWW-Authenticate", challenge),
            );
        }
        None
    });
    let said = folder.run(&["check", "-o", "json", "-vvv"]);
    assert!(said.stdout.contains("\"candidate\":\"d\""), "{said:?}");
    let log = registry.take_log();
    assert_eq!(
        log.iter().filter(|it| it.contains("/token")).count(),
        2,
        "{log:?}"
    );
    assert!(!said.stdout.contains("secret-word") && !said.stderr.contains("secret-word"));
}

#[test]
fn without_credentials_the_remedy_is_named() {
    let registry = registry(&["1.0.0"]);
    registry.require_basic("ada:x");
    let folder = Folder::new(&one_image(&registry, "", ""));
    let (code, reports) = folder.check(&[]);
    assert_eq!(code, 3);
    assert_eq!(reports[0]["error"]["kind"], "unauthorized");
    assert_eq!(
        reports[0]["error"]["hint"],
        format!("docker login {}", registry.address())
    );
}

#[test]
fn dockers_configuration_and_its_helpers_let_us_in() {
    let registry = registry(&["1.0.0"]);
    registry.require_token(Some("ada:x"), 60);
    let mut folder = Folder::new(&one_image(&registry, "", ""));
    folder.environment.push((
        "DOCKER_CONFIG".to_owned(),
        folder.path().display().to_string(),
    ));
    // "ada:x"
    folder.write(
        "config.json",
        &format!(
            "{{\"auths\":{{\"http://{}/v2/\":{{\"auth\":\"YWRhOng=\"}}}}}}",
            registry.address()
        ),
    );
    assert_eq!(folder.answer().1, "1.0.0");

    let helper = folder.path().join("bin/docker-credential-test");
    folder.write("bin/docker-credential-test", "#!/bin/sh\nread host\n[ \"$1\" = get ] && echo \"{\\\"ServerURL\\\":\\\"$host\\\",\\\"Username\\\":\\\"<token>\\\",\\\"Secret\\\":\\\"refresh-me\\\"}\"\n");
    let mut mode = std::fs::metadata(&helper).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&helper, mode).unwrap();
    folder.write(
        "config.json",
        &format!(
            "{{\"credHelpers\":{{\"{}\":\"test\"}}}}",
            registry.address()
        ),
    );
    let path = std::env::var("PATH").unwrap();
    folder.environment.push((
        "PATH".to_owned(),
        format!("{}:{path}", helper.parent().unwrap().display()),
    ));
    registry.take_log();
    assert_eq!(folder.answer().1, "1.0.0");
    assert!(registry.take_log().contains(&"POST /token".to_owned()));
}

#[test]
fn one_image_that_fails_does_not_hide_the_others() {
    let registry = registry(&["1.0.0"]);
    let host = registry.address();
    let folder = Folder::new(&format!(
        "image-watch:\n  images:\n    - {{image: {host}/acme/gone}}\n    - {{image: {host}/acme/shop}}\n    - {{name: none, image: {host}/acme/shop, allow: nothing}}\n"
    ));
    let (code, reports) = folder.check(&[]);
    assert_eq!(code, 3);
    let verdicts: Vec<&str> = reports
        .iter()
        .map(|it| it["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["error", "pass", "undecided"]);
    assert_eq!(reports[0]["error"]["kind"], "not_found");
    assert_eq!(folder.check(&["none"]).0, 11);
    assert_eq!(folder.check(&["shop"]).0, 0);
}

#[test]
fn a_wrong_question_is_answered_by_name() {
    let registry = registry(&["1.0.0"]);
    for (configuration, expected) in [
        (one_image(&registry, "", "stratgy: semver"), "strategy"),
        (
            one_image(&registry, "", "allow: '['"),
            "`allow` is not usable",
        ),
        (
            one_image(&registry, "", "strategy: newest-biuld"),
            "`newest-build`",
        ),
        (
            one_image(&registry, "", "target: {file: missing.yaml}"),
            "`missing.yaml` is not there",
        ),
        (
            one_image(&registry, "", "target: {file: ../x.yaml}"),
            "x.yaml",
        ),
        ("image-watch: {}\n".to_owned(), "names no images"),
    ] {
        let folder = Folder::new(&configuration);
        let said = folder.run(&["check"]);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(
            format!("{}{}", said.stderr, said.stdout).contains(expected),
            "{expected}: {said:?}"
        );
    }
    let folder = Folder::new(&one_image(&registry, "", ""));
    let said = folder.run(&["check", "shpo"]);
    assert!(
        said.code == 2 && said.stderr.contains("did you mean `shop`?"),
        "{said:?}"
    );
    assert_eq!(registry.take_log(), [""; 0]);
}

#[test]
fn plain_http_goes_to_this_machine_alone() {
    let folder = Folder::new(
        "image-watch: {registries: [{host: 'registry.invalid:5000', tls: false}], images: [{image: registry.invalid:5000/acme/shop}]}\n",
    );
    let said = folder.run(&["check"]);
    assert_eq!(said.code, 2, "{said:?}");
    assert!(
        said.stderr.contains("insecure: [registry.invalid:5000]"),
        "{said:?}"
    );
}

#[test]
fn help_shows_worked_examples() {
    let output = tool!("image-watch").arg("--help").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("image-watch check -o json | tag-bump --from -"),
        "{text}"
    );
}

#[test]
fn the_line_is_what_tag_bump_writes() {
    let Some(tag_bump) = autoscaleops_testkit::built("tag-bump") else {
        return;
    };
    let registry = registry(&["1.2.3", "1.2.4"]);
    let target = "target: {file: charts/values.yaml, path: image.tag}";
    let folder = Folder::new(&one_image(&registry, "", target));
    folder.write("charts/values.yaml", "image:\n  tag: \"1.2.3\"   # here\n");
    for expected in ["1.2.4", "1.2.4"] {
        let line = folder.run(&["check", "-o", "json"]).stdout;
        let output = autoscaleops_testkit::command(&tag_bump)
            .current_dir(folder.path())
            .args(["--from", "-"])
            .stdin(line)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_eq!(
            folder.read("charts/values.yaml"),
            format!("image:\n  tag: \"{expected}\"   # here\n")
        );
    }
    // Where the evidence does not suffice, the pipe stays closed.
    registry.on_request(|_| Some(autoscaleops_testkit::registry::Reply::new(404, "")));
    let said = folder.run(&["check", "-o", "json"]);
    let output = autoscaleops_testkit::command(&tag_bump)
        .current_dir(folder.path())
        .args(["--from", "-"])
        .stdin(said.stdout)
        .output()
        .unwrap();
    assert_eq!((said.code, output.status.code()), (3, Some(10)));
}
