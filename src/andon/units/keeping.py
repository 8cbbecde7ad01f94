"""What a unit keeps: the data that belong to it, and how to know that a copy of them is good."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from andon.units.fields import InnerPath, InstanceCommand, Section


def _table(value: str) -> str:
    if not value.replace("_", "a").replace(".", "a").isalnum() or value[:1].isdecimal():
        raise ValueError("write the name of a table, such as orders")
    return value


class Data(Section):
    """State that the unit keeps between two starts. A copy goes by this; nothing else is copied."""

    kind: Literal["sqlite", "postgresql", "folder"] = Field(
        description="sqlite: a database in a file; postgresql: a database on a server; folder: files"
    )
    path: InnerPath | None = Field(
        None, description="sqlite, folder: where it is, relative to the unit's data folder"
    )
    url_env: str | None = Field(
        None,
        pattern="^[A-Z][A-Z0-9_]*$",
        description="postgresql: the variable in the environment of an instance that holds its address",
    )
    restored: bool = Field(
        True,
        description="Of an application: whether the copy from before a switch comes back with the former one",
    )
    tables: list[Annotated[str, AfterValidator(_table)]] = Field(
        [], max_length=100, description="Tables whose rows are counted in the original and in a restored copy"
    )
    verify: InstanceCommand | None = Field(
        None,
        description="Command that looks whether a restored copy is whole, with {data} as the copy's folder; "
        "ends with 0 when it is",
    )

    @model_validator(mode="after")
    def _says_where_it_is(self) -> Self:
        on_a_server = self.kind == "postgresql"
        if on_a_server and (self.url_env is None or self.path is not None):
            raise ValueError("a database on a server is named by `url_env`, not by `path`")
        if not on_a_server and (self.path is None or self.url_env is not None):
            raise ValueError(f"a {self.kind} is named by `path`, not by `url_env`")
        if self.tables and self.kind == "folder":
            raise ValueError("a folder has no `tables`")
        return self
