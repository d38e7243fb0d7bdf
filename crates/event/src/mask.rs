//! Secrets are masked at this door: passwords and tokens in parameters, URLs, headers and free text never reach a table.
//!
//! Only the value of a secret is replaced. Everything else stays byte for byte, above all the parameters that say
//! whose record was asked for: a name that may mean a secret or a person (`session`, `pin`, `code`) is masked only
//! where its value looks like a secret.

use std::borrow::Cow;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use percent_encoding::percent_decode_str;
use regex::Regex;
use strandline_model::event::MASK;

/// What a field's name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Secrecy {
    /// Nothing.
    Open,
    /// A secret, whatever it reads as.
    Secret,
    /// A secret if it looks like a random token.
    IfRandom,
    /// A secret if it is a short number (PIN, one-time code).
    IfShortNumber,
}

impl Secrecy {
    /// Whether a value of such a field must be masked. Empty values, `-`, booleans, null and what is masked already are left alone.
    pub fn hides(self, value: &str) -> bool {
        let nothing = matches!(value, "" | "-" | "null" | "true" | "false" | "nil" | "None") || value == MASK || value.bytes().all(|b| b == b'*');
        !nothing
            && match self {
                Self::Open => false,
                Self::Secret => true,
                Self::IfRandom => looks_random(value),
                Self::IfShortNumber => (3..=8).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit()),
            }
    }
}

/// Words that make a name secret wherever they stand in it, unless the name goes on to speak *about* the secret.
const SECRET_WORDS: &[&str] =
    &["password", "passwd", "pwd", "passphrase", "passcode", "passwort", "secret", "credential", "credentials", "authorization", "cvv", "cvc", "cvv2"];

/// Words that make a name secret only where they end it.
const SECRET_LAST_WORDS: &[&str] =
    &["token", "pass", "pw", "cookie", "cookies", "jwt", "bearer", "otp", "totp", "signature", "assertion", "samlresponse", "mot_de_passe"];

/// Names in one piece, separators and case taken off.
const SECRET_NAMES: &[&str] = &[
    "apikey",
    "accesskey",
    "secretkey",
    "privatekey",
    "secretaccesskey",
    "authkey",
    "encryptionkey",
    "signingkey",
    "sharedkey",
    "accountkey",
    "masterkey",
    "sshkey",
    "setcookie",
    "xauth",
    "proxyauthorization",
    "xapikey",
    "xamzsignature",
    "xamzcredential",
    "xamzsecuritytoken",
    "awssecretaccesskey",
    "clientsecret",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "jsessionid",
    "phpsessid",
    "connectsid",
    "aspxauth",
    "csrfmiddlewaretoken",
    "requestverificationtoken",
];

/// Names that are secret only if their value looks like a random token.
const SESSION_NAMES: &[&str] =
    &["session", "sessionid", "sessid", "sid", "sessiontoken", "sessionkey", "code", "ticket", "sig", "auth", "key", "nonce", "hash", "authcode", "magic"];

/// Last words that show that a name speaks about a secret and does not hold it.
const ABOUT_WORDS: &[&str] = &[
    "at",
    "age",
    "algorithm",
    "attempts",
    "changed",
    "count",
    "created",
    "date",
    "days",
    "enabled",
    "error",
    "errors",
    "expired",
    "expires",
    "expiry",
    "failed",
    "failures",
    "field",
    "id",
    "last",
    "length",
    "level",
    "link",
    "max",
    "min",
    "name",
    "needed",
    "policy",
    "required",
    "reset",
    "set",
    "status",
    "strength",
    "time",
    "type",
    "updated",
    "url",
    "valid",
    "version",
];

/// Words before `token` that make it a place in a list and no secret.
const PAGE_WORDS: &[&str] = &["page", "next", "prev", "previous", "continuation", "cursor", "sync", "pagination", "max", "min", "skip"];

