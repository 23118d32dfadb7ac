//! The login timeout, whatever it is that takes so long.

use super::*;

#[test]
fn bytes_that_trickle_do_not_move_the_deadline() {
    let builder = PgServerBuilder::new().login_timeout(Duration::from_millis(500));
    let server = Server::start(builder, embedded());
    let mut client = server.connect();
    let began = Instant::now();
    for byte in startup(&[
        ("user", "postgres"),
        ("application_name", "a long enough name to trickle"),
    ]) {
        if std::io::Write::write_all(&mut client, &[byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
        if began.elapsed() > Duration::from_secs(1) {
            break;
        }
    }
    let mut answer = Vec::new();
    // A reset is as good an end as any; a time-out of the read is not.
    if let Err(e) = Read::read_to_end(&mut client, &mut answer) {
        assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset);
    }
    assert_eq!(answer, b"");
    assert!(began.elapsed() < Duration::from_secs(5));
}

struct NeverConnects;

impl Database for NeverConnects {
    type Session = <EmbeddedDatabase as Database>::Session;
    async fn connect(&self, _: Client<'_>) -> Result<Self::Session, ErrorResponse> {
        std::future::pending().await
    }
}

#[test]
fn the_login_timeout_covers_the_database() {
    let builder = PgServerBuilder::new().login_timeout(Duration::from_millis(300));
    let server = Server::start(builder, NeverConnects);
    let mut client = Raw::plain(&server);
    let began = Instant::now();
    client.send(&startup(&[("user", "postgres")]));
    assert_eq!(client.rest(), b"");
    assert!(began.elapsed() >= Duration::from_millis(300) && began.elapsed() < PATIENCE);
}
