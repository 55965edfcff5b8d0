"""Records that callers share: their lists and objects refuse changes."""

from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final, NoReturn, cast

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
    """Return the record with lists and objects that refuse changes.

    Texts that many tokens have, such as scopes, are usually kept once.
    """
    return VerifiedToken(*map(_freeze, _values(token)))


def _freeze(value: object) -> Any:  # noqa: ANN401 -- the type of any field
    kind = type(value)
    if kind is list:
        return _freeze_list(cast("list[object]", value))
    if kind is dict:
        return _freeze_dict(cast("dict[str, object]", value))
    return value


def _freeze_list(values: list[object]) -> FrozenList:
    return FrozenList(map(_freeze_item, values)) if values else _NO_LIST


def _freeze_dict(values: dict[str, object]) -> FrozenDict:
    if not values:
        return _NO_DICT
    return FrozenDict({_shared(name): _freeze(each) for name, each in values.items()})


def _freeze_item(value: object) -> object:
    return _shared(value) if type(value) is str else _freeze(value)


# Not sys.intern: Python 3.12 keeps interned texts until the process ends. Clients that
# exchange tokens or choose their authorization details make ever new texts.
@lru_cache(maxsize=1024)
def _shared(text: str) -> str:
    return text


_NO_LIST: Final = FrozenList()
_NO_DICT: Final = FrozenDict()
_values: Final = attrgetter(*(field.name for field in fields(VerifiedToken)))
