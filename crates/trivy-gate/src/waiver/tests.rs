//! What a waiver file may say, and what it covers.

use super::*;

fn now() -> Timestamp {
    "2026-11-24T00:46:00Z".parse().unwrap()
}

fn parse(name: &str, content: &str) -> Result<Waivers, Failure> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    let mut waivers = Waivers::default();
    waivers.read_any(&path, 90, now())?;
    Ok(waivers)
}

fn flaw(id: &str, package: &str, purl: &str, path: &str) -> Finding {
    Finding {
        id: id.to_owned(),
        package: package.to_owned(),
        purl: purl.to_owned(),
        path: path.to_owned(),
        ..Finding::default()
    }
}

fn ask(waivers: &Waivers, target: &str, finding: &Finding) -> Answer {
    let target = Target {
        name: target.to_owned(),
        class: "lang-pkgs".to_owned(),
    };
    waivers.ask(now(), &target, finding)
}

const OWN: &str = "\
waivers:
  - id: CVE-1
    package: curl
    paths: ['app/**']
    reason: not reachable
    owner: team-shop
    expires: 2026-12-31
";

#[test]
fn an_own_waiver_covers_exactly_what_it_names() {
    let waivers = parse("w.yaml", OWN).unwrap();
    assert_eq!(waivers.all[0].line, 2);
    let hit = flaw("CVE-1", "curl", "", "app/lib/x");
    assert_eq!(ask(&waivers, "Python", &hit), Answer::Waived(0));
    assert_eq!(
        ask(&waivers, "app/lock", &flaw("CVE-1", "curl", "", "")),
        Answer::Waived(0)
    );
    for other in [
        flaw("CVE-2", "curl", "", "app/x"),
        flaw("cve-1", "curl", "", "app/x"),
        flaw("CVE-1", "libcurl", "", "app/x"),
        flaw("CVE-1", "curl", "", "opt/x"),
    ] {
        assert_eq!(ask(&waivers, "Python", &other), Answer::None, "{other:?}");
    }
}

#[test]
fn an_own_waiver_says_everything_and_ends() {
    for (change, to, message) in [
        ("reason: not reachable", "", "missing field `reason`"),
        ("owner: team-shop", "", "missing field `owner`"),
        ("expires: 2026-12-31", "", "missing field `expires`"),
        ("id: CVE-1", "ids: CVE-1", "unknown field `ids`"),
        ("owner: team-shop", "owner: ' '", "`owner` is empty"),
        ("expires: 2026-12-31", "expires: soon", "not a date"),
        (
            "expires: 2026-12-31",
            "expires: 2027-12-31",
            "more than 90 days",
        ),
        (
            "package: curl",
            "package: curl\n    purl: pkg:deb/debian/curl",
            "exclude each other",
        ),
        ("package: curl", "purl: curl", "not a package URL"),
        ("'app/**'", "'app/['", "not a pattern"),
        (
            "reason: not reachable",
            "reason: a\n    reason: b",
            "duplicate",
        ),
        ("waivers:", "waivers: []\nwaiver:", "unknown field `waiver`"),
        ("id: CVE-1", "id: 'CVE-1 CVE-2'", "not one word"),
    ] {
        let content = OWN.replacen(change, to, 1);
        let failure = parse("w.yaml", &content).unwrap_err();
        assert!(
            failure.to_string().contains(message),
            "{content}\n{failure}"
        );
        assert_eq!(failure.code(), autoscaleops_core::exit::USAGE);
    }
}

#[test]
fn a_waiver_ends_when_its_day_begins_in_utc() {
    for (date, answer) in [
        ("2026-11-24", Answer::Expired(0)),
        ("2026-11-25", Answer::Waived(0)),
    ] {
        let waivers = parse("w.yaml", &OWN.replace("2026-12-31", date)).unwrap();
        assert_eq!(
            ask(&waivers, "app/x", &flaw("CVE-1", "curl", "", "")),
            answer,
            "{date}"
        );
    }
}

#[test]
fn a_later_waiver_takes_over_from_an_expired_one() {
    let again = OWN
        .replace("waivers:\n", "")
        .replace("2026-12-31", "2026-12-01");
    let both = format!("{}{again}", OWN.replace("2026-12-31", "2026-01-01"));
    let waivers = parse("w.yaml", &both).unwrap();
    assert_eq!(
        ask(&waivers, "app/x", &flaw("CVE-1", "curl", "", "")),
        Answer::Waived(1)
    );
}

