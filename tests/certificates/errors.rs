//! What is wrong with a configuration or a certificate, in words that say what to do: each text
//! is provoked.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::common::forge::{Ca, crl, intermediate, named, root, self_sign, server, sign, write};
use crate::common::{Said, run};
use pgtls::{
    CertificateManager, CertificateMaterial, CertificateName, CertificateProvider, ClientName,
    IdentMaps, ServerCertificate, SslConfig, SslMode, TlsVersion, UserName,
};
use rcgen::ExtendedKeyUsagePurpose;

struct Place {
    directory: tempfile::TempDir,
    ca: Ca,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ca = root("errors CA");
        sign(&server(&["localhost"]), &ca).write(directory.path(), "server", &[]);
        write(directory.path(), "ca.crt", ca.pem().as_bytes());
        Self { directory, ca }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        write(self.directory.path(), name, bytes.as_ref())
    }

    fn openssl(&self, arguments: &str) {
        let mut command = Command::new("openssl");
        let said: Said = run(command
            .args(arguments.split(' '))
            .current_dir(self.directory.path()));
        assert!(said.ok, "{said:?}");
    }

    fn good(&self, mode: SslMode) -> SslConfig {
        self.pair("server.crt", "server.key", mode)
    }

    fn pair(&self, certificate: &str, key: &str, mode: SslMode) -> SslConfig {
        SslConfig::new(mode, self.path(certificate), self.path(key))
    }

    fn certificate(&self, certificate: impl AsRef<[u8]>) -> SslConfig {
        self.write("x.crt", certificate);
        self.pair("x.crt", "server.key", SslMode::Require)
    }

    fn key(&self, key: impl AsRef<[u8]>) -> SslConfig {
        self.write("x.key", key);
        self.pair("server.crt", "x.key", SslMode::Require)
    }

    /// The error's text, with DIR for the directory.
    #[track_caller]
    fn check(&self, config: &SslConfig, expected: &str) {
        let text = config.validate().unwrap_err().to_string();
        self.compare(&text, expected);
    }

    #[track_caller]
    fn compare(&self, text: &str, expected: &str) {
        let text = text.replace(self.directory.path().to_str().unwrap(), "DIR");
        // `…` stands for what a library says.
        let mut rest = text.as_str();
        for (i, part) in expected.split('…').enumerate() {
            let at = rest.find(part);
            assert!(
                at.is_some_and(|at| i > 0 || at == 0),
                "\n{text}\nis not\n{expected}"
            );
            rest = &rest[at.unwrap() + part.len()..];
        }
        assert!(
            rest.is_empty() || expected.ends_with('…'),
            "\n{text}\nis not\n{expected}"
        );
    }
}

