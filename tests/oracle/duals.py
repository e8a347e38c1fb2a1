"""Every activation the oracle knows, under the name a spec uses; `DUALS[name](**parameters).dual(q1, q2, c)`."""

from oracle import kinked, mixed, smooth

KINKED = ("relu", "leaky_relu", "abrelu", "prelu", "relu2", "rectified_monomial", "star_relu", "step", "sign")
SMOOTH = ("identity", "monomial", "polynomial", "hermite", "erf", "sigmoid_like", "gelu", "sin", "cos", "rbf", "snake")
SMOOTH += ("exp", "gaussian", "gabor", "bump")
MIXED = ("relu_sin", "relu_erf")

DUALS = {"abs": kinked.absolute}
DUALS |= {
    name: getattr(room, name) for room, names in ((kinked, KINKED), (smooth, SMOOTH), (mixed, MIXED)) for name in names
}

# What the tests try: every activation, with parameters that are not the defaults, at covariances (q1, q2, c).
PARAMETERS = {
    "abrelu": {"a": "-0.5", "b": "1.2"},
    "rectified_monomial": {"k": 3},
    "monomial": {"k": 3},
    "polynomial": {"coefficients": ["0.5", "1", "-0.3", "0.1"]},
    "hermite": {"k": 4},
    "erf": {"a": 2, "b": "0.5", "c": "0.3"},
    "sin": {"a": "1.2", "b": "0.8", "c": "0.4"},
    "cos": {"a": "1.2", "b": "0.8", "c": "0.4"},
    "rbf": {"gamma": "0.5"},
    "snake": {"a": "0.7"},
    "exp": {"a": 2, "b": "0.5"},
}
SIXTH = ("rectified_monomial", {"k": 6})
GROWING = ("gaussian", {"a": "0.5", "b": "0.02"})
VARIANTS = [(name, PARAMETERS.get(name, {})) for name in sorted(DUALS)] + [SIXTH, GROWING]
COVARIANCES = [("1", "0.8", "0.5"), ("0.7", "1.9", "-0.8"), ("2.5", "0.3", "0")]
