//! Listening: who may be listened to, how long anybody is waited for, and the first one-time link.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use strandline_response::ResponseError;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::console::{Console, Options};
use crate::routes::router;
use crate::visit::THREADS;

/// Connections at the same time; others wait to be taken.
const CONNECTIONS: usize = 256;
/// Whoever sends the head of a request more slowly is not waited for.
const HEAD_TIME_LIMIT: Duration = Duration::from_secs(10);
/// No connection lives longer, whatever it does.
const CONNECTION_LIMIT: Duration = Duration::from_secs(180);
/// Bytes of the head of a request.
const HEAD_BYTES_LIMIT: usize = 32 * 1024;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address reaches beyond this machine.
    #[error(
        "{0} can be reached from other machines, and what a console shows must not cross a network in clear: listen on 127.0.0.1 or [::1], and reach it through `ssh -L`"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be had.
    #[error("cannot listen on {at}: is another console running there? choose another with --listen 127.0.0.1:PORT")]
    Listen {
        /// The address.
        at: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The runtime cannot be had.
    #[error("the server cannot be started")]
    Start(#[source] io::Error),
    /// The case cannot be read.
    #[error(transparent)]
    Case(#[from] ResponseError),
    /// The texts are damaged: our bug.
    #[error("the texts of the pages are damaged")]
    Texts(#[from] toml::de::Error),
}

/// A console that is open.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Where it listens.
    pub at: SocketAddr,
    /// The one-time link that lets the first person in.
    pub link: String,
}

/// Serves a case until the process ends. `opened` hears where, and of the one-time link.
///
/// # Errors
/// If the address is not of this machine alone, cannot be had, or there is no case.
pub fn serve(options: Options, listen: SocketAddr, opened: &mut dyn FnMut(&Opened)) -> Result<(), ServeError> {
    if !listen.ip().is_loopback() {
        return Err(ServeError::NotLoopback(listen));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).max_blocking_threads(THREADS).enable_all().build();
    runtime.map_err(ServeError::Start)?.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(|source| ServeError::Listen { at: listen, source })?;
        let at = listener.local_addr().map_err(ServeError::Start)?;
        let console = Arc::new(Console::new(options, origins(at), false, at.port())?);
        let who = console.who(&console.options.responder)?;
        let secret = console.door().link(who, console.random(), Instant::now());
        opened(&Opened { at, link: format!("http://{at}/in/{secret}") });
        listen_to(&listener, router(console)).await;
        Ok(())
    })
}

/// What a browser on this machine can call the console.
fn origins(at: SocketAddr) -> Vec<String> {
    vec![format!("http://{at}"), format!("http://localhost:{}", at.port())]
}

async fn listen_to(listener: &TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, from)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    // An end before its time is the visitor's own business.
                    let _ = tokio::time::timeout(CONNECTION_LIMIT, talk(stream, from, router)).await;
                    drop(place);
                });
            }
            // Out of files: those that are open will end.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn talk(stream: TcpStream, from: SocketAddr, router: Router) {
    let service = TowerToHyperService::new(router.layer(Extension(ConnectInfo(from))));
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_LIMIT).max_buf_size(HEAD_BYTES_LIMIT);
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
