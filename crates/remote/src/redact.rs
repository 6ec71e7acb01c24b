//! Texts of stores without credentials.

use std::error::Error;

/// Parts of the names of environment variables whose values are secret.
const SECRET: [&str; 7] = [
    "KEY",
    "SECRET",
    "TOKEN",
    "PASSWORD",
    "CREDENTIAL",
    "SAS",
    "SIGNATURE",
];
/// Parts of the names of environment variables that stores read.
const OF_STORES: [&str; 3] = ["AWS_", "AZURE_", "GOOGLE_"];
/// Shorter values are words of messages by chance.
const SHORTEST: usize = 6;
/// Maximum length of a text in bytes.
const LONGEST: usize = 300;

/// What an error and its causes say, shortened and without credentials.
pub(crate) fn message(error: &dyn Error) -> String {
    let secrets = std::env::vars_os().filter_map(|(name, value)| {
        let (name, value) = (name.into_string().ok()?, value.into_string().ok()?);
        let of_store = OF_STORES.iter().any(|prefix| name.starts_with(prefix));
        (of_store && SECRET.iter().any(|part| name.contains(part))).then_some(value)
    });
    // The innermost cause is what happened; the layers above repeat the address and the settings.
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    clean(&cause.to_string(), secrets)
}

/// A text without the `secrets`. Documents that a server answered with are cut off: they repeat what was signed.
fn clean(text: &str, secrets: impl Iterator<Item = String>) -> String {
    let document = text.find(['<', '{']).unwrap_or(text.len());
    let (text, document) = text.split_at_checked(document).unwrap_or((text, ""));
    let mut text = text.trim_end_matches([' ', ':', '\n']).to_owned();
    if let Some(code) = code(document) {
        text.push_str(&format!(" ({code})"));
    }
    for secret in secrets.filter(|secret| secret.len() >= SHORTEST) {
        text = text.replace(&secret, "…");
    }
    let shown = text.char_indices().take_while(|(at, _)| *at < LONGEST);
    shown.map(|(_, c)| c).collect()
}

/// The error code of an answer in XML, such as `NoSuchBucket`.
fn code(document: &str) -> Option<&str> {
    let (_, rest) = document.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_plain = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain.then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_documents_of_the_server_do_not_come_through() {
        let text = "status 403 for AKIAEXAMPLE: <Error><Code>SignatureDoesNotMatch</Code>\
            <AWSAccessKeyId>AKIAOTHER</AWSAccessKeyId></Error>";
        let cleaned = clean(text, ["AKIAEXAMPLE".to_owned(), "a".to_owned()].into_iter());
        assert_eq!(cleaned, "status 403 for … (SignatureDoesNotMatch)");
        assert_eq!(
            clean(&"ü".repeat(500), std::iter::empty()).chars().count(),
            150
        );
    }
}
