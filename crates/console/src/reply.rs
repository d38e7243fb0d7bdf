//! What a visit comes to: a page, a way to go on, a file; and why not.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};

/// What a visit comes to.
pub enum Reply {
    /// A page.
    Page(String),
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
    /// The case could not be read or written; in words for the person.
    Case(String),
}

impl From<strandline_response::ResponseError> for Fault {
    fn from(error: strandline_response::ResponseError) -> Self {
        Self::Case(crate::console::told(&error))
    }
}

impl From<strandline_response::DutyError> for Fault {
    fn from(error: strandline_response::DutyError) -> Self {
        Self::Unusable(crate::console::told(&error))
    }
}

impl From<strandline_response::desk::DeskError> for Fault {
    fn from(error: strandline_response::desk::DeskError) -> Self {
        Self::Unusable(crate::console::told(&error))
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        Self::Case(error.to_string())
    }
}

impl Reply {
    /// As it goes out; the guard adds the headers that every reply has.
    pub fn into_response(self) -> Response<Body> {
        let (status, kind, body, extra) = match self {
            Self::Page(page) => (StatusCode::OK, "text/html; charset=utf-8", Body::from(readable(page)), None),
            Self::Refused(status, page) => (status, "text/html; charset=utf-8", Body::from(readable(page)), None),
            Self::Goto(to) => (StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Body::empty(), Some(vec![(header::LOCATION, to)])),
            Self::Enter(to, cookie) => {
                (StatusCode::SEE_OTHER, "text/plain; charset=utf-8", Body::empty(), Some(vec![(header::LOCATION, to), (header::SET_COOKIE, cookie)]))
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
    use super::readable;

    #[test]
    fn text_that_turns_around_is_shown_as_what_it_is() {
        assert_eq!(readable("a\u{202e}b\u{7}c\n".to_owned()), "a\u{fffd}b\u{fffd}c\n");
    }
}