/// What a field name says about its value. Understands `snake_case`, `kebab-case`, `camelCase`, `user[password]`,
/// dotted paths and percent-encoded names.
pub fn secrecy(name: &str) -> Secrecy {
    if name.len() > 200 {
        return Secrecy::Open;
    }
    let decoded = if name.contains('%') { Cow::Owned(percent_decode_str(name).decode_utf8_lossy().into_owned()) } else { Cow::Borrowed(name) };
    let words = words_of(&decoded);
    let Some(last) = words.last() else { return Secrecy::Open };
    let joined = words.concat();
    if SECRET_NAMES.contains(&joined.as_str()) || joined.starts_with("aspsessionid") {
        return Secrecy::Secret;
    }
    if matches!(last.as_str(), "pin" | "pincode" | "tan") {
        return Secrecy::IfShortNumber;
    }
    if words.len() > 1 && ABOUT_WORDS.contains(&last.as_str()) {
        return if words.iter().any(|w| w == "session" || w == "sess") && last == "id" { Secrecy::IfRandom } else { Secrecy::Open };
    }
    if words.iter().any(|w| PAGE_WORDS.contains(&w.as_str())) && last.ends_with("token")
        || matches!(joined.as_str(), "nexttoken" | "pagetoken" | "nextpagetoken" | "continuationtoken")
    {
        return Secrecy::Open;
    }
    let secret = words.iter().any(|w| SECRET_WORDS.contains(&w.as_str()))
        || SECRET_LAST_WORDS.contains(&last.as_str())
        || ["password", "passwd", "passphrase", "secret", "token", "apikey", "pwd"].iter().any(|end| last.ends_with(end))
        || joined.ends_with("apikey")
        || joined.ends_with("accesskey")
        || joined.ends_with("secretkey")
        || joined.ends_with("privatekey");
    if secret {
        Secrecy::Secret
    } else if SESSION_NAMES.contains(&joined.as_str()) || SESSION_NAMES[..5].contains(&last.as_str()) {
        Secrecy::IfRandom
    } else {
        Secrecy::Open
    }
}

/// Lower-case words of a name; a number behind a word (`password2`) and empty brackets are taken off.
fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut previous = '_';
    for c in name.chars() {
        if !c.is_alphanumeric() {
            previous = '_';
            continue;
        }
        let starts = previous == '_' || (c.is_uppercase() && previous.is_lowercase());
        if starts {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
        previous = c;
    }
    for word in &mut words {
        let kept = word.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        if kept > 0 && word != "cvv2" {
            word.truncate(kept);
        }
    }
    // Where a form repeats the field, the repetition is the same secret.
    while words.len() > 1
        && words.last().is_some_and(|w| matches!(w.as_str(), "confirm" | "confirmation" | "again" | "repeat" | "value" | "hash" | "plain" | "text"))
    {
        words.pop();
    }
    words
}

/// Whether a value looks like a random token: long, of one piece, letters and digits mixed.
fn looks_random(value: &str) -> bool {
    let bytes = value.as_bytes();
    let plain = bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.~+/=%:".contains(b));
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let letters = bytes.iter().filter(|b| b.is_ascii_alphabetic()).count();
    bytes.len() >= 16 && plain && digits >= 3 && letters >= 3
}

/// Masks secrets in a URL or in path and query as a server logs them: `user:pass@`, values of secret parameters in the
/// query, in `;name=value` path parameters and in the fragment, also where they stand percent-encoded in the URL of
/// another parameter. Percent-encoding is kept as it was.
pub fn url(url: &str) -> Cow<'_, str> {
    if memchr::memchr3(b'=', b'@', b'.', url.as_bytes()).is_none() {
        return Cow::Borrowed(url);
    }
    let mut cuts = Vec::new();
    user_info(url, &mut cuts);
    let query_from = memchr::memchr3(b'?', b';', b'#', url.as_bytes()).unwrap_or(url.len());
    parameters(url, query_from, &mut cuts);
    web_tokens(url, &mut cuts);
    cut(url, cuts)
}

