"""Records that callers share: their lists and objects refuse changes."""

from dataclasses import fields, replace
from typing import Any, NoReturn

from authority_queries.records import VerifiedToken


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    message = (
        f"this {type(self).__name__} is shared by all callers of the verifier: change "
        "a copy (copy.deepcopy)"
    )
    raise TypeError(message)


class FrozenList(list[Any]):
    """A list that refuses changes. It equals the list with the same values.

    A copy is a plain list.
    """

    __slots__ = ()
    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __reduce_ex__(self, _: object) -> tuple[type, tuple[list[Any]]]:
        return list, (list(self),)


class FrozenDict(dict[str, Any]):
    """A dict that refuses changes. It equals the dict with the same values.

    A copy is a plain dict.
    """

    __slots__ = ()
    clear = pop = popitem = setdefault = update = _refuse
    __setitem__ = __delitem__ = __ior__ = _refuse

    def __reduce_ex__(self, _: object) -> tuple[type, tuple[dict[str, Any]]]:
        return dict, (dict(self),)


def freeze(token: VerifiedToken) -> VerifiedToken:
    """Return the record with lists and objects that refuse changes."""
    changes = {
        field.name: _freeze(value)
        for field in fields(token)
        if isinstance(value := getattr(token, field.name), list | dict)
    }
    return replace(token, **changes)


def _freeze(value: object) -> Any:  # noqa: ANN401 -- the type of any field
    if isinstance(value, list):
        return FrozenList(map(_freeze, value))
    if isinstance(value, dict):
        return FrozenDict({name: _freeze(each) for name, each in value.items()})
    return value
