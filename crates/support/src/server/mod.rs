//! The server of the support page: a process of its own on a host that may be lost. It has the bundle, and no key to it.

mod gate;
mod routes;
mod session;

use std::fs::File;
use std::io::{self, BufReader};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};
use std::time::Duration;
use std::time::SystemTime;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use strandline_model::code::SupportCode;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::bundle::{Bundle, BundleError, Current};
use crate::key::CardKeys;
use gate::{Address, Buckets, Gate, Network, Rate};
use session::Sessions;

/// Certificate and private key, PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The chain, the server's own certificate first.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What bounds the server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Derivations at once; each takes the memory that the manifest names.
    pub derivations: usize,
    /// Look-ups that wait for their turn.
    pub waiting: usize,
    /// Tries of an address at once.
    pub tries: u32,
    /// More of them a minute.
    pub tries_per_minute: u32,
    /// Connections.
    pub connections: usize,
    /// Connections of one address, where there is no proxy before the server.
    pub connections_per_address: usize,
    /// Connections of one network: the first 48 bits of an IPv6 address, or 24 of an IPv4 one.
    pub connections_per_network: usize,
    /// Long forms that are read at the same time.
    pub bodies: usize,
    /// Sessions.
    pub sessions: usize,
    /// Messages that wait to be collected.
    pub inbox: u64,
    /// How long the head of a request may take.
    pub head: Duration,
    /// How long a request may take, with its body and its turn.
    pub request: Duration,
    /// How long a connection lasts.
    pub connection: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            derivations: std::thread::available_parallelism().map_or(2, usize::from),
            waiting: 4096,
            tries: 30,
            tries_per_minute: 30,
            connections: 4096,
            connections_per_address: 64,
            connections_per_network: 256,
            bodies: 1024,
            sessions: 20_000,
            inbox: 50_000,
            head: Duration::from_secs(10),
            request: Duration::from_secs(60),
            connection: Duration::from_secs(300),
        }
    }
}

/// What a server is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The bundle.
    pub bundle: PathBuf,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its certificate; without one it speaks plain HTTP, on the loopback or to a proxy.
    pub identity: Option<Identity>,
    /// A proxy of ours at this address stands before it, speaks TLS, and puts the caller's address last into `X-Forwarded-For`. Nobody
    /// else is answered then: they could say to be anybody, and would send codes unencrypted.
    pub behind_proxy: Option<IpAddr>,
    /// Its bounds.
    pub limits: Limits,
    /// Hears what whoever runs the server must know: nothing of anybody who came.
    pub warn: fn(&str),
}

/// Why a server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// Plain HTTP for the world.
    #[error(
        "{0} can be reached from elsewhere, and codes would go there unencrypted: give --tls-cert and --tls-key, or listen on 127.0.0.1 and put a proxy before it (--behind-proxy)"
    )]
    Plain(SocketAddr),
    /// The certificate.
    #[error("{} is no PEM file with {what}", path.display())]
    Identity {
        /// The file.
        path: PathBuf,
        /// What it lacks.
        what: &'static str,
    },
    /// Certificate and key.
    #[error("the certificate and the key do not fit")]
    Tls(#[from] rustls::Error),
    /// The address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The system has no threads.
    #[error("the system gives no threads to serve with")]
    Threads(#[source] io::Error),
}

/// How the world reaches the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// By TLS, its own or the proxy's.
    Secure,
    /// On the loopback alone.
    Loopback,
}

impl Scheme {
    fn is_secure(self) -> bool {
        self == Self::Secure
    }

    /// What the cookie is called: browsers hold to the promise of the prefix.
    fn cookie(self) -> &'static str {
        if self.is_secure() { "__Host-page" } else { "page" }
    }
}

/// Where a connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What all requests share.
pub struct Site {
    bundle: Bundle,
    scheme: Scheme,
    behind_proxy: Option<IpAddr>,
    limits: Limits,
    buckets: Buckets,
    gate: Arc<Gate>,
    sessions: Sessions,
    /// Held while a person's own file is read and written again.
    own_files: Mutex<()>,
    derivations: AtomicU64,
    openings: AtomicU64,
    /// Long forms that may be read now.
    bodies: Semaphore,
    warn: fn(&str),
    has_warned: AtomicBool,
}

