//! Servers of the test's own, each in a folder of its own, ended with it. Servers that will not run as root run as `nobody`.

#![allow(dead_code, clippy::unwrap_used, clippy::print_stdout, reason = "each test uses some of it; a test that cannot go on fails")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use strandline_model::containment::{Action, Effect, Foothold, Notices, Undo};
use strandline_model::estate::{BreakGlass, Target, TargetKind};
use strandline_outbound::Secret;
use strandline_outbound::contain::{Connector, ContainError, Manner, NeverTouch, Reach, TargetState, Verdict, connect};

/// A folder that everybody can enter, and a process that ends with it.
pub struct Server {
    process: Option<Child>,
    folder: tempfile::TempDir,
    /// Where it answers.
    pub port: u16,
}

impl Server {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        run(Command::new("chmod").arg("755").arg(folder.path()));
        Self { process: None, folder, port: free_port() }
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder and all in it belong to whom servers run as.
    pub fn give_away(&self) {
        if is_root() {
            run(Command::new("chown").args(["-R", "nobody"]).arg(self.folder.path()));
        }
    }

    pub fn spawn(&mut self, command: &mut Command) {
        self.process = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    }

    pub fn wait_for_port(&self) {
        until("the server answers", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

pub fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}

/// A command as `nobody`, where we are root.
pub fn as_nobody(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig=KILL", "--"]).arg(program);
        command
    } else {
        with_us(program)
    }
}

/// A command that ends when the test is killed.
fn with_us(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig=KILL", "--"]).arg(program);
    command
}

pub fn run(command: &mut Command) -> String {
    let out = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(out.status.success(), "{command:?}: {}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An action of a plan, at a target.
pub fn action(target: &str, effect: Effect) -> Action {
    Action {
        cannot_reach: Vec::new(),
        foothold: Foothold::Host { host: target.to_owned() },
        id: format!("{target} {}", effect.word()),
        effect,
        notices: Notices::AtOnce,
        reaches: String::new(),
        system: None,
        target: Some(target.to_owned()),
        undo: Undo::Exact,
    }
}

/// A target as an estate describes it.
pub fn target(name: &str, kind: TargetKind, rest: &str) -> Target {
    toml::from_str(&format!("name = \"{name}\"\nkind = \"{}\"\n{rest}", kind.as_str())).unwrap()
}

pub fn reach(target: Target, secret: Option<&str>) -> Reach {
    Reach { target, secret: secret.map(|secret| Secret::new(secret.to_owned())), authorities: None, missing: None, poolers: Vec::new() }
}

pub fn manner() -> Manner {
    Manner { patience: Duration::from_secs(10), ..Manner::new("case t", Vec::new()) }
}

/// PostgreSQL with `listen_addresses`, passwords by SCRAM, and the superuser `postgres` with the password `super`.
pub struct Postgres {
    pub server: Server,
}

impl Postgres {
    pub fn start(settings: &str) -> Self {
        let mut server = Server::new();
        std::fs::write(server.at("password"), "super\n").unwrap();
        server.give_away();
        let data = server.at("data");
        run(as_nobody(program("initdb"))
            .args(["-A", "scram-sha-256", "-U", "postgres", "--no-sync"])
            .arg("--pwfile")
            .arg(server.at("password"))
            .arg("-D")
            .arg(&data));
        let port = server.port;
        let folder = server.folder().display().to_string();
        let conf = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{folder}'\nfsync = off\nlogging_collector = on\nlog_connections = on\n{settings}\n"
        );
        let mut file = std::fs::OpenOptions::new().append(true).open(data.join("postgresql.conf")).unwrap();
        std::io::Write::write_all(&mut file, conf.as_bytes()).unwrap();
        server.spawn(as_nobody(program("postgres")).arg("-D").arg(&data));
        let this = Self { server };
        until("PostgreSQL answers", || this.try_client("postgres", "super", "postgres").is_ok());
        this
    }

    pub fn try_client(&self, role: &str, password: &str, database: &str) -> Result<postgres::Client, postgres::Error> {
        postgres::Config::new().host("127.0.0.1").port(self.server.port).user(role).password(password).dbname(database).connect(postgres::NoTls)
    }

    pub fn sql(&self, database: &str, commands: &str) {
        self.try_client("postgres", "super", database).unwrap().batch_execute(commands).unwrap();
    }

    pub fn value(&self, database: &str, query: &str) -> String {
        self.try_client("postgres", "super", database).unwrap().query_one(query, &[]).unwrap().get(0)
    }

    /// All roles and rights, as they would be dumped.
    pub fn dump(&self) -> String {
        let dump = |program_name: &str, more: &[&str]| {
            let text = run(Command::new(program(program_name))
                .env("PGPASSWORD", "super")
                .args(["-h", "127.0.0.1", "-U", "postgres", "-p", &self.server.port.to_string()])
                .args(more));
            // A dump of today's PostgreSQL has a key of its own each time.
            text.lines().filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")).collect::<Vec<_>>().join("\n")
        };
        dump("pg_dumpall", &["-g"]) + &dump("pg_dump", &["-s", "hr"])
    }

    pub fn hba(&self) -> PathBuf {
        self.server.at("data/pg_hba.conf")
    }

    pub fn reach(&self, more: &str) -> Reach {
        let address = format!("127.0.0.1:{}", self.server.port);
        let target = target("db", TargetKind::Postgres, &format!("address = \"{address}\"\naccount = \"postgres\"\ndatabases = [\"hr\"]\n{more}"));
        reach(target, Some("super"))
    }
}

/// A program of PostgreSQL: of `PGBIN`, or of Debian's newest.
pub fn program(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("PGBIN") {
        return Path::new(&folder).join(name);
    }
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").map(|list| list.filter_map(|entry| Some(entry.ok()?.path())).collect()).unwrap_or_default();
    versions.sort();
    versions.last().map_or_else(|| PathBuf::from(name), |version| version.join("bin").join(name))
}

/// Reads, decides and applies, as a wave does; gives before and meant.
pub fn cut(connector: &mut dyn Connector, effect: &Effect) -> (TargetState, TargetState) {
    let before = connector.read(effect).unwrap();
    connector.refuse_protected(effect).unwrap();
    let meant = connector.meant(effect, &before, &mut || [7; 32]).unwrap();
    connector.apply(effect, &meant).unwrap();
    assert_eq!(connector.read_again(effect, &before).unwrap(), meant, "what was meant stands there");
    (before, meant)
}

/// Cuts, then puts the cut one on the list of what is never cut off: it is verified and taken back all the same, and not applied again.
#[track_caller]
pub fn comes_back_though_protected(reach: &Reach, effect: &Effect, account: Option<&str>, address: Option<&str>) {
    let (before, meant) = cut(connector(reach, &manner()).as_mut(), effect);
    let spared = BreakGlass { target: None, account: account.map(str::to_owned), address: address.map(str::to_owned), reason: "sealed".to_owned() };
    let mut careful = connector(reach, &Manner { never: NeverTouch::new(vec![spared]), ..manner() });
    assert!(matches!(careful.refuse_protected(effect), Err(ContainError::NeverTouched { .. })), "{effect:?}");
    assert_eq!(careful.read_again(effect, &before).unwrap(), meant);
    careful.verify(effect, &before, &meant).unwrap();
    careful.undo(effect, &before).unwrap();
    assert_eq!(careful.read(effect).unwrap(), before);
}

pub fn connector(reach: &Reach, manner: &Manner) -> Box<dyn Connector> {
    connect(reach, manner).unwrap()
}

/// The answer and everything that was said, for a failing test.
#[track_caller]
pub fn check_answer(verdict: &Verdict, expected: strandline_outbound::contain::Answer, said: &str) {
    assert_eq!(verdict.answer(), expected, "{verdict:?}");
    let all: Vec<&String> = verdict.held.iter().chain(&verdict.doors).chain(&verdict.untested).chain(&verdict.remarks).collect();
    assert!(all.iter().any(|text| text.contains(said)), "nothing says {said:?}: {verdict:?}");
}

/// Set in the test that runs inside namespaces of its own.
const INSIDE: &str = "STRANDLINE_TEST_INSIDE";

/// Runs the test of this name again in namespaces of its own (`--net`, `--mount` …), where it touches nothing of this machine;
/// returns whether this is that run.
pub fn inside(name: &str, namespaces: &[&str]) -> bool {
    if std::env::var(INSIDE).is_ok_and(|inside| inside == name) {
        run(Command::new("ip").args(["link", "set", "lo", "up"]));
        return true;
    }
    let out = Command::new("unshare")
        .args(namespaces)
        .args(["--fork", "--kill-child", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(INSIDE, name)
        .output()
        .expect("unshare: apt-get install util-linux");
    assert!(out.status.success(), "{}\n{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    // What it measured.
    print!("{}", String::from_utf8_lossy(&out.stdout));
    false
}

/// A server that answers each byte with one, until its client goes.
pub fn echo() -> std::net::SocketAddr {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let mut byte = [0];
                while stream.read_exact(&mut byte).is_ok() && stream.write_all(&byte).is_ok() {}
            });
        }
    });
    std::net::SocketAddr::from(([127, 0, 0, 1], port))
}

