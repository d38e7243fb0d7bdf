//! A real slapd, with a policy and without: a lock that holds, and one that would be taken and change nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod servers;

use std::collections::BTreeMap;

use servers::{Slapd, check_answer, connector, cut, manner};
use strandline_model::containment::Effect;
use strandline_outbound::Secret;
use strandline_outbound::contain::{Answer, ContainError, Manner};

fn knowing(password: &str) -> Manner {
    Manner { keys: BTreeMap::from([(("ldap".to_owned(), "ann".to_owned()), Secret::new(password.to_owned()))]), ..manner() }
}

fn lock(account: &str) -> Effect {
    Effect::LdapLock { account: account.to_owned() }
}

#[test]
#[ignore = "needs OpenLDAP's own programs: apt-get install slapd ldap-utils"]
fn a_lock_that_a_policy_honours_holds_and_is_taken_back() {
    let world = Slapd::start(true);
    let dump = world.dump();
    let mut reach = world.reach();
    reach.target.policy = Some("cn=def,dc=x".to_owned());
    let mut ldap = connector(&reach, &knowing("s"));
    let (before, meant) = cut(ldap.as_mut(), &lock("ann"));
    assert!(!world.binds("ann", "s") && world.binds("bob", "b"));
    check_answer(&ldap.verify(&lock("ann"), &before, &meant).unwrap(), Answer::Effective, "refused (49)");
    let mut stranger = connector(&reach, &manner());
    check_answer(&stranger.verify(&lock("ann"), &before, &meant).unwrap(), Answer::NotTestable, "was not given");
    // An administrator unlocks it.
    world.modify("dn: uid=ann,dc=x\nchangetype: modify\ndelete: pwdAccountLockedTime\n");
    check_answer(&ldap.verify(&lock("ann"), &before, &meant).unwrap(), Answer::NotEffective, "binds with the password");
    ldap.apply(&lock("ann"), &meant).unwrap();
    // Somebody takes lockout out of the policy.
    world.modify("dn: cn=def,dc=x\nchangetype: modify\nreplace: pwdLockout\npwdLockout: FALSE\n");
    check_answer(&ldap.verify(&lock("ann"), &before, &meant).unwrap(), Answer::NotEffective, "no lockout");
    world.modify("dn: cn=def,dc=x\nchangetype: modify\nreplace: pwdLockout\npwdLockout: TRUE\n");
    ldap.undo(&lock("ann"), &before).unwrap();
    ldap.undo(&lock("ann"), &before).unwrap();
    assert_eq!(world.dump(), dump);
    assert!(world.binds("ann", "s"));
}

#[test]
#[ignore = "needs OpenLDAP's own programs: apt-get install slapd ldap-utils"]
fn a_lock_that_no_policy_honours_is_refused() {
    let world = Slapd::start(false);
    let mut reach = world.reach();
    let mut ldap = connector(&reach, &knowing("s"));
    let before = ldap.read(&lock("ann")).unwrap();
    let told = ldap.meant(&lock("ann"), &before, &mut || [7; 32]).unwrap_err().to_string();
    assert!(told.contains("cannot be read"), "{told}");
    // The estate names a policy that the server does not use: the plan cannot know, and verification finds out.
    reach.target.policy = Some("cn=def,dc=x".to_owned());
    let mut ldap = connector(&reach, &knowing("s"));
    let (before, meant) = cut(ldap.as_mut(), &lock("ann"));
    assert!(world.binds("ann", "s"));
    check_answer(&ldap.verify(&lock("ann"), &before, &meant).unwrap(), Answer::NotEffective, "binds with the password");
}

#[test]
#[ignore = "needs OpenLDAP's own programs: apt-get install slapd ldap-utils"]
fn who_is_nobody_or_everybody_is_told() {
    let world = Slapd::start(true);
    let mut ldap = connector(&world.reach(), &manner());
    assert!(matches!(ldap.read(&lock("nobody")), Err(ContainError::Absent { .. })));
    assert!(matches!(ldap.read(&lock("*")), Err(ContainError::Absent { .. })), "a star is a name, not a pattern");
    assert!(matches!(ldap.read(&Effect::AdDisable { account: "ann".to_owned() }), Err(ContainError::NoConnector { .. })));
    let mut wrong = world.reach();
    wrong.secret = Some(Secret::new("wrong".to_owned()));
    assert!(matches!(strandline_outbound::contain::connect(&wrong, &manner()), Err(ContainError::NotLetIn { .. })));
    wrong.secret = None;
    assert!(matches!(strandline_outbound::contain::connect(&wrong, &manner()), Err(ContainError::NotLetIn { .. })), "no bind without a password");
    let mut weak = world.reach();
    weak.target.account = Some("uid=bob,dc=x".to_owned());
    weak.target.policy = Some("cn=def,dc=x".to_owned());
    weak.secret = Some(Secret::new("b".to_owned()));
    let mut weak = connector(&weak, &manner());
    let told = weak.read(&lock("ann")).and_then(|before| weak.meant(&lock("ann"), &before, &mut || [7; 32])).and_then(|meant| weak.apply(&lock("ann"), &meant));
    assert!(matches!(told, Err(ContainError::NoRight { .. })), "{told:?}");
}

/// A domain of Samba's, in namespaces of the test's own: `ann` and `bob` are people, `svc` an account of ours.
struct Domain {
    server: servers::Server,
}

const ADMIN: &str = "Passw0rd.x";