/// Masks secrets in a query string or form body: `a=1&password=x`.
pub fn query(query: &str) -> Cow<'_, str> {
    let mut cuts = Vec::new();
    parameters(query, 0, &mut cuts);
    web_tokens(query, &mut cuts);
    cut(query, cuts)
}

/// Masks the value of one named field: a form field, a JSON field, a header, a cookie. What the name does not give
/// away, the value may: it is read as free text.
pub fn field<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    named(secrecy(name), value)
}

/// The same, where it is known what the name says.
pub fn named(secrecy: Secrecy, value: &str) -> Cow<'_, str> {
    match secrecy {
        Secrecy::Open => text(value),
        secrecy if secrecy.hides(value) => Cow::Borrowed(MASK),
        _ => text(value),
    }
}

/// `scheme://user:pass@host`, also without a user.
fn user_info(text: &str, cuts: &mut Vec<(usize, usize)>) {
    for at in memchr::memmem::find_iter(text.as_bytes(), b"://") {
        let from = at + 3;
        let rest = &text[from..];
        let authority = &rest[..rest.find(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>')).unwrap_or(rest.len())];
        if let Some(end) = authority.rfind('@')
            && let Some(colon) = authority[..end].find(':')
            && colon + 1 < end
        {
            cuts.push((from + colon + 1, from + end));
        }
    }
}

/// `name=value` pairs from `from` on, split at `&`, `;`, `?` and `#`.
fn parameters(text: &str, from: usize, cuts: &mut Vec<(usize, usize)>) {
    let bytes = text.as_bytes();
    let query_from = memchr::memchr(b'?', bytes).unwrap_or(bytes.len());
    let mut start = from;
    while start < bytes.len() {
        let end = bytes[start..].iter().position(|b| matches!(b, b'&' | b';' | b'?' | b'#')).map_or(bytes.len(), |i| start + i);
        if let Some(equals) = memchr::memchr(b'=', &bytes[start..end]).map(|i| start + i) {
            let (name, mut value_end) = (&text[start..equals], end);
            // A path parameter (`;jsessionid=…`) ends at the next slash, a query value does not.
            if start > 0 && bytes[start - 1] == b';' && start <= query_from {
                value_end = memchr::memchr(b'/', &bytes[equals..end]).map_or(end, |i| equals + i);
            }
            let value = &text[equals + 1..value_end];
            if secrecy(name).hides(value) {
                cuts.push((equals + 1, value_end));
            } else {
                encoded_parameters(text, equals + 1, value_end, cuts);
            }
        }
        start = end + 1;
    }
}

/// Pairs inside a percent-encoded URL that is itself a value: `next=%2Freset%3Ftoken%3Dabc%26page%3D2`.
fn encoded_parameters(text: &str, from: usize, to: usize, cuts: &mut Vec<(usize, usize)>) {
    let bytes = &text.as_bytes()[from..to];
    let Some(question) = find_encoded(bytes, 0, b"3F") else { return };
    let mut start = question + 3;
    while start < bytes.len() {
        let end = find_encoded(bytes, start, b"26").unwrap_or(bytes.len());
        if let Some(equals) = find_encoded(&bytes[..end], start, b"3D") {
            let (name, value) = (&text[from + start..from + equals], &text[from + equals + 3..from + end]);
            if secrecy(name).hides(value) {
                cuts.push((from + equals + 3, from + end));
            }
        }
        start = end + 3;
    }
}

fn find_encoded(bytes: &[u8], from: usize, code: &[u8; 2]) -> Option<usize> {
    memchr::memchr_iter(b'%', bytes.get(from..)?).map(|i| from + i).find(|at| bytes.get(at + 1..at + 3).is_some_and(|next| next.eq_ignore_ascii_case(code)))
}

/// JSON web tokens, wherever they stand.
fn web_tokens(text: &str, cuts: &mut Vec<(usize, usize)>) {
    let bytes = text.as_bytes();
    let mut from = 0;
    while let Some(at) = memchr::memmem::find(&bytes[from..], b"eyJ").map(|i| from + i) {
        let length = bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'=')).count();
        let token = &bytes[at..at + length];
        if length >= 30 && token.contains(&b'.') {
            cuts.push((at, at + length));
        }
        from = at + length;
    }
}

