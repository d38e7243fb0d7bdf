//! What a visit comes to: a page, a way to go on, a file; and why not.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use strandline_response::desk::Said;

/// What a visit comes to.
pub enum Reply {
    /// A page.
    Page(String),
    /// A page that is soon another: the browser asks for it again by itself, without a script.
    Again(String),
    /// A page that says what was wrong.
    Refused(StatusCode, String),
    /// Go on to another page of ours.
    Goto(String),
    /// The same, with a cookie set.
    Enter(String, String),
    /// Text to keep as a file of this name.
    File(String, String),
    /// Something that is built in.
    Asset(&'static str, &'static [u8]),
}

/// Why a visit came to nothing.
#[derive(Debug)]
pub enum Fault {
    /// There is no such page, person, link.
    NotFound,
    /// They may not.
    Forbidden,
    /// What was said is not enough or not right; in words for the person.
    Unusable(String),
    /// The same, as the desk says it: the page has a sentence for each kind.
    Refused(Said),
    /// The case could not be read or written.
    Case(Said),
}

impl From<strandline_response::ResponseError> for Fault {
    fn from(error: strandline_response::ResponseError) -> Self {
        Self::Case(Said::from(&error))
    }
}

impl From<strandline_response::DutyError> for Fault {
    fn from(error: strandline_response::DutyError) -> Self {
        Self::Refused(Said::from(&error))
    }
}

impl From<strandline_response::desk::DeskError> for Fault {
    fn from(error: strandline_response::desk::DeskError) -> Self {
        Self::Refused(Said::from(&error))
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        Self::Case(Said::drawing(&error))
    }
}

impl Reply {
    /// As it goes out, of a case that is served under this path; the guard adds the headers that every reply has.
    pub fn into_response(self, root: &str) -> Response<Body> {
        let (status, kind, body, extra) = match self {
            Self::Page(page) => (StatusCode::OK, HTML, Body::from(under(root, readable(page))), None),
            Self::Again(page) => (StatusCode::OK, HTML, Body::from(under(root, readable(page))), Some(vec![(header::REFRESH, AGAIN_SECONDS.to_owned())])),
            Self::Refused(status, page) => (status, HTML, Body::from(under(root, readable(page))), None),
            Self::Goto(to) => (StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Body::empty(), Some(vec![(header::LOCATION, path_under(root, &to))])),
            Self::Enter(to, cookie) => {
                let headers = vec![(header::LOCATION, path_under(root, &to)), (header::SET_COOKIE, cookie)];
                (StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Body::empty(), Some(headers))
            }
            Self::File(name, text) => {
                let kept = format!("attachment; filename=\"{name}\"");
                (StatusCode::OK, "text/plain; charset=utf-8", Body::from(text), Some(vec![(header::CONTENT_DISPOSITION, kept)]))
            }
            Self::Asset(kind, bytes) => (StatusCode::OK, kind, Body::from(bytes), None),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        for (name, value) in extra.into_iter().flatten() {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// After so long a page is asked for again that tells how far work is.
const AGAIN_SECONDS: &str = "5";

const HTML: &str = "text/html; charset=utf-8";

/// What leads from one page of ours to another, as the templates write it, and the pictures. A value that came from anywhere else has no
/// quotation mark here: both escape it.
const WAYS: [&str; 4] = [" href=\"/", " action=\"/", " src=\"/", " href='/"];

/// A page as it is where its case is one of several: it was made as if the case were alone, and every way on it gets the case's own path
/// in front.
fn under(root: &str, page: String) -> String {
    if root.is_empty() {
        return page;
    }
    WAYS.iter().fold(page, |page, way| {
        let mut parts = page.split(way);
        let first = parts.next().unwrap_or_default().to_owned();
        // The home page is the case's path without a slash after it.
        let led = |part: &str| format!("{}{root}{}{part}", way.trim_end_matches('/'), if part.starts_with(['"', '\'']) { "" } else { "/" });
        parts.fold(first, |made, part| made + &led(part))
    })
}

/// A path of a case's own, where the case is one of several.
fn path_under(root: &str, path: &str) -> String {
    if path == "/" && !root.is_empty() { root.to_owned() } else { format!("{root}{path}") }
}

/// A page without signs that turn text around or cannot be seen: whoever writes a log or a register could hide or reorder what stands
/// beside it. Markup is made safe by the templates; none of ours holds such a sign.
fn readable(page: String) -> String {
    let is_bad = |c: char| {
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}') || (c.is_control() && c != '\n' && c != '\t')
    };
    if page.contains(is_bad) { page.chars().map(|c| if is_bad(c) { '\u{fffd}' } else { c }).collect() } else { page }
}

#[cfg(test)]
mod tests {
    use super::{path_under, readable, under};

    #[test]
    fn every_way_on_a_page_leads_into_its_own_case() {
        let page = r#"<a href="/">x</a><a class="y" href="/people?tier=1">/people href=&#34;/</a><form method="post" action="/act/end"><img src="/assets/mark.svg"><a href="https://a/"><a href='/path'><a href='/'>"#;
        let made = r#"<a href="/case/1">x</a><a class="y" href="/case/1/people?tier=1">/people href=&#34;/</a><form method="post" action="/case/1/act/end"><img src="/case/1/assets/mark.svg"><a href="https://a/"><a href='/case/1/path'><a href='/case/1'>"#;
        assert_eq!(under("/case/1", page.to_owned()), made);
        assert_eq!(under("", page.to_owned()), page);
        assert_eq!((path_under("/case/1", "/"), path_under("/case/1", "/in"), path_under("", "/")), ("/case/1".into(), "/case/1/in".into(), "/".into()));
    }

    #[test]
    fn text_that_turns_around_is_shown_as_what_it_is() {
        assert_eq!(readable("a\u{202e}b\u{7}c\n".to_owned()), "a\u{fffd}b\u{fffd}c\n");
    }
}
