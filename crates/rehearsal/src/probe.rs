//! Health probes of containers.

use std::{collections::BTreeMap, net::TcpListener, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::value::{list, number, text};

/// One question to a container.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Probe {
    kind: Kind,
    timeout: Duration,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Http {
        port: u16,
        path: String,
        headers: Vec<(String, String)>,
    },
    Tcp {
        port: u16,
    },
    Command(Vec<String>, BTreeMap<String, String>),
    Unknown,
}

/// Returns a loopback port that is free now.
pub(crate) fn free_port() -> Option<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).ok()?;
    Some(listener.local_addr().ok()?.port())
}

/// Returns whether a loopback port is free now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// Returns the port of this machine for a container's port given by number or name.
pub(crate) fn port(value: Option<&Value>, container: &Value, ports: &BTreeMap<u16, u16>) -> u16 {
    let inside = match value {
        Some(Value::String(name)) => list(container, "/ports")
            .iter()
            .find(|it| text(it, "/name") == name)
            .and_then(|it| number(it, "/containerPort"))
            .or_else(|| name.parse().ok()),
        Some(other) => other.as_i64(),
        None => None,
    };
    let inside = inside.and_then(|it| u16::try_from(it).ok()).unwrap_or(0);
    ports.get(&inside).copied().unwrap_or(inside)
}

impl Probe {
    /// Reads a probe of a container whose process was told `environment`.
    pub(crate) fn of(
        spec: &Value,
        container: &Value,
        ports: &BTreeMap<u16, u16>,
        environment: &BTreeMap<String, String>,
    ) -> Self {
        let seconds = u64::try_from(number(spec, "/timeoutSeconds").unwrap_or(1))
            .unwrap_or(1)
            .max(1);
        let encrypted = |it: &&Value| text(it, "/scheme") == "HTTPS";
        let kind = if let Some(http) = spec.get("httpGet").filter(encrypted) {
            // Whose certificate nobody checks: that it takes connections is what is asked.
            Kind::Tcp {
                port: port(http.get("port"), container, ports),
            }
        } else if let Some(http) = spec.get("httpGet") {
            Kind::Http {
                port: port(http.get("port"), container, ports),
                path: text(http, "/path").to_owned(),
                headers: list(http, "/httpHeaders")
                    .iter()
                    .map(|it| (text(it, "/name").to_owned(), text(it, "/value").to_owned()))
                    .collect(),
            }
        } else if let Some(place) = spec.get("tcpSocket").or_else(|| spec.get("grpc")) {
            Kind::Tcp {
                port: port(place.get("port"), container, ports),
            }
        } else if spec.get("exec").is_some() {
            let words = list(spec, "/exec/command")
                .iter()
                .filter_map(|it| it.as_str().map(str::to_owned));
            Kind::Command(words.collect(), environment.clone())
        } else {
            Kind::Unknown
        };
        Self {
            kind,
            timeout: Duration::from_secs(seconds),
        }
    }

    /// Asks.
    ///
    /// # Errors
    ///
    /// Fails with what the answer lacked.
    pub(crate) async fn run(self) -> Result<(), String> {
        let timeout = self.timeout;
        match tokio::time::timeout(timeout, self.ask()).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer within {} s", timeout.as_secs())),
        }
    }

    async fn ask(self) -> Result<(), String> {
        match self.kind {
            Kind::Http {
                port,
                path,
                headers,
            } => http(port, &path, &headers).await,
            Kind::Tcp { port } => TcpStream::connect(("127.0.0.1", port))
                .await
                .map(|_| ())
                .map_err(|err| format!("dial tcp 127.0.0.1:{port}: {err}")),
            Kind::Command(words, variables) => command(words, variables, self.timeout).await,
            Kind::Unknown => Ok(()),
        }
    }
}

async fn http(port: u16, path: &str, headers: &[(String, String)]) -> Result<(), String> {
    let failed = |err: std::io::Error| format!("Get \"http://127.0.0.1:{port}{path}\": {err}");
    let mut stream = TcpStream::connect(("127.0.0.1", port))
        .await
        .map_err(failed)?;
    let mut request = format!(
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: kube-probe/1.37\r\nAccept: */*\r\nConnection: close\r\n"
    );
    for (name, value) in headers
        .iter()
        .filter(|it| !it.0.contains(['\r', '\n']) && !it.1.contains(['\r', '\n']))
    {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.map_err(failed)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 512];
    while answer.len() < 512 && !answer.contains(&b'\n') {
        let count = stream.read(&mut chunk).await.map_err(failed)?;
        if count == 0 {
            break;
        }
        answer.extend_from_slice(&chunk[..count]);
    }
    let line = String::from_utf8_lossy(&answer);
    let code: u16 = line
        .split_whitespace()
        .nth(1)
        .and_then(|it| it.parse().ok())
        .unwrap_or(0);
    if (200..400).contains(&code) {
        Ok(())
    } else {
        Err(format!("HTTP probe failed with statuscode: {code}"))
    }
}

/// Runs a command with the variables of its container, and none of ours.
async fn command(
    words: Vec<String>,
    variables: BTreeMap<String, String>,
    timeout: Duration,
) -> Result<(), String> {
    let run = move || {
        let (first, rest) = words.split_first().ok_or("the command is empty")?;
        let mut run = autoscaleops_core::process::Run::new(first).env_clear();
        for (name, value) in &variables {
            run = run.env(name, value);
        }
        let output = run
            .args(rest)
            .timeout(timeout)
            .limit(1 << 20)
            .capture()
            .map_err(|err| err.to_string())?;
        output.check().map(|_| ()).map_err(|err| err.to_string())
    };
    tokio::task::spawn_blocking(run)
        .await
        .map_err(|err| err.to_string())?
}
