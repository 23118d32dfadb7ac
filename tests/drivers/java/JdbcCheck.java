// pgJDBC: extended protocol, named statements from the fifth execution on, cursors, COPY, cancel.
import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.util.*;
import org.postgresql.PGConnection;

public class JdbcCheck {
    static final Map<String, String> ENV = System.getenv();
    static int passed = 0;

    interface Run { void run() throws Exception; }

    static void check(boolean holds, Object what) {
        if (!holds) throw new AssertionError(String.valueOf(what));
    }

    static void fails(String sqlState, Run run) throws Exception {
        try {
            run.run();
        } catch (SQLException e) {
            check(sqlState.equals(e.getSQLState()), sqlState + " expected: " + e.getSQLState() + " " + e);
            passed++;
            return;
        }
        throw new AssertionError(sqlState + " expected");
    }

    static Connection connect(String... options) throws SQLException {
        Properties p = new Properties();
        p.setProperty("user", ENV.get("PGTLS_USER"));
        p.setProperty("password", ENV.get("PGTLS_PASSWORD"));
        p.setProperty("sslmode", "verify-full");
        p.setProperty("sslrootcert", ENV.get("PGTLS_CA"));
        p.setProperty("connectTimeout", "20");
        for (int i = 0; i < options.length; i += 2) p.setProperty(options[i], options[i + 1]);
        return DriverManager.getConnection("jdbc:postgresql://localhost:" + ENV.get("PGTLS_PORT") + "/heliosdb", p);
    }

    static void login(String method) throws Exception {
        if (method.equals("cert")) {
            String[] with = {"sslcert", ENV.get("PGTLS_CERT"), "sslkey", ENV.get("PGTLS_KEY_PK8")};
            connect(with).close();
            passed++;
            fails("28000", () -> connect("user", "mallory", with[0], with[1], with[2], with[3]));
            fails("28000", () -> connect());
            return;
        }
        connect().close();
        passed++;
        fails("28P01", () -> connect("password", "wrong"));
    }

