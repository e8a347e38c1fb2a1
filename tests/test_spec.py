"""Reading a spec: the whole vocabulary, and errors that name the key path, what was found and the remedy."""

import effort
import pytest
import sympy as sp

from kernelc.errors import SpecError, UnsupportedError
from kernelc.layers import Activation, Dense, Normalize, Repeat, Residual, Sum
from kernelc.network import Network, loads
from kernelc.spec import UNSUPPORTED

HEAD = 'schema = 1\nname = "n"\n'


def one(layer):
    """A spec with ``layer`` third, at network.layers[2]."""
    return f'{HEAD}[parameters]\ngain = 1.5\n[network]\nlayers = ["dense", "relu", {layer}]'


def test_the_whole_vocabulary():
    net = loads(
        """
        schema = 1
        name = "all-of-it"
        description = "d"
        reference = "r"
        parameterization = "standard"
        [defaults.dense]
        W_std = "sqrt(2)"
        b_std = 0.1
        [parameters]
        gain = 1.5
        [activations.bump]
        formula = "x*exp(-gain*x**2)"
        [network]
        layers = [
          "normalize",
          "dense",
          { repeat = 2, layers = ["relu", "dense"] },
          { residual = ["bump", { dense = {} }] },
          { sum = [[], ["gelu", "dense"]] },
          { activation = "leaky_relu", alpha = 0.1 },
          { dense = { width = 64, weights = "rademacher", b_std = 0 } },
          { activation = "polynomial", coefficients = [1, 0.5, "gain"] },
          { dense = { W_std = "gain", b_std = 0, train = "none" } },
          { activation = "x*sin(x)" },
        ]
        """
    )
    default = Dense(W_std="sqrt(2)", b_std=0.1)
    assert net == Network(
        [
            Normalize(),
            default,
            Repeat(2, [Activation("relu"), default]),
            Residual([Activation("bump", formula="x*exp(-gain*x**2)"), default]),
            Sum([[], [Activation("gelu"), default]]),
            Activation("leaky_relu", alpha=0.1),
            Dense(W_std="sqrt(2)", width=64, weights="rademacher"),
            Activation("polynomial", coefficients=[1, 0.5, "gain"]),
            Dense(W_std="gain", train="none"),
            Activation("x*sin(x)"),
        ],
        name="all-of-it",
        description="d",
        reference="r",
        parameterization="standard",
        parameters={"gain": 1.5},
    )
    assert net.parameters["gain"] == sp.Rational(3, 2)


def test_decimals_are_exact():
    net = loads(one("{ dense = { W_std = 0.1, b_std = 1.10000000000000000000000000001 } }"))
    assert net.layers[2].W_std == sp.Rational(1, 10)
    assert net.layers[2].b_std == sp.Rational("1.10000000000000000000000000001")
    assert loads(net.dumps()) == net