/// What a secret in free text gives itself away by, in any case of letters; a text without any of it is not looked at twice.
const WORDS: &[&str] = &[
    "pass",
    "pwd",
    "secret",
    "token",
    "credential",
    "apikey",
    "api_key",
    "api-key",
    "_key",
    "authoriz",
    "cookie",
    "bearer",
    "basic ",
    "otp",
    "pin",
    "cvv",
    "cvc",
    "sess",
    "eyj",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat",
    "glpat-",
    "xoxa-",
    "xoxb-",
    "xoxp-",
    "xoxr-",
    "xoxs-",
    "sk_live",
    "curl",
    "mysql",
    "-u ",
];

/// Words that do so only in company.
const BEGINNINGS: &[&str] = &["access", "private", "://"];

static TRIGGERS: LazyLock<AhoCorasick> = LazyLock::new(|| words_to_find(WORDS));
static HALF_TRIGGERS: LazyLock<AhoCorasick> = LazyLock::new(|| words_to_find(BEGINNINGS));
static COMPANY: LazyLock<Regex> = LazyLock::new(|| compiled(r"(?i:access.?key|private.?key)|://[^/\s]*:[^/\s]*@"));

#[allow(clippy::expect_used, reason = "the words are constants")]
fn words_to_find(words: &[&str]) -> AhoCorasick {
    AhoCorasick::builder().ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(words).expect("a few constant words")
}

fn is_triggered(text: &str) -> bool {
    TRIGGERS.is_match(text) || HALF_TRIGGERS.is_match(text) && COMPANY.is_match(text)
}

/// `name=value`, `name: value`, `"name": "value"`, `name => value`.
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r#"(?x)
        (?P<open>["'\\(]*) (?P<name>[A-Za-z][A-Za-z0-9_.\-\[\]]{1,60})
        (?P<sep> \\?["']?\s?(?:=>?|:=)\s?\\?["']? | \\?["']\s?:\s?\\?["']? | :\s\\?["']? | : )
        "#,
    )
});

/// `--name value`.
static FLAG: LazyLock<Regex> = LazyLock::new(|| compiled(r"--(?P<name>[A-Za-z][A-Za-z0-9_.\-\[\]]{1,60})\s"));

/// `Bearer …`, `Basic …`, and tokens that carry their maker's mark.
static MARKED: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"(?i:\b(?:bearer|basic|digest|negotiate|ntlm)\s+)(?P<scheme>[A-Za-z0-9+/_.~=-]{12,})|\b(?P<token>gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,}|xox[abprs]-[A-Za-z0-9-]{10,}|sk_live_[A-Za-z0-9]{10,})",
    )
});

/// Passwords on well-known command lines.
static COMMAND: LazyLock<Regex> = LazyLock::new(|| {
    compiled(
        r"\b(?:mysql|mysqldump|mysqladmin|mariadb)\b[^|;]*?\s-p(?P<mysql>[^\s]+)|\bsshpass\s+-p\s*(?P<sshpass>\S+)|\b(?:curl|wget)\b[^|;]*?\s(?:-u|--user)[ =](?P<curl>[^\s:]+:\S+)|(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<pem>.*)",
    )
});

