//! Every page and every form, in one place.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use crate::acts;
use crate::console::Console;
use crate::guard::guard;
use crate::pages::not_found;
use crate::pages::{access, clocks, contain, evidence, ledger, letters, lines, path, people, person, tide, timeline};
use crate::visit::{Needs, Page, answer, built_in};

/// The whole console.
pub fn router(console: Arc<Console>) -> Router {
    Router::new()
        .route("/", look(tide::page))
        .route("/evidence", look(evidence::page))
        .route("/path", look(path::page))
        .route("/path/{id}", look(path::one))
        .route("/lines/{by}/{id}", look(lines::page))
        .route("/timeline", look(timeline::page))
        .route("/people", look(people::page))
        .route("/people/{handle}", look(person::page))
        .route("/contain", look(contain::page))
        .route("/contain/{id}", look(contain::one))
        .route("/clocks", look(clocks::page))
        .route("/letters", look(letters::page))
        .route("/letters/{handle}", look(letters::one))
        .route("/ledger", look(ledger::page))
        .route("/ledger/checkpoint", look(ledger::checkpoint))
        .route("/access", look(access::page))
        .route("/work", look(acts::work))
        .route("/sign/{number}", look(acts::to_sign).merge(act(acts::signed)))
        .route("/sign/{number}/text", look(acts::sign_text))
        .route("/act/judge", act(acts::judge))
        .route("/act/duty", act(acts::duty))
        .route("/act/letter", act(acts::letter))
        .route("/act/approve", act(acts::approve))
        .route("/act/cut", act(acts::approve_cut))
        .route("/act/look", act(acts::look))
        .route("/act/find", act(acts::find))
        .route("/act/work", act(acts::begin))
        .route("/act/end", act(access::end))
        .route("/act/link", act(access::link))
        .route("/in", open(access::door).merge(open_form(access::signed_in)))
        .route("/in/{secret}", open(access::link_page).merge(open_form(access::enter)))
        .route("/language/{tag}", open(access::language))
        .route("/assets/{name}", get(|params: RawPathParams| async move { built_in(params.iter().next().map_or("", |(_, name)| name)) }))
        .fallback(|State(console): State<Arc<Console>>, params: RawPathParams, request: Request| answer(console, params, request, Needs::Session, not_found))
        .layer(from_fn_with_state(Arc::clone(&console), guard))
        .with_state(console)
}

fn look(page: Page) -> MethodRouter<Arc<Console>> {
    get(move |State(console): State<Arc<Console>>, params: RawPathParams, request: Request| answer(console, params, request, Needs::Session, page))
}

fn act(page: Page) -> MethodRouter<Arc<Console>> {
    post(move |State(console): State<Arc<Console>>, params: RawPathParams, request: Request| answer(console, params, request, Needs::Session, page))
}

fn open(page: Page) -> MethodRouter<Arc<Console>> {
    get(move |State(console): State<Arc<Console>>, params: RawPathParams, request: Request| answer(console, params, request, Needs::Nothing, page))
}

fn open_form(page: Page) -> MethodRouter<Arc<Console>> {
    post(move |State(console): State<Arc<Console>>, params: RawPathParams, request: Request| answer(console, params, request, Needs::Nothing, page))
}
