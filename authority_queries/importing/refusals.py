"""Words for the errors of validation. They never repeat a value."""

from pydantic import ValidationError


def reason_of(error: ValidationError) -> str:
    """Return the field and the reason of the first error, such as `user.email: …`."""
    first = error.errors(include_url=False, include_input=False, include_context=False)
    found = first[0]
    field = ".".join(map(str, found["loc"]))
    return f"{field or 'kind'}: {words_of(found['type'], found['msg'])}"


def words_of(kind: str, message: str) -> str:
    """Return the words for one error of pydantic, by its type and its message."""
    match kind:
        case "missing" | "union_tag_not_found":
            return "is missing"
        case "union_tag_invalid":
            return "is unknown"
        case "extra_forbidden":
            return "is no field of this kind"
        case "literal_error" | "enum":
            return message.removeprefix("Input ")
        case "value_error":
            return message.removeprefix("Value error, ")
    # The rest after the comma can repeat a part of the value.
    return message.removeprefix("Input ").partition(",")[0]