#[test]
fn files_that_are_not_there_or_not_what_they_should_be() {
    let place = Place::new();
    let good = || place.good(SslMode::Require);
    place.check(
        &place.pair("none.crt", "server.key", SslMode::Require),
        "SSL certificate not found: DIR/none.crt; check the path, or make certificates to try with CertificateManager::setup_test_certs()",
    );
    place.check(
        &place.pair("server.crt", "none.key", SslMode::Require),
        "could not access private key file \"DIR/none.key\": …; check the path and that the server's user may read it",
    );
    place.check(
        &good().with_ca_cert(place.path("none.crt")),
        "could not read CA certificates DIR/none.crt: …; check the path and that the server's user may read it",
    );
    place.check(
        &good().with_ca_cert(place.path("ca.crt")).with_crl_dir(place.path("none")),
        "could not read CRL directory DIR/none: …; check the path and that the server's user may read it",
    );
    place.check(
        &place.certificate("junk"),
        "SSL certificate DIR/x.crt holds neither a PEM section \"CERTIFICATE\" nor DER of that kind; is it the right file?",
    );
    place.check(
        &place.certificate("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
        "SSL certificate DIR/x.crt is not well-formed PEM: …; is it the right file?",
    );
    place.check(
        &place.certificate([0x30, 0x03, 0x02, 0x01, 0x01]),
        "certificate 1 in DIR/x.crt cannot be used: …; look at it with: openssl x509 -text -noout -in DIR/x.crt",
    );
    place.check(
        &good().with_ca_cert(place.path("ca.crt")).with_crl_pem([0x30, 0x03, 0x02, 0x01, 0x01]),
        "certificate revocation list <memory> cannot be used: …; look at it with: openssl crl -text -noout -in <memory>",
    );
    place.check(
        &SslConfig::with_certificate(
            SslMode::Require,
            ServerCertificate::from_files(place.path("server.crt"), place.path("server.key"))
                .with_ocsp_der([0x30, 0x03, 0x0a, 0x01, 0x06]),
        ),
        "OCSP response <memory> is not a successful OCSPResponse in DER; fetch one with: openssl ocsp -issuer ca.crt -cert server.crt -url URL -respout <memory>",
    );
    let huge = fs::File::create(place.path("huge.crt")).unwrap();
    huge.set_len(64 << 20).unwrap();
    place.check(
        &good().with_ca_cert(place.path("huge.crt")),
        "CA certificates DIR/huge.crt is larger than 67108864 bytes; is it the right file?",
    );
}

#[test]
fn settings_that_contradict_each_other() {
    let place = Place::new();
    let good = || place.good(SslMode::Require);
    let host = |name: &str| {
        let (certificate, key) = (place.path("server.crt"), place.path("server.key"));
        good().with_host(name, ServerCertificate::from_files(certificate, key))
    };
    for mode in [SslMode::VerifyCA, SslMode::VerifyFull] {
        place.check(
            &place.good(mode),
            &format!("SSL mode {mode} needs the CA certificates that client certificates are checked against; add .with_ca_cert(\"certs/ca.crt\")"),
        );
    }
    place.check(
        &good().with_crl_pem(crl(&place.ca, &[])),
        "certificate revocation lists are configured without CA certificates, so nothing would be checked; add .with_ca_cert(\"certs/ca.crt\")",
    );
    for name in [
        "*",
        "*.",
        "a.*.example.com",
        "127.0.0.1",
        "example.com.",
        "a b",
        "",
    ] {
        place.check(
            &host(name),
            &format!("\"{name}\" is no host name for SNI; write db.example.com or *.example.com"),
        );
    }
    let again = ServerCertificate::from_files(place.path("server.crt"), place.path("server.key"));
    place.check(
        &host("a.example.com").with_host("A.Example.com", again),
        "host name \"A.Example.com\" has two certificates; remove one",
    );
    place.check(
        &good()
            .with_min_tls_version(TlsVersion::Tls13)
            .with_max_tls_version(TlsVersion::Tls12),
        "minimum TLS version TLSv1.3 is above the maximum TLSv1.2; exchange them or leave one out",
    );
    place.check(
        &good().with_cipher_suites(["RC4-MD5"]),
        "unknown cipher suite \"RC4-MD5\"; there are TLS_AES_256_GCM_SHA384, …",
    );
    place.check(
        &good().with_groups(["secp192r1"]),
        "unknown key-exchange group \"secp192r1\"; there are …X25519, …",
    );
    place.check(
        &good()
            .with_cipher_suites(["ECDHE-ECDSA-AES256-GCM-SHA384"])
            .with_min_tls_version(TlsVersion::Tls13),
        "cipher suites, groups and TLS versions leave nothing to negotiate (…); widen one of them",
    );
    let mapped = || {
        let name = UserName::new(CertificateName::Email).mapped("staff");
        place
            .good(SslMode::VerifyFull)
            .with_ca_cert(place.path("ca.crt"))
            .with_client_name(ClientName::User(name))
    };
    place.check(
        &mapped(),
        "client names are to be mapped by \"staff\", but there are no identity maps; add .with_ident_file(\"pg_ident.conf\")",
    );
    place.check(
        &mapped().with_ident_file(place.write("pg_ident.conf", "staff /( joe\n")),
        "identity maps cannot be used: …",
    );
    mapped()
        .with_ident_maps(IdentMaps::new())
        .validate()
        .unwrap();
}

#[test]
fn keys_that_others_can_read_or_that_do_not_fit() {
    let place = Place::new();
    let key = fs::read(place.path("server.key")).unwrap();
    let with_mode = |mode: u32, uid: Option<u32>| {
        let path = place.write("x.key", &key);
        chown(&path, uid, Some(0)).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        place.pair("server.crt", "x.key", SslMode::Require)
    };
    // Whose tests these are decides which of PostgreSQL's two rules holds.
    let is_root = fs::metadata(place.path("server.key")).unwrap();
    let is_root = std::os::unix::fs::MetadataExt::uid(&is_root) == 0;
    let access = |mode: u32| {
        format!(
            "private key file \"DIR/x.key\" has group or world access (mode {mode:04o}); chmod it to 0600, or to 0640 if root owns it"
        )
    };
    for mode in [0o644, 0o604, 0o660, 0o620, 0o601, 0o777] {
        place.check(&with_mode(mode, None), &access(mode));
    }
    for mode in [0o600, 0o400] {
        with_mode(mode, None).validate().unwrap();
    }
    if is_root {
        with_mode(0o640, None).validate().unwrap();
        with_mode(0o440, None).validate().unwrap();
        place.check(
            &with_mode(0o600, Some(12_345)),
            "private key file \"DIR/x.key\" must be owned by the database user or root; chown it to the user who runs the server",
        );
    } else {
        place.check(&with_mode(0o640, None), &access(0o640));
    }
    place.check(
        &place.pair("server.crt", "", SslMode::Require),
        "private key file \"DIR/\" is not a regular file; give the path of the key itself",
    );
    assert!(run(Command::new("mkfifo").arg(place.path("pipe.key"))).ok);
    place.check(
        &place.pair("server.crt", "pipe.key", SslMode::Require),
        "private key file \"DIR/pipe.key\" is not a regular file; give the path of the key itself",
    );
    let other = self_sign(&server(&["localhost"]));
    place.check(
        &place.key(other.key.serialize_pem()),
        "check of private key failed: the key DIR/x.key does not belong to the certificate DIR/server.crt; compare openssl x509 -pubkey -noout -in DIR/server.crt with openssl pkey -pubout -in DIR/x.key",
    );
    let own = fs::read_to_string(place.path("server.crt")).unwrap();
    place.check(
        &place.certificate(place.ca.pem() + &own),
        "certificates in DIR/x.crt are in the wrong order; put the server's own first, then its issuer, and so on",
    );
    place.openssl("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024 -out small.key");
    place.check(
        &place.key(fs::read(place.path("small.key")).unwrap()),
        "private key DIR/x.key cannot be used: …; RSA (2048 bits or more), P-256, P-384 and Ed25519 keys can",
    );
    place.check(
        &place.key("junk"),
        "private key DIR/x.key holds neither a PEM section \"PRIVATE KEY\" nor DER of that kind; is it the right file?",
    );
    place.check(
        &place.key("-----BEGIN PRIVATE KEY-----\n!\n-----END PRIVATE KEY-----\n"),
        "private key DIR/x.key is not well-formed PEM: …; is it the right file?",
    );
}

#[test]
fn passphrases_that_do_not_come_or_do_not_open() {
    let place = Place::new();
    place.openssl("pkcs8 -topk8 -in server.key -v2 aes-256-cbc -passout pass:secret -out enc.key");
    place.openssl("ec -in server.key -aes256 -passout pass:secret -out old.key");
    for name in ["enc.key", "old.key"] {
        fs::set_permissions(place.path(name), Permissions::from_mode(0o600)).unwrap();
    }
    let encrypted = |with: &dyn Fn(ServerCertificate) -> ServerCertificate| {
        let pair = ServerCertificate::from_files(place.path("server.crt"), place.path("enc.key"));
        SslConfig::with_certificate(SslMode::Require, with(pair))
    };
    place.check(
        &encrypted(&|c| c),
        "private key DIR/enc.key is encrypted and no passphrase is configured; set one by value, file or command, or decrypt the key with: openssl pkey -in DIR/enc.key -out server.key",
    );
    place.check(
        &encrypted(&|c| c.with_passphrase("wrong")),
        "private key DIR/enc.key cannot be decrypted (…); try the passphrase with: openssl pkey -noout -in DIR/enc.key",
    );
    place.check(
        &encrypted(&|c| c.with_passphrase_file(place.write("empty", "\nsecret"))),
        "private key DIR/enc.key cannot be decrypted (DIR/empty does not begin with a line of text); try the passphrase with: openssl pkey -noout -in DIR/enc.key",
    );
    let open = place.write("open", "secret\n");
    fs::set_permissions(&open, Permissions::from_mode(0o644)).unwrap();
    place.check(
        &encrypted(&|c| c.with_passphrase_file(&open)),
        "private key file \"DIR/open\" has group or world access (mode 0644); …",
    );
    for (command, reason) in [
        ("exit 3", "exit status: 3"),
        ("true", "its output does not begin with a line of text"),
    ] {
        place.check(
            &encrypted(&|c| c.with_passphrase_command(command)),
            &format!("passphrase command \"{command}\" failed: {reason}; run it by hand as the server's user"),
        );
    }
    place.check(
        &place.pair("server.crt", "old.key", SslMode::Require),
        "private key DIR/old.key is encrypted in the legacy format, whose key derivation is weak; convert it with: openssl pkcs8 -topk8 -v2 aes-256-cbc -in DIR/old.key -out server.p8.key",
    );
    // What opens it: by value, the first line of a file, the first line of a command's output.
    let file = place.write("file", "secret\r\nmore\n");
    let prompt = "test %p = 'Enter passphrase for private key DIR/enc.key: ' && echo secret";
    let prompt = prompt.replace("DIR", place.directory.path().to_str().unwrap());
    encrypted(&|c| c.with_passphrase("secret"))
        .validate()
        .unwrap();
    encrypted(&|c| c.with_passphrase_file(&file))
        .validate()
        .unwrap();
    encrypted(&|c| c.with_passphrase_command("echo secret; echo 100%%"))
        .validate()
        .unwrap();
    encrypted(&|c| c.with_passphrase_command(&prompt))
        .validate()
        .unwrap();
    let shown = format!("{:?}", encrypted(&|c| c.with_passphrase("secret")));
    assert!(!shown.contains("secret"), "{shown}");
}

#[derive(Debug)]
struct Vault(Option<(Vec<u8>, Vec<u8>)>);

impl CertificateProvider for Vault {
    fn load(&self) -> Result<CertificateMaterial, Box<dyn std::error::Error + Send + Sync>> {
        let (certificate, key) = self.0.clone().ok_or("the vault is sealed")?;
        Ok(CertificateMaterial::new(certificate, key))
    }
}

#[test]
fn providers_that_do_not_deliver() {
    let place = Place::new();
    let from = |vault: Vault| {
        let certificate = ServerCertificate::from_provider(Arc::new(vault));
        SslConfig::with_certificate(SslMode::Require, certificate)
    };
    place.check(
        &from(Vault(None)),
        "certificate provider failed: the vault is sealed; the configuration in force, if any, stays",
    );
    place.check(
        &from(Vault(Some((b"x".to_vec(), b"y".to_vec())))),
        "SSL certificate <provider> holds neither a PEM section \"CERTIFICATE\" nor DER of that kind; is it the right file?",
    );
    let read = |name: &str| fs::read(place.path(name)).unwrap();
    from(Vault(Some((read("server.crt"), read("server.key")))))
        .validate()
        .unwrap();
}

#[test]
fn certificates_that_do_not_verify() {
    let place = Place::new();
    let below = intermediate("intermediate", &place.ca);
    let verify = |name: &str| {
        let paths = ["crt", "key"].map(|kind| place.path(&format!("{name}.{kind}")));
        CertificateManager::verify_cert_files(&paths[0], &paths[1])
    };
    let refused = |name: &str, expected: &str| {
        place.compare(&verify(name).unwrap_err().to_string(), expected);
    };
    let directory = place.directory.path();
    let leaf = sign(&server(&["localhost"]), &below);
    leaf.write(directory, "chain", &[&below, &place.ca]);
    leaf.write(directory, "no-root", &[&below]);
    leaf.write(directory, "alone", &[]);
    self_sign(&server(&["localhost"])).write(directory, "self", &[]);
    for good in ["chain", "no-root", "alone", "self", "server"] {
        verify(good).unwrap();
    }

    leaf.write(directory, "gap", &[&place.ca]);
    refused(
        "gap",
        "certificate 1 in DIR/gap.crt is not issued by the one behind it (the names differ); put the server's own first, then its issuer, and so on",
    );
    leaf.write(
        directory,
        "twin",
        &[&intermediate("intermediate", &place.ca)],
    );
    refused(
        "twin",
        "certificate 1 in DIR/twin.crt is not signed with the key of the one behind it; put the issuer's own certificate there",
    );
    let no_ca = rcgen::CertifiedIssuer::signed_by(
        named(&[(rcgen::DnType::CommonName, "no CA".into())]),
        rcgen::KeyPair::generate().unwrap(),
        &place.ca,
    )
    .unwrap();
    sign(&server(&["localhost"]), &no_ca).write(directory, "noca", &[&no_ca]);
    refused(
        "noca",
        "certificate 1 in DIR/noca.crt is not issued by the one behind it (that is not a CA's); put the server's own first, then its issuer, and so on",
    );
    let mut old = server(&["localhost"]);
    let now = SystemTime::now();
    old.not_before = (now - Duration::from_secs(10 * 86_400)).into();
    old.not_after = (now - Duration::from_secs(3 * 86_400 + 60)).into();
    sign(&old, &place.ca).write(directory, "old", &[]);
    refused(
        "old",
        "certificate DIR/old.crt expired 3 days ago; make or order a new one",
    );
    let mut early = server(&["localhost"]);
    early.not_before = (now + Duration::from_secs(3600)).into();
    sign(&early, &place.ca).write(directory, "early", &[]);
    refused(
        "early",
        "certificate DIR/early.crt is not yet valid; check the clock of this machine",
    );
    let mut mail = server(&["localhost"]);
    mail.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection];
    sign(&mail, &place.ca).write(directory, "mail", &[]);
    refused(
        "mail",
        "certificate DIR/mail.crt is neither for servers nor for clients (extended key usage); order one for TLS",
    );
    place.openssl("req -x509 -newkey rsa:2048 -sha1 -nodes -keyout sha1.key -out sha1.crt -days 9 -subj /CN=localhost");
    fs::set_permissions(place.path("sha1.key"), Permissions::from_mode(0o600)).unwrap();
    refused(
        "sha1",
        "certificate 1 in DIR/sha1.crt is signed with an algorithm that cannot be used (1.2.840.113549.1.1.5); have it signed with SHA-256 or better, by an RSA (2048 bits or more), P-256, P-384 or Ed25519 key",
    );
    // What a server could not use is refused in the server's words.
    refused("none", "SSL certificate not found: DIR/none.crt; …");
}

