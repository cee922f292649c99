"""HTML that was made here: templates write it as it is, where they escape every other text."""

from html import escape


class Html(str):
    """A piece of HTML. What is put into it by `of` is escaped, unless it is HTML too."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return it as it is: what templates ask for before they escape a value."""
        return self

    @classmethod
    def of(cls, pattern: str, **values: object) -> "Html":
        """Return a pattern of ours with values in its braces."""
        return cls(pattern.format(**{name: written(value) for name, value in values.items()}))


def written(value: object) -> str:
    """Return a value as HTML."""
    return value if isinstance(value, Html) else escape(str(value), quote=True)
