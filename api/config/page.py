"""The page about settings, made from the table."""

from api.config.expected import toml
from api.config.sample import about
from api.config.table import SECRETS, Row, kind_of, rows, sections

HEADER = """# Settings

Made by `make docs` from the sections of the configuration; do not edit.

A setting is given by an option of a command (`--help` says which), by an environment variable, or
in a file. An option goes before a variable, a variable before the file, the file before the
default. A variable that is empty counts as not set.

The file is TOML: the one of `--config FILE`, else of `SPOTCAST_CONFIG`, else `spotcast.toml` in the
user's folder for configurations (`~/.config/spotcast` on Linux), if it is there. `--config` may
stand anywhere but after `kserve`, which has an option of that name for a model's file. Paths in the
file are from its own folder. Its keys are those of the tables below, each under the heading of its
table:

```toml
[serve]
port = 8080

[security]
trusted_proxies = ["10.0.0.0/8"]
```

- `spotcast config example` writes a file with every setting, its default and the reason.
- `spotcast config check [FILE]` says what is wrong, with file, line, key and what it should be;
  what is set and has no effect; and whether the variables, files and folders that it names are
  there.
- `spotcast config show` shows what is in force and where each value comes from.

A list in a variable has commas between its items. A key that is not known is an error. A secret in
the file is an error: settings that end in `_env` name an environment variable that holds it, those
that end in `_file` a file.

## Secrets

Set by the environment alone, and never shown.

| variable | what |
|---|---|
"""
FOOTER = """
Credentials of the clouds are the clouds' own: `docs/providers/` has one page for each. They are
read when a feed runs and never stored, logged or shown.
"""
COLUMNS = "| key | what | unit | default | why | variable |\n|---|---|---|---|---|---|\n"


def settings_page() -> str:
    """The page: secrets first, then every table of the file."""
    secrets = "".join(f"| `{name}` | {about} |\n" for name, about in SECRETS.items())
    tables = []
    for path, kinds in sections().items():
        name = ".".join(path).replace(".[]", "[]")
        for kind in kinds:
            which = kind_of(kind) if len(kinds) > 1 else None
            mine = [row for row in rows() if row.path[:-1] == path and row.kind in (which, None)]
            title = f"## [{name}]" + (f' kind = "{which}"' if which else "")
            body = COLUMNS + "".join(map(_row, mine)) if mine else ""
            tables.append(f"\n{title}\n\n{about(kind)}\n\n{body}".rstrip() + "\n")
    return HEADER + secrets + FOOTER + "".join(tables)


def _row(row: Row) -> str:
    default = "must be given" if row.is_required else "none"
    if not row.is_required and row.default is not None:
        default = f"`{toml(row.default)}`"
    variable = f"`{row.variable}`" if row.variable else "only in the file"
    cells = (f"`{row.path[-1]}`", row.about, row.told("unit"), default, row.told("why"), variable)
    return "| " + " | ".join(one.replace("|", "\\|") for one in cells) + " |\n"
