"""scikit-learn: SGDRegressor for the linear model, MLPRegressor for the network.

Neither can walk the path of the others. SGDRegressor updates after every row, with a falling rate:
each of the `steps` is a pass over the data. MLPRegressor takes the whole data as one batch, without
momentum and weight decay, but draws its first parameters itself. Neither stops early.
"""

from __future__ import annotations

import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import SGDRegressor
from sklearn.neural_network import MLPRegressor

from benchmarks.training.problem import Problem, Train, Trained, UnavailableError


def prepare(problem: Problem, option: str) -> Train:
    """The estimator of this problem."""
    if problem.device != "cpu":
        raise UnavailableError("these estimators compute on the CPU")
    # It warns that it has taken all the steps that it was asked for.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    X, y = problem.X, problem.y.ravel()

    def linear() -> Trained:
        model = SGDRegressor(penalty=None, max_iter=problem.steps, tol=None, random_state=0)
        model.fit(X, y)
        return Trained({"W1": model.coef_[:, None], "b1": model.intercept_})

    def network() -> Trained:
        model = MLPRegressor(
            hidden_layer_sizes=(len(problem.params["b1"]),),
            solver="sgd",
            alpha=0,
            batch_size=len(X),
            learning_rate_init=problem.lr,
            momentum=0,
            max_iter=problem.steps,
            tol=0,
            n_iter_no_change=problem.steps,
            random_state=0,
        )
        model.fit(X, y)
        weights, biases = model.coefs_, model.intercepts_
        names = {"W1": weights[0], "b1": biases[0], "W2": weights[1], "b2": biases[1]}
        # scikit-learn's loss is half the squared error.
        return Trained(names, [2 * loss for loss in model.loss_curve_])

    return network if problem.is_network else linear
