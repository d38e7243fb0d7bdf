//! The department's targets as real servers, of Debian's packages: PostgreSQL with the role, nginx, Redis with the sessions, a
//! packet filter. They run in namespaces of their own, so that nothing of this machine is touched, and end with the drill, however
//! it ends: the kernel ends every process of a namespace with its first one, which ends with whoever started it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{DrillError, Intrusion};

/// How long a server may take to answer first.
const PATIENCE: Duration = Duration::from_secs(30);

/// What nginx includes.
const WEB_FILES: [&str; 3] = ["addresses", "sessions", "routes"];

/// Set where the namespaces are made already.
const INSIDE: &str = "STRANDLINE_DRILL_INSIDE";

const DATABASE_PORT: u16 = 5432;
const STORE_PORT: u16 = 6379;
const WEB_PORT: u16 = 8080;

/// The cookie of the department's sessions.
const COOKIE: &str = "sid";
const SUPERUSER: &str = "postgres";

/// Why real targets cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RealError {
    /// Only root can.
    #[error("real targets need root: a packet filter and servers in namespaces of their own; without --real the targets are simulated")]
    NotRoot,
    /// A program is not here.
    #[error("real targets need the program {program}: apt-get install {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// Debian's package.
        package: &'static str,
    },
    /// A command failed.
    #[error("{what} failed: {said}")]
    Failed {
        /// What it was for.
        what: String,
        /// Its last words.
        said: String,
    },
    /// A server does not answer.
    #[error("{0} did not answer within {seconds} s", seconds = PATIENCE.as_secs())]
    Silent(&'static str),
    /// A file cannot be written.
    #[error(transparent)]
    Drill(#[from] DrillError),
}

/// Real servers, ended when this goes.
pub struct Real {
    folder: PathBuf,
    bin: PathBuf,
    processes: Vec<Child>,
}

impl Drop for Real {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
        // What the servers wrote goes with it; a drill that is killed leaves an empty folder.
        let _ = Command::new("umount").arg("-l").arg(&self.folder).stderr(Stdio::null()).status();
    }
}

impl Real {
    /// Whether this process is in namespaces of its own already.
    pub fn is_inside() -> bool {
        std::env::var_os(INSIDE).is_some()
    }

    /// The same command line in network, mount and process namespaces of its own, which end with it, and it with us.
    ///
    /// # Errors
    /// If we are not root, or a program is missing.
    pub fn inside() -> Result<Command, RealError> {
        let is_root = std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        if !is_root {
            return Err(RealError::NotRoot);
        }
        let needed = [
            ("unshare", "util-linux"),
            ("setpriv", "util-linux"),
            ("ip", "iproute2"),
            ("nft", "nftables"),
            ("redis-server", "redis-server"),
            ("redis-cli", "redis-tools"),
            ("nginx", "nginx-light"),
            ("ps", "procps"),
        ];
        for (program, package) in needed {
            if !is_there(program) {
                return Err(RealError::Missing { program, package });
            }
        }
        programs_of_postgres()?;
        let own = std::env::current_exe().map_err(|source| DrillError::Write { path: "this program".into(), source })?;
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig=KILL", "--", "unshare", "--net", "--mount", "--pid", "--mount-proc", "--fork", "--kill-child", "--"])
            .arg(own)
            .args(std::env::args_os().skip(1))
            .env(INSIDE, "1");
        command.env("PATH", search_path());
        Ok(command)
    }

    /// Starts them below a folder, with what the intruder of this drill holds in them, and somebody else's beside it.
    ///
    /// # Errors
    /// If a server does not come up.
    pub fn start(folder: &Path, intrusion: &Intrusion) -> Result<Self, RealError> {
        let bin = programs_of_postgres()?;
        let made = |path: &Path| std::fs::create_dir_all(path).map_err(|source| DrillError::Write { path: path.to_owned(), source });
        made(folder)?;
        run("make room for the servers", Command::new("mount").args(["-t", "tmpfs", "-o", "size=512m", "strandline-drill"]).arg(folder))?;
        let mut real = Self { folder: folder.to_owned(), bin, processes: Vec::new() };
        real.own_network(intrusion)?;
        real.start_database(intrusion)?;
        real.start_store(intrusion)?;
        real.start_web()?;
        Ok(real)
    }

    /// What the estate says of them.
    pub fn estate(&self) -> String {
        let at = |name: &str| format!("{:?}", self.folder.join(name).display().to_string());
        format!(
            "\n# Real servers of the drill.\n[[target]]\nname = \"crew-db\"\nkind = \"postgres\"\nsystem = \"db\"\naddress = \"127.0.0.1:{DATABASE_PORT}\"\naccount = \"{SUPERUSER}\"\ndatabases = [\"crew\"]\npassword_file = {}\n\n[[target]]\nname = \"sessions\"\nkind = \"sessions\"\naddress = \"127.0.0.1:{STORE_PORT}\"\nsessions = \"sess:\"\npassword_file = {}\n\n[[target]]\nname = \"edge\"\nkind = \"nftables\"\n\n[[target]]\nname = \"web\"\nkind = \"web\"\nfolder = {}\nconfig = {}\ncookie = \"{COOKIE}\"\nprobe = \"http://127.0.0.1:{WEB_PORT}/\"\n",
            at("password"),
            at("store.password"),
            at("web"),
            at("nginx.conf")
        )
    }

