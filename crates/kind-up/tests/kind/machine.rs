//! A machine with stub programs, pinned manifests in the cache, and a cluster behind the stubs.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU16, Ordering},
};

use autoscaleops_testkit::{Stubs, git, tool};
use serde_json::Value;
use tempfile::TempDir;

/// What docker says of its engine.
const INFO: &str = r#"{"ServerVersion":"28.2.2","CgroupVersion":"2","MemTotal":17179869184,"NCPU":8,"Architecture":"x86_64","DockerRootDir":"/","DriverStatus":[],"SecurityOptions":null}"#;

const IMAGE: &str =
    "kindest/node:v1.36.4@sha256:099e049362a1526b2db71494e1947aae99bd16290d7c895f2b7ea312e3cbfaed";

/// The token that must be seen nowhere.
pub(crate) const TOKEN: &str = "ghp_hunter2hunter2";

pub(crate) struct Machine {
    pub(crate) folder: TempDir,
    pub(crate) stubs: Stubs,
    pub(crate) ports: Vec<u16>,
}

impl Machine {
    /// A machine with everything that a bring-up needs.
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let ports = node_ports(5);
        let stubs = Stubs::new()
            .program("kind", &kind_script(folder.path()))
            .program("docker", &docker_script(folder.path(), &ports));
        let machine = Self {
            folder,
            stubs,
            ports,
        };
        machine.write_configuration("127.0.0.1");
        machine.write_manifests();
        machine.write_application();
        fs::write(machine.path("ports"), "").unwrap();
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the stand-in that the stub `kind` hands out as its cluster.
    pub(crate) fn start_cluster(&self) {
        self.command(&[
            "up",
            "--provider",
            "embedded",
            "--cluster",
            "behind",
            "--state-dir",
        ])
        .arg(self.path("behind"))
        .args(["--image", "quay.io/argoproj/argocd=/bin/sleep"])
        .assert()
        .success();
    }

    pub(crate) fn command(&self, args: &[&str]) -> snapbox::cmd::Command {
        tool!("kind-up")
            .current_dir(self.folder.path())
            .env("PATH", self.stubs.path())
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .args(args)
    }

    /// Runs the command with a report, and returns its code and its report.
    pub(crate) fn run(&self, args: &[&str]) -> (i32, Value) {
        let output = self.command(args).args(["-o", "json"]).output().unwrap();
        let code = output.status.code().unwrap();
        let report = serde_json::from_slice(&output.stdout).unwrap_or_else(|err| {
            panic!(
                "{err}: {}\n{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        });
        (code, report)
    }

    /// Returns the calls of `kind` and `docker` that change something.
    pub(crate) fn changing_calls(&self) -> Vec<String> {
        let changes = ["create ", "delete ", "load ", "pull ", "save ", "start "];
        ["kind", "docker"]
            .iter()
            .flat_map(|it| self.stubs.calls(it))
            .filter(|call| changes.iter().any(|it| call.starts_with(it)))
            .collect()
    }

    pub(crate) fn write_configuration(&self, address: &str) {
        let names = ["dev", "argocd", "grafana", "prometheus", "prod"];
        let ports: String = names
            .iter()
            .zip(&self.ports)
            .fold(String::new(), |text, (name, port)| {
                format!("{text}    - {{name: {name}, port: {port}}}\n")
            });
        let text = format!(
            "kind-up:\n  cluster: test\n  timeout: 2m\n  versions: versions.toml\n  root_app: root.yaml\n  \
             git_credentials: {{env_file: .env}}\n  kind: {{workers: 0, listen_address: {address}}}\n  ports:\n{ports}"
        );
        fs::write(self.path("autoscaleops.yaml"), text).unwrap();
        fs::write(
            self.path(".env"),
            format!("GITHUB_USER='acme'\nGITHUB_TOKEN=\"{TOKEN}\"\n"),
        )
        .unwrap();
        chmod(&self.path(".env"), 0o600);
    }

    /// Pins one manifest, and puts it where a download would have put it.
    pub(crate) fn write_manifests(&self) {
        let manifest = MANIFEST;
        let sha256 = git_free_sha256(manifest.as_bytes());
        let cache = self.path("cache/autoscaleops/manifests");
        fs::create_dir_all(&cache).unwrap();
        fs::write(cache.join(format!("{sha256}.yaml")), manifest).unwrap();
        let pins = format!(
            "[kind]\nminimum = \"0.32.0\"\nrecommended = \"0.33.0\"\n[node]\nimage = \"{IMAGE}\"\n[[manifest]]\n\
             name = \"argo-cd\"\nversion = \"v0\"\nurl = \"http://127.0.0.1:1/install.yaml\"\nsha256 = \"{sha256}\"\n\
             namespace = \"argocd\"\nimages = [\"quay.io/argoproj/argocd:v0\", \"example.org/redis:7\"]\n"
        );
        fs::write(self.path("versions.toml"), pins).unwrap();
    }

    /// Commits a file to the repository that the root Application follows.
    pub(crate) fn commit(&self, name: &str, content: &str) {
        let repository = self.path("repository");
        fs::write(repository.join(name), content).unwrap();
        git(&repository, &["add", "."]);
        let author = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
        git(
            &repository,
            &[&author[..], &["commit", "-qm", name]].concat(),
        );
    }

    fn write_application(&self) {
        let repository = self.path("repository");
        fs::create_dir_all(repository.join("apps")).unwrap();
        git(&repository, &["init", "-q", "-b", "main"]);
        self.commit(
            "apps/settings.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: default}\ndata: {a: \"1\"}\n",
        );
        let root = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: root, namespace: argocd}}\nspec:\n  \
             project: default\n  source: {{repoURL: \"file://{}\", targetRevision: main, path: apps}}\n  \
             destination: {{server: https://kubernetes.default.svc, namespace: default}}\n  \
             syncPolicy: {{automated: {{prune: true, selfHeal: true}}}}\n",
            repository.display()
        );
        fs::write(self.path("root.yaml"), root).unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self
            .command(&[
                "down",
                "--yes",
                "--provider",
                "embedded",
                "--cluster",
                "behind",
                "--state-dir",
            ])
            .arg(self.path("behind"))
            .output();
    }
}

const MANIFEST: &str = "\
apiVersion: v1
kind: ServiceAccount
metadata: {name: argocd-server}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.org}
spec:
  group: example.org
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-server}
spec:
  replicas: 1
  selector: {matchLabels: {app.kubernetes.io/name: argocd-server}}
  template:
    metadata: {labels: {app.kubernetes.io/name: argocd-server}}
    spec:
      containers:
        - {name: server, image: \"quay.io/argoproj/argocd:v0\", args: [\"600\"], imagePullPolicy: Always}
";

fn kind_script(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"cd {folder} || exit 1
env >>kind.env
kubeconfig() {{ sed 's/embedded-behind/kind-test/g' behind/kubeconfig; }}
case "$1 $2" in
"version -q") echo "$(cat kind.version 2>/dev/null || echo 0.33.0)" ;;
"get clusters") if [ -f cluster ]; then echo test; fi ;;
"get nodes") echo test-control-plane ;;
"get kubeconfig")
  # Nodes that kind did not finish have none.
  if [ -f half ]; then echo "ERROR: failed to get file: exit status 1" >&2; exit 1; fi
  kubeconfig ;;