impl Site {
    fn new(settings: &Settings) -> Result<Self, ServeError> {
        let limits = settings.limits;
        let is_secure = settings.identity.is_some() || settings.behind_proxy.is_some();
        if !is_secure && !settings.listen.ip().is_loopback() {
            return Err(ServeError::Plain(settings.listen));
        }
        let rate = Rate { burst: f64::from(limits.tries), per_second: f64::from(limits.tries_per_minute) / 60.0 };
        Ok(Self {
            bundle: Bundle::open(&settings.bundle)?,
            scheme: if is_secure { Scheme::Secure } else { Scheme::Loopback },
            behind_proxy: settings.behind_proxy,
            limits,
            buckets: Buckets::new(rate, 65_536),
            gate: Gate::new(limits.derivations, limits.waiting),
            sessions: Sessions::new(limits.sessions),
            own_files: Mutex::new(()),
            derivations: AtomicU64::new(0),
            openings: AtomicU64::new(0),
            bodies: Semaphore::new(limits.bodies),
            warn: settings.warn,
            has_warned: AtomicBool::new(false),
        })
    }

    /// How often a key was derived, and how often it was tried on a card: the same for right and for wrong codes.
    pub fn work(&self) -> (u64, u64) {
        (self.derivations.load(Ordering::Relaxed), self.openings.load(Ordering::Relaxed))
    }

    /// What a code opens, and the language of that letter; `None` if nothing. The work is the same: one derivation, and one card of the usual length tried.
    ///
    /// # Errors
    /// If the disk does not give the card: that says nothing of the code.
    fn look_up(&self, code: &SupportCode, current: &Current) -> io::Result<Option<(CardKeys, String)>> {
        self.derivations.fetch_add(1, Ordering::Relaxed);
        let keys = CardKeys::derive(code, &current.salt, current.manifest.parameters());
        self.openings.fetch_add(1, Ordering::Relaxed);
        Ok(self.bundle.card(current, &keys)?.map(|card| (keys, card.language)))
    }

    /// Where a request comes from; `None` where the proxy does not say so: all callers would share the limits of one.
    fn address_of(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Address> {
        // The proxy adds whom it sees at the end; what stands before that is the caller's own word.
        let last = || headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?.rsplit(',').next().map(str::trim);
        // Some proxies write the port, too.
        let read = |word: &str| word.parse::<IpAddr>().ok().or_else(|| word.parse::<SocketAddr>().ok().map(|address| address.ip()));
        let caller = if self.behind_proxy.is_some() { last().and_then(read)? } else { peer };
        Some(Address::of(caller))
    }

    /// Says once that the proxy names nobody.
    fn warn_of_proxy(&self) {
        if !self.has_warned.swap(true, Ordering::Relaxed) {
            (self.warn)("the proxy does not write the caller's address last into X-Forwarded-For, so that nobody is answered: see deploy/nginx-support.conf");
        }
    }

    /// Whether this caller is answered.
    fn admits(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.behind_proxy.is_none_or(|proxy| proxy == peer || proxy.is_loopback() && peer.is_loopback())
    }
}

/// A server that runs.
pub struct Running {
    /// Where.
    pub address: SocketAddr,
    /// What it counts.
    pub site: Arc<Site>,
    task: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Serves until the process ends.
    pub async fn forever(self) {
        // It ends with the process alone.
        let _ = self.task.await;
    }

    /// Takes no more connections.
    pub fn stop(&self) {
        self.task.abort();
    }
}

/// Serves a bundle until the process ends. `began` hears where.
///
/// # Errors
/// If it cannot begin.
pub fn serve(settings: &Settings, began: impl FnOnce(SocketAddr)) -> Result<(), ServeError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(ServeError::Threads)?;
    runtime.block_on(async {
        let running = start(settings).await?;
        began(running.address);
        running.forever().await;
        Ok(())
    })
}