#[test]
fn the_text_form_is_read_as_trivy_reads_it() {
    let content = "# comment\r\n\r\n  CVE-1\r\nCVE-2 exp:2026-11-25\nCVE-3 exp:2026-11-24\nCVE-4 # why exp:2099-01-01\n\
                   CVE-5 exp:2099-1-1\nCVE-6,CVE-6\nCVE-7 exp: 2099-01-01\nexp:2099-01-01\nCVE-8 exp:2026-01-01 exp:2099-01-01\n";
    let waivers = parse(".trivyignore", content).unwrap();
    let answer = |id: &str| ask(&waivers, "x", &flaw(id, "", "", ""));
    for waived in ["CVE-1", "CVE-2", "CVE-4", "CVE-6,CVE-6", "exp:2099-01-01"] {
        assert!(matches!(answer(waived), Answer::Waived(_)), "{waived}");
    }
    for expired in ["CVE-3", "CVE-8"] {
        assert!(matches!(answer(expired), Answer::Expired(_)), "{expired}");
    }
    for not in ["CVE-5", "CVE-6", "CVE-7", "cve-1", "#"] {
        assert_eq!(answer(not), Answer::None, "{not}");
    }
    let lines: Vec<usize> = waivers.problems.iter().map(|it| it.line).collect();
    assert_eq!(lines, [7, 9]);
}

#[test]
fn the_text_form_covers_every_class_and_the_old_ids_of_checks() {
    let waivers = parse(".trivyignore", "AVD-DS-0002\naws-key\n").unwrap();
    let check = Finding {
        class: Class::Misconfiguration,
        id: "DS002".to_owned(),
        alias: "AVD-DS-0002".to_owned(),
        ..Finding::default()
    };
    assert_eq!(ask(&waivers, "Dockerfile", &check), Answer::Waived(0));
    let secret = Finding {
        class: Class::Secret,
        ..flaw("aws-key", "", "", "")
    };
    assert_eq!(ask(&waivers, ".env", &secret), Answer::Waived(1));
}

#[test]
fn the_yaml_form_is_read_as_trivy_reads_it() {
    let content = "\
vulnerabilities:
  - id: CVE-1
    purls: ['pkg:deb/debian/curl']
    expired_at: 2099-1-1
    statement: later
  - id: CVE-2
    paths: ['**/package-lock.json']
secrets:
  - id: aws-key
    paths: [app/.env]
";
    let waivers = parse("i.yaml", content).unwrap();
    let curl = "pkg:deb/debian/curl@7.88?arch=amd64";
    assert_eq!(
        ask(&waivers, "x", &flaw("CVE-1", "curl", curl, "")),
        Answer::Waived(0)
    );
    assert_eq!(
        ask(
            &waivers,
            "x",
            &flaw("CVE-1", "tar", "pkg:deb/debian/tar@1", "")
        ),
        Answer::None
    );
    assert_eq!(
        ask(&waivers, "x", &flaw("CVE-1", "curl", "", "")),
        Answer::None,
        "a finding without a package URL"
    );
    assert_eq!(
        ask(&waivers, "a/package-lock.json", &flaw("CVE-2", "x", "", "")),
        Answer::Waived(1)
    );
    assert_eq!(
        ask(&waivers, "app/.env", &flaw("aws-key", "", "", "")),
        Answer::None,
        "of another class"
    );
}

#[test]
fn the_traps_of_the_yaml_form_are_errors() {
    for bad in [
        "vulnerabilites:\n  - id: CVE-1\n",
        "vulnerabilities:\n  - id: CVE-1\n    expire_at: 2020-01-01\n",
        "vulnerabilities:\n  - id: CVE-1\n    expired_at: soon\n",
        "vulnerabilities:\n  - paths: [x]\n",
        "vulnerabilities:\n  - id: CVE-1\n    purls: [curl]\n",
        "vulnerabilities:\n  - id: CVE-1\n    paths: ['[']\n",
        "vulnerabilities:\n  - id: CVE-1\n    id: CVE-2\n",
        "vulnerabilities: []\n---\nvulnerabilities: []\n",
        "secrets:\n  - id: aws-key\n    purls: ['pkg:npm/x']\n",
    ] {
        assert!(parse("i.yaml", bad).is_err(), "{bad}");
    }
    assert!(parse("i.yml", "").unwrap().all.is_empty());
    assert!(
        parse("i.yaml", "vulnerabilities:\n")
            .unwrap()
            .all
            .is_empty()
    );
}
