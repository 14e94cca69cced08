//! The API: one request in, one answer out. Streams are answered as a plan that the server carries
//! out.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    discovery,
    error::{ApiError, ApiResult},
    selector::Selector,
    value::set,
    watch::Watch,
};

mod scale;
mod verbs;

pub(crate) use self::{scale::set_scale, verbs::matching};

/// One request.
#[derive(Debug)]
pub(crate) struct Request {
    /// The method.
    pub(crate) method: String,
    /// The parts of the path, decoded.
    pub(crate) path: Vec<String>,
    /// The query, decoded.
    pub(crate) query: BTreeMap<String, String>,
    /// What the client takes.
    pub(crate) accept: String,
    /// What the body is.
    pub(crate) content_type: String,
    /// Who asks.
    pub(crate) agent: String,
    /// The body.
    pub(crate) body: Bytes,
}

impl Request {
    /// Returns a parameter, or the empty text.
    pub(crate) fn parameter(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    fn flag(&self, name: &str) -> bool {
        matches!(self.parameter(name), "true" | "1")
    }

    fn wants_table(&self) -> bool {
        self.accept
            .split(',')
            .next()
            .is_some_and(|it| it.contains("as=Table"))
    }

    fn json(&self) -> ApiResult<Value> {
        if self.content_type.contains("cbor") {
            return Err(ApiError::media_type(&self.content_type));
        }
        if self.content_type.contains("protobuf") && !self.body.is_empty() {
            return crate::protobuf::decode(&self.body).map_err(|err| ApiError::media_type(&err));
        }
        if self.body.is_empty() {
            return Ok(Value::Null);
        }
        if let Ok(value) = serde_json::from_slice(&self.body) {
            return Ok(value);
        }
        if self.content_type.contains("yaml") {
            return serde_yaml::from_slice(&self.body)
                .map_err(|err| ApiError::bad_request(format!("the body is not YAML: {err}")));
        }
        Err(ApiError::bad_request("the body of the request is not JSON"))
    }

    fn manager(&self) -> String {
        let said = self.parameter("fieldManager");
        if said.is_empty() {
            let agent = self.agent.split('/').next().unwrap_or("");
            let agent = if agent.is_empty() { "unknown" } else { agent };
            agent.chars().take(128).collect()
        } else {
            said.to_owned()
        }
    }

    fn dry_run(&self) -> bool {
        self.parameter("dryRun") == "All"
    }

    /// Returns which objects are asked for.
    pub(crate) fn selector(&self) -> ApiResult<Selector> {
        Selector::parse(
            self.parameter("labelSelector"),
            self.parameter("fieldSelector"),
        )
    }
}

/// One answer.
#[derive(Debug)]
pub(crate) enum Answer {
    /// A JSON body.
    Json(u16, Bytes, &'static str),
    /// A text.
    Text(u16, String),
    /// A stream of changes.
    Watch(Box<Watch>),
    /// A stream of a container's output.
    Log(crate::logs::Log),
}

impl Answer {
    fn json(code: u16, value: &Value) -> Self {
        Self::Json(code, Bytes::from(value.to_string()), "application/json")
    }
}

impl From<ApiError> for Answer {
    fn from(error: ApiError) -> Self {
        Self::json(error.code, &error.status())
    }
}

/// Locks what a panic elsewhere must not take down.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers a request.
pub(crate) fn answer(cluster: &Arc<Cluster>, request: &Request) -> Answer {
    route(cluster, request).unwrap_or_else(Answer::from)
}

fn route(cluster: &Arc<Cluster>, request: &Request) -> ApiResult<Answer> {
    let path: Vec<&str> = request.path.iter().map(String::as_str).collect();
    let registry = || lock(&cluster.store).registry();
    let found = |value: Option<Value>| {
        value
            .map(|it| Answer::json(200, &it))
            .ok_or_else(ApiError::no_route)
    };
    match path.as_slice() {
        ["version"] => Ok(Answer::json(200, &discovery::version())),
        ["readyz" | "livez" | "healthz", ..] => Ok(Answer::Text(200, "ok".to_owned())),
        [root @ ("api" | "apis")] => {
            let registry = registry();
            if request.accept.contains("as=APIGroupDiscoveryList")
                && request.accept.contains("v=v2,")
                || request.accept.contains("v=v2;as=APIGroupDiscoveryList")
            {
                let value = discovery::aggregated(&registry, *root == "api");
                return Ok(Answer::Json(
                    200,
                    Bytes::from(value.to_string()),
                    discovery::AGGREGATED,
                ));
            }
            if *root == "apis" {
                return Ok(Answer::json(200, &discovery::groups(&registry)));
            }
            let addresses =
                json!([{"clientCIDR": "0.0.0.0/0", "serverAddress": cluster.address.to_string()}]);
            Ok(Answer::json(
                200,
                &json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": addresses}),
            ))
        }
        ["openapi", "v3"] => Ok(Answer::json(200, &discovery::openapi_index(&registry()))),
        ["openapi", "v3", "api", version] => found(discovery::openapi(&registry(), "", version)),
        ["openapi", "v3", "apis", group, version] => {
            found(discovery::openapi(&registry(), group, version))
        }
        [
            "apis",
            "authorization.k8s.io",
            "v1",
            "selfsubjectaccessreviews",
        ] if request.method == "POST" => {
            let mut review = request.json()?;
            set(
                &mut review,
                &[],
                "status",
                json!({"allowed": true, "reason": "the token of the stand-in may do everything"}),
            );
            Ok(Answer::json(201, &review))
        }
        ["apis", "metrics.k8s.io", "v1beta1", rest @ ..] if !rest.is_empty() => {
            crate::metrics::answer(cluster, rest, &request.selector()?)
                .map(|it| Answer::json(200, &it))
        }
        ["api", version] => found(discovery::resources(&registry(), "", version)),
        ["apis", group] => found(discovery::group(&registry(), group)),
        ["apis", group, version] => found(discovery::resources(&registry(), group, version)),
        ["api", version, rest @ ..] => verbs::objects_at(cluster, request, "", version, rest),
        ["apis", group, version, rest @ ..] => {
            verbs::objects_at(cluster, request, group, version, rest)
        }
        [] => Ok(Answer::json(
            200,
            &json!({"paths": ["/api", "/apis", "/healthz", "/livez", "/openapi/v3", "/readyz", "/version"]}),
        )),
        _ => Err(ApiError::no_route()),
    }
}
