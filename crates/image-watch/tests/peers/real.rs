//! A docker-registry of our own, on loopback, with skopeo to fill and ask it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use autoscaleops_testkit::{Background, peer, registry::digest, wait_until};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::Folder;

/// `ada:correct horse`, as `htpasswd -B` writes it.
const HTPASSWD: &str = "ada:$2b$04$0hda0ltzQbyHvxZjFLVZZOS2DdRvZZq.n9ORysEA74Yr5vDdIYTBS\n";
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A running registry. It ends when this is dropped.
pub(crate) struct Real {
    folder: TempDir,
    skopeo: PathBuf,
    address: String,
    is_secured: bool,
    _server: Background,
}

impl Real {
    /// Starts one that speaks plain HTTP and lets everybody in.
    pub(crate) fn start_open() -> Option<Self> {
        Self::start(false)
    }

    /// Starts one with a certificate of a private authority and one user.
    pub(crate) fn start_secured() -> Option<Self> {
        Self::start(true)
    }

    fn start(is_secured: bool) -> Option<Self> {
        let (server, skopeo) = (peer("docker-registry")?, peer("skopeo")?);
        let folder = TempDir::new().unwrap();
        let root = folder.path();
        let mut http = json!({"addr": "127.0.0.1:0", "secret": "not used"});
        let mut configuration = json!({
            "version": 0.1,
            "log": {"accesslog": {"disabled": false}, "level": "info"},
            "storage": {"filesystem": {"rootdirectory": root.join("data")}},
        });
        if is_secured {
            certify(root);
            fs::write(root.join("htpasswd"), HTPASSWD).unwrap();
            http["tls"] =
                json!({"certificate": root.join("server.pem"), "key": root.join("server.key")});
            configuration["auth"] =
                json!({"htpasswd": {"realm": "test", "path": root.join("htpasswd")}});
        }
        configuration["http"] = http;
        // JSON is YAML.
        fs::write(root.join("registry.yml"), configuration.to_string()).unwrap();
        let log = fs::File::create(root.join("log")).unwrap();
        let mut command = Command::new(server);
        command
            .args(["serve", root.join("registry.yml").to_str().unwrap()])
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let running = Background::start(&mut command);
        let mut address = String::new();
        wait_until("docker-registry", Duration::from_secs(60), || {
            let log = fs::read_to_string(root.join("log")).unwrap();
            let found = log
                .split("listening on ")
                .nth(1)
                .and_then(|it| it.split([',', '"', ' ', '\n']).next());
            found.unwrap_or_default().clone_into(&mut address);
            !address.is_empty()
        });
        let this = Self {
            folder,
            skopeo,
            address,
            is_secured,
            _server: running,
        };
        if is_secured {
            this.log_in();
        }
        Some(this)
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    pub(crate) fn ca_file(&self) -> String {
        self.path("certs/ca.crt").display().to_string()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A folder with a configuration that knows the credentials as skopeo wrote them down.
    pub(crate) fn folder(&self, configuration: &str) -> Folder {
        let mut folder = Folder::new(configuration);
        if self.is_secured {
            let file = self.path("auth.json").display().to_string();
            folder
                .environment
                .push(("REGISTRY_AUTH_FILE".to_owned(), file));
        }
        folder
    }

    fn skopeo(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.skopeo);
        command
            .arg("--insecure-policy")
            .args(arguments)
            .env("HOME", autoscaleops_testkit::home());
        let output = command.output().unwrap();
        assert!(
            output.status.success(),
            "skopeo {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn log_in(&self) {
        let (certs, file) = (self.path("certs"), self.path("auth.json"));
        self.skopeo(&[
            "login",
            "--cert-dir",
            certs.to_str().unwrap(),
            "--authfile",
            file.to_str().unwrap(),
            "--username",
            "ada",
            "--password",
            "correct horse",
            &self.address,
        ]);
    }

    /// The options that let skopeo in, `--dest-` or `--` in front.
    fn access(&self, prefix: &str) -> Vec<String> {
        if self.is_secured {
            let (certs, file) = (self.path("certs"), self.path("auth.json"));
            vec![
                format!("--{prefix}cert-dir={}", certs.display()),
                format!("--{prefix}authfile={}", file.display()),
            ]
        } else {
            vec![format!("--{prefix}tls-verify=false")]
        }
    }

    /// Pushes an image, or an index when there are several platforms, each with its date.
    pub(crate) fn push(&self, tag: &str, images: &[(&str, &str)]) {
        let layout = TempDir::new_in(self.folder.path()).unwrap();
        write_layout(layout.path(), tag, images);
        let from = format!("oci:{}:{tag}", layout.path().display());
        let to = format!("docker://{}/acme/shop:{tag}", self.address);
        let access = self.access("dest-");
        let mut arguments = vec!["copy", "--quiet", "--all"];
        arguments.extend(access.iter().map(String::as_str));
        arguments.extend([from.as_str(), to.as_str()]);
        self.skopeo(&arguments);
    }

    /// Gives an image many more tags, in the registry's own storage: as its pushes would, but at once.
    pub(crate) fn alias(&self, tag: &str, names: impl Iterator<Item = String>) {
        let tags = self.path("data/docker/registry/v2/repositories/acme/shop/_manifests/tags");
        let link = fs::read_to_string(tags.join(tag).join("current/link")).unwrap();
        let hex = link.split(':').nth(1).unwrap();
        for name in names {
            for part in ["current".to_owned(), format!("index/sha256/{hex}")] {
                let folder = tags.join(&name).join(part);
                fs::create_dir_all(&folder).unwrap();
                fs::write(folder.join("link"), &link).unwrap();
            }
        }
    }

    pub(crate) fn digest(&self, tag: &str) -> String {
        let image = format!("docker://{}/acme/shop:{tag}", self.address);
        let access = self.access("");
        let mut arguments = vec!["inspect", "--raw"];
        arguments.extend(access.iter().map(String::as_str));
        arguments.push(&image);
        digest(self.skopeo(&arguments).as_bytes())
    }

    pub(crate) fn list(&self) -> Vec<String> {
        let image = format!("docker://{}/acme/shop", self.address);
        let access = self.access("");
        let mut arguments = vec!["list-tags"];
        arguments.extend(access.iter().map(String::as_str));
        arguments.push(&image);
        let listed: Value = serde_json::from_str(&self.skopeo(&arguments)).unwrap();
        listed["Tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it.as_str().unwrap().to_owned())
            .collect()
    }

    /// Returns what our client has asked since the last call: `GET tags 200`, `HEAD 1.2.3 200`.
    pub(crate) fn take_log(&self) -> Vec<String> {
        let path = self.path("log");
        let text = fs::read_to_string(&path).unwrap();
        let mark = self.path("read");
        let read: usize = fs::read_to_string(&mark)
            .ok()
            .and_then(|it| it.parse().ok())
            .unwrap_or(0);
        fs::write(&mark, text.len().to_string()).unwrap();
        text[read..].lines().filter_map(request).collect()
    }
}

/// Reads a line of the access log in Apache's form.
fn request(line: &str) -> Option<String> {
    if !line.contains("\"autoscaleops/") || line.starts_with("time=") {
        return None;
    }
    let (_, rest) = line.split_once("] \"")?;
    let (request, rest) = rest.split_once("\" ")?;
    let status = rest.split_whitespace().next()?;
    let mut words = request.split_whitespace();
    let (method, path) = (words.next()?, words.next()?);
    let what = if path.contains("/tags/list") {
        "tags"
    } else if path.contains("/blobs/") {
        "blob"
    } else if method == "HEAD" {
        path.rsplit('/').next()?
    } else {
        "manifest"
    };
    Some(format!("{method} {what} {status}"))
}

/// Writes an OCI layout with one image or one index.
fn write_layout(root: &Path, tag: &str, images: &[(&str, &str)]) {
    let blobs = root.join("blobs/sha256");
    fs::create_dir_all(&blobs).unwrap();
    let keep = |kind: &str, value: &Value| -> Value {
        let bytes = value.to_string().into_bytes();
        let digest = digest(&bytes);
        fs::write(blobs.join(digest.strip_prefix("sha256:").unwrap()), &bytes).unwrap();
        json!({"mediaType": kind, "digest": digest, "size": bytes.len()})
    };
    let mut descriptors = Vec::new();
    for (platform, created) in images {
        let (os, architecture) = platform.split_once('/').unwrap();
        let config = json!({
            "os": os, "architecture": architecture, "created": created,
            "config": {"Labels": {"tag": tag}}, "rootfs": {"type": "layers", "diff_ids": []},
        });
        let config = keep("application/vnd.oci.image.config.v1+json", &config);
        let manifest =
            json!({"schemaVersion": 2, "mediaType": IMAGE, "config": config, "layers": []});
        let mut descriptor = keep(IMAGE, &manifest);
        descriptor["platform"] = json!({"os": os, "architecture": architecture});
        descriptors.push(descriptor);
    }
    let mut top = match descriptors.as_slice() {
        [one] => one.clone(),
        several => keep(
            INDEX,
            &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": several}),
        ),
    };
    top["annotations"] = json!({"org.opencontainers.image.ref.name": tag});
    let index = json!({"schemaVersion": 2, "manifests": [top]});
    fs::write(root.join("index.json"), index.to_string()).unwrap();
    fs::write(
        root.join("oci-layout"),
        "{\"imageLayoutVersion\":\"1.0.0\"}",
    )
    .unwrap();
}

/// Makes an authority, and a certificate of it for this machine.
fn certify(root: &Path) {
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().unwrap();
    let server =
        CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()]).unwrap();
    let signed = server.signed_by(&key, &issuer).unwrap();
    fs::create_dir_all(root.join("certs")).unwrap();
    fs::write(root.join("certs/ca.crt"), certificate.pem()).unwrap();
    fs::write(root.join("server.pem"), signed.pem()).unwrap();
    fs::write(root.join("server.key"), key.serialize_pem()).unwrap();
}
