// What the checks of the Node drivers share: where the server is, and how refusals are judged.
const fs = require("node:fs");
const assert = require("node:assert");

const { PGTLS_PORT, PGTLS_CA, PGTLS_USER: user, PGTLS_PASSWORD: password } = process.env;
const target = { host: "localhost", port: Number(PGTLS_PORT), user, password, database: "heliosdb" };
const ca = fs.readFileSync(PGTLS_CA, "utf8");
// For method cert: a certificate of the user, and its key.
const { PGTLS_CERT, PGTLS_KEY } = process.env;
const identity = () => ({ ca, cert: fs.readFileSync(PGTLS_CERT, "utf8"), key: fs.readFileSync(PGTLS_KEY, "utf8") });
let passed = 0;

const step = () => (passed += 1);

async function fails(code, run) {
  await assert.rejects(run, (error) => {
    assert.strictEqual(error.code, code, error);
    return true;
  });
  step();
}

function main(driver, { login, work }) {
  const [what, method] = process.argv.slice(2);
  (what === "login" ? login(method) : work())
    .then(() => console.log(`${driver}: ${passed} passed, 0 failed`))
    .catch((error) => {
      console.error(error);
      process.exit(1);
    });
}

// The columns of `table` and a value for each.
const table = (name) => `create table ${name} (id serial primary key, n int not null, big bigint,
  f double precision, txt text, flag boolean, bin bytea, num numeric(22,2), u uuid, js jsonb)`;
const values = {
  n: -7,
  big: "9007199254740993",
  f: 2.5,
  txt: "Grüße, 'Welt' \\ 🐘",
  flag: true,
  bin: Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
  num: "12345678901234567890.12",
  u: "12345678-1234-5678-1234-567812345678",
  js: { a: [1, null, "ü"] },
};
const ROWS = 100_000;

module.exports = { assert, ca, fails, identity, main, ROWS, step, table, target, values };