#[allow(clippy::expect_used, reason = "the patterns are constants that the tests compile")]
fn compiled(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

/// Masks secrets in free text: pairs like `password=…`, `"token": "…"` and `--secret …`, authorisation and cookie
/// headers, bearer and basic credentials, JSON web tokens, private keys, `user:pass@host`, and passwords on the command
/// lines of well-known tools.
pub fn text(text: &str) -> Cow<'_, str> {
    if !is_triggered(text) {
        return Cow::Borrowed(text);
    }
    let mut cuts = Vec::new();
    user_info(text, &mut cuts);
    web_tokens(text, &mut cuts);
    pairs(text, &mut cuts);
    for found in MARKED.captures_iter(text).chain(COMMAND.captures_iter(text)) {
        cuts.extend(found.iter().skip(1).flatten().map(|group| (group.start(), group.end())));
    }
    cut(text, cuts)
}

fn pairs(text: &str, cuts: &mut Vec<(usize, usize)>) {
    // Prose names secrets without giving them away; only a separator or a flag does.
    if memchr::memchr2(b'=', b':', text.as_bytes()).is_none() && !text.contains("--") {
        return;
    }
    let mut from = 0;
    while let Some(found) = PAIR.captures_at(text, from) {
        let (Some(whole), Some(name), Some(separator)) = (found.get(0), found.name("name"), found.name("sep")) else { return };
        from = name.end().max(from + 1);
        let header = separator.as_str().contains(':') && is_header(name.as_str());
        let open = found.name("open").map_or("", |m| m.as_str());
        let Some(secrecy) = pair_secrecy(name.as_str(), separator.as_str(), open) else { continue };
        // What is masked only by its look is never long: looking no further keeps hostile text linear.
        let limit = if secrecy == Secrecy::Secret { text.len() } else { floor_boundary(text, text.len().min(whole.end() + 1024)) };
        let end = whole.end() + value_length(&text[whole.end()..limit], separator.as_str(), header);
        let value = &text[whole.end()..end];
        // `PWD` is also a shell's working directory.
        if text[whole.end()..].starts_with(MASK) || name.as_str() == "PWD" && value.starts_with('/') {
            continue;
        }
        if secrecy.hides(value) {
            cuts.push((whole.end(), end));
            from = end.max(from);
        }
    }
    flags(text, cuts);
}

/// Values behind flags: prose is full of secret words with a blank behind them, so only what follows two dashes counts.
fn flags(text: &str, cuts: &mut Vec<(usize, usize)>) {
    if !text.contains("--") {
        return;
    }
    let mut from = 0;
    while let Some(found) = FLAG.captures_at(text, from) {
        let (Some(whole), Some(name)) = (found.get(0), found.name("name")) else { return };
        from = whole.end();
        // Dashes within a word make no flag.
        let is_of_name = |b: &&u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'[' | b']');
        let within = text.as_bytes()[..whole.start()].iter().rev().take(60).take_while(is_of_name).any(u8::is_ascii_alphabetic);
        // `--name = value` is a pair.
        let is_pair = text[from..].starts_with('=') || text[from..].starts_with(":=");
        if within || is_pair || secrecy(name.as_str().trim_end_matches(['.', '-'])) != Secrecy::Secret || text[from..].starts_with(MASK) {
            continue;
        }
        let end = from + value_length(&text[from..], " ", false);
        if Secrecy::Secret.hides(&text[from..end]) {
            cuts.push((from, end));
            from = end;
        }
    }
}

fn is_header(name: &str) -> bool {
    ["authorization", "proxy-authorization", "cookie", "set-cookie"].iter().any(|header| header.eq_ignore_ascii_case(name))
}

/// What a name and what stands behind it say. Prose is full of such words: `password for root`, `pam_unix(passwd:chauthtok)`,
/// `token: expired`; so a colon counts only where the value can be one.
fn pair_secrecy(name: &str, separator: &str, open: &str) -> Option<Secrecy> {
    let secrecy = match secrecy(name.trim_end_matches(['.', '-'])) {
        Secrecy::Open => return None,
        other => other,
    };
    if separator == ":" && open.ends_with('(') {
        return None;
    }
    let weak = secrecy == Secrecy::Secret && separator.starts_with(':') && !is_header(name) && !is_strong(name);
    Some(if weak { Secrecy::IfRandom } else { secrecy })
}

