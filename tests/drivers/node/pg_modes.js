// node-postgres: TLS with and without verification, plain where allowed.
const fs = require("node:fs");
const assert = require("node:assert");
const { Client } = require("pg");

const { PGTLS_MODE: mode, PGTLS_PORT: port, PGTLS_CA: ca } = process.env;

async function connect(ssl) {
  const client = new Client({ host: "localhost", port: Number(port), user: "postgres", database: "heliosdb", ssl });
  await client.connect();
  try {
    const { rows } = await client.query("select 1+1 as two");
    assert.strictEqual(Number(rows[0].two), 2);
    await assert.rejects(client.query("select * from nope"), { code: "42P01" });
    const again = await client.query("select 'ü' as text, null as absent");
    assert.deepStrictEqual(again.rows, [{ text: "ü", absent: null }]);
  } finally {
    await client.end();
  }
}

(async () => {
  await connect({ rejectUnauthorized: false });
  await connect({ ca: fs.readFileSync(ca) });
  let passed = 2;
  if (mode === "require") {
    await assert.rejects(connect(false), { code: "28000" });
  } else {
    await connect(false);
  }
  passed += 1;
  console.log(`node-postgres: ${passed} passed, 0 failed`);
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
