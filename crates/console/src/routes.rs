//! Every page and every form, in one place.

use std::sync::Arc;

use axum::Router;
use axum::extract::{RawPathParams, Request, State};
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use strandline_response::Right;

use crate::acts;
use crate::console::Console;
use crate::guard::guard;
use crate::pages::not_found;
use crate::pages::{
    access, clocks, contain, desk, drill, evidence, forms, go, ledger, letters, lines, passkeys, path, people, person, preview, scope, tide, timeline,
};
use crate::visit::{Needs, Page, answer, built_in};

/// The whole console.
pub fn router(console: Arc<Console>) -> Router {
    Router::new()
        .route("/", look(Right::SeeCase, tide::page))
        .route("/evidence", look(Right::SeeCase, evidence::page))
        .route("/path", look(Right::SeeCase, path::page))
        .route("/path/{id}", look(Right::SeeCase, path::one))
        .route("/path/{id}/{verdict}", look(Right::SeeCase, preview::page))
        .route("/lines/{by}/{id}", look(Right::SeeLines, lines::page))
        .route("/timeline", look(Right::SeeCase, timeline::page))
        .route("/people", look(Right::SeePeople, people::page))
        .route("/people/{handle}", look(Right::SeePeople, person::page))
        .route("/contain", look(Right::SeeCase, contain::page))
        .route("/contain/{id}", look(Right::SeeCase, contain::one))
        .route("/clocks", look(Right::SeeCase, clocks::page))
        .route("/clocks/form/{id}", look(Right::Duties, forms::page))
        .route("/letters", look(Right::SeeCase, letters::page))
        .route("/letters/{handle}", look(Right::SeePeople, letters::one))
        .route("/desk", look(Right::Desk, desk::page))
        .route("/desk/{id}", look(Right::Desk, desk::one))
        .route("/desk/person/{handle}", look(Right::ShowName, desk::call))
        .route("/drill", look(Right::SeeCase, drill::page))
        .route("/ledger", look(Right::SeeCase, ledger::page))
        .route("/ledger/checkpoint", look(Right::SeeCase, ledger::checkpoint))
        .route("/access", look(Right::SeeCase, access::page))
        .route("/work", whoever(acts::work))
        .route("/sign/{number}", whoever(acts::to_sign).merge(form(acts::signed)))
        .route("/sign/{number}/text", whoever(acts::sign_text))
        .route("/go", whoever(go::all).merge(form(go::find)))
        .route("/act/preview", act(Right::Decide, preview::begin))
        .route("/act/pin", act(Right::Decide, acts::pin))
        .route("/scope", act(Right::SeeCase, scope::page))
        .route("/act/judge", act(Right::Decide, acts::judge))
        .route("/act/duty", act(Right::Duties, acts::duty))
        .route("/act/letter", act(Right::Letters, acts::letter))
        .route("/act/approve", act(Right::Approve, acts::approve))
        .route("/act/cut", act(Right::Approve, acts::approve_cut))
        .route("/act/look", act(Right::ShowName, acts::look))
        .route("/act/find", act(Right::SeePeople, acts::find))
        .route("/act/call", act(Right::FindByCode, acts::call))
        .route("/act/read", act(Right::Desk, acts::read))
        .route("/act/assign", act(Right::Desk, acts::assign))
        .route("/act/answer", act(Right::Desk, acts::answer))
        .route("/act/close", act(Right::Desk, acts::close))
        .route("/act/withdraw", act(Right::Desk, acts::withdraw))
        .route("/act/work", form(acts::begin))
        .route("/act/end", form(access::end))
        .route("/act/passkey", form(passkeys::offer))
        .route("/act/elsewhere", act(Right::Admit, passkeys::elsewhere))
        .route("/act/refuse", act(Right::Admit, passkeys::refuse))
        .route("/act/enrol", act(Right::Admit, acts::enrol))
        .route("/act/key", act(Right::Admit, acts::enrol_key))
        .route("/act/remove", act(Right::Admit, acts::remove))
        .route("/act/link", act(Right::Admit, access::link))
        .route("/in", open(access::door).merge(open_form(access::signed_in)))
        .route("/in/{secret}", open(access::link_page).merge(open_form(access::enter)))
        .route("/language/{tag}", open(access::language))
        .route("/assets/{name}", get(|params: RawPathParams| async move { built_in(params.iter().next().map_or("", |(_, name)| name)) }))
        .fallback(|State(console): State<Arc<Console>>, params: RawPathParams, request: Request| answer(console, params, request, Needs::Session, not_found))
        .layer(from_fn_with_state(Arc::clone(&console), guard))
        .with_state(console)
}

/// A page of whoever may do this.
fn look(right: Right, page: Page) -> MethodRouter<Arc<Console>> {
    get(move |State(console): State<Arc<Console>>, params: RawPathParams, request: Request| answer(console, params, request, Needs::Right(right), page))
}

/// A form of whoever may do this.
fn act(right: Right, page: Page) -> MethodRouter<Arc<Console>> {
    post(move |State(console): State<Arc<Console>>, params: RawPathParams, request: Request| answer(console, params, request, Needs::Right(right), page))
}

/// A page of whoever is in; what it shows is theirs.
fn whoever(page: Page) -> MethodRouter<Arc<Console>> {
    get(move |State(console): State<Arc<Console>>, params: RawPathParams, request: Request| answer(console, params, request, Needs::Session, page))
}

/// A form of whoever is in; what it does asks what they may.
fn form(page: Page) -> MethodRouter<Arc<Console>> {
    post(move |State(console): State<Arc<Console>>, params: RawPathParams, request: Request| answer(console, params, request, Needs::Session, page))
}

fn open(page: Page) -> MethodRouter<Arc<Console>> {
    get(move |State(console): State<Arc<Console>>, params: RawPathParams, request: Request| answer(console, params, request, Needs::Nothing, page))
}

fn open_form(page: Page) -> MethodRouter<Arc<Console>> {
    post(move |State(console): State<Arc<Console>>, params: RawPathParams, request: Request| answer(console, params, request, Needs::Nothing, page))
}
