"""The public Python objects: a Network of layers, checked when it is made, and its reading and writing."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from os import PathLike
from pathlib import Path

from sympy import Expr

from kernelc.errors import SpecError
from kernelc.formula import Scalar
from kernelc.layers import Activation, Dense, Layer, Normalize, Repeat, Residual, Sum, check_list, check_size, plain
from kernelc.messages import did_you_mean, located, quote
from kernelc.spec import MAX_BYTES, Spec, check_name, check_parameter, check_parameterization, check_text, read
from kernelc.spec_writer import write
from kernelc.wiring import connect

__all__ = ["Activation", "Dense", "Network", "Normalize", "Repeat", "Residual", "Sum", "bundled", "load", "loads"]


class Parameters(Mapping[str, Expr]):
    """The network's parameters, name → exact default: a mapping that is hashable, sorted by name."""

    def __init__(self, values: Mapping[str, Expr]) -> None:
        self._values = dict(sorted(values.items()))

    def __getitem__(self, name: str) -> Expr:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        return hash(tuple(self._values.items()))

    def __repr__(self) -> str:
        return repr(self._values)


@dataclass(frozen=True)
class Network:
    """An architecture: layers in order, from the input.

    ``layers``: as given, repeats and blocks kept. ``flat``: repeats unrolled and every dense width filled in (512
    unless given; 1 for a last dense; branches of a sum agree). ``parameters``: name → exact default; the names that
    stay symbols. Raises :class:`SpecError` for layers that do not fit together, naming the layer.
    """

    layers: tuple[Layer, ...]
    name: str
    description: str
    reference: str
    parameterization: str
    parameters: Parameters
    flat: tuple[Layer, ...] = field(init=False, compare=False, repr=False)

    def __init__(
        self,
        layers: Iterable[Layer],
        *,
        name: str = "network",
        description: str = "",
        reference: str = "",
        parameterization: str = "ntk",
        parameters: Mapping[str, Scalar] | None = None,
    ) -> None:
        found = check_list("network.layers", layers)
        check_size(found)
        values = {key: check_parameter(key, default) for key, default in (parameters or {}).items()}
        for key, value in {
            "layers": found,
            "name": check_name(name),
            "description": check_text("description", description),
            "reference": check_text("reference", reference),
            "parameterization": check_parameterization(parameterization),
            "parameters": Parameters(values),
            "flat": connect(found),
        }.items():
            object.__setattr__(self, key, value)
        self._check_names()

    def _check_names(self) -> None:
        """Every name is declared and makes sense at its default, and no name stands for two formulas."""
        formulas: dict[str, str | None] = {}
        for path, layer in plain(self.layers, "network.layers"):
            for name in sorted(layer.names - self.parameters.keys()):
                remedy = did_you_mean(name, self.parameters) or f"; declare it in the parameters, as in {name} = 1"
                raise SpecError(f"{path}: the parameter '{name}' is not declared{remedy}")
            if layer.names:
                with located(f"{path}: at the defaults of the parameters: "):
                    layer.at(self.parameters)
            if isinstance(layer, Activation) and formulas.setdefault(layer.name, layer.formula) != layer.formula:
                raise SpecError(f"{path}: two different formulas are named '{layer.name}'; rename one of them")

    def dumps(self) -> str:
        """Canonical TOML: ``loads(net.dumps()) == net``, and equal networks give the same text."""
        parameters = tuple(self.parameters.items())
        return write(Spec(self.name, self.layers, self.description, self.reference, self.parameterization, parameters))


def loads(text: str, source: str = "<string>") -> Network:
    """The network of a spec in TOML; ``source`` opens every error message.

    Raises :class:`SpecError`, or :class:`UnsupportedError` for a layer that kernelc cannot do yet.
    """
    with located(f"{source}: "):
        if not isinstance(text, str):
            raise SpecError(f"expected the text of a spec, found {quote(text)}")
        spec = read(text)
        return Network(
            spec.layers,
            name=spec.name,
            description=spec.description,
            reference=spec.reference,
            parameterization=spec.parameterization,
            parameters=dict(spec.parameters),
        )


def load(source: str | PathLike[str]) -> Network:
    """The network of a spec file, or of a bundled spec by its name, such as ``"relu-3"``; raises as :func:`loads`."""
    if not isinstance(source, str | PathLike):
        raise SpecError(f"expected the path of a spec, or the name of a bundled one, found {quote(source)}")
    path = bundled().get(str(source)) or Path(source)
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1).decode()
    except (OSError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or str(error)
        names = list(bundled())
        near = get_close_matches(path.stem[:100].lower(), names, n=3, cutoff=0.4) or names
        remedy = f"; bundled specs near it: {', '.join(near)}" if isinstance(error, FileNotFoundError) else ""
        raise SpecError(f"{quote(str(source))}: cannot read the spec: {reason[:100]}{remedy}") from None
    return loads(text, str(source))


def bundled() -> dict[str, Path]:
    """The specs that come with kernelc, name → file: in the wheel's own folder, or beside the package in a checkout."""
    here = Path(__file__).parent
    folder = next((folder for folder in (here / "specs", here.parent / "specs") if folder.is_dir()), here)
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
