//! The errors of the Kubernetes API, as its clients read them.

use serde_json::{Value, json};

/// An answer that is not what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub(crate) code: u16,
    /// The word for programs, such as `NotFound`.
    pub(crate) reason: &'static str,
    /// The sentence for people.
    pub(crate) message: String,
    /// Name, kind and causes.
    pub(crate) details: Value,
}

/// A result of the API.
pub(crate) type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    fn new(code: u16, reason: &'static str, message: String) -> Self {
        Self {
            code,
            reason,
            message,
            details: Value::Null,
        }
    }

    /// There is no such object.
    pub(crate) fn not_found(resource: &str, name: &str) -> Self {
        let mut error = Self::new(404, "NotFound", format!("{resource} \"{name}\" not found"));
        error.details = json!({"name": name, "kind": resource});
        error
    }

    /// There is no such path.
    pub(crate) fn no_route() -> Self {
        Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource".to_owned(),
        )
    }

    /// The object is there already.
    pub(crate) fn exists(resource: &str, name: &str) -> Self {
        let mut error = Self::new(
            409,
            "AlreadyExists",
            format!("{resource} \"{name}\" already exists"),
        );
        error.details = json!({"name": name, "kind": resource});
        error
    }

    /// Somebody else changed the object, or owns the field.
    pub(crate) fn conflict(resource: &str, name: &str, why: &str) -> Self {
        let mut error = Self::new(
            409,
            "Conflict",
            format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}"),
        );
        error.details = json!({"name": name, "kind": resource});
        error
    }

    /// Other managers own fields that an apply sets. Each cause is a manager's label and a field.
    pub(crate) fn apply_conflict(causes: &[(String, String)]) -> Self {
        let listed: Vec<String> = causes
            .iter()
            .map(|(manager, field)| format!("conflict with {manager}: {field}"))
            .collect();
        let (noun, listed) = if let [only] = listed.as_slice() {
            ("1 conflict".to_owned(), only.clone())
        } else {
            (format!("{} conflicts", causes.len()), listed.join("\n- "))
        };
        let mut error = Self::new(
            409,
            "Conflict",
            format!("Apply failed with {noun}: {listed}"),
        );
        let causes: Vec<Value> = causes
            .iter()
            .map(|(manager, field)| {
                json!({
                    "reason": "FieldManagerConflict",
                    "message": format!("conflict with {manager}"),
                    "field": field,
                })
            })
            .collect();
        error.details = json!({"causes": causes});
        error
    }

    /// The object breaks a rule: each cause is a field and what is wrong with it.
    pub(crate) fn invalid(kind: &str, name: &str, causes: &[(&str, String)]) -> Self {
        let listed: Vec<String> = causes
            .iter()
            .map(|(field, what)| format!("{field}: {what}"))
            .collect();
        let mut error = Self::new(
            422,
            "Invalid",
            format!("{kind} \"{name}\" is invalid: {}", listed.join(", ")),
        );
        let causes: Vec<Value> = causes
            .iter()
            .map(|(field, what)| json!({"reason": "FieldValueInvalid", "message": what, "field": field}))
            .collect();
        error.details = json!({"name": name, "kind": kind, "causes": causes});
        error
    }

    /// The request itself is wrong.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message.into())
    }

    /// The resource does not know this verb.
    pub(crate) fn not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource".to_owned(),
        )
    }

    /// The body is in a form that is not understood here.
    pub(crate) fn media_type(what: &str) -> Self {
        Self::new(
            415,
            "UnsupportedMediaType",
            format!("the body of the request was in an unsupported format: {what}"),
        )
    }

    /// The token is missing or wrong.
    pub(crate) fn unauthorized() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized".to_owned())
    }

    /// The history that a watch asks for is no longer held.
    pub(crate) fn gone(asked: u64, oldest: u64) -> Self {
        Self::new(
            410,
            "Expired",
            format!("too old resource version: {asked} ({oldest})"),
        )
    }

    /// Something broke here.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "InternalError", message.into())
    }

    /// The body is longer than is taken.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            413,
            "RequestEntityTooLarge",
            format!("Request entity too large: limit is {limit}"),
        )
    }

    /// Returns the `Status` object that stands for this error.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {},
            "status": "Failure", "message": self.message, "reason": self.reason,
        });
        if !self.details.is_null() {
            crate::value::set(&mut status, &[], "details", self.details.clone());
        }
        crate::value::set(&mut status, &[], "code", self.code);
        status
    }
}
