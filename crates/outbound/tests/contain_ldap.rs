//! A real slapd, with a policy and without: a lock that holds, and one that would be taken and change nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod servers;

use std::collections::BTreeMap;

use servers::{ADMIN, Domain, Slapd, check_answer, connector, cut, manner};
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
    // Who was bound before reads on, until the connection ends.
    ldap.undo(&lock("ann"), &before).unwrap();
    let mut open = ldap3::LdapConn::new(reach.target.address.as_deref().unwrap()).unwrap();
    open.simple_bind("UID=ann, dc=x", "s").unwrap().success().unwrap();
    ldap.apply(&lock("ann"), &meant).unwrap();
    assert!(open.search("dc=x", ldap3::Scope::Base, "(objectClass=*)", vec!["dc"]).unwrap().success().is_ok(), "it reads on");
    check_answer(&ldap.verify(&lock("ann"), &before, &meant).unwrap(), Answer::NotEffective, "1 connections are bound as ann");
    open.unbind().unwrap();
    drop(open);
    servers::until("it is gone", || ldap.verify(&lock("ann"), &before, &meant).unwrap().answer() == Answer::Effective);
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
fn evidence_is_of_everybody_who_is_cut_off_and_who_is_spared_is_spared_by_any_of_their_names() {
    let world = Slapd::start(true);
    let mut reach = world.reach();
    reach.target.policy = Some("cn=def,dc=x".to_owned());
    let actions = ["ann", "bob"].map(|account| servers::action("ldap", lock(account)));
    let reaches = BTreeMap::from([("ldap".to_owned(), reach.clone())]);
    let planned = strandline_outbound::contain::plan(&actions, &reaches, &manner(), &mut || [7; 32]).unwrap();
    let captured = strandline_outbound::contain::Wave::new(&planned, &reaches, &manner()).capture(&[0, 1]);
    let of = |at: usize| String::from_utf8_lossy(&captured[&at].as_ref().unwrap().pieces[0].bytes).into_owned();
    assert!(of(0).contains("uid=ann") && of(1).contains("uid=bob"), "the second account's entry is evidence, too");
    for spared in ["UID=ann,dc=x", "ann", "LAB\\ann", "ann@lab.example"] {
        let list = vec![strandline_model::estate::BreakGlass { target: None, account: Some(spared.to_owned()), address: None, reason: "sealed".to_owned() }];
        let mut careful = connector(&reach, &Manner { never: strandline_outbound::contain::NeverTouch::new(list), ..manner() });
        assert!(matches!(careful.refuse_protected(&lock("ann")), Err(ContainError::NeverTouched { .. })), "{spared}");
        assert!(careful.refuse_protected(&lock("bob")).is_ok());
    }
    servers::comes_back_though_protected(&reach, &lock("ann"), Some("ann"), None);
}

#[test]
#[ignore = "needs OpenLDAP's own programs: apt-get install slapd ldap-utils"]
fn a_lease_ends_in_the_directory_without_us() {
    let world = Slapd::start(true);
    world.modify("dn: cn=def,dc=x\nchangetype: modify\nreplace: pwdLockoutDuration\npwdLockoutDuration: 600\n");
    let dump = world.dump();
    let mut reach = world.reach();
    reach.target.policy = Some("cn=def,dc=x".to_owned());
    let lease = |seconds| Manner { lease: Some(std::time::Duration::from_secs(seconds)), ..knowing("s") };
    let mut ldap = connector(&reach, &lease(4));
    let (before, meant) = cut(ldap.as_mut(), &lock("ann"));
    assert!(!world.binds("ann", "s"));
    servers::until("the lease is over", || world.binds("ann", "s"));
    check_answer(&ldap.verify(&lock("ann"), &before, &meant).unwrap(), Answer::NotEffective, "its lease is over");
    ldap.undo(&lock("ann"), &before).unwrap();
    assert_eq!(world.dump(), dump);
    // One that is longer than the policy locks is not the directory's to end: it holds for good.
    let mut longer = connector(&reach, &lease(3600));
    let (before, meant) = cut(longer.as_mut(), &lock("ann"));
    check_answer(&longer.verify(&lock("ann"), &before, &meant).unwrap(), Answer::Effective, "refused (49)");
    longer.undo(&lock("ann"), &before).unwrap();
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
    let before = weak.read(&lock("ann")).unwrap();
    check_answer(&weak.verify(&lock("ann"), &before, &before).unwrap(), Answer::NotTestable, "cn=Connections,cn=Monitor");
    let told = weak.read(&lock("ann")).and_then(|before| weak.meant(&lock("ann"), &before, &mut || [7; 32])).and_then(|meant| weak.apply(&lock("ann"), &meant));
    assert!(matches!(told, Err(ContainError::NoRight { .. })), "{told:?}");
}

