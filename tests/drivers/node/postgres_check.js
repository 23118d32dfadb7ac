// postgres.js: asks for array types first; Describe and Flush, pipelining, cursors, COPY, cancel over TLS.
const { pipeline } = require("node:stream/promises");
const { Readable } = require("node:stream");
const postgres = require("postgres");
const { assert, ca, fails, identity, main, ROWS, step, table, target, values } = require("./common.js");

const connect = (options = {}) =>
  postgres({ ...target, ssl: { ca }, max: 1, connect_timeout: 20, onnotice: () => {}, ...options });

async function login(method) {
  if (method === "cert") {
    const one = async (options) => {
      const sql = connect(options);
      try {
        return await sql`select 1 as one`;
      } finally {
        await sql.end();
      }
    };
    await one({ ssl: identity() });
    step();
    await fails("28000", () => one({ ssl: identity(), user: "mallory" }));
    await fails("28000", () => one({}));
    return;
  }
  const sql = connect();
  assert.deepStrictEqual([...(await sql`select 1 as one`)], [{ one: 1 }]);
  await sql.end();
  step();
  const wrong = connect({ password: "wrong" });
  await fails("28P01", () => wrong`select 1`);
  await wrong.end();
}

async function work() {
  const sql = connect();
  await sql`drop table if exists postgres_js_t`;
  await sql.unsafe(table("postgres_js_t"));
  const [{ id }] = await sql`insert into postgres_js_t ${sql(values)} returning id`;
  assert.strictEqual(id, 1);
  const [row] = await sql`select ${sql(Object.keys(values))} from postgres_js_t where id = ${id}`;
  assert.deepStrictEqual({ ...row }, values);
  const [empty] = await sql`insert into postgres_js_t (n) values (1) returning txt, bin, flag`;
  assert.deepStrictEqual({ ...empty }, { txt: null, bin: null, flag: null });
  step();

  await fails("42P01", () => sql`select * from nope`);
  await fails("42703", () => sql`select nope from postgres_js_t`);
  await fails("23505", () => sql`insert into postgres_js_t (id, n) values (${1}, 1)`);

  await assert.rejects(
    sql.begin(async (tx) => {
      await tx`delete from postgres_js_t`;
      throw new Error("roll back");
    }),
    /roll back/,
  );
  assert.deepStrictEqual([...(await sql`select count(*)::int as n from postgres_js_t`)], [{ n: 2 }]);
  await sql.begin((tx) => [tx`update postgres_js_t set n = 8`, tx`select 1`]);
  step();

  for (let n = 0; n < 10; n += 1) {
    assert.deepStrictEqual([...(await sql`select ${n}::int * 2 as twice`)], [{ twice: 2 * n }]);
  }
  const together = await Promise.all(Array.from({ length: 50 }, (_, n) => sql`select ${n}::int as n`));
  assert.strictEqual(together.reduce((sum, [r]) => sum + r.n, 0), 1225);
  step();

  const many = await sql`select n from generate_series(1, ${ROWS}::int) as n`;
  assert.strictEqual(many.length, ROWS);
  let total = 0;
  await sql`select n from generate_series(1, 5000) as n`.cursor(100, (part) => {
    for (const r of part) total += r.n;
  });
  assert.strictEqual(total, 12_502_500);
  step();

  const sleeper = sql`select pg_sleep(30)`;
  setTimeout(() => sleeper.cancel(), 300);
  await fails("57014", () => sleeper);

  const into = await sql`copy postgres_js_t (n, txt) from stdin`.writable();
  await pipeline(Readable.from(["5\tfive\n", "6\t\\N\n"]), into);
  const out = await sql`copy (select n, txt from postgres_js_t where txt = 'five') to stdout`.readable();
  let text = "";
  for await (const chunk of out) text += chunk;
  assert.strictEqual(text, "5\tfive\n");
  step();

  const heard = new Promise((resolve) => sql.listen("news", resolve).then(() => sql.notify("news", "extra")));
  assert.strictEqual(await heard, "extra");
  step();
  await sql`drop table postgres_js_t`;
  await sql.end({ timeout: 5 });
}

main("postgres.js", { login, work });