    /// Everything that a cut could change at them: roles, rights, `pg_hba.conf`, sessions, what nginx refuses, the packet filter.
    ///
    /// # Errors
    /// If a server does not answer.
    pub fn state(&self) -> Result<String, RealError> {
        let mut all = String::new();
        let mut dump = Command::new(self.bin.join("pg_dumpall"));
        dump.env("PGPASSWORD", "drill").args(["-h", "127.0.0.1", "-p", &DATABASE_PORT.to_string(), "-U", SUPERUSER, "-g"]);
        // A dump of today's PostgreSQL has a key of its own each time.
        all.extend(run("dump the roles", &mut dump)?.lines().filter(|line| !line.starts_with('\\')).map(|line| format!("{line}\n")));
        all.push_str(&std::fs::read_to_string(self.folder.join("data/pg_hba.conf")).unwrap_or_default());
        let mut keys: Vec<String> = run("list the sessions", self.store_client().arg("--scan"))?.lines().map(str::to_owned).collect();
        keys.sort();
        for key in keys {
            let value = run("read a session", self.store_client().args(["GET", &key]))?;
            all.push_str(&format!("{key} {value}"));
        }
        for name in WEB_FILES {
            all.push_str(&std::fs::read_to_string(self.folder.join("web").join(name)).unwrap_or_default());
        }
        all.push_str(&run("list the packet filter", Command::new("nft").args(["-s", "list", "ruleset"]))?);
        Ok(all)
    }

    fn store_client(&self) -> Command {
        let mut client = Command::new("redis-cli");
        client.args(["-p", &STORE_PORT.to_string(), "-a", "drill", "--no-auth-warning"]);
        client
    }

    /// A network in which the addresses of the drill are this machine's to use, so that a door can be tried from there.
    fn own_network(&self, intrusion: &Intrusion) -> Result<(), RealError> {
        run("bring the network up", Command::new("ip").args(["link", "set", "lo", "up"]))?;
        let hosts = intrusion.steps.iter().map(|step| step.from_host.as_str());
        let addresses: BTreeSet<&str> = intrusion.addresses.iter().map(String::as_str).chain(hosts).collect();
        for address in addresses.into_iter().filter(|text| text.parse::<std::net::IpAddr>().is_ok()) {
            run("route an address here", Command::new("ip").args(["route", "add", "local", address, "dev", "lo"]))?;
        }
        // A host's own firewall, which lets established connections through first.
        let rules = "table inet host {\n chain in {\n type filter hook input priority 0; policy accept;\n ct state established,related accept\n }\n}\n";
        let path = self.folder.join("host.nft");
        std::fs::write(&path, rules).map_err(|source| DrillError::Write { path: path.clone(), source })?;
        run("set the host's firewall up", Command::new("nft").arg("-f").arg(&path)).map(|_| ())
    }

    fn start_database(&mut self, intrusion: &Intrusion) -> Result<(), RealError> {
        let data = self.folder.join("data");
        let write = |name: &str, text: &str| {
            let path = self.folder.join(name);
            std::fs::write(&path, text).map_err(|source| DrillError::Write { path, source })
        };
        write("password", "drill\n")?;
        run("give the folder away", Command::new("chown").args(["-R", "nobody"]).arg(&self.folder))?;
        run("let servers enter the folder", Command::new("chmod").arg("755").arg(&self.folder))?;
        let mut init = as_nobody(&self.bin.join("initdb"));
        init.args(["-A", "scram-sha-256", "-U", SUPERUSER, "--no-sync", "--pwfile"]).arg(self.folder.join("password")).arg("-D").arg(&data);
        run("make a database", &mut init)?;
        let mut server = as_nobody(&self.bin.join("postgres"));
        server.arg("-D").arg(&data);
        let sockets = format!("unix_socket_directories={}", self.folder.display());
        server.args([
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            &format!("port={DATABASE_PORT}"),
            "-c",
            &sockets,
            "-c",
            "fsync=off",
            "-c",
            "logging_collector=on",
        ]);
        self.processes.push(spawn("PostgreSQL", &mut server)?);
        let mut roles: BTreeSet<&str> = ["crew_app", "board_app", "crew_report", "nightly_dump"].into();
        roles.extend(intrusion.accounts.iter().map(String::as_str).filter(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')));
        let commands: String = roles.iter().map(|role| format!("CREATE ROLE \"{role}\" LOGIN PASSWORD 'drill';\n")).collect();
        let mut made = Err(RealError::Silent("PostgreSQL"));
        let begun = Instant::now();
        while made.is_err() && begun.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(50));
            made = run("make the department's roles", self.psql("postgres").args(["-c", "CREATE DATABASE crew"]));
        }
        made?;
        run("make the department's roles", self.psql("crew").args(["-c", &commands])).map(|_| ())
    }

