//! Listening: who may be listened to, how long anybody is waited for, and the first one-time link.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use sha2::{Digest, Sha256};
use strandline_response::ResponseError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::cases::all_cases;
use crate::console::{Console, Options};
use crate::routes::router;
use crate::shares::Shares;
use crate::visit::THREADS;

/// Connections at the same time; others wait to be taken.
const CONNECTIONS: usize = 256;
/// Whoever sends the head of a request, or shakes hands, more slowly is not waited for.
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
        "{0} can be reached from other machines, and what a console shows must not cross a network in clear: listen on 127.0.0.1 or [::1] and reach it through `ssh -L`, or seal it by a certificate"
    )]
    NotLoopback(SocketAddr),
    /// Every address of this machine, and no name.
    #[error("{0} is every address of this machine: say what browsers call it, --host NAME, so that a certificate can be made for it")]
    NoHost(SocketAddr),
    /// A certificate could not be made.
    #[error("a certificate could not be made: give one, with --tls-cert, --tls-key and --host")]
    Making(#[source] rcgen::Error),
    /// A certificate could not be kept.
    #[error("{} cannot be written, and a certificate is kept there: give one, with --tls-cert, --tls-key and --host", path.display())]
    Write {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A certificate or its key cannot be read.
    #[error("{} is no PEM file of a certificate, or of a key", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// They do not fit.
    #[error("the certificate and the key cannot be used together: give the key that the certificate was made for")]
    Seal(#[source] rustls::Error),
    /// The address cannot be had.
    #[error("cannot listen on {at}: is another console running there? choose another with --listen 127.0.0.1:PORT")]
    Listen {
        /// The address.
        at: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A case that is served already.
    #[error("{} is served already, or is a copy of a case that is: give each once", .0.display())]
    Twice(PathBuf),
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

/// What seals connections: TLS, without which no other machine is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// The chain of certificates, PEM.
    pub certificate: PathBuf,
    /// The key, PEM.
    pub key: PathBuf,
    /// What browsers call the console; the certificate is for it.
    pub host: String,
}

impl Seal {
    /// The acceptor, and the fingerprint of the certificate as browsers show it.
    fn acceptor(&self) -> Result<(TlsAcceptor, String), ServeError> {
        let wrong = |path: &PathBuf| {
            let path = path.clone();
            move |source| ServeError::Pem { path, source }
        };
        let certificates: Vec<CertificateDer<'static>> =
            CertificateDer::pem_file_iter(&self.certificate).and_then(Iterator::collect).map_err(wrong(&self.certificate))?;
        let digest = Sha256::digest(certificates.first().map(AsRef::as_ref).unwrap_or_default());
        let fingerprint = digest.iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":");
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(wrong(&self.key))?;
        let builder = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(ServeError::Seal)?;
        let config = builder.with_no_client_auth().with_single_cert(certificates, key).map_err(ServeError::Seal)?;
        Ok((TlsAcceptor::from(Arc::new(config)), fingerprint))
    }
}

/// A console that is open.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Where it listens.
    pub at: SocketAddr,
    /// The one-time link that lets the first person in.
    pub link: String,
    /// SHA-256 of the certificate, where TLS seals it: a browser shows the same, or it is another console.
    pub fingerprint: Option<String>,
}

/// Serves a case, or several, until the process ends. `opened` hears where, and of the one-time link, which lets into all of them.
///
/// # Errors
/// If the address is not of this machine alone and nothing seals it, it cannot be had, there is no case, or one stands twice.
pub fn serve(cases: Vec<Options>, listen: SocketAddr, seal: Option<&Seal>, opened: &mut dyn FnMut(&Opened)) -> Result<(), ServeError> {
    if !listen.ip().is_loopback() && seal.is_none() {
        return Err(ServeError::NotLoopback(listen));
    }
    let (acceptor, fingerprint) = seal.map(Seal::acceptor).transpose()?.unzip();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).max_blocking_threads(THREADS).enable_all().build();
    runtime.map_err(ServeError::Start)?.block_on(async {
        let listener = TcpListener::bind(listen).await.map_err(|source| ServeError::Listen { at: listen, source })?;
        let at = listener.local_addr().map_err(ServeError::Start)?;
        let twin = if seal.is_none() { twin(at).await? } else { None };
        let consoles = consoles(cases, at, seal)?;
        let secret = first_link(&consoles)?;
        let origin = consoles.first().and_then(|console| console.origins.first()).cloned().unwrap_or_default();
        opened(&Opened { at, link: format!("{origin}/in/{secret}"), fingerprint });
        let router = if let [console] = consoles.as_slice() { router(Arc::clone(console)) } else { all_cases(consoles) };
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let second = async {
            if let Some(twin) = &twin {
                listen_to(twin, &places, None, router.clone()).await;
            }
        };
        tokio::join!(listen_to(&listener, &places, acceptor, router.clone()), second);
        Ok(())
    })
}

