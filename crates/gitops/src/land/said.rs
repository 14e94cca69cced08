//! What the words of a remote mean for the next try.

/// What a remote says when trying again cannot help.
const FINAL_WORDS: &[&str] = &[
    "hook declined",
    "protected branch",
    "permission",
    "denied",
    "prohibited",
    "not allowed",
    "forbidden",
    "unauthorized",
    "authentication failed",
    "could not read username",
    "could not read password",
    "terminal prompts disabled",
    "repository not found",
    "does not appear to be a git repository",
    "requested url returned error: 40",
    "read-only",
    "archived",
    "gh006",
    "gh013",
];

/// Why a push is rejected when another one was faster.
const RACE_WORDS: &[&str] = &[
    "stale info",
    "fetch first",
    "non-fast-forward",
    "cannot lock ref",
    "incorrect old value",
    "failed to update ref",
];

/// Returns whether trying again cannot help. Names in quotes say nothing about that.
pub(crate) fn is_final(said: &str) -> bool {
    let words: String = said
        .split('\'')
        .step_by(2)
        .collect::<String>()
        .to_ascii_lowercase();
    FINAL_WORDS.iter().any(|it| words.contains(it))
}

/// Returns whether a push lost against another one.
pub(crate) fn is_race(why: &str) -> bool {
    RACE_WORDS.iter().any(|it| why.contains(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_race_is_told_from_a_refusal() {
        for said in [
            "[rejected] (stale info)",
            "[rejected] (fetch first)",
            "[remote rejected] (cannot lock ref)",
            "[remote rejected] (incorrect old value provided)",
        ] {
            assert!(is_race(said) && !is_final(said), "{said}");
        }
        for said in [
            "[remote rejected] (pre-receive hook declined)",
            "remote: error: GH006: Protected branch update failed",
            "fatal: Authentication failed for 'https://h/'",
            "The requested URL returned error: 403",
        ] {
            assert!(is_final(said), "{said}");
        }
    }

    #[test]
    fn a_name_is_no_refusal() {
        let said = "error: failed to push some refs to 'https://h/archived/permission-denied.git'";
        assert!(!is_final(said));
    }
}