REFUSED = {
    "": "schema: expected schema = 1 at the top of the file, found none",
    "schema = 2": "schema: expected schema = 1",
    "schema = true": "schema: expected schema = 1",
    "schema = 1": "name: missing",
    HEAD: "network: missing",
    HEAD + "[network]": "network.layers: expected a list of layers",
    HEAD + "[network]\nlayers = []": "network.layers: expected at least one layer",
    HEAD + "[network]\nlayers = 3": "network.layers: expected a list of layers",
    HEAD + "network = 3": "network: expected a table, found 3",
    HEAD
    + "[nework]": "nework: unknown key; expected schema, name, description, reference, parameterization, defaults, "
    "parameters, activations, network; did you mean 'network'?",
    HEAD + "[network]\nlayer = []": "network.layer: unknown key; expected layers; did you mean 'layers'?",
    'schema = 1\nname = "a b"\n[network]\nlayers = ["dense"]': "name: expected letters, digits, - and _",
    HEAD + 'parameterization = "nkt"\n[network]\nlayers = ["dense"]': "did you mean 'ntk'?",
    HEAD + 'description = 3\n[network]\nlayers = ["dense"]': "at most 10000 characters, found 3",
    HEAD + "[defaults.conv]\n[network]\nlayers = []": "defaults.conv: unknown key; expected dense",
    HEAD + "[defaults.dense]\nW_sdt = 1\n[network]\nlayers = []": "defaults.dense.W_sdt: unknown key",
    HEAD
    + "[defaults.dense]\nW_std = -1\n[network]\nlayers = []": "defaults.dense.W_std: expected a number that is not",
    HEAD + "[parameters]\nx = 1\n[network]\nlayers = []": "parameters.x: 'x' has a meaning in every kernel",
    HEAD
    + "[parameters]\ntanh = 1\n[network]\nlayers = []": "parameters.tanh: 'tanh' is a word of the formula language",
    HEAD + '[parameters]\na = "x"\n[network]\nlayers = []': "parameters.a: x is not allowed here",
    HEAD + "[parameters]\na = inf\n[network]\nlayers = []": "parameters.a: expected a finite number",
    HEAD + "[parameters]\na = 1e99999999999999999999\n[network]\nlayers = []": "not readable as TOML",
    HEAD + "[parameters]\na = " + "9" * 5000: "not readable as TOML",
    HEAD + "[activations.relu]\nformula='x'\n[network]\nlayers=[]": "activations.relu: 'relu' is a built-in activation",
    HEAD + "[activations.dense]\nformula='x'\n[network]\nlayers=[]": "activations.dense: 'dense' is a layer already",
    HEAD + "[activations.'a b']\nformula='x'\n[network]\nlayers=[]": "activations.a b: the name of an activation has",
    HEAD + "[activations.f]\n[network]\nlayers=[]": "activations.f.formula: expected a formula, found nothing",
    HEAD
    + "[activations.f]\nformula='tnah(x)'\n[network]\nlayers=[]": "activations.f.formula: unknown function 'tnah'; did",
    HEAD + "[activations.f]\nformula='x'\nalpha=1\n[network]\nlayers=[]": "activations.f.alpha: unknown key",
    HEAD + "[activations]\nf='x'\n[network]\nlayers=[]": "activations.f: expected a table, found 'x'",
    one('"rleu"'): "network.layers[2]: expected a layer or an activation, found 'rleu'; did you mean 'relu'?",
    one('"dens"'): "did you mean 'dense'?",
    one('"repeat"'): "network.layers[2]: 'repeat' needs its contents, as in { repeat = 3,",
    one('"activation"'): "'activation' needs its contents",
    one('"leaky relu"'): "neither a built-in activation nor a formula; did you mean 'leaky_relu'?",
    one("3"): "network.layers[2]: expected a layer, by name or as a table, found 3",
    one("{}"): "network.layers[2]: expected a layer such as { dense = { W_std = 1 } }, found an empty table",
    one("{ dens = {} }"): "did you mean 'dense'?",
    one("{ relu = {} }"): 'an activation is written { activation = "relu" }',
    one('{ layers = ["dense"] }'): "network.layers[2]: expected a layer",
    one("{ dense = {}, residual = [] }"): "one layer cannot be dense and residual at once",
    one("{ dense = 3 }"): "network.layers[2].dense: expected a table, found 3",
    one(
        "{ dense = { W_sdt = 1 } }"
    ): "network.layers[2].dense.W_sdt: unknown key; expected W_std, b_std, width, weights, "
    "train; did you mean 'W_std'?",
    one(
        '{ dense = { W_std = "gian" } }'
    ): "network.layers[2].dense.W_std: unknown name 'gian'; expected gain, pi, e or a function; did you mean 'gain'?",
    one('{ dense = { W_std = "2*x" } }'): "network.layers[2].dense.W_std: x is not allowed here",
    one(
        "{ dense = { W_std = -0.5 } }"
    ): "network.layers[2].dense.W_std: expected a number that is not negative, found -0.5",
    one("{ dense = { W_std = true } }"): "network.layers[2].dense.W_std: expected a number",
    one("{ dense = { W_std = [1] } }"): "network.layers[2].dense.W_std: expected a number",
    one("{ dense = { W_std = nan } }"): "network.layers[2].dense.W_std: expected a finite number",
    one("{ dense = { W_std = 1979-05-27 } }"): "network.layers[2].dense.W_std: expected a number",
    one("{ dense = { width = 0 } }"): "network.layers[2].dense.width: expected an integer from 1",
    one(
        "{ dense = { width = 1.5 } }"
    ): "network.layers[2].dense.width: expected an integer from 1 to 1000000000, found 1.5",
    one("{ dense = { train = 'al' } }"): "did you mean 'all'?",
    one("{ repeat = 0, layers = ['dense'] }"): "network.layers[2].repeat: expected an integer from 1",
    one("{ repeat = 2 }"): "network.layers[2].layers: expected a list of layers",
    one("{ repeat = 2, layers = [] }"): "network.layers[2].layers: a repeat of nothing",
    one("{ repeat = 2, layer = ['dense'] }"): "network.layers[2].layer: unknown key; expected repeat, layers",
    one("{ repeat = 1000000000, layers = ['dense'] }"): "network.layers[2].repeat: expected an integer from 1 to 10000",
    one("{ repeat = 9999, layers = [{ repeat = 9999, layers = ['dense'] }] }"): "99980001 layers after repeat",
    one("{ residual = [] }"): "network.layers[2].residual: a residual without layers",
    one("{ residual = 'relu' }"): "network.layers[2].residual: expected a list of layers",
    one("{ residual = ['dense', 'relu', 'rleu'] }"): "network.layers[2].residual[2]: expected a layer or an activation",
    one("{ sum = 'dense' }"): "network.layers[2].sum: expected branches",
    one("{ sum = ['dense'] }"): "network.layers[2].sum[0]: expected a list of layers",
    one("{ sum = [] }"): "network.layers[2].sum: expected branches",
    one("{ sum = [[], []] }"): "network.layers[2]: branches must be uncorrelated",
    one("{ activation = 3 }"): "network.layers[2].activation: expected the name of an activation, found 3",
    one(
        "{ activation = 'leaky_relu', alhpa = 1 }"
    ): "network.layers[2].alhpa: activation 'leaky_relu' has no such parameter",
    one("{ activation = 'leaky_relu', alpha = 'gian' }"): "network.layers[2].alpha: unknown name 'gian'",
    one(
        "{ activation = 'x*tnah(x)' }"
    ): "network.layers[2]: activation 'x*tnah(x)': formula: unknown function 'tnah'; did you mean",
    one("'relu'"): "network.layers[2]: the activation 'relu' needs a Gaussian input, but gets the output of 'relu'",
    one("{ repeat = 1, layers = [" * 30 + "'dense'" + "] }" * 30): "blocks are nested more than 20 deep",
    "[" * 9000: "not valid TOML",
    "a = " + "[" * 90_000: "not readable as TOML",
    "#" * 1_000_001: "at most 1000000",
    "a" + ".a" * 50_000 + " = 1": "line 1: a key of more than 50 parts",
    "#\n[" + "'a b' . " * 50_000 + "a]": "line 2: a key of more than 50 parts",
    "a" * 900_000: "not valid TOML",
    "a" + " " * 900_000 + ". a": "not valid TOML",
    '"' * 900_000: "not valid TOML",
    one(
        "{ dense = { W_std = 1." + "1" * 900_000 + " } }"
    ): "network.layers[2].dense.W_std: the number has more than 1024 bits",
    'schema = 1\nname = "n\n': "not valid TOML",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: ascii(text[-40:]))
def test_refuses(text):
    with effort.at_most(5e6), pytest.raises(SpecError) as error:
        loads(text, "spec.toml")
    assert str(error.value).startswith("spec.toml: ")
    assert REFUSED[text] in str(error.value)
    assert len(str(error.value)) < 1000


def test_syntax_errors_show_the_line():
    with pytest.raises(SpecError) as error:
        loads('schema = 1\nname = "n\n[network]', "spec.toml")
    assert "at line 2, column 10" in str(error.value)
    assert '\n    name = "n\n             ^' in str(error.value)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_not_supported_yet(name):
    for layer in (f'"{name}"', f"{{ {name} = {{}} }}"):
        with pytest.raises(UnsupportedError, match=rf"network\.layers\[2\]: the layer '{name}' is not supported yet"):
            loads(one(layer))


def test_not_text():
    with pytest.raises(SpecError, match="expected the text of a spec"):
        loads(b"schema = 1")
