"""Write the linear functions from an edge's hidden numbers to its weights, and their gradients.

Four edges share each load of the matrix, so that it need not be in the fastest memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.potentials.kernels.assembler import Function, Span, Value, spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.potentials.kernels.product import Product

EDGES = 4  # at a time


def weights(product: Product, name: str, scalar: str, lanes: int) -> Function:
    """Return ``weights[a, v] = sum_q hidden_a[q] matrix[q, v]`` for four edges a."""
    function = Function(name, scalar, (), (*_rows("hidden"), "matrix", "weights"), is_internal=True)
    for span in spans(product.n_weights, lanes):
        for tile in _tiles(span):
            with function.loop(function.integer(0), function.integer(tile.count)) as loop:
                _weights_tile(
                    function, product, tile, _place(function, tile, loop.index), span.width
                )
    return function


def hidden_gradients(product: Product, name: str, scalar: str, lanes: int) -> Function:
    """Return ``result_a[q] = sum_v gradients[a, v] matrix[q, v]`` for four edges a."""
    function = Function(
        name, scalar, (), (*_rows("result"), "matrix", "gradients"), is_internal=True
    )
    pairs, rest = divmod(product.hidden, 2)
    with function.loop(function.integer(0), function.integer(2 * pairs), 2) as loop:
        _hidden_tile(function, product, loop.index, 2, lanes)
    if rest:
        _hidden_tile(function, product, function.integer(2 * pairs), 1, lanes)
    return function


def matrix_gradients(product: Product, name: str, scalar: str, lanes: int) -> Function:
    """Return ``result[q, v] += sum_a hidden_a[q] gradients[a, v]`` over four edges a."""
    function = Function(
        name, scalar, (), (*_rows("hidden"), "gradients", "result"), is_internal=True
    )
    pairs, rest = divmod(product.hidden, 2)
    with function.loop(function.integer(0), function.integer(2 * pairs), 2) as loop:
        _matrix_tile(function, product, loop.index, 2, lanes)
    if rest:
        _matrix_tile(function, product, function.integer(2 * pairs), 1, lanes)
    return function


def _rows(name: str) -> list[str]:
    return [f"{name}{edge}_" for edge in range(EDGES)]


def _tiles(span: Span) -> list[Span]:
    """Divide vectors into pairs and the rest: numbers of `width` columns each."""
    pairs, rest = divmod(span.count, 2)
    found = [Span(span.start, pairs, 2 * span.width)] if pairs else []
    if rest:
        found.append(Span(span.start + 2 * pairs * span.width, rest, span.width))
    return found


def _place(function: Function, span: Span, turn: Value) -> Value:
    """Return the first column of a turn."""
    return function.add_integers(function.times(turn, span.width), function.integer(span.start))


def _weights_tile(
    function: Function, product: Product, tile: Span, column: Value, lanes: int
) -> None:
    size = product.n_weights
    matrix = function.shift(function.parameter("matrix"), column)
    target = function.shift(function.parameter("weights"), column)
    columns = range(0, tile.width, lanes)
    sums: Sequence[Value] = [function.constant(0.0, lanes)] * (EDGES * len(columns))
    # Several rows a turn, so that counting takes little.
    step = next(each for each in (4, 2, 1) if product.hidden % each == 0)
    end = function.integer(product.hidden)
    with function.loop(function.integer(0), end, step, sums) as loop:
        start = function.shift(matrix, function.times(loop.index, size))
        sums = loop.values
        for row in range(step):
            vectors = [
                function.load(function.shift(start, row * size + each), lanes) for each in columns
            ]
            place = function.add_integers(loop.index, function.integer(row))
            totals = []
            for edge, name in enumerate(_rows("hidden")):
                number = function.load(function.shift(function.parameter(name), place))
                factor = function.splat(number, lanes)
                for part, vector in enumerate(vectors):
                    total = sums[edge * len(columns) + part]
                    totals.append(function.add(total, function.multiply(factor, vector)))
            sums = totals
        loop.following = sums
    for position, total in enumerate(loop.values):
        edge, part = divmod(position, len(columns))
        function.store(total, function.shift(target, edge * size + columns[part]))


def _hidden_tile(
    function: Function, product: Product, first: Value, n_rows: int, lanes: int
) -> None:
    """Write the gradients of one or two hidden numbers."""
    size = product.n_weights
    results = [function.constant(0.0)] * (EDGES * n_rows)
    matrix = function.shift(function.parameter("matrix"), function.times(first, size))
    gradients = function.parameter("gradients")
    for span in spans(size, lanes):
        sums = [function.constant(0.0, span.width)] * (EDGES * n_rows)
        end = function.integer(span.count)
        with function.loop(function.integer(0), end, carried=sums) as loop:
            column = _place(function, span, loop.index)
            start = function.shift(gradients, column)
            vectors = [
                function.load(function.shift(start, edge * size), span.width)
                for edge in range(EDGES)
            ]
            row = function.shift(matrix, column)
            totals = []
            for number in range(n_rows):
                factor = function.load(function.shift(row, number * size), span.width)
                for edge, vector in enumerate(vectors):
                    total = loop.values[number * EDGES + edge]
                    totals.append(function.add(total, function.multiply(factor, vector)))
            loop.following = totals
        results = [
            function.add(result, function.sum_of_lanes(total, span.width))
            for result, total in zip(results, loop.values, strict=True)
        ]
    # From the last edge, because edges that fill up the four are copies of the one before.
    for edge in reversed(range(EDGES)):
        for number in range(n_rows):
            place = function.add_integers(first, function.integer(number))
            target = function.shift(function.parameter(_rows("result")[edge]), place)
            function.store(results[number * EDGES + edge], target)


def _matrix_tile(
    function: Function, product: Product, first: Value, n_rows: int, lanes: int
) -> None:
    """Write the gradients of one or two rows of the matrix."""
    size = product.n_weights
    numbers = [
        [
            function.load(function.shift(function.shift(function.parameter(name), first), row))
            for name in _rows("hidden")
        ]
        for row in range(n_rows)
    ]
    result = function.shift(function.parameter("result"), function.times(first, size))
    gradients = function.parameter("gradients")
    for span in spans(size, lanes):
        factors = [[function.splat(each, span.width) for each in row] for row in numbers]
        with function.loop(function.integer(0), function.integer(span.count)) as loop:
            column = _place(function, span, loop.index)
            start, target = function.shift(gradients, column), function.shift(result, column)
            vectors = [
                function.load(function.shift(start, edge * size), span.width)
                for edge in range(EDGES)
            ]
            for row, each in enumerate(factors):
                terms = [(1, one, other) for one, other in zip(each, vectors, strict=True)]
                place = function.shift(target, row * size)
                function.increase(place, function.dot(terms), span.width)
