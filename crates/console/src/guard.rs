//! What every request must be before anything else looks at it, and what every reply carries. A page in another window of the same
//! browser must not be able to act here, or to read what stands here.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};
use axum::middleware::Next;

use crate::console::Console;

/// No style and no script but the files that are built in, nothing in a page itself; nobody frames it.
const POLICY: &str = "default-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Refuses what does not come from a page of ours, and seals every reply.
pub async fn guard(State(console): State<Arc<Console>>, request: Request, next: Next) -> Response<Body> {
    let response = match objection(&console, request.method(), request.headers()) {
        Some((status, why)) => refused(status, why),
        None => next.run(request).await,
    };
    sealed(response, console.is_sealed, console.port == 443)
}

/// Why a request is not heard.
fn objection(console: &Console, method: &Method, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    // A name of somebody else's that leads here (DNS rebinding) is none of ours.
    let host = text(header::HOST).unwrap_or_default();
    let is_ours = |origin: &String| origin.split_once("://").is_some_and(|(_, ours)| ours.eq_ignore_ascii_case(host));
    if headers.get_all(header::HOST).iter().count() != 1 || !console.origins.iter().any(is_ours) {
        return Some((StatusCode::MISDIRECTED_REQUEST, "this console is not called by that name · 本控制台不用這個名稱\n"));
    }
    if method == Method::GET || method == Method::HEAD {
        return None;
    }
    if method != Method::POST {
        return Some((StatusCode::METHOD_NOT_ALLOWED, "pages are looked at (GET) and forms are sent (POST) · 頁面以 GET 閱讀，表格以 POST 送出\n"));
    }
    let origin = text(header::ORIGIN).unwrap_or_default();
    if !console.origins.iter().any(|ours| ours.eq_ignore_ascii_case(origin)) {
        return Some((StatusCode::FORBIDDEN, "this form was not sent from a page of this console · 這份表格並非由本控制台的頁面送出\n"));
    }
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if site.is_some_and(|site| site != "same-origin") {
        return Some((StatusCode::FORBIDDEN, "this form was not sent from a page of this console · 這份表格並非由本控制台的頁面送出\n"));
    }
    None
}

fn refused(status: StatusCode, why: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(why));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    // What it still sends is not read.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn sealed(mut response: Response<Body>, is_sealed: bool, is_whole_host: bool) -> Response<Body> {
    let headers = response.headers_mut();
    for (name, value) in [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        // With no-referrer, browsers would hide from us where a form comes from.
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // It holds for a whole host: on another port than its own, other services of that host could no more be reached.
    if is_sealed && is_whole_host {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