impl Domain {
    fn start() -> Self {
        use std::process::Command;
        let mut server = servers::Server::new();
        let at = |name: &str| server.at(name).display().to_string();
        for folder in ["/etc/samba", "/var/lib/samba", "/run/samba", "/var/cache/samba", "/var/log/samba"] {
            std::fs::create_dir_all(folder).unwrap();
            servers::run(Command::new("mount").args(["-t", "tmpfs", "none", folder]));
        }
        servers::run(Command::new("openssl").args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]).args([
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            &at("key.pem"),
            "-out",
            &at("cert.pem"),
        ]));
        servers::run(Command::new("chmod").args(["600", &at("key.pem")]));
        servers::run(
            Command::new("samba-tool")
                .args(["domain", "provision", "--realm=LAB.EXAMPLE", "--domain=LAB", "--server-role=dc", "--dns-backend=NONE"])
                .args([format!("--adminpass={ADMIN}"), "--host-ip=127.0.0.1".to_owned(), "--host-name=dc1".to_owned(), format!("--targetdir={}", at("ad"))])
                .args(["--option=interfaces=lo", "--option=bind interfaces only=yes", "--option=vfs objects=dfs_samba4"]),
        );
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
            servers::run(Command::new("samba-tool").args(["user", "create", name, password, "--configfile", &conf]));
        }
        server.port = 636;
        server.spawn(Command::new("samba").args(["--foreground", "--no-process-group", "--configfile", &conf]));
        server.wait_for_port();
        Self { server }
    }

    fn reach(&self, account: &str, password: &str) -> strandline_outbound::contain::Reach {
        let rest = format!("address = \"ldaps://localhost:636\"\naccount = \"LAB\\\\{account}\"\nbase = \"DC=lab,DC=example\"");
        let target = servers::target("ldap", strandline_model::estate::TargetKind::ActiveDirectory, &rest);
        let mut reach = servers::reach(target, Some(password));
        reach.authorities = Some(std::fs::read_to_string(self.server.at("cert.pem")).unwrap());
        reach
    }

    /// What the directory holds of ann.
    fn ann(&self) -> String {
        let sam = self.server.at("ad/private/sam.ldb").display().to_string();
        let text = servers::run(std::process::Command::new("ldbsearch").args([
            "-H",
            &sam,
            "(sAMAccountName=ann)",
            "userAccountControl",
            "pwdLastSet",
            "accountExpires",
        ]));
        text.lines().filter(|line| line.contains(": ") && !line.starts_with('#')).collect::<Vec<_>>().join("\n")
    }

    fn binds(&self, account: &str, password: &str) -> bool {
        strandline_outbound::contain::connect(&self.reach(account, password), &manner()).is_ok()
    }
}

#[test]
#[ignore = "needs root, namespaces and Samba's own programs: apt-get install samba samba-ad-provision samba-dsdb-modules samba-vfs-modules ldb-tools"]
fn an_account_of_active_directory_is_disabled_its_tickets_are_told_and_it_comes_back() {
    if !servers::inside(
        "an_account_of_active_directory_is_disabled_its_tickets_are_told_and_it_comes_back",
        &["--net", "--mount", "--uts", "--pid", "--mount-proc"],
    ) {
        return;
    }
    let world = Domain::start();
    let before_all = world.ann();
    assert!(before_all.contains("userAccountControl: 512") && world.binds("ann", "Secret-1x"), "{before_all}");
    let disable = |account: &str| Effect::AdDisable { account: account.to_owned() };
    let mut ad = connector(&world.reach("Administrator", ADMIN), &knowing("Secret-1x"));
    assert_eq!(ad.capture(&disable("ann")).unwrap().pieces.len(), 1);
    let (before, meant) = cut(ad.as_mut(), &disable("ann"));
    assert!(!world.binds("ann", "Secret-1x") && world.binds("bob", "Secret-2x"), "he is out, and nobody else");
    let verdict = ad.verify(&disable("ann"), &before, &meant).unwrap();
    check_answer(&verdict, Answer::NotTestable, "service tickets");
    check_answer(&verdict, Answer::NotTestable, "is disabled (data 533)");
    // With a password that is none of his, the directory says nothing of it.
    let mut wrong = connector(&world.reach("Administrator", ADMIN), &knowing("wrong"));
    check_answer(&wrong.verify(&disable("ann"), &before, &meant).unwrap(), Answer::NotTestable, "is not its password");
    // Somebody enables it.
    ad.undo(&disable("ann"), &before).unwrap();
    check_answer(&ad.verify(&disable("ann"), &before, &meant).unwrap(), Answer::NotEffective, "binds with the password");
    ad.undo(&disable("ann"), &before).unwrap();
    assert_eq!(world.ann(), before_all, "the number that was there, and the age of the password");
    assert!(world.binds("ann", "Secret-1x"));
    // Who must stay in, who may not, who is nobody.
    assert!(matches!(ad.read(&disable("Administrator")), Err(ContainError::NeverTouched { .. })));
    assert!(matches!(ad.read(&disable("nobody")), Err(ContainError::Absent { .. })));
    let mut weak = connector(&world.reach("svc", "Secret-3x"), &manner());
    assert!(matches!(weak.read(&disable("administrator")), Err(ContainError::NeverTouched { .. })), "the last administrator of the domain");
    let read = weak.read(&disable("ann")).unwrap();
    let told = weak.apply(&disable("ann"), &meant);
    assert!(matches!(told, Err(ContainError::NoRight { .. })), "{told:?}");
    assert_eq!(weak.read(&disable("ann")).unwrap(), read);
    assert!(!world.binds("ann", "wrong"));
}