/// Begins to serve, on the runtime that calls it.
///
/// # Errors
/// If it cannot begin.
pub async fn start(settings: &Settings) -> Result<Running, ServeError> {
    let site = Arc::new(Site::new(settings)?);
    let tls = settings.identity.clone().map(Tls::of).transpose()?.map(Arc::new);
    let listen = |source| ServeError::Listen { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    let task = tokio::spawn(accept(listener, tls.clone(), Arc::clone(&site)));
    tokio::spawn(sweep(Arc::downgrade(&site), tls));
    Ok(Running { address, site, task })
}

/// Forgets sessions that have ended, as long as there is a server: nobody need come for their keys to go. Looks for a new certificate,
/// so that none runs out, and says if a new manifest cannot be read.
async fn sweep(site: Weak<Site>, tls: Option<Arc<Tls>>) {
    let mut minute = tokio::time::interval(Duration::from_secs(60));
    let mut said = String::new();
    loop {
        minute.tick().await;
        let Some(site) = site.upgrade() else { return };
        site.sessions.sweep(std::time::Instant::now());
        if let Some(tls) = &tls
            && let Err(error) = tls.renew()
        {
            (site.warn)(&format!("the new certificate is not used: {error}"));
        }
        let unread = site.bundle.unread().map(|error| error.to_string()).unwrap_or_default();
        if !unread.is_empty() && unread != said {
            (site.warn)(&format!("what was published last is not shown: {unread}. Does it belong to the account that serves?"));
        }
        said = unread;
    }
}

/// Certificate and key as they are served; those on the disk are looked at again and again.
struct Tls {
    identity: Identity,
    acceptor: RwLock<(Stamps, TlsAcceptor)>,
}

/// When certificate and key were changed.
type Stamps = [Option<SystemTime>; 2];

impl Tls {
    fn of(identity: Identity) -> Result<Self, ServeError> {
        let acceptor = RwLock::new((stamps(&identity), acceptor(&identity)?));
        Ok(Self { identity, acceptor })
    }

    fn acceptor(&self) -> TlsAcceptor {
        self.acceptor.read().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// Takes the certificate that lies there now, if it is another. One that is wrong leaves the one before, and is told once.
    fn renew(&self) -> Result<(), ServeError> {
        let now = stamps(&self.identity);
        let mut served = self.acceptor.write().unwrap_or_else(PoisonError::into_inner);
        if served.0 == now {
            return Ok(());
        }
        served.0 = now;
        served.1 = acceptor(&self.identity)?;
        Ok(())
    }
}

fn stamps(identity: &Identity) -> Stamps {
    [&identity.certificate, &identity.key].map(|path| std::fs::metadata(path).and_then(|meta| meta.modified()).ok())
}

fn acceptor(identity: &Identity) -> Result<TlsAcceptor, ServeError> {
    let lacks = |path: &Path, what| ServeError::Identity { path: path.to_owned(), what };
    let open = |path: &Path, what| File::open(path).map(BufReader::new).map_err(|_| lacks(path, what));
    let chain: Result<Vec<_>, _> = CertificateDer::pem_reader_iter(open(&identity.certificate, "a certificate")?).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty()).ok_or_else(|| lacks(&identity.certificate, "a certificate"))?;
    let key = PrivateKeyDer::from_pem_reader(open(&identity.key, "a private key")?).map_err(|_| lacks(&identity.key, "a private key"))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(listener: TcpListener, tls: Option<Arc<Tls>>, site: Arc<Site>) {
    let routes = routes::routes(Arc::clone(&site));
    let all = Arc::new(Semaphore::new(site.limits.connections));
    let (by_address, by_network): (Arc<Counts<Address>>, Arc<Counts<Network>>) = (Arc::default(), Arc::default());
    loop {
        let Ok(place) = Arc::clone(&all).acquire_owned().await else { return };
        let Ok((stream, peer)) = listener.accept().await else {
            // No descriptors, or a caller who was gone at once: neither is the end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        if !site.admits(peer.ip()) {
            continue;
        }
        let limit = |limit| if site.behind_proxy.is_some() { usize::MAX } else { limit };
        let address = Address::of(peer.ip());
        let Some(share) = Share::take(&by_address, address, limit(site.limits.connections_per_address)) else { continue };
        let Some(of_network) = Share::take(&by_network, address.network(), limit(site.limits.connections_per_network)) else { continue };
        let (routes, tls, limits) = (routes.clone(), tls.as_ref().map(|tls| tls.acceptor()), site.limits);
        tokio::spawn(async move {
            let _held = (place, share, of_network);
            // A connection that ended oddly is its caller's matter.
            let _ = tokio::time::timeout(limits.connection, converse(stream, tls, routes, Peer(peer.ip()), limits)).await;
        });
    }
}

/// Connections by where they come from.
type Counts<K> = Mutex<std::collections::HashMap<K, usize>>;

/// A place among the connections of one address, or of one network.
struct Share<K: std::hash::Hash + Eq> {
    counts: Arc<Counts<K>>,
    from: K,
}

impl<K: std::hash::Hash + Eq + Copy> Share<K> {
    fn take(counts: &Arc<Counts<K>>, from: K, limit: usize) -> Option<Self> {
        let mut held = counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = held.entry(from).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        drop(held);
        Some(Self { counts: Arc::clone(counts), from })
    }
}

impl<K: std::hash::Hash + Eq> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = held.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.from);
            }
        }
    }
}

async fn converse(stream: TcpStream, tls: Option<TlsAcceptor>, routes: Router, peer: Peer, limits: Limits) {
    let _ = stream.set_nodelay(true);
    match tls {
        None => talk(stream, routes, peer, limits).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(limits.head, tls.accept(stream)).await {
                talk(stream, routes, peer, limits).await;
            }
        }
    }
}

async fn talk(stream: impl AsyncRead + AsyncWrite + Unpin, routes: Router, peer: Peer, limits: Limits) {
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        routes.clone().oneshot(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head).max_headers(64).max_buf_size(16 << 10).keep_alive(true);
    // What a caller does wrong ends the connection, and nothing is told of it.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}