"create cluster")
  if [ -f kind.fails ]; then cat kind.fails >&2; exit 1; fi
  date +%s%N >create.begin
  while [ $# -gt 0 ]; do
    case "$1" in --config) cp "$2" created.yaml ;; --kubeconfig) target=$2 ;; esac
    shift
  done
  # Its containers come first, what makes a cluster of them later, the kubeconfig last.
  touch half
  echo running >cluster
  echo $$ >kind.pid
  if [ -f kind.hangs ]; then sleep 30; fi
  sleep "$(cat kind.takes 2>/dev/null || echo 0.4)"
  kubeconfig >"$target"
  rm half
  date +%s%N >create.end ;;
"delete cluster") rm -f cluster half ;;
"load image-archive") test -f "$3" || exit 1 ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac"#
    )
}

fn docker_script(folder: &Path, ports: &[u16]) -> String {
    let folder = folder.display();
    let bindings: Vec<String> = ports
        .iter()
        .map(|it| format!(r#""{it}/tcp":[{{"HostIp":"127.0.0.1","HostPort":"{it}"}}]"#))
        .collect();
    let bindings = bindings.join(",");
    format!(
        r#"cd {folder} || exit 1
env >>docker.env
case "$1" in
info) if [ -f docker.fails ]; then cat docker.fails >&2; exit 1; fi
  echo '{INFO}' ;;
ps) if [ -f cluster ]; then echo test-control-plane; fi ;;
inspect) echo '[{{"Name":"/test-control-plane","State":{{"Status":"'"$(cat cluster)"'"}},"Config":{{"Image":"{IMAGE}","Labels":{{"io.x-k8s.kind.role":"control-plane"}}}},"HostConfig":{{"PortBindings":{{{bindings}}}}}}}]' ;;
image) exit 1 ;;
pull) if [ -f pull.fails ]; then cat pull.fails >&2; exit 1; fi
  date +%s%N >>pull.begin
  # One that is to be pulled beside others waits for them.
  tries=0
  while [ -f pull.beside ] && [ "$(wc -l <pull.begin)" -lt "$(cat pull.beside)" ] && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries+1)); done
  sleep 0.1
  date +%s%N >>pull.end ;;
save) date +%s%N >>save.begin; while [ $# -gt 0 ]; do if [ "$1" = -o ]; then echo tar >"$2"; fi; shift; done ;;
start) echo running >cluster ;;
exec) if [ -f names.fail ]; then exit 2; fi ;;
*) echo "unexpected: $*" >&2; exit 1 ;;
esac"#
    )
}

/// Returns free ports within the range of node ports, none of them given to another test of this
/// process.
fn node_ports(count: usize) -> Vec<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);

    let start = 30_000 + u16::try_from(std::process::id() % 1_500).unwrap();
    std::iter::repeat_with(|| start + NEXT.fetch_add(1, Ordering::Relaxed))
        .take_while(|it| *it < 32_767)
        .filter(|it| TcpListener::bind(("0.0.0.0", *it)).is_ok())
        .take(count)
        .collect()
}

pub(crate) fn chmod(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;

    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn git_free_sha256(bytes: &[u8]) -> String {
    use sha2::{Digest as _, Sha256};

    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |hex, it| format!("{hex}{it:02x}"))
}