#[test]
fn authorities_that_cannot_sign() {
    let place = Place::new();
    let directory = place.directory.path();
    let refused = |error: pgtls::CertificateError, expected: &str| {
        place.compare(&error.to_string(), expected);
    };
    let ca = CertificateManager::create_ca(place.path("a/ca.crt"), place.path("a/ca.key"), "A CA")
        .unwrap();
    let again = CertificateManager::create_ca(place.path("b.crt"), place.path("a/ca.key"), "B");
    refused(
        again.unwrap_err(),
        "DIR/a/ca.key exists and is not overwritten; move it away, or choose another path",
    );
    assert!(!place.path("b.crt").exists());
    let made = ca.issue_server(place.path("s.crt"), place.path("s.key"), &["b\u{fc}cher"]);
    refused(
        made.unwrap_err(),
        "could not make a certificate: …; is the name a host name or an IP address?",
    );
    let made = ca.issue_client("/dev/null/x.crt", "/dev/null/x.key", "joe");
    refused(
        made.unwrap_err(),
        "could not write /dev/null/x.key: …; check that the directory is there and writable",
    );
    let open = |certificate: &str, key: &str| {
        CertificateManager::open_ca(place.path(certificate), place.path(key)).unwrap_err()
    };
    refused(
        open("server.crt", "server.key"),
        "CA certificate DIR/server.crt cannot sign: it is not a CA's; make a CA with CertificateManager::create_ca",
    );
    refused(
        open("a/ca.crt", "server.key"),
        "CA certificate DIR/a/ca.crt cannot sign: the key is another certificate's; make a CA with CertificateManager::create_ca",
    );
    place.write("junk.key", "junk");
    refused(
        open("a/ca.crt", "junk.key"),
        "CA certificate DIR/a/ca.crt cannot sign: its key is not an unencrypted PKCS#8 key in PEM; make a CA with CertificateManager::create_ca",
    );
    let mut weak = crate::common::forge::ca_params("weak");
    weak.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    self_sign(&weak).write(directory, "weak", &[]);
    refused(
        open("weak.crt", "weak.key"),
        "CA certificate DIR/weak.crt cannot sign: its key usage lacks keyCertSign or cRLSign; make a CA with CertificateManager::create_ca",
    );
    let mut twice = crate::common::forge::ca_params("twice");
    twice
        .distinguished_name
        .push(rcgen::DnType::CustomDnType(vec![2, 5, 4, 3]), "twice");
    self_sign(&twice).write(directory, "twice", &[]);
    refused(
        open("twice.crt", "twice.key"),
        "CA certificate DIR/twice.crt cannot sign: its subject is of an unusual form; make a CA with CertificateManager::create_ca",
    );
    let foreign = ca.revoke(place.path("a/ca.crl"), &[place.path("server.crt")]);
    refused(
        foreign.unwrap_err(),
        "DIR/server.crt is not of this CA, so this CA cannot revoke it; ask CN=errors CA",
    );
    place.write("other.crl", crl(&place.ca, &[]));
    let foreign = ca.revoke(place.path("other.crl"), &[] as &[&Path]);
    refused(
        foreign.unwrap_err(),
        "DIR/other.crl is not of this CA, so this CA cannot revoke it; ask CN=errors CA",
    );
    fs::create_dir(place.path("half")).unwrap();
    fs::copy(place.path("ca.crt"), place.path("half/ca.crt")).unwrap();
    refused(
        CertificateManager::setup_test_certs_in(place.path("half")).unwrap_err(),
        "the test certificates in DIR/half are not complete (DIR/half/ca.key is missing); remove the directory to have them made anew",
    );
}