/// A connection to there from one of our addresses.
pub fn from(address: &str, to: std::net::SocketAddr) -> std::io::Result<std::net::TcpStream> {
    let address: std::net::IpAddr = address.parse().unwrap();
    let to = if address.is_ipv4() { to } else { std::net::SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, to.port())) };
    let socket = socket2::Socket::new(socket2::Domain::for_address(to), socket2::Type::STREAM, None)?;
    socket.bind(&std::net::SocketAddr::new(address, 0).into())?;
    socket.connect_timeout(&to.into(), Duration::from_millis(800))?;
    socket.set_read_timeout(Some(Duration::from_millis(800)))?;
    Ok(socket.into())
}

/// Whether a connection still answers.
pub fn answers(stream: &mut std::net::TcpStream) -> bool {
    use std::io::{Read, Write};
    stream.write_all(b"x").is_ok() && stream.read_exact(&mut [0]).is_ok()
}

/// nginx with our files included, a small page and a slow download.
pub struct Nginx {
    pub server: Server,
}

impl Drop for Nginx {
    /// Its workers outlive a master that is killed.
    fn drop(&mut self) {
        let _ = Command::new("nginx").arg("-c").arg(self.server.at("conf")).args(["-s", "stop"]).stderr(Stdio::null()).status();
        if let Some(process) = &mut self.server.process {
            let _ = process.wait();
        }
    }
}

