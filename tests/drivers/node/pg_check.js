// node-postgres: text results, parameters without types, channel binding on request.
const { Client } = require("pg");
const { assert, ca, fails, identity, main, ROWS, step, table, target, values } = require("./common.js");

async function connect(options = {}) {
  const client = new Client({ ...target, ssl: { ca }, connectionTimeoutMillis: 20_000, ...options });
  await client.connect();
  return client;
}

async function login(method) {
  if (method === "cert") {
    await (await connect({ ssl: identity() })).end();
    step();
    await fails("28000", () => connect({ ssl: identity(), user: "mallory" }));
    await fails("28000", () => connect());
    return;
  }
  await (await connect()).end();
  step();
  if (method === "scram-sha-256") {
    await (await connect({ enableChannelBinding: true })).end();
    step();
  }
  await fails("28P01", () => connect({ password: "wrong" }));
}

async function work() {
  const c = await connect();
  await c.query("drop table if exists node_t");
  await c.query(table("node_t"));
  const columns = Object.keys(values).join(", ");
  const marks = Object.keys(values).map((_, n) => `$${n + 1}`).join(", ");
  const made = await c.query(`insert into node_t (${columns}) values (${marks}) returning id`, Object.values(values));
  assert.deepStrictEqual(made.rows, [{ id: 1 }]);
  assert.strictEqual(made.rowCount, 1);
  const { rows } = await c.query(`select ${columns} from node_t where id = $1`, [1]);
  assert.deepStrictEqual(rows, [values]);
  const empty = await c.query("insert into node_t (n) values ($1) returning txt, bin, num, flag, js", [1]);
  assert.deepStrictEqual(empty.rows, [{ txt: null, bin: null, num: null, flag: null, js: null }]);
  step();

  await fails("42P01", () => c.query("select * from nope"));
  await fails("42703", () => c.query("select nope from node_t"));
  await fails("42601", () => c.query("selec 1"));
  await fails("23505", () => c.query("insert into node_t (id, n) values ($1, 1)", [1]));
  assert.deepStrictEqual((await c.query("select 1 as one")).rows, [{ one: 1 }]);
  step();

  await c.query("begin");
  await c.query("delete from node_t");
  await c.query("rollback");
  assert.deepStrictEqual((await c.query("select count(*) from node_t")).rows, [{ count: "2" }]);
  await c.query("begin");
  await fails("42P01", () => c.query("select * from nope"));
  await fails("25P02", () => c.query("select 1"));
  assert.strictEqual((await c.query("commit")).command, "ROLLBACK");
  step();

  for (let n = 0; n < 10; n += 1) {
    const twice = await c.query({ name: "twice", text: "select $1::int * 2 as twice", values: [n] });
    assert.deepStrictEqual(twice.rows, [{ twice: 2 * n }]);
  }
  step();

  const many = await c.query("select n, 'row ' || n as t from generate_series(1, $1::int) as n", [ROWS]);
  assert.strictEqual(many.rows.length, ROWS);
  assert.deepStrictEqual(many.rows[ROWS - 1], { n: ROWS, t: `row ${ROWS}` });
  step();

  const several = await c.query("select 1 as a; select 'b' as b");
  assert.deepStrictEqual(several.map((r) => r.rows), [[{ a: 1 }], [{ b: "b" }]]);
  step();

  const sleeper = c.query("select pg_sleep(30)");
  setTimeout(() => new Client({ ...target, ssl: { ca } }).cancel(c, c._activeQuery), 300);
  await fails("57014", () => sleeper);

  const heard = new Promise((resolve) => c.once("notification", resolve));
  await c.query("listen news");
  const other = await connect();
  await other.query("notify news, 'extra'");
  assert.strictEqual((await heard).payload, "extra");
  await other.end();
  step();
  await c.query("drop table node_t");
  await c.end();
}

main("node-postgres", { login, work });
