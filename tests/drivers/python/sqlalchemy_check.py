"""SQLAlchemy on psycopg2 and psycopg 3: what its dialects ask at the start, ORM work, reflection."""
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from common import CA, DATABASE, HOST, PASSWORD, PORT, USER, Count

count = Count("SQLAlchemy")


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "alchemy_t"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(50), unique=True)
    amount: Mapped[int | None]
    payload: Mapped[bytes | None]


def work(driver):
    url = sa.URL.create(f"postgresql+{driver}", USER, PASSWORD, HOST, PORT, DATABASE,
                        query={"sslmode": "verify-full", "sslrootcert": CA, "hostaddr": "127.0.0.1"})
    engine = sa.create_engine(url)
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Item(name=f"ü{n}", amount=n, payload=bytes([n])) for n in range(20)])
        session.add(Item(name="empty"))
        session.commit()
        assert session.scalar(sa.select(sa.func.count()).select_from(Item)) == 21
        found = session.scalars(sa.select(Item).where(Item.amount > 17).order_by(Item.id)).all()
        assert [(i.name, i.payload) for i in found] == [("ü18", b"\x12"), ("ü19", b"\x13")]
        found[0].amount = None
        session.commit()
        session.add(Item(name="ü1"))
        try:
            session.commit()
        except sa.exc.IntegrityError:
            session.rollback()
        else:
            raise AssertionError("a duplicate got in")
        assert session.scalar(sa.select(Item.amount).where(Item.name == "ü18")) is None
    count.step()
    found = sa.inspect(engine)
    assert "alchemy_t" in found.get_table_names(), found.get_table_names()
    assert [c["name"] for c in found.get_columns("alchemy_t")] == ["id", "name", "amount", "payload"]
    assert found.get_pk_constraint("alchemy_t")["constrained_columns"] == ["id"]
    count.step()
    Base.metadata.drop_all(engine)
    engine.dispose()


for driver in ("psycopg2", "psycopg"):
    work(driver)
count.done()