impl Nginx {
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// With more in `http { }`.
    pub fn start_with(more: &str) -> Self {
        let mut server = Server::new();
        let at = server.folder().display().to_string();
        for name in ["www", "cut"] {
            std::fs::create_dir(server.at(name)).unwrap();
        }
        for name in ["addresses", "sessions", "routes"] {
            std::fs::write(server.at(&format!("cut/{name}")), "").unwrap();
        }
        std::fs::write(server.at("www/page"), "hi").unwrap();
        std::fs::write(server.at("www/big"), vec![b'x'; 3_000_000]).unwrap();
        let port = server.port;
        std::fs::write(
            server.at("conf"),
            format!(
                "pid {at}/pid; error_log {at}/errors notice;\nuser nobody nogroup;\nworker_processes 1;\nevents {{}}\nhttp {{\n access_log {at}/access;\n\
                 geo $remote_addr $strandline_address {{ default 0; include {at}/cut/addresses; }}\n map $http_cookie $strandline_session {{ default 0; include {at}/cut/sessions; }}\n\
                 map \"$request_method $uri\" $strandline_route {{ default 0; include {at}/cut/routes; }}\n server {{\n listen 127.0.0.1:{port};\n root {at}/www;\n\
                 if ($strandline_address) {{ return 403; }}\n if ($strandline_session) {{ return 403; }}\n if ($strandline_route) {{ return 403; }}\n\
                 location /big {{ limit_rate 200k; }}\n location /staff/ {{ return 200; }}\n }}\n{more}\n}}\n"
            ),
        )
        .unwrap();
        server.spawn(with_us("nginx").arg("-c").arg(server.at("conf")).args(["-g", "daemon off;"]));
        server.wait_for_port();
        until("nginx has written who it is", || std::fs::read_to_string(server.at("pid")).is_ok_and(|pid| !pid.trim().is_empty()));
        Self { server }
    }

