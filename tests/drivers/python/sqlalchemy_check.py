"""SQLAlchemy on psycopg2 and psycopg 3: what its dialects ask at the start, ORM work with
relationships, and the inspector."""
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship, selectinload

from common import CA, DATABASE, HOST, PASSWORD, PORT, USER, Count

count = Count("SQLAlchemy")


class Base(DeclarativeBase):
    pass


class Shelf(Base):
    __tablename__ = "alchemy_shelf"
    __table_args__ = {"comment": "where items are"}
    id: Mapped[int] = mapped_column(primary_key=True)
    label: Mapped[str] = mapped_column(sa.String(20), comment="what is written on it")
    items: Mapped[list["Item"]] = relationship(back_populates="shelf", cascade="all, delete-orphan")


class Item(Base):
    __tablename__ = "alchemy_t"
    __table_args__ = (
        sa.UniqueConstraint("name", "amount", name="alchemy_uq"),
        sa.CheckConstraint("amount >= 0", name="alchemy_amount"),
        sa.Index("alchemy_payload", "payload"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(50), unique=True)
    amount: Mapped[int | None]
    payload: Mapped[bytes | None]
    price: Mapped[float | None] = mapped_column(sa.Numeric(10, 2), server_default="1.50")
    shelf_id: Mapped[int | None] = mapped_column(sa.ForeignKey("alchemy_shelf.id", ondelete="CASCADE"))
    shelf: Mapped[Shelf | None] = relationship(back_populates="items")


def orm(engine):
    with Session(engine) as session:
        session.add_all([Item(name=f"ü{n}", amount=n, payload=bytes([n])) for n in range(20)])
        session.add(Item(name="empty"))
        session.commit()
        assert session.scalar(sa.select(sa.func.count()).select_from(Item)) == 21
        found = session.scalars(sa.select(Item).where(Item.amount > 17).order_by(Item.id)).all()
        assert [(i.name, i.payload) for i in found] == [("ü18", b"\x12"), ("ü19", b"\x13")]
        found[0].amount = None
        session.commit()
        for wrong, name in ((Item(name="ü1"), "alchemy_t_name_key"), (Item(name="x", amount=-1), "alchemy_amount"),
                            (Item(name="x", shelf_id=99), "alchemy_t_shelf_id_fkey")):
            session.add(wrong)
            try:
                session.commit()
            except sa.exc.IntegrityError as error:
                assert error.orig.diag.constraint_name == name, error.orig.diag.constraint_name
                session.rollback()
            else:
                raise AssertionError(f"a row got in in spite of {name}")
        assert session.scalar(sa.select(Item.amount).where(Item.name == "ü18")) is None
    count.step()
    with Session(engine) as session:
        session.add(Shelf(label="upper", items=[Item(name="a"), Item(name="b")]))
        session.commit()
    with Session(engine) as session:
        shelf = session.scalars(sa.select(Shelf).options(selectinload(Shelf.items))).one()
        assert sorted(i.name for i in shelf.items) == ["a", "b"]
        joined = sa.select(Item.name, Shelf.label).join(Item.shelf).where(Item.name == "b")
        assert session.execute(joined).all() == [("b", "upper")]
        with session.begin_nested() as nested:
            shelf.label = "lower"
            session.flush()
            nested.rollback()
        locked = session.scalars(sa.select(Shelf).with_for_update()).one()
        assert locked.label == "upper"
        session.delete(shelf)
        session.commit()
        assert session.scalar(sa.select(sa.func.count()).where(Item.shelf_id.is_not(None))) == 0
    count.step()


def inspector(engine):
    found = sa.inspect(engine)
    assert {"alchemy_t", "alchemy_shelf"} <= set(found.get_table_names())
    assert found.has_table("alchemy_t") and not found.has_table("alchemy_none")
    columns = {c["name"]: c for c in found.get_columns("alchemy_t")}
    assert list(columns) == ["id", "name", "amount", "payload", "price", "shelf_id"]
    assert str(columns["name"]["type"]) == "VARCHAR(50)" and not columns["name"]["nullable"]
    assert str(columns["price"]["type"]) == "NUMERIC(10, 2)" and columns["amount"]["nullable"]
    assert found.get_pk_constraint("alchemy_t")["constrained_columns"] == ["id"]
    (key,) = found.get_foreign_keys("alchemy_t")
    assert (key["name"], key["constrained_columns"], key["referred_table"], key["referred_columns"], key["options"]) == (
        "alchemy_t_shelf_id_fkey", ["shelf_id"], "alchemy_shelf", ["id"], {"ondelete": "CASCADE"}), key
    unique = {u["name"]: u["column_names"] for u in found.get_unique_constraints("alchemy_t")}
    assert unique == {"alchemy_uq": ["name", "amount"], "alchemy_t_name_key": ["name"]}, unique
    indexes = {i["name"]: (i["column_names"], i["unique"]) for i in found.get_indexes("alchemy_t")}
    assert indexes["alchemy_payload"] == (["payload"], False), indexes
    assert [c["name"] for c in found.get_check_constraints("alchemy_t")] == ["alchemy_amount"]
    assert found.get_table_comment("alchemy_shelf") == {"text": "where items are"}
    assert [c["comment"] for c in found.get_columns("alchemy_shelf")] == [None, "what is written on it"]
    count.step()
    reflected = sa.MetaData()
    reflected.reflect(engine)
    table = reflected.tables["alchemy_t"]
    with engine.begin() as connection:
        row = connection.execute(table.insert().returning(table.c.id, table.c.price), {"name": "reflected"}).one()
        assert row.id > 0 and str(row.price) == "1.50", row
    count.step()


def work(driver):
    url = sa.URL.create(f"postgresql+{driver}", USER, PASSWORD, HOST, PORT, DATABASE,
                        query={"sslmode": "verify-full", "sslrootcert": CA, "hostaddr": "127.0.0.1"})
    engine = sa.create_engine(url)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    orm(engine)
    inspector(engine)
    Base.metadata.drop_all(engine)
    assert "alchemy_t" not in sa.inspect(engine).get_table_names()
    engine.dispose()


for driver in ("psycopg2", "psycopg"):
    work(driver)
count.done()
