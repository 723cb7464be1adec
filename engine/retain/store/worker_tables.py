"""The tables by which several workers share one database; on a file they are empty."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table
from sqlalchemy import Text as AnyText

metadata = MetaData()
Text = AnyText().with_variant(AnyText(collation="C"), "postgresql")  # in order of bytes, as SQLite has it

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True, comment="one life of a process"),
    Column("name", Text, nullable=False, comment="host and process, for people"),
    Column("leased_until", BigInteger, nullable=False, comment="by the database's clock"),
)

partitions = Table(
    "partitions",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False, comment="the remainder of its customers"),
    Column("owner", Text, comment="workers.id; NULL where nobody decides them"),
    Column("token", BigInteger, nullable=False, comment="rises with every owner; a commit that names an old one fails"),
    Column("watermark", BigInteger, nullable=False, comment="accepted events up to this one are decided"),
)