/// Administrators by their groups' numbers: whatever those are called, and through groups in groups. `ann` and `Administrator` are.
fn check_admins(world: &Domain, weak: &mut dyn strandline_outbound::contain::Connector) {
    let disable = |account: &str| Effect::AdDisable { account: account.to_owned() };
    let is_last = |weak: &mut dyn strandline_outbound::contain::Connector, account: &str| match weak.refuse_protected(&disable(account)) {
        Ok(()) => false,
        Err(ContainError::NeverTouched { why, .. }) => why.contains("last administrator"),
        Err(error) => panic!("{error}"),
    };
    world.samba_tool(&["group", "removemembers", "Domain Admins", "ann"]);
    world.rename_admins("Domänen-Admins");
    assert!(is_last(weak, "administrator") && !is_last(weak, "bob"), "by whatever name");
    // One who is an administrator by a group in a group.
    world.samba_tool(&["group", "add", "Tier0"]);
    world.samba_tool(&["group", "addmembers", "Tier0", "bob"]);
    world.samba_tool(&["group", "addmembers", "Domain Admins", "Tier0"]);
    assert!(!is_last(weak, "administrator"));
    let mut ad = connector(&world.reach("Administrator", ADMIN), &manner());
    world.samba_tool(&["group", "removemembers", "Domain Admins", "administrator"]);
    for group in ["Enterprise Admins", "Administrators"] {
        world.samba_tool(&["group", "removemembers", group, "administrator"]);
    }
    assert!(is_last(weak, "bob"), "the last one, by a group in a group");
    assert!(matches!(ad.refuse_protected(&disable("bob")), Err(ContainError::NeverTouched { .. })));
    // Whose time is over administers nothing, and the built-in group does.
    world.samba_tool(&["group", "addmembers", "Administrators", "ann"]);
    assert!(!is_last(weak, "bob"));
    world.samba_tool(&["user", "setexpiry", "ann", "--days=-1"]);
    assert!(is_last(weak, "bob"));
    world.samba_tool(&["user", "setexpiry", "ann", "--noexpiry"]);
    for group in ["Domain Admins", "Enterprise Admins", "Administrators"] {
        world.samba_tool(&["group", "addmembers", group, "administrator"]);
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
    let before_all = world.person("ann");
    assert!(before_all.contains("userAccountControl: 512") && world.binds("ann", "Secret-1x"), "{before_all}");
    let disable = |account: &str| Effect::AdDisable { account: account.to_owned() };
    let mut ad = connector(&world.reach("Administrator", ADMIN), &knowing("Secret-1x"));
    assert_eq!(ad.capture(&disable("ann")).unwrap().pieces.len(), 1);
    let mut of_before = connector(&world.reach("ann", "Secret-1x"), &manner());
    let (before, meant) = cut(ad.as_mut(), &disable("ann"));
    assert!(!world.binds("ann", "Secret-1x") && world.binds("bob", "Secret-2x"), "he is out, and nobody else");
    let verdict = ad.verify(&disable("ann"), &before, &meant).unwrap();
    check_answer(&verdict, Answer::NotTestable, "service tickets");
    check_answer(&verdict, Answer::NotTestable, "is disabled (data 533)");
    // A connection of before goes on, which nobody here sees: it is never said to be out.
    check_answer(&verdict, Answer::NotTestable, "has a connection open (LDAP, file shares, remote desktops)");
    assert!(of_before.read(&disable("ann")).is_ok(), "it reads on");
    drop(of_before);
    // With a password that is none of his, the directory says nothing of it.
    let mut wrong = connector(&world.reach("Administrator", ADMIN), &knowing("wrong"));
    check_answer(&wrong.verify(&disable("ann"), &before, &meant).unwrap(), Answer::NotTestable, "is not its password");
    // Somebody enables it.
    ad.undo(&disable("ann"), &before).unwrap();
    check_answer(&ad.verify(&disable("ann"), &before, &meant).unwrap(), Answer::NotEffective, "binds with the password");
    ad.undo(&disable("ann"), &before).unwrap();
    assert_eq!(world.person("ann"), before_all, "the number that was there, and the age of the password");
    assert!(world.binds("ann", "Secret-1x"));
    servers::comes_back_though_protected(&world.reach("Administrator", ADMIN), &disable("ann"), Some("ann"), None);
    // Who must stay in, who may not, who is nobody.
    assert!(matches!(ad.refuse_protected(&disable("Administrator")), Err(ContainError::NeverTouched { .. })));
    assert!(matches!(ad.read(&disable("nobody")), Err(ContainError::Absent { .. })));
    // One of two administrators, of whom the other is our own account, is cut off and comes back; the last one stays.
    world.make_admin("ann");
    servers::comes_back_though_protected(&world.reach("Administrator", ADMIN), &disable("ann"), Some("ann"), None);
    let mut weak = connector(&world.reach("svc", "Secret-3x"), &manner());
    assert!(weak.refuse_protected(&disable("administrator")).is_ok(), "another administrator is left");
    let admin_ann = cut(ad.as_mut(), &disable("ann")).0;
    assert!(matches!(weak.refuse_protected(&disable("administrator")), Err(ContainError::NeverTouched { .. })), "the last administrator of the domain");
    ad.undo(&disable("ann"), &admin_ann).unwrap();
    check_admins(&world, weak.as_mut());
    let read = weak.read(&disable("ann")).unwrap();
    let told = weak.apply(&disable("ann"), &meant);
    assert!(matches!(told, Err(ContainError::NoRight { .. })), "{told:?}");
    assert_eq!(weak.read(&disable("ann")).unwrap(), read);
    assert!(!world.binds("ann", "wrong"));
}
