//! Each check fails for its own reason alone.

use super::*;
use crate::kind::advice::advice;
use crate::spec::tests::spec;

fn good() -> Facts {
    Facts {
        kind: Some(Ok(Version::new(0, 33, 0))),
        docker: Some(Ok(docker::Info {
            server_version: "28.2.2".to_owned(),
            cgroup_version: "2".to_owned(),
            mem_total: 16 * GIB,
            cpus: 8,
            ..docker::Info::default()
        })),
        taken_ports: Vec::new(),
        inotify: Some((512, 524_288)),
        free_bytes: Some(50 * GIB),
        experimental_provider: None,
    }
}

fn problems(facts: &Facts, spec: &Spec) -> Vec<(String, String)> {
    judge(facts, spec, &Versions::built_in())
        .into_iter()
        .filter_map(|it| {
            let fine = it.outcome == "pass";
            assert!(fine || !it.remedy.is_empty(), "{} has no remedy", it.id);
            (!fine).then_some((it.id, it.outcome))
        })
        .collect()
}

fn with(change: impl Fn(&mut Facts)) -> Vec<(String, String)> {
    let mut facts = good();
    change(&mut facts);
    problems(&facts, &spec(|_| {}).unwrap())
}

fn engine(change: impl Fn(&mut docker::Info)) -> Vec<(String, String)> {
    with(|facts| {
        if let Some(Ok(info)) = &mut facts.docker {
            change(info);
        }
    })
}

fn one(id: &str, outcome: &str) -> Vec<(String, String)> {
    vec![(id.to_owned(), outcome.to_owned())]
}

#[test]
fn a_good_machine_has_no_problem() {
    assert_eq!(problems(&good(), &spec(|_| {}).unwrap()), []);
}

#[test]
fn each_problem_is_found_and_found_alone() {
    let error = "fail";
    let warning = "warn";
    assert_eq!(with(|it| it.kind = None), one("kind", error));
    assert_eq!(
        with(|it| it.kind = Some(Ok(Version::new(0, 31, 0)))),
        one("kind", error)
    );
    assert_eq!(with(|it| it.docker = None), one("docker", error));
    assert_eq!(
        with(|it| it.docker = Some(Err("down".to_owned()))),
        one("docker", error)
    );
    assert_eq!(
        engine(|it| it.cgroup_version = "1".to_owned()),
        one("cgroup", error)
    );
    assert_eq!(engine(|it| it.cpus = 1), one("cpus", error));
    assert_eq!(engine(|it| it.cpus = 2), one("cpus", warning));
    assert_eq!(engine(|it| it.mem_total = 3 * GIB), one("memory", error));
    assert_eq!(engine(|it| it.mem_total = 6 * GIB), one("memory", warning));
    assert_eq!(
        engine(|it| it.security_options = vec!["name=rootless".to_owned()]),
        one("rootless", warning)
    );
    assert_eq!(
        with(|it| it.free_bytes = Some(3 * GIB)),
        one("disk", warning)
    );
    assert_eq!(
        with(|it| it.inotify = Some((128, 192_536))),
        one("inotify", warning)
    );
    assert_eq!(
        with(|it| it.taken_ports = vec![(30007, "the container web".to_owned())]),
        one("ports", error)
    );
    assert_eq!(
        with(|it| it.experimental_provider = Some("podman".to_owned())),
        one("provider", error)
    );
}

#[test]
fn a_machine_without_docker_is_told_of_the_stand_in() {
    let mut facts = good();
    facts.docker = None;
    facts.kind = None;
    let checks = judge(&facts, &spec(|_| {}).unwrap(), &Versions::built_in());
    let bad: Vec<&Check> = checks.iter().filter(|it| it.outcome != "pass").collect();
    assert_eq!(bad.len(), 2);
    assert!(
        bad.iter()
            .all(|it| it.remedy.contains("--provider embedded"))
    );
}

#[test]
fn exposure_is_warned_of() {
    let spec = spec(|it| it.kind.listen_address = "0.0.0.0".to_owned()).unwrap();
    assert_eq!(problems(&good(), &spec), one("exposure", "warn"));
}

#[test]
fn an_older_node_runs_on_cgroup_v1() {
    let mut facts = good();
    if let Some(Ok(info)) = &mut facts.docker {
        info.cgroup_version = "1".to_owned();
    }
    let spec = spec(|it| it.kind.node_image = "kindest/node:v1.34.11@sha256:44e222ee2132dab25ff87301682f89eb82c7880ea3a1bf543bfe9708fd08d67d".to_owned()).unwrap();
    assert_eq!(problems(&facts, &spec), []);
}

#[test]
fn a_port_that_somebody_listens_on_is_seen() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    assert!(!can_bind("127.0.0.1", port));
    drop(listener);
    assert!(can_bind("127.0.0.1", port));
}

#[test]
fn what_kind_says_finds_its_remedy() {
    let table = [
        (
            "Bind for 0.0.0.0:30007 failed: port is already allocated",
            "port_in_use",
        ),
        (
            "failed to create fsnotify watcher: too many open files",
            "inotify",
        ),
        (
            "toomanyrequests: You have reached your pull rate limit",
            "rate_limited",
        ),
        (
            "Cannot connect to the Docker daemon at unix:///var/run/docker.sock",
            "docker_down",
        ),
        ("write /tmp/x: no space left on device", "disk_full"),
        (
            "ERROR: node(s) already exist for a cluster with the name \"c\"",
            "already_exists",
        ),
        ("something new", "program_failed"),
    ];
    for (said, kind) in table {
        assert_eq!(advice(said).0, kind, "{said}");
    }
}