    pub fn reach(&self) -> Reach {
        let at = self.server.folder().display();
        let rest = format!("folder = \"{at}/cut\"\nconfig = \"{at}/conf\"\ncookie = \"sid\"\nprobe = \"http://127.0.0.1:{}/page\"", self.server.port);
        reach(target("edge", TargetKind::Web, &rest), None)
    }

    pub fn edge(&self) -> Box<dyn Connector> {
        connector(&self.reach(), &manner())
    }

    pub fn stop(&mut self) {
        run(Command::new("nginx").arg("-c").arg(self.server.at("conf")).args(["-s", "stop"]));
        if let Some(mut process) = self.server.process.take() {
            let _ = process.wait();
        }
    }

    pub fn to(&self) -> std::net::SocketAddr {
        std::net::SocketAddr::from(([127, 0, 0, 1], self.server.port))
    }

    pub fn get(&self, address: &str, path: &str, cookie: &str) -> u16 {
        let mut stream = from(address, self.to()).unwrap();
        status(&mut stream, path, cookie)
    }

    /// A request by any method, without a session.
    pub fn request(&self, method: &str, path: &str) -> u16 {
        status_of(&mut from("127.0.0.8", self.to()).unwrap(), method, path, "y")
    }

    pub fn files(&self) -> Vec<Vec<u8>> {
        ["cut/addresses", "cut/sessions", "cut/routes", "conf"].iter().map(|name| std::fs::read(self.server.at(name)).unwrap()).collect()
    }

    pub fn old_workers(&self) -> usize {
        let master = std::fs::read_to_string(self.server.at("pid")).unwrap();
        run(Command::new("ps").args(["-o", "args=", "--ppid", master.trim()])).matches("shutting down").count()
    }
}

pub fn status(stream: &mut std::net::TcpStream, path: &str, cookie: &str) -> u16 {
    status_of(stream, "GET", path, cookie)
}

fn status_of(stream: &mut std::net::TcpStream, method: &str, path: &str, cookie: &str) -> u16 {
    use std::io::{Read, Write};
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: x\r\nCookie: sid={cookie}\r\n\r\n").unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    String::from_utf8_lossy(&head)[9..].parse().unwrap()
}

/// Redis with sessions of two accounts.
pub struct Redis {
    pub server: Server,
}

impl Redis {
    pub fn start() -> Self {
        let this = Self::empty(&[]);
        for number in 0..50 {
            this.cli(&["SETEX", &format!("sess:{number:04}aaaabbbb"), "3600", &format!("{{\"user\":\"u{}\"}}", number % 7)]);
        }
        this
    }

    /// Nothing in it yet, with more options.
    pub fn empty(more: &[&str]) -> Self {
        let mut server = Server::new();
        let (port, folder) = (server.port.to_string(), server.folder().display().to_string());
        server.give_away();
        server.spawn(as_nobody("redis-server").args(["--port", &port, "--save", "", "--bind", "127.0.0.1", "--dir", &folder, "--requirepass", "r"]).args(more));
        server.wait_for_port();
        Self { server }
    }

    pub fn cli(&self, words: &[&str]) -> String {
        run(Command::new("redis-cli").args(["-p", &self.server.port.to_string(), "-a", "r", "--no-auth-warning"]).args(words)).trim().to_owned()
    }

    pub fn reach(&self) -> Reach {
        let rest = format!("address = \"127.0.0.1:{}\"\nsessions = \"sess:\"", self.server.port);
        reach(target("store", TargetKind::Sessions, &rest), Some("r"))
    }

    pub fn store(&self) -> Box<dyn Connector> {
        connector(&self.reach(), &manner())
    }
}

/// MariaDB with twins of a name, and a user with rights at each level; everybody's password is `a`.
pub struct MariaDb {
    pub server: Server,
}

