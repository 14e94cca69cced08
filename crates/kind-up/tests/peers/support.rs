//! A stand-in of its own for each test, the real kubectl, and a workload.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

use autoscaleops_testkit::{free_port, home, peer, tool, wait_until};
use tempfile::TempDir;

/// How long a test waits for what should come soon.
pub(crate) const SOON: Duration = Duration::from_secs(60);

/// A running stand-in, ended when the test is over.
pub(crate) struct StandIn {
    folder: TempDir,
    kubectl: PathBuf,
}

impl StandIn {
    /// Starts one, or returns nothing where there is no kubectl.
    pub(crate) fn start(flags: &[&str]) -> Option<Self> {
        let stand_in = Self {
            folder: TempDir::new().unwrap(),
            kubectl: peer("kubectl")?,
        };
        let output = stand_in.kind_up(&["up", "--no-wait"], flags);
        assert!(output.status.success(), "{output:?}");
        Some(stand_in)
    }

    /// Returns the folder of the state.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Runs kind-up on this stand-in.
    pub(crate) fn kind_up(&self, command: &[&str], flags: &[&str]) -> Output {
        tool!("kind-up")
            .args(command)
            .args(["--provider", "embedded", "--state-dir"])
            .arg(self.state())
            .args(flags)
            .current_dir(self.folder.path())
            // Nothing of ours may reach a pod.
            .env("GITHUB_TOKEN", "hunter2")
            .output()
            .unwrap()
    }

    /// Returns kubectl's command line for this stand-in.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.kubectl);
        command
            .args(arguments)
            .env("HOME", home())
            .env("KUBECONFIG", self.state().join("kubeconfig"))
            .env_remove("HTTPS_PROXY")
            .env_remove("https_proxy")
            .current_dir(self.folder.path());
        command
    }

    /// Runs kubectl, which must succeed, and returns what it wrote.
    pub(crate) fn ok(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "kubectl {arguments}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs kubectl, which must fail, and returns what it wrote to standard error.
    pub(crate) fn fails(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(!output.status.success(), "kubectl {arguments}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn run(&self, arguments: &str) -> Output {
        let words: Vec<&str> = arguments.split(' ').collect();
        self.kubectl(&words).output().unwrap()
    }

    /// Writes a file into the test's folder.
    pub(crate) fn write(&self, name: &str, content: &str) {
        std::fs::write(self.folder.path().join(name), content).unwrap();
    }

    /// Waits until kubectl's answer passes `check`.
    pub(crate) fn until(&self, arguments: &str, check: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        wait_until(arguments, SOON, || {
            last = String::from_utf8(self.run(arguments).stdout).unwrap();
            check(&last)
        });
        last
    }

    /// Returns the number of the process.
    pub(crate) fn pid(&self) -> i32 {
        let text = std::fs::read(self.state().join("server.json")).unwrap();
        let server: serde_json::Value = serde_json::from_slice(&text).unwrap();
        server["pid"].as_i64().unwrap().try_into().unwrap()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let output = self.kind_up(&["down", "--yes"], &[]);
        assert!(output.status.success(), "{output:?}");
        assert!(!self.state().exists());
    }
}

/// Returns a deployment with a service on a free node port, and an autoscaler.
pub(crate) fn shop(version: &str, port: u16) -> String {
    // A machine that does much else is no reason to be unready.
    let patience = 10;
    format!(
        r"apiVersion: apps/v1
kind: Deployment
metadata: {{name: shop}}
spec:
  selector: {{matchLabels: {{app: shop}}}}
  template:
    metadata: {{labels: {{app: shop}}}}
    spec:
      containers:
        - name: shop
          image: ghcr.io/acme/shop:{version}
          ports: [{{name: http, containerPort: 8080}}]
          resources: {{requests: {{cpu: 100m, memory: 32Mi}}, limits: {{cpu: 500m}}}}
          readinessProbe: {{httpGet: {{path: /ready, port: http}}, periodSeconds: 1, timeoutSeconds: {patience}}}
---
apiVersion: v1
kind: Service
metadata: {{name: shop}}
spec:
  type: NodePort
  selector: {{app: shop}}
  ports: [{{name: http, port: 80, targetPort: http, nodePort: {port}}}]
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: shop}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: shop}}
  minReplicas: 1
  maxReplicas: 3
  metrics: [{{type: Resource, resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 50}}}}}}]
  behavior: {{scaleDown: {{stabilizationWindowSeconds: 0}}}}
"
    )
}

/// Returns the flag that names the workload, or nothing where it is not built.
pub(crate) fn image() -> Option<String> {
    let program = autoscaleops_testkit::built("demo-app")?;
    Some(format!("ghcr.io/acme/shop={}", program.display()))
}

/// Returns a port for a service.
pub(crate) fn port() -> u16 {
    free_port()
}

/// Asks over HTTP. Returns the status line and the body.
pub(crate) fn get(port: u16, path: &str) -> Option<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(SOON)).ok()?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.lines().next()?.to_owned(), body.to_owned()))
}
