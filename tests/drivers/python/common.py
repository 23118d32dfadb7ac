"""What the checks of the Python drivers share: where the server is, and how results are judged."""
import datetime
import decimal
import os
import ssl
import uuid

PORT, CA, USER, PASSWORD = (os.environ[k] for k in ("PGTLS_PORT", "PGTLS_CA", "PGTLS_USER", "PGTLS_PASSWORD"))
PORT = int(PORT)
HOST, DATABASE = "localhost", "heliosdb"
ROWS = 100_000

UTC = datetime.timezone.utc
# One value for each column of the table that TABLE makes.
VALUES = {
    "n": -7,
    "big": 2**53 + 1,
    "f": 2.5,
    "txt": "Grüße, 'Welt' \\ 🐘",
    "flag": True,
    "bin": bytes(range(256)),
    "num": decimal.Decimal("12345678901234567890.12"),
    "day": datetime.date(2024, 2, 29),
    "at": datetime.datetime(2024, 2, 29, 13, 14, 15, 123456),
    "atz": datetime.datetime(2024, 2, 29, 13, 14, 15, tzinfo=UTC),
    "u": uuid.UUID("12345678-1234-5678-1234-567812345678"),
}
COLUMNS = ", ".join(VALUES)


def table(name):
    return (f"create table {name} (id serial primary key, n int not null, big bigint, f double precision, "
            "txt text, flag boolean, bin bytea, num numeric(22,2), day date, at timestamp, atz timestamptz, u uuid)")


def same(row, values=VALUES):
    """The row as a driver gives it against the values put in."""
    assert len(row) == len(values), row
    for (name, want), got in zip(values.items(), row):
        if isinstance(got, memoryview):
            got = bytes(got)
        assert got == want and type(got) is type(want), (name, got, want)


# For method cert: a certificate of the user, and its key.
CERT, KEY = os.environ.get("PGTLS_CERT"), os.environ.get("PGTLS_KEY")


def tls_context(cert=False):
    context = ssl.create_default_context(cafile=CA)
    if cert:
        context.load_cert_chain(CERT, KEY)
    return context


class Count:
    """Counts what passed; the last line of a check."""

    def __init__(self, driver):
        self.driver, self.passed = driver, 0

    def step(self, *_):
        self.passed += 1

    def done(self):
        print(f"{self.driver}: {self.passed} passed, 0 failed")