impl MariaDb {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// With more options.
    pub fn start_with(more: &[String]) -> Self {
        let mut server = Server::new();
        // Of its own: two servers that think that they have the same number would delete each other's files.
        std::fs::create_dir(server.at("tmp")).unwrap();
        server.give_away();
        let at = |name: &str| server.at(name).display().to_string();
        let as_user: &[&str] = if is_root() { &["--user=nobody"] } else { &[] };
        let mut install = Command::new("mariadb-install-db");
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]).arg(format!("--datadir={}", at("data"))).args(as_user);
        // Several at once can be more than a small machine lets them have.
        for _ in 0..2 {
            if install.output().is_ok_and(|out| out.status.success()) {
                break;
            }
            let _ = std::fs::remove_dir_all(server.at("data"));
        }
        if !server.at("data/mysql/global_priv.MAD").exists() {
            run(&mut install);
        }
        let mut command = with_us("mariadbd");
        command
            .args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0"])
            .args([
                format!("--datadir={}", at("data")),
                format!("--tmpdir={}", at("tmp")),
                format!("--socket={}", at("socket")),
                format!("--port={}", server.port),
                format!("--log-error={}", at("errors")),
            ])
            .args(more)
            .args(as_user);
        server.spawn(&mut command);
        let this = Self { server };
        until("MariaDB answers", || this.try_sql("SELECT 1").is_ok());
        this.sql(
            "CREATE DATABASE hr; CREATE TABLE hr.staff(id int PRIMARY KEY); INSERT INTO hr.staff VALUES (1), (2); \
             CREATE USER tbl@'%' IDENTIFIED BY 'a'; CREATE USER tbl@localhost IDENTIFIED BY 'a'; CREATE USER tbl@'10.%' IDENTIFIED BY 'a'; \
             CREATE USER db@'%' IDENTIFIED BY 'a'; CREATE USER glob@'%' IDENTIFIED BY 'a'; CREATE USER root2@'%' IDENTIFIED BY 'r'; GRANT ALL ON *.* TO root2@'%' WITH GRANT OPTION; \
             GRANT SELECT ON hr.staff TO tbl@'%'; GRANT SELECT ON hr.* TO tbl@localhost; GRANT SELECT, INSERT ON hr.* TO db@'%' WITH GRANT OPTION; GRANT SELECT ON *.* TO glob@'%'",
        );
        this
    }

    fn try_sql(&self, commands: &str) -> Result<String, String> {
        let socket = format!("--socket={}", self.server.at("socket").display());
        let out = Command::new("mariadb").args(["--no-defaults", "-uroot", "-N", "-B", &socket, "-e", commands]).output().map_err(|e| e.to_string())?;
        if out.status.success() { Ok(String::from_utf8_lossy(&out.stdout).into_owned()) } else { Err(String::from_utf8_lossy(&out.stderr).into_owned()) }
    }

    pub fn sql(&self, commands: &str) -> String {
        self.try_sql(commands).unwrap()
    }

    /// All accounts and rights.
    pub fn dump(&self) -> String {
        let mut text = String::new();
        for account in
            self.sql("SELECT concat(quote(User), '@', quote(Host)) FROM mysql.user WHERE User IN ('tbl', 'db', 'glob', 'root2') ORDER BY User, Host").lines()
        {
            text.push_str(&self.sql(&format!("SHOW CREATE USER {account}; SHOW GRANTS FOR {account}")));
        }
        text
    }

    pub fn client(&self, user: &str) -> Result<mysql::Conn, mysql::Error> {
        mysql::Conn::new(
            mysql::OptsBuilder::new().ip_or_hostname(Some("127.0.0.1")).tcp_port(self.server.port).user(Some(user)).pass(Some("a")).prefer_socket(false),
        )
    }

    pub fn reach(&self) -> Reach {
        let socket = self.server.at("socket");
        let mut reach = reach(target("db", TargetKind::Mysql, &format!("address = \"{}\"\naccount = \"root\"", socket.display())), None);
        // By TCP, where the intruder comes from: a socket's client is another twin.
        reach.target.address = Some(format!("127.0.0.1:{}", self.server.port));
        reach.target.account = Some("root2".to_owned());
        reach.secret = Some(Secret::new("r".to_owned()));
        reach
    }
}

/// OpenLDAP with two people, whose directory loads the policy overlay, with a default policy or without.
pub struct Slapd {
    pub server: Server,
}

