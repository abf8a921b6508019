"""Every name an expression may use beside the values themselves. This list is the documentation.

Functions are torch's of the same name (`torch.` may stand before them); methods and attributes are
those of a tensor; constants are Python's.
"""

FUNCTIONS = frozenset(
    """
    abs all amax amin any argmax argmin argsort cat ceil clamp cos cosh cumsum diag dot equal erf
    exp expm1 flatten flip floor full_like isfinite isnan log log10 log1p log2 logsumexp matmul max
    maximum mean median min minimum mm mv norm ones_like outer pow prod reciprocal relu reshape
    round rsqrt sigmoid sign sin sinh softmax sort sqrt square squeeze stack std sum tan tanh trace
    transpose tril triu unsqueeze var where zeros_like
    """.split()
)

METHODS = frozenset(
    """
    abs all amax amin any argmax argmin argsort backward ceil clamp clone cos cumsum detach diag dot
    equal exp expm1 flatten flip floor isfinite isnan item log log10 log1p log2 logsumexp matmul
    max mean median min mm mv norm numel pow prod reciprocal relu requires_grad_ reshape round
    rsqrt sigmoid sign sin softmax sort sqrt square squeeze std sum t tan tanh to tolist trace
    transpose tril triu unsqueeze var
    """.split()
)

ATTRIBUTES = frozenset(
    "shape dtype device ndim T grad requires_grad is_leaf values indices".split(),
)

DTYPES = frozenset(
    "bool uint8 int8 int16 int32 int64 float16 bfloat16 float32 float64".split(),
)

CONSTANTS = {"pi": 3.141592653589793, "e": 2.718281828459045, "inf": float("inf")}

KEYWORDS = frozenset(
    "dim keepdim correction unbiased dtype min max p dims descending decimals diagonal".split()
)