/// A console for each case: alone at the root, or each under a path of its own.
fn consoles(cases: Vec<Options>, at: SocketAddr, seal: Option<&Seal>) -> Result<Vec<Arc<Console>>, ServeError> {
    let is_alone = cases.len() == 1;
    let mut consoles: Vec<Arc<Console>> = Vec::new();
    for options in cases {
        // What a killed run left half entered is whole before anybody looks.
        strandline_response::desk::settle(&options.case)?;
        let root = if is_alone { String::new() } else { format!("/case/{}", strandline_response::desk::short_name(&options.case)?) };
        if !is_alone && consoles.iter().any(|console| console.root == root) {
            return Err(ServeError::Twice(options.case));
        }
        consoles.push(Arc::new(Console::new(options, (origins(at, seal), root), seal.is_some(), at.port())?));
    }
    for console in &consoles {
        console.take_up()?;
    }
    Ok(consoles)
}

/// A link that lets the first person into each case, under one secret.
fn first_link(consoles: &[Arc<Console>]) -> Result<String, ServeError> {
    let mut secret = String::new();
    let drawn = consoles.first().map(|console| console.random()).unwrap_or_default();
    for console in consoles {
        let who = console.who(&console.options.responder)?;
        // A new door has a place for it.
        secret = console.door().link(who, None, drawn, Instant::now()).unwrap_or_default();
    }
    Ok(secret)
}

/// This machine's other address of its own: browsers may take either for `localhost`, and nobody else may answer there.
async fn twin(at: SocketAddr) -> Result<Option<TcpListener>, ServeError> {
    let other = match at.ip() {
        IpAddr::V4(Ipv4Addr::LOCALHOST) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::LOCALHOST) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        _ => return Ok(None),
    };
    let at = SocketAddr::new(other, at.port());
    match TcpListener::bind(at).await {
        Ok(twin) => Ok(Some(twin)),
        Err(source) if source.kind() == io::ErrorKind::AddrInUse => Err(ServeError::Listen { at, source }),
        // A machine without that kind of address has nobody there.
        Err(_) => Ok(None),
    }
}

/// What a browser can call the console; the first is what links say.
fn origins(at: SocketAddr, seal: Option<&Seal>) -> Vec<String> {
    match seal {
        // 443 goes without saying.
        Some(seal) if at.port() == 443 => vec![format!("https://{}", seal.host), format!("https://{}:443", seal.host)],
        Some(seal) => vec![format!("https://{}:{}", seal.host, at.port())],
        None => vec![format!("http://{at}"), format!("http://localhost:{}", at.port())],
    }
}

async fn listen_to(listener: &TcpListener, places: &Arc<Semaphore>, acceptor: Option<TlsAcceptor>, router: Router) {
    let shares = Shares::default();
    loop {
        let Ok(place) = Arc::clone(places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, from)) => {
                // On this machine alone, everybody has the same address.
                let share = acceptor.as_ref().map(|_| shares.take(from.ip()));
                if share.as_ref().is_some_and(Option::is_none) {
                    continue;
                }
                let (router, acceptor) = (router.clone(), acceptor.clone());
                tokio::spawn(async move {
                    // An end before its time is the visitor's own business.
                    let _ = tokio::time::timeout(CONNECTION_LIMIT, connection(stream, from, acceptor, router)).await;
                    drop((place, share));
                });
            }
            // Out of files: those that are open will end.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn connection(stream: TcpStream, from: SocketAddr, acceptor: Option<TlsAcceptor>, router: Router) {
    match acceptor {
        None => talk(stream, from, router).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_TIME_LIMIT, acceptor.accept(stream)).await {
                talk(stream, from, router).await;
            }
        }
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, from: SocketAddr, router: Router) {
    let service = TowerToHyperService::new(router.layer(Extension(ConnectInfo(from))));
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIME_LIMIT).max_buf_size(HEAD_BYTES_LIMIT);
    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
}