impl Slapd {
    pub fn start(has_default: bool) -> Self {
        Self::start_with(has_default, "", None)
    }

    /// With more settings, and by TLS at another port.
    pub fn start_with(has_default: bool, more: &str, tls_port: Option<u16>) -> Self {
        let mut server = Server::new();
        let at = server.folder().display().to_string();
        std::fs::create_dir(server.at("db")).unwrap();
        let default = if has_default { "ppolicy_default \"cn=def,dc=x\"\n" } else { "" };
        std::fs::write(
            server.at("conf"),
            format!(
                "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\ninclude /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\nmoduleload ppolicy\n{more}\n\
                 pidfile {at}/pid\ndatabase mdb\nsuffix \"dc=x\"\nrootdn \"cn=root,dc=x\"\nrootpw r\ndirectory {at}/db\noverlay ppolicy\n{default}\
                 database monitor\naccess to dn.subtree=\"cn=Monitor\" by dn.exact=\"cn=root,dc=x\" read by * none\n"
            ),
        )
        .unwrap();
        server.give_away();
        let tls = tls_port.map(|port| format!(" ldaps://127.0.0.1:{port}")).unwrap_or_default();
        let url = format!("ldap://127.0.0.1:{}{tls}", server.port);
        server.spawn(as_nobody("/usr/sbin/slapd").args(["-d", "0", "-h", &url, "-f"]).arg(server.at("conf")));
        server.wait_for_port();
        let this = Self { server };
        this.ldif(
            "ldapadd",
            "dn: dc=x\nobjectClass: organization\nobjectClass: dcObject\no: x\ndc: x\n\ndn: uid=ann,dc=x\nobjectClass: inetOrgPerson\nuid: ann\ncn: Ann\nsn: A\nuserPassword: s\n\n\
             dn: uid=bob,dc=x\nobjectClass: inetOrgPerson\nuid: bob\ncn: Bob\nsn: B\nuserPassword: b\n\ndn: cn=def,dc=x\nobjectClass: device\nobjectClass: pwdPolicy\ncn: def\npwdAttribute: userPassword\npwdLockout: TRUE\n",
        );
        this
    }

    fn ldif(&self, program: &str, text: &str) {
        let file = self.server.at("ldif");
        std::fs::write(&file, text).unwrap();
        run(Command::new(program).args(["-x", "-H", &self.url(), "-D", "cn=root,dc=x", "-w", "r", "-f"]).arg(file));
    }

    fn url(&self) -> String {
        format!("ldap://127.0.0.1:{}", self.server.port)
    }

    pub fn modify(&self, text: &str) {
        self.ldif("ldapmodify", text);
    }

    pub fn binds(&self, account: &str, password: &str) -> bool {
        Command::new("ldapwhoami").args(["-x", "-H", &self.url(), "-D", &format!("uid={account},dc=x"), "-w", password]).output().unwrap().status.success()
    }

    /// All entries with what is operational, without stamps of changes.
    pub fn dump(&self) -> String {
        let all = run(Command::new("ldapsearch").args(["-LLL", "-x", "-H", &self.url(), "-D", "cn=root,dc=x", "-w", "r", "-b", "dc=x", "*", "+"]));
        // An attribute that was replaced comes back at another place of its entry.
        let mut lines: Vec<&str> = all.lines().collect();
        lines.sort_unstable();
        lines
            .into_iter()
            .filter(|line| !line.starts_with("entryCSN") && !line.starts_with("modif") && !line.starts_with("pwdFailureTime"))
            .collect::<Vec<_>>()
            .join("\n")
    }

    pub fn reach(&self) -> Reach {
        reach(target("ldap", TargetKind::Ldap, &format!("address = \"{}\"\naccount = \"cn=root,dc=x\"\nbase = \"dc=x\"", self.url())), Some("r"))
    }
}

/// sshd with the accounts eve and bob, in namespaces whose `/etc`, `/home` and `/var/spool/cron` are copies.
pub struct Sshd {
    process: Child,
    folder: tempfile::TempDir,
}

