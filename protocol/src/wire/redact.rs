//! Takes secrets out of text that leaves the machine or stays in a log: keys and tokens by their look or by the name
//! before them, passwords in addresses, and the user's home directory.

use std::borrow::Cow;

/// What stands in a secret's place.
const GONE: &str = "[redacted]";

/// Beginnings of keys that their makers gave a look.
const LOOKS: &[&str] = &[
    "sk-",
    "sk_",
    "pk_",
    "rk_",
    "ghp_",
    "gho_",
    "ghs_",
    "ghu_",
    "github_pat_",
    "glpat-",
    "xoxb-",
    "xoxp-",
    "xoxa-",
    "AKIA",
    "ASIA",
    "AIza",
    "ya29.",
    "npm_",
    "hf_",
    "dop_v1_",
    "eyJ",
];

/// Characters of a key after its beginning, at least.
const LOOK_LEAST: usize = 8;

/// Parts of names whose value is a secret.
const NAMES: &[&str] = &[
    "token",
    "secret",
    "password",
    "passwd",
    "apikey",
    "api_key",
    "api-key",
    "authorization",
    "cookie",
    "credential",
    "private_key",
    "access_key",
    "accesskey",
];

/// Words that say how the secret after them is to be used.
const SCHEMES: &[&str] = &["bearer", "basic", "digest"];

/// The text without secrets. `home` is written as `~`.
pub fn redact<'a>(text: &'a str, home: Option<&str>) -> Cow<'a, str> {
    let mut text = Cow::Borrowed(text);
    if let Some(home) = home.map(|home| home.trim_end_matches('/')).filter(|home| home.len() > 1)
        && text.contains(home)
    {
        text = Cow::Owned(text.replace(home, "~"));
    }
    if text.contains("://")
        && let Some(changed) = without_userinfo(&text)
    {
        text = Cow::Owned(changed);
    }
    match without_secrets(&text) {
        Some(changed) => Cow::Owned(changed),
        None => text,
    }
}

/// `https://user:pass@host` without what stands before the `@`.
fn without_userinfo(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut changed = false;
    while let Some((before, after)) = rest.split_once("://") {
        out.push_str(before);
        out.push_str("://");
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?' | '#'));
        let (authority, after) = after.split_at(end.unwrap_or(after.len()));
        match authority.rsplit_once('@') {
            Some((_, host)) => {
                changed = true;
                out.push_str(GONE);
                out.push('@');
                out.push_str(host);
            }
            None => out.push_str(authority),
        }
        rest = after;
    }
    out.push_str(rest);
    changed.then_some(out)
}

/// Whether a character is part of a word: all that keys and names are made of.
fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | '~' | '%' | '$' | '@')
}

fn without_secrets(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut changed = false;
    // The next word is a secret's value.
    let mut armed = false;
    let mut rest = text;
    while !rest.is_empty() {
        let word_end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_end);
        let gap_end = after.find(in_word).unwrap_or(after.len());
        let (gap, after) = after.split_at(gap_end);
        rest = after;
        let lower = word.to_ascii_lowercase();
        let is_scheme = SCHEMES.contains(&lower.as_str());
        // What was taken out before stays as it is.
        let is_secret = armed && !is_scheme && !word.is_empty() && word != "redacted";
        if is_secret || looks_secret(word) {
            out.push_str(GONE);
            changed = true;
        } else {
            out.push_str(word);
        }
        out.push_str(gap);
        if !word.is_empty() {
            let named = !is_secret
                && NAMES.iter().any(|name| lower.contains(name))
                && gap.contains(['=', ':'])
                && !gap.contains('\n');
            armed = named || (is_scheme && (armed || lower == "bearer"));
        }
    }
    changed.then_some(out)
}

fn looks_secret(word: &str) -> bool {
    LOOKS.iter().any(|look| {
        word.strip_prefix(look).is_some_and(|rest| {
            // A name such as `sk-learn` has no digits.
            rest.len() >= LOOK_LEAST && rest.bytes().any(|byte| byte.is_ascii_digit())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, wanted: &str) {
        assert_eq!(redact(text, Some("/home/ann")), wanted, "{text}");
    }

    #[test]
    fn secrets_go_and_the_rest_stays() {
        check("key sk-ant-api03-AbC123_xyz ends", "key [redacted] ends");
        check("ANTHROPIC_API_KEY=abc def", "ANTHROPIC_API_KEY=[redacted] def");
        check(r#"{"apiKey": "abc", "model": "opus"}"#, r#"{"apiKey": "[redacted]", "model": "opus"}"#);
        check("Authorization: Bearer abc.def x", "Authorization: Bearer [redacted] x");
        check("curl -H 'authorization: Basic dTpw'", "curl -H 'authorization: Basic [redacted]'");
        check(
            "https://ann:pw@host.example/x?token=abc",
            "https://[redacted]@host.example/x?token=[redacted]",
        );
        check("remote ghp_1234567890abcdef", "remote [redacted]");
        check("/home/ann/shop and /home/anne", "~/shop and ~e");
        check("password: hunter2, then more", "password: [redacted], then more");
    }

    #[test]
    fn words_of_prose_are_no_secrets() {
        for text in [
            "the token of the HTTP API was made anew",
            "tokens: none are counted",
            "scikit sk-learn-contrib",
            "https://example.org/@user",
            "12 connections, 3 refused",
        ] {
            let kept = redact(text, None);
            if text.starts_with("tokens:") {
                // The price of not knowing: a value after such a name goes, whatever it is.
                assert_eq!(kept, "tokens: [redacted] are counted");
            } else {
                assert_eq!(kept, text);
            }
        }
    }

    proptest! {
        #[test]
        fn it_never_panics_and_a_second_time_changes_nothing(text in ".{0,200}") {
            let once = redact(&text, Some("/home/ann")).into_owned();
            prop_assert_eq!(redact(&once, None).into_owned(), once);
        }

        #[test]
        fn a_key_after_its_name_never_stays(key in "[A-Za-z0-9]{12,40}", name in "(API_KEY|token|Secret|password)") {
            let line = format!("env {name}={key} done");
            prop_assert!(!redact(&line, None).contains(&key));
        }
    }
}