    static void work() throws Exception {
        Connection c = connect();
        Statement s = c.createStatement();
        s.execute("drop table if exists jdbc_t");
        s.execute("create table jdbc_t (id serial primary key, n int not null, big bigint, f double precision, txt text,"
                + " flag boolean, bin bytea, num numeric(22,2), day date, at timestamp, u uuid)");
        String text = "Grüße, 'Welt' \\ 🐘";
        byte[] bytes = new byte[256];
        for (int i = 0; i < 256; i++) bytes[i] = (byte) i;
        UUID uuid = UUID.fromString("12345678-1234-5678-1234-567812345678");
        BigDecimal num = new BigDecimal("12345678901234567890.12");
        LocalDateTime at = LocalDateTime.of(2024, 2, 29, 13, 14, 15, 123_456_000);
        try (PreparedStatement p = c.prepareStatement("insert into jdbc_t (n, big, f, txt, flag, bin, num, day, at, u)"
                + " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", Statement.RETURN_GENERATED_KEYS)) {
            p.setInt(1, -7);
            p.setLong(2, 9007199254740993L);
            p.setDouble(3, 2.5);
            p.setString(4, text);
            p.setBoolean(5, true);
            p.setBytes(6, bytes);
            p.setBigDecimal(7, num);
            p.setObject(8, LocalDate.of(2024, 2, 29));
            p.setObject(9, at);
            p.setObject(10, uuid);
            check(p.executeUpdate() == 1, "insert");
            ResultSet keys = p.getGeneratedKeys();
            check(keys.next() && keys.getInt("id") == 1, "generated key");
        }
        // From the fifth execution on the statement is named and results are binary.
        try (PreparedStatement p = c.prepareStatement("select * from jdbc_t where id = ?")) {
            for (int i = 0; i < 10; i++) {
                p.setInt(1, 1);
                ResultSet r = p.executeQuery();
                check(r.next(), "a row");
                check(r.getInt("n") == -7 && r.getLong("big") == 9007199254740993L && r.getDouble("f") == 2.5, "numbers");
                check(text.equals(r.getString("txt")) && r.getBoolean("flag"), r.getString("txt"));
                check(Arrays.equals(bytes, r.getBytes("bin")), "bytea");
                check(num.equals(r.getBigDecimal("num")), r.getBigDecimal("num"));
                check(LocalDate.of(2024, 2, 29).equals(r.getObject("day", LocalDate.class)), r.getString("day"));
                check(at.equals(r.getObject("at", LocalDateTime.class)), r.getString("at"));
                check(uuid.equals(r.getObject("u")), r.getObject("u"));
            }
        }
        try (PreparedStatement p = c.prepareStatement("insert into jdbc_t (n, txt, bin) values (?, ?, ?)")) {
            p.setInt(1, 1);
            p.setNull(2, Types.VARCHAR);
            p.setNull(3, Types.BINARY);
            p.executeUpdate();
        }
        ResultSet nulls = s.executeQuery("select txt, bin, big from jdbc_t where n = 1");
        check(nulls.next() && nulls.getString(1) == null && nulls.getBytes(2) == null && nulls.getObject(3) == null, "NULL");
        passed++;

        fails("42P01", () -> s.executeQuery("select * from nope"));
        fails("42703", () -> s.executeQuery("select nope from jdbc_t"));
        fails("23505", () -> s.execute("insert into jdbc_t (id, n) values (1, 1)"));
        c.setAutoCommit(false);
        s.execute("delete from jdbc_t");
        c.rollback();
        fails("42P01", () -> s.executeQuery("select * from nope"));
        fails("25P02", () -> s.executeQuery("select 1"));
        c.rollback();
        ResultSet n = s.executeQuery("select count(*) from jdbc_t");
        check(n.next() && n.getInt(1) == 2, "rolled back");
        Savepoint savepoint = c.setSavepoint();
        s.execute("delete from jdbc_t");
        c.rollback(savepoint);
        c.commit();
        passed++;

        try (PreparedStatement p = c.prepareStatement("insert into jdbc_t (n, txt) values (?, ?)")) {
            for (int i = 0; i < 500; i++) {
                p.setInt(1, i);
                p.setString(2, "batch");
                p.addBatch();
            }
            check(Arrays.stream(p.executeBatch()).sum() == 500, "batch");
        }
        c.commit();
        // Rows come in portions of 1 000 through a portal that outlives each Sync.
        try (PreparedStatement p = c.prepareStatement("select n, 'row ' || n from generate_series(1, 100000) as n")) {
            p.setFetchSize(1000);
            ResultSet r = p.executeQuery();
            int rows = 0;
            while (r.next()) check(r.getString(2).equals("row " + ++rows), rows);
            check(rows == 100_000, rows);
        }
        c.commit();
        c.setAutoCommit(true);
        passed++;

        Thread canceller = new Thread(() -> {
            try {
                Thread.sleep(300);
                s.cancel();
            } catch (Exception e) {
                e.printStackTrace();
            }
        });
        canceller.start();
        fails("57014", () -> s.executeQuery("select pg_sleep(30)"));
        canceller.join();

        var copy = c.unwrap(PGConnection.class).getCopyAPI();
        check(copy.copyIn("copy jdbc_t (n, txt) from stdin with (format csv)", new StringReader("5,five\n6,\n")) == 2, "copy in");
        StringWriter out = new StringWriter();
        copy.copyOut("copy (select n, txt from jdbc_t where txt = 'five') to stdout with (format csv)", out);
        check(out.toString().equals("5,five\n"), out);
        passed++;

        DatabaseMetaData about = c.getMetaData();
        ResultSet tables = about.getTables(null, "public", "jdbc_t", new String[] {"TABLE"});
        check(tables.next() && "jdbc_t".equals(tables.getString("TABLE_NAME")), "getTables");
        ResultSet columns = about.getColumns(null, "public", "jdbc_t", null);
        List<String> names = new ArrayList<>();
        while (columns.next()) names.add(columns.getString("COLUMN_NAME"));
        check(names.get(0).equals("id") && names.size() == 11, names);
        passed++;
        s.execute("drop table jdbc_t");
        c.close();
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("login")) login(args[1]); else work();
        System.out.println("pgJDBC: " + passed + " passed, 0 failed");
    }
}