impl Sshd {
    pub fn start() -> Self {
        assert!(std::env::var_os(INSIDE).is_some(), "it changes accounts: only in namespaces of its own");
        let folder = tempfile::tempdir().unwrap();
        run(Command::new("mount").args(["--make-rprivate", "/"]));
        for path in ["/etc", "/var/spool/cron"] {
            let copy = folder.path().join(path.replace('/', "_"));
            std::fs::create_dir_all(path).unwrap();
            run(Command::new("cp").arg("-a").arg(path).arg(&copy));
            run(Command::new("mount").arg("--bind").arg(&copy).arg(path));
        }
        for path in ["/home", "/run", "/var/lib", "/root"] {
            run(Command::new("mount").args(["-t", "tmpfs", "tmpfs", path]));
        }
        for path in ["/run/sshd", "/run/lock", "/var/lib/systemd", "/var/spool/cron/crontabs"] {
            std::fs::create_dir_all(path).unwrap();
        }
        let key = folder.path().join("key");
        run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key));
        for (account, password) in [("eve", "pw1"), ("bob", "pw2")] {
            run(Command::new("useradd").args(["-m", "-s", "/bin/sh", account]));
            let mut child = Command::new("chpasswd").stdin(Stdio::piped()).spawn().unwrap();
            std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{account}:{password}\n").as_bytes()).unwrap();
            assert!(child.wait().unwrap().success());
            let home = Path::new("/home").join(account);
            std::fs::create_dir(home.join(".ssh")).unwrap();
            std::fs::copy(key.with_extension("pub"), home.join(".ssh/authorized_keys")).unwrap();
            run(Command::new("chown").args(["-R", account]).arg(&home));
            run(Command::new("chmod").args(["700"]).arg(home.join(".ssh")));
        }
        run(Command::new("ssh-keygen").arg("-A"));
        let process = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-p", "2222", "-o", "ListenAddress=127.0.0.1", "-o", "UsePAM=yes"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let this = Self { process, folder };
        until("sshd answers", || this.by_key("eve"));
        this
    }

    /// A key that opens sessions of whom it is given to.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("key")
    }

    pub fn ssh(&self, _account: &str) -> Command {
        let mut command = Command::new("ssh");
        command.args([
            "-p",
            "2222",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "LogLevel=ERROR",
            "-o",
            "BatchMode=yes",
            "-o",
            "ConnectTimeout=5",
            "-i",
        ]);
        command.arg(self.folder.path().join("key"));
        command
    }

    pub fn by_key(&self, account: &str) -> bool {
        self.ssh(account).args([&format!("{account}@127.0.0.1"), "true"]).output().unwrap().status.success()
    }

    pub fn by_password(&self, account: &str, password: &str) -> bool {
        let options = [
            "-p",
            "2222",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "PubkeyAuthentication=no",
            "-o",
            "NumberOfPasswordPrompts=1",
        ];
        Command::new("sshpass")
            .args(["-p", password, "ssh"])
            .args(options)
            .args([&format!("{account}@127.0.0.1"), "true"])
            .output()
            .expect("apt-get install sshpass")
            .status
            .success()
    }

    pub fn reach(&self) -> Reach {
        reach(target("host", TargetKind::Linux, ""), None)
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// pgbouncer before the server, with the application's password in its own list, and databases more than `hr`.
pub fn pooler(world: &Postgres, more: &str) -> Server {
    let mut server = Server::new();
    let verifier = world.value("postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'app'");
    std::fs::write(server.at("users"), format!("\"app\" \"a\"\n\"adm\" \"x\"\n\"#\" \"{}\"\n", verifier.len())).unwrap();
    let (folder, port) = (server.folder().display().to_string(), server.port);
    std::fs::write(
        server.at("ini"),
        format!(
            "[databases]\nhr = host=127.0.0.1 port={} dbname=hr\n{more}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nauth_type = scram-sha-256\nauth_file = {folder}/users\npool_mode = transaction\nadmin_users = adm\nlogfile = {folder}/log\npidfile = {folder}/pid\nunix_socket_dir = {folder}\n",
            world.server.port
        ),
    )
    .unwrap();
    server.give_away();
    server.spawn(as_nobody("/usr/sbin/pgbouncer").arg(server.at("ini")));
    server.wait_for_port();
    server
}

/// A domain of Samba's, in namespaces of the test's own: `ann` and `bob` are people, `svc` an account of ours.
pub struct Domain {
    pub server: Server,
}

/// The administrator's password there.
pub const ADMIN: &str = "Passw0rd.x";

impl Domain {
    pub fn start() -> Self {
        let mut server = Server::new();
        let at = |name: &str| server.at(name).display().to_string();
        for folder in ["/etc/samba", "/var/lib/samba", "/run/samba", "/var/cache/samba", "/var/log/samba"] {
            std::fs::create_dir_all(folder).unwrap();
            run(Command::new("mount").args(["-t", "tmpfs", "none", folder]));
        }
        run(Command::new("openssl").args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]).args([
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            &at("key.pem"),
            "-out",
            &at("cert.pem"),
        ]));
        run(Command::new("chmod").args(["600", &at("key.pem")]));
        run(Command::new("samba-tool")
            .args(["domain", "provision", "--realm=LAB.EXAMPLE", "--domain=LAB", "--server-role=dc", "--dns-backend=NONE"])
            .args([format!("--adminpass={ADMIN}"), "--host-ip=127.0.0.1".to_owned(), "--host-name=dc1".to_owned(), format!("--targetdir={}", at("ad"))])
            .args(["--option=interfaces=lo", "--option=bind interfaces only=yes", "--option=vfs objects=dfs_samba4"]));
        let conf = at("ad/etc/smb.conf");
        let text = std::fs::read_to_string(&conf).unwrap();
        let more = format!(
            "[global]\n\tserver services = ldap\n\ttls enabled = yes\n\ttls keyfile = {}\n\ttls certfile = {}\n\ttls cafile = {}\n",
            at("key.pem"),
            at("cert.pem"),
            at("cert.pem")
        );
        std::fs::write(&conf, text.replacen("[global]\n", &more, 1)).unwrap();
        for (name, password) in [("ann", "Secret-1x"), ("bob", "Secret-2x"), ("svc", "Secret-3x")] {
            run(Command::new("samba-tool").args(["user", "create", name, password, "--configfile", &conf]));
        }
        server.port = 636;
        server.spawn(with_us("samba").args(["--foreground", "--no-process-group", "--configfile", &conf]));
        server.wait_for_port();
        Self { server }
    }

    pub fn reach(&self, account: &str, password: &str) -> Reach {
        let rest = format!("address = \"ldaps://localhost:636\"\naccount = \"LAB\\\\{account}\"\nbase = \"DC=lab,DC=example\"");
        let target = target("ldap", TargetKind::ActiveDirectory, &rest);
        let mut reach = reach(target, Some(password));
        reach.authorities = Some(std::fs::read_to_string(self.server.at("cert.pem")).unwrap());
        reach
    }

    pub fn make_admin(&self, name: &str) {
        let conf = self.server.at("ad/etc/smb.conf");
        run(Command::new("samba-tool").args(["group", "addmembers", "Domain Admins", name, "--configfile"]).arg(conf));
    }

    pub fn samba_tool(&self, words: &[&str]) {
        run(Command::new("samba-tool").args(words).arg("--configfile").arg(self.server.at("ad/etc/smb.conf")));
    }

    /// The group of its administrators by another name, as a domain of another language has it.
    pub fn rename_admins(&self, to: &str) {
        let sam = self.server.at("ad/private/sam.ldb");
        let at = ",CN=Users,DC=lab,DC=example";
        run(Command::new("ldbrename").arg("-H").arg(sam).arg(format!("CN=Domain Admins{at}")).arg(format!("CN={to}{at}")));
    }

    /// What the directory holds of somebody.
    pub fn person(&self, name: &str) -> String {
        let sam = self.server.at("ad/private/sam.ldb").display().to_string();
        let text = run(Command::new("ldbsearch").args(["-H", &sam, &format!("(sAMAccountName={name})"), "userAccountControl", "pwdLastSet", "accountExpires"]));
        text.lines().filter(|line| line.contains(": ") && !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    }

    pub fn binds(&self, account: &str, password: &str) -> bool {
        connect(&self.reach(account, password), &manner()).is_ok()
    }
}