/// Names that prose seldom puts before a colon without giving the secret away.
fn is_strong(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["password", "passwd", "pwd", "passphrase", "secret", "apikey", "api_key", "api-key", "key"].iter().any(|word| name.ends_with(word))
}

/// Where a value ends: at its closing quote if it has one, at the end of the line for a header, else at a blank or a
/// separator.
fn value_length(rest: &str, separator: &str, header: bool) -> usize {
    let quoted = separator.as_bytes().last().copied().filter(|b| matches!(b, b'"' | b'\''));
    let bytes = rest.as_bytes();
    if let Some(quote) = quoted {
        let mut at = 0;
        while at < bytes.len() && bytes[at] != quote {
            // An escaped quote belongs to the value, unless the opening quote was an escaped one too.
            at += if bytes[at] == b'\\' && !separator.contains('\\') { 2 } else { 1 };
        }
        let end = at.min(bytes.len());
        let end = if separator.contains('\\') && bytes[..end].ends_with(b"\\") { end - 1 } else { end };
        return floor_boundary(rest, end);
    }
    let ends: fn(char) -> bool = if header {
        |c| matches!(c, '"' | '\'' | '\n' | '\r')
    } else {
        |c| c.is_whitespace() || matches!(c, '&' | ';' | ',' | '"' | '\'' | ')' | '}' | ']' | '<' | '>')
    };
    rest.find(ends).unwrap_or(rest.len())
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while at > 0 && !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Replaces the ranges; overlapping ones are joined.
fn cut(text: &str, mut cuts: Vec<(usize, usize)>) -> Cow<'_, str> {
    cuts.retain(|(from, to)| from < to && text.get(*from..*to).is_some_and(|value| value != MASK));
    if cuts.is_empty() {
        return Cow::Borrowed(text);
    }
    cuts.sort_unstable();
    let mut masked = String::with_capacity(text.len());
    let mut at = 0;
    for (from, to) in cuts {
        if from >= at {
            masked.push_str(&text[at..from]);
            masked.push_str(MASK);
        }
        at = at.max(to);
    }
    masked.push_str(&text[at..]);
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_url(input: &str, expected: &str) {
        assert_eq!(url(input), expected);
    }

    fn check_text(input: &str, expected: &str) {
        assert_eq!(text(input), expected);
        assert_eq!(text(expected), expected, "masking twice changes nothing");
    }

    #[test]
    fn secrets_in_urls() {
        check_url("/login?user=amy&password=hunter2&next=/home", "/login?user=amy&password=[masked]&next=/home");
        check_url("/a?user%5Bpassword%5D=x1", "/a?user%5Bpassword%5D=[masked]");
        check_url("/a?pass%77ord=x1&p=2", "/a?pass%77ord=[masked]&p=2");
        check_url("/a;jsessionid=0A1B2C3D4E5F/view?staff_no=C123", "/a;jsessionid=[masked]/view?staff_no=C123");
        check_url("https://amy:s3cret@host/x", "https://amy:[masked]@host/x");
        check_url("/cb#access_token=abc&state=1", "/cb#access_token=[masked]&state=1");
        check_url("/in?next=%2Freset%3Ftoken%3Dabc%26page%3D2", "/in?next=%2Freset%3Ftoken%3D[masked]%26page%3D2");
        check_url("/x?session=d72d16b9c142d72d16b9c142", "/x?session=[masked]");
        check_url("/x?PIN=1234&apiKey=q&newPassword2=z&cvv=123", "/x?PIN=[masked]&apiKey=[masked]&newPassword2=[masked]&cvv=[masked]");
        check_url("/x?t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "/x?t=[masked]");
    }

    #[test]
    fn whose_record_was_asked_for_stays() {
        for same in [
            "/staff/C12345?unit=A&page=3",
            "/report?session=2026-spring&sid=S1024533",
            "/x?next_token=abcdef0123456789abcdef&page_token=x",
            "/search?q=password",
            "/x?password=&token=-",
            "/users?password_changed_at=2026-01-01&token_type=x&pin=HK-1234567",
            "/search?name=%27%20OR%20password%3D%27x%27",
            "/author?author=smith&keyword=secret&key=C123",
            "/a?x=user@example.org",
            "",
            "*",
        ] {
            check_url(same, same);
        }
    }

    #[test]
    fn values_behind_flags() {
        check_text("run --password hunter2 --user=x", "run --password [masked] --user=x");
        check_text("run --password = x, --client-secret  y", "run --password = [masked], --client-secret  y");
        check_text("long--password is prose", "long--password is prose");
        check_text("--token [masked] --token-type bearer", "--token [masked] --token-type bearer");
        check_text("--api-key abc --api-key def", "--api-key [masked] --api-key [masked]");
    }

    #[test]
    fn secrets_in_free_text() {
        check_text("login password=hunter2 ok", "login password=[masked] ok");
        check_text("{\"user\":\"amy\",\"password\":\"a\\\"b c\"}", "{\"user\":\"amy\",\"password\":\"[masked]\"}");
        check_text("{\\\"token\\\":\\\"abc\\\",\\\"a\\\":1}", "{\\\"token\\\":\\\"[masked]\\\",\\\"a\\\":1}");
        check_text("Authorization: Bearer abcdefghijklmnop", "Authorization: [masked]");
        check_text("header \"Cookie: a=1; b=2\" seen", "header \"Cookie: [masked]\" seen");
        check_text("sent Bearer abcdefghijklmnop.q now", "sent Bearer [masked] now");
        check_text("password: hunter2", "password: [masked]");
        check_text("COMMAND=/usr/bin/mysql -u root -phunter2 hr", "COMMAND=/usr/bin/mysql -u root -p[masked] hr");
        check_text("PGPASSWORD=x psql", "PGPASSWORD=[masked] psql");
        check_text("tool --password hunter2 --user amy", "tool --password [masked] --user amy");
        check_text("curl -u amy:pw http://h/", "curl -u [masked] http://h/");
        check_text("postgres://app:pw@db:5432/hr refused", "postgres://app:[masked]@db:5432/hr refused");
        check_text("secret = \"é\" rest", "secret = \"[masked]\" rest");
    }

    #[test]
    fn prose_stays() {
        for same in [
            "Failed password for invalid user admin from 10.0.0.1 port 22 ssh2",
            "pam_unix(passwd:chauthtok): password changed for amy",
            "pam_unix(sudo:auth): authentication failure; logname= uid=1000 euid=0 tty=/dev/pts/0 ruser=bob rhost=  user=bob",
            "3 incorrect password attempts ; TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/bin/ls",
            "New session 12 of user amy.",
            "token: expired",
            "session opened for user root(uid=0) by (uid=0)",
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "pinned 3 spinning tasks",
        ] {
            check_text(same, same);
        }
    }

    #[test]
    fn names() {
        for (name, expected) in [
            ("password", Secrecy::Secret),
            ("X-Api-Key", Secrecy::Secret),
            ("user.password_hash", Secrecy::Secret),
            ("csrf_token", Secrecy::Secret),
            ("max_tokens", Secrecy::Open),
            ("compass", Secrecy::Open),
            ("author", Secrecy::Open),
            ("staff_no", Secrecy::Open),
            ("session_id", Secrecy::IfRandom),
            ("pin", Secrecy::IfShortNumber),
            ("", Secrecy::Open),
        ] {
            assert_eq!(secrecy(name), expected, "{name}");
        }
    }
}