    fn psql(&self, database: &str) -> Command {
        let mut client = Command::new(self.bin.join("psql"));
        client.env("PGPASSWORD", "drill").args([
            "-h",
            "127.0.0.1",
            "-p",
            &DATABASE_PORT.to_string(),
            "-U",
            SUPERUSER,
            "-d",
            database,
            "-X",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
        ]);
        client
    }

    fn start_store(&mut self, intrusion: &Intrusion) -> Result<(), RealError> {
        let path = self.folder.join("store.password");
        std::fs::write(&path, "drill\n").map_err(|source| DrillError::Write { path: path.clone(), source })?;
        let folder = self.folder.display().to_string();
        let mut server = as_nobody(Path::new("redis-server"));
        server.args(["--port", &STORE_PORT.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir", &folder, "--requirepass", "drill"]);
        self.processes.push(spawn("Redis", &mut server)?);
        let begun = Instant::now();
        while run("ask Redis", self.store_client().arg("PING")).is_err() {
            if begun.elapsed() > PATIENCE {
                return Err(RealError::Silent("Redis"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // Of a session the logs keep the beginning.
        let his = intrusion.sessions.iter().map(|session| (format!("sess:{session}00000000"), "his"));
        let others = (0..40).map(|number| (format!("sess:{number:04}aaaabbbbccccdddd"), "somebody"));
        for (key, whose) in his.chain(others) {
            run("fill the session store", self.store_client().args(["SET", &key, &format!("{{\"user\":\"{whose}\"}}")]))?;
        }
        Ok(())
    }
}

impl Real {
    /// nginx, with the files that it includes in peacetime.
    fn start_web(&mut self) -> Result<(), RealError> {
        let write = |name: &str, text: &str| {
            let path = self.folder.join(name);
            std::fs::write(&path, text).map_err(|source| DrillError::Write { path, source })
        };
        let folder = self.folder.join("web");
        std::fs::create_dir_all(&folder).map_err(|source| DrillError::Write { path: folder.clone(), source })?;
        for name in WEB_FILES {
            write(&format!("web/{name}"), "")?;
        }
        let at = self.folder.display();
        write(
            "nginx.conf",
            &format!(
                "pid {at}/nginx.pid;\nerror_log {at}/nginx.errors;\nuser nobody nogroup;\nworker_processes 1;\nevents {{}}\nhttp {{\n access_log off;\n\
                 geo $remote_addr $strandline_address {{ default 0; include {at}/web/addresses; }}\n map $http_cookie $strandline_session {{ default 0; include {at}/web/sessions; }}\n\
                 map \"$request_method $uri\" $strandline_route {{ default 0; include {at}/web/routes; }}\n server {{\n listen 127.0.0.1:{WEB_PORT};\n\
                 if ($strandline_address) {{ return 403; }}\n if ($strandline_session) {{ return 403; }}\n if ($strandline_route) {{ return 403; }}\n\
                 location / {{ return 200 \"at work\"; }}\n }}\n}}\n"
            ),
        )?;
        let mut server = Command::new("nginx");
        server.arg("-c").arg(self.folder.join("nginx.conf")).args(["-g", "daemon off;"]);
        self.processes.push(spawn("nginx", &mut server)?);
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", WEB_PORT)).is_err() {
            if begun.elapsed() > PATIENCE {
                return Err(RealError::Silent("nginx"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

/// The folder of PostgreSQL's own programs, of Debian's newest.
fn programs_of_postgres() -> Result<PathBuf, RealError> {
    let list = std::fs::read_dir("/usr/lib/postgresql").map(|list| list.filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect());
    let mut versions: Vec<PathBuf> = list.unwrap_or_default();
    versions.retain(|bin| bin.join("initdb").exists());
    versions.sort();
    versions.pop().ok_or(RealError::Missing { program: "initdb", package: "postgresql" })
}

/// Where programs are looked for: administrators' folders, too.
fn search_path() -> std::ffi::OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/local/sbin:/usr/sbin:/sbin");
    path
}

fn is_there(program: &str) -> bool {
    std::env::split_paths(&search_path()).any(|folder| folder.join(program).exists())
}

fn as_nobody(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--"]).arg(program);
    command
}

fn spawn(what: &'static str, command: &mut Command) -> Result<Child, RealError> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(|error| RealError::Failed { what: format!("start {what}"), said: error.to_string() })
}

fn run(what: &str, command: &mut Command) -> Result<String, RealError> {
    let failed = |said: String| RealError::Failed { what: what.to_owned(), said };
    let out = command.stdin(Stdio::null()).output().map_err(|error| failed(error.to_string()))?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    Err(failed(text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason").chars().take(300).collect()))
}
