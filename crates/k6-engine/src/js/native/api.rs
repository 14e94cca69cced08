//! What `k6` and `k6/http` export: an object each, on which QuickJS makes a function when a script
//! first asks for it.

use std::{ffi::CString, sync::OnceLock};

use rquickjs::{Ctx, Object, Result, qjs};

use super::table::{self, Entries};

/// A module whose exports are all on one object.
pub(crate) struct Api {
    /// Its name for scripts.
    pub(crate) module: &'static str,
    /// The name of the object among the native functions.
    pub(crate) object: &'static str,
    natives: &'static [&'static str],
    /// What is written in JavaScript that few scripts need.
    pub(super) passed: &'static [&'static str],
    constants: &'static [(&'static str, &'static str)],
}

/// The modules.
pub(crate) const ALL: [Api; 2] = [
    Api {
        module: "k6",
        object: "k6",
        natives: &["check", "fail", "group", "randomSeed", "sleep"],
        passed: &[],
        constants: &[],
    },
    Api {
        module: "k6/http",
        object: "http",
        natives: &[
            "get",
            "head",
            "post",
            "put",
            "patch",
            "del",
            "options",
            "request",
            "setResponseCallback",
        ],
        passed: &[
            "batch",
            "asyncRequest",
            "url",
            "file",
            "expectedStatuses",
            "cookieJar",
            "CookieJar",
        ],
        constants: &[
            ("TLS_1_0", "tls1.0"),
            ("TLS_1_1", "tls1.1"),
            ("TLS_1_2", "tls1.2"),
            ("TLS_1_3", "tls1.3"),
            ("OCSP_REASON_UNSPECIFIED", "unspecified"),
            ("OCSP_REASON_KEY_COMPROMISE", "key_compromise"),
            ("OCSP_REASON_CA_COMPROMISE", "ca_compromise"),
            ("OCSP_REASON_AFFILIATION_CHANGED", "affiliation_changed"),
            ("OCSP_REASON_SUPERSEDED", "superseded"),
            (
                "OCSP_REASON_CESSATION_OF_OPERATION",
                "cessation_of_operation",
            ),
            ("OCSP_REASON_CERTIFICATE_HOLD", "certificate_hold"),
            ("OCSP_REASON_REMOVE_FROM_CRL", "remove_from_crl"),
            ("OCSP_REASON_PRIVILEGE_WITHDRAWN", "privilege_withdrawn"),
            ("OCSP_REASON_AA_COMPROMISE", "aa_compromise"),
            ("OCSP_STATUS_GOOD", "good"),
            ("OCSP_STATUS_REVOKED", "revoked"),
            ("OCSP_STATUS_SERVER_FAILED", "server_failed"),
            ("OCSP_STATUS_UNKNOWN", "unknown"),
        ],
    },
];

impl Api {
    /// Returns the names of what the module exports, but for `default`.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        let functions = self.natives.iter().chain(self.passed).copied();
        functions.chain(self.constants.iter().map(|it| it.0))
    }

    /// Returns the source of a module that exports `names` and nothing else.
    pub(crate) fn source<'a>(&self, names: impl Iterator<Item = &'a str>) -> String {
        let mut source = format!("const n = globalThis.__k6.{};\n", self.object);
        for name in names {
            match name {
                "default" => source.push_str("export default n;\n"),
                _ => source.push_str(&format!("export const {name} = n.{name};\n")),
            }
        }
        source
    }

    fn entries(&self) -> Entries {
        let constant = |(name, value): &(&str, &str)| {
            table::entry(
                name,
                qjs::JS_DEF_PROP_STRING,
                0,
                qjs::JSCFunctionListEntry__bindgen_ty_1 {
                    str_: CString::new(*value).unwrap_or_default().into_raw(),
                },
            )
        };
        let natives = self.natives.iter().filter_map(|it| table::native(it));
        let passed = self.passed.iter().filter_map(|it| table::passed(it));
        let all = natives.chain(passed);
        Entries(all.chain(self.constants.iter().map(constant)).collect())
    }
}

/// Makes the object with the name `object`. Returns nothing where there is none.
pub(super) fn make<'js>(ctx: &Ctx<'js>, object: &str) -> Option<Result<Object<'js>>> {
    static KNOWN: OnceLock<[Entries; ALL.len()]> = OnceLock::new();
    let place = ALL.iter().position(|it| it.object == object)?;
    let known = KNOWN.get_or_init(|| ALL.each_ref().map(Api::entries));
    let object = Object::new(ctx.clone());
    Some(object.inspect(|it| known[place].put(ctx, it)))
}
