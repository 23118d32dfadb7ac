"""psycopg 3 with its own libpq: SSLRequest and direct TLS, every sslmode, plain where allowed."""
import os

import psycopg

MODE, PORT, CA = (os.environ[k] for k in ("PGTLS_MODE", "PGTLS_PORT", "PGTLS_CA"))
passed = 0


def connect(**options):
    return psycopg.connect(host="localhost", hostaddr="127.0.0.1", port=PORT, user="postgres",
                           dbname="heliosdb", connect_timeout=10, **options)


def check(want_tls, **options):
    global passed
    with connect(**options) as connection:
        assert connection.pgconn.ssl_in_use == want_tls, options
        assert connection.execute("select 1+1").fetchone() == (2,), options
        assert connection.execute("select 'ü', null").fetchone() == ("ü", None), options
    passed += 1


def refused(sqlstate, text, **options):
    global passed
    try:
        connect(**options).close()
    except psycopg.OperationalError as error:
        assert text in str(error), (options, str(error))
        passed += 1
    else:
        raise AssertionError(f"{options} got in")


print("libpq", psycopg.pq.version(), "mode", MODE)
for sslmode in ("prefer", "require"):
    check(True, sslmode=sslmode)
for sslmode in ("verify-ca", "verify-full"):
    check(True, sslmode=sslmode, sslrootcert=CA)
for sslmode, root in (("require", {}), ("verify-full", {"sslrootcert": CA})):
    check(True, sslmode=sslmode, sslnegotiation="direct", **root)
if MODE == "require":
    refused("28000", "SSL is required but no SSL request was received", sslmode="disable")
    check(True, sslmode="allow")
else:
    check(False, sslmode="disable")
    check(False, sslmode="allow")
print(f"psycopg: {passed} passed, 0 failed")
