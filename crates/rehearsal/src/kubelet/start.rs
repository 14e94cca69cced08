//! Starting a container: the program of its image, its environment, its output.

use std::{
    collections::BTreeMap,
    fs::OpenOptions,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use autoscaleops_core::process::{Run, Running};
use serde_json::Value;

use super::{
    Kubelet,
    container::{Container, LONGEST_BACKOFF, State},
};
use crate::{
    api::lock,
    environment, process,
    value::{list, number, text},
};

impl Kubelet {
    /// Starts a container, or notes why it cannot be.
    pub(super) fn start(
        &self,
        uid: &str,
        names: &(String, String),
        container: &mut Container,
        ports: &BTreeMap<u16, u16>,
    ) {
        let image = text(&container.spec, "/image").to_owned();
        let found = {
            let config = lock(&self.cluster.config);
            config
                .program(&image)
                .map(|(program, tag)| (program.clone(), tag))
        };
        let Some((program, tag)) = found else {
            let message = format!(
                "no program is named for the image \"{image}\" under `embedded.images`, or its tag is not listed there"
            );
            let reason = if container.backoff.is_zero() {
                "ErrImagePull"
            } else {
                "ImagePullBackOff"
            };
            container.backoff =
                (container.backoff * 2).clamp(Duration::from_secs(2), LONGEST_BACKOFF);
            container.state = State::Waiting {
                reason,
                message: message.clone(),
                until: Instant::now() + container.backoff,
            };
            self.event(
                names,
                "Warning",
                "Failed",
                &format!("Failed to pull image \"{image}\": {message}"),
            );
            return;
        };
        let variables = {
            let store = lock(&self.cluster.store);
            environment::variables(&store, &names.0, &names.1, &container.spec, ports)
        };
        let variables = match variables {
            Ok(variables) => variables,
            Err(message) => {
                container.state = State::Waiting {
                    reason: "CreateContainerConfigError",
                    message: message.clone(),
                    until: Instant::now() + Duration::from_secs(2),
                };
                self.event(names, "Warning", "Failed", &format!("Error: {message}"));
                return;
            }
        };
        match self.spawn(uid, container, &program, &tag, &variables, ports) {
            Ok((process, environment)) => {
                container.environment = environment;
                self.event(
                    names,
                    "Normal",
                    "Pulled",
                    &format!(
                        "Image \"{image}\" is the program {}",
                        program.program.display()
                    ),
                );
                self.event(
                    names,
                    "Normal",
                    "Started",
                    &format!("Started container {}", container.name),
                );
                container.begin(process);
            }
            Err(message) => {
                self.event(names, "Warning", "Failed", &format!("Error: {message}"));
                container.backoff =
                    (container.backoff * 2).clamp(Duration::from_secs(2), LONGEST_BACKOFF);
                container.state = State::Waiting {
                    reason: "RunContainerError",
                    message,
                    until: Instant::now() + container.backoff,
                };
            }
        }
    }

    fn spawn(
        &self,
        uid: &str,
        container: &Container,
        program: &crate::config::Program,
        tag: &str,
        variables: &BTreeMap<String, String>,
        ports: &BTreeMap<u16, u16>,
    ) -> Result<(Running, BTreeMap<String, String>), String> {
        let path = crate::logs::file(&self.cluster, uid, &container.name, container.run);
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        std::fs::create_dir_all(&folder)
            .map_err(|err| format!("cannot make `{}`: {err}", folder.display()))?;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(|err| format!("cannot write `{}`: {err}", path.display()))?;
        let errors = log.try_clone().map_err(|err| err.to_string())?;
        let mut all = environment::base(&folder, tag);
        all.extend(program.env.clone());
        all.extend(variables.clone());
        // Where to listen is the stand-in's to say: here all pods share one network.
        if let Some(port) = list(&container.spec, "/ports")
            .first()
            .and_then(|it| number(it, "/containerPort"))
            .and_then(|it| u16::try_from(it).ok())
            .and_then(|it| ports.get(&it))
        {
            all.insert("LISTEN".to_owned(), format!("127.0.0.1:{port}"));
            all.insert("PORT".to_owned(), port.to_string());
        }
        for (inside, outside) in ports {
            all.insert(format!("PORT_{inside}"), outside.to_string());
        }
        let mut run = Run::new(&program.program).env_clear().cwd(&folder);
        for argument in program.args.iter().map(String::as_str).chain(
            list(&container.spec, "/args")
                .iter()
                .filter_map(Value::as_str),
        ) {
            run = run.arg(environment::expand(argument, &all));
        }
        for (name, value) in &all {
            run = run.env(name, value);
        }
        let process = run
            .streams(Stdio::null(), Stdio::from(log), Stdio::from(errors))
            .start()
            .map_err(|err| {
                autoscaleops_core::process::last_words(
                    anyhow::Error::new(err).root_cause().to_string().as_bytes(),
                )
            })
            .map_err(|err| format!("cannot start `{}`: {err}", program.program.display()))?;
        let started = i32::try_from(process.id())
            .ok()
            .and_then(process::stat)
            .map_or(0, |it| it.started);
        // Read again after a crash of the stand-in, to end what it left behind.
        let _ = std::fs::write(
            folder.join(format!("{}.pid", container.name)),
            format!("{} {started}", process.id()),
        );
        Ok((process, all))
    }
}
