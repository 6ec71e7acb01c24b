#!/usr/bin/env python3
"""The step of the YouTube recipe in NumPy and in PyTorch, on all cores, for `cargo bench --bench training`.

usage: training_peers.py DIR [LOG ...]
needs: pip install numpy, and torch if it is to be measured

`cargo bench --bench training --features train -- DIR --peers` runs this after each pass of ours; alone it
measures the logs that the benchmark left in DIR ("movies" and "shop").

Both learn from the same examples as the recipe, by the same settings (LOG.json): embeddings of items that
histories share, means of the last 1, 3 and 20 items met, the user's embedding, a dense layer, length 1;
inner products over the temperature, less the logarithm of how often an item is in a batch, over the
different items of the batch without those that the user met; cross entropy weighted by ratings; Adagrad on
the rows that were read. What can be prepared once is prepared before the clock starts: histories lie in a
matrix, ids are numbers.

Prints a JSON object a line: who, which log, examples a second, processor time for an example in
microseconds, the mean loss of the pass.
"""
import json
import os
import sys
import time
import warnings

import numpy as np

INITIAL = 1e-8


class Log:
    """Events in order of user and time, and what the user of each had met before."""

    def __init__(self, directory, name):
        with open(f"{directory}/{name}.json") as file:
            about = json.load(file)
        self.name, self.config = name, about["config"]
        self.users, self.items = about["users"], about["items"]
        kind = [("user", "<u4"), ("item", "<u4"), ("at", "<u4"), ("weight", "<f4")]
        events = np.fromfile(f"{directory}/{name}.events", dtype=kind)
        events = events[np.argsort(events["user"], kind="stable")]
        self.user = events["user"].astype(np.int64)
        self.item = events["item"].astype(np.int64)
        self.weight = events["weight"].copy()
        # Where the events of each user begin, and one more.
        self.starts = np.searchsorted(self.user, np.arange(self.users + 1))
        # The last in each row is the newest. Rows beyond the items: the unknown one, then nothing.
        longest = max(self.config["history"])
        self.unknown_item, self.nothing, self.unknown_user = self.items, self.items + 1, self.users
        places = np.arange(len(events))[:, None] + np.arange(-longest, 0)[None, :]
        there = places >= self.starts[self.user][:, None]
        self.history = np.where(there, self.item[np.maximum(places, 0)], self.nothing)
        self.lengths = there.sum(1)
        self.columns = np.full(self.items, -1)

    def known(self, users, items):
        """The rows and columns of a batch at which a user met an item."""
        self.columns[items] = np.arange(len(items))
        counts = self.starts[users + 1] - self.starts[users]
        rows = np.repeat(np.arange(len(users)), counts)
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        columns = self.columns[self.item[self.starts[users][rows] + within]]
        self.columns[items] = -1
        met = columns >= 0
        return rows[met], columns[met]

    def batches(self, rng):
        order, size = rng.permutation(len(self.user)), self.config["batch"]
        return [order[at : at + size] for at in range(0, len(order), size)]


class Frequency:
    """How often an item is in a batch (Yi et al., RecSys 2019, section 4.2)."""

    def __init__(self, log, rng):
        config = log.config
        cells, hashes = config["frequency_cells"], config["frequency_hashes"]
        self.rate, self.step = np.float32(config["frequency_rate"]), 0
        self.cells = rng.integers(0, cells, (log.items, hashes)) + cells * np.arange(hashes)
        self.last = np.zeros(cells * hashes, np.int64)
        self.gap = np.zeros(cells * hashes, np.float32)

    def see(self, items):
        self.step += 1
        cells = self.cells[items]
        last = self.last[cells]
        now = (self.step - last).astype(np.float32)
        then = (1 - self.rate) * self.gap[cells] + self.rate * now
        self.gap[cells] = np.where(last == 0, now, then)
        self.last[cells] = self.step

    def ln_probability(self, items):
        return -np.log(np.maximum(self.gap[self.cells[items]].max(1), 1))


def clocks():
    """Seconds by the wall and of all processors."""
    return np.array([time.perf_counter(), time.process_time()])


def uniform(rng, rows, columns, bound):
    return rng.uniform(-bound, bound, (rows, columns)).astype(np.float32)


def first_weights(log, rng):
    """Tables of items and users, and the dense layer of either tower."""
    dimension, of_user = log.config["dimension"], log.config["user_dimension"]
    width = len(log.config["history"]) * dimension + of_user
    table = lambda rows, columns: uniform(rng, rows, columns, 0.1 * (3 / columns) ** 0.5)
    dense = lambda inputs: uniform(rng, dimension, inputs, (6 / (inputs + dimension)) ** 0.5)
    items = table(log.items + 2, dimension)
    items[log.nothing] = 0
    return items, table(log.users + 1, of_user), dense(width), dense(dimension)


def hidden(rng, log, rows, unknown):
    return np.where(rng.random(len(rows)) < log.config["id_dropout"], unknown, rows)


def learn_numpy(log):
    config = log.config
    rng = np.random.default_rng(config["seed"])
    rate, temperature = np.float32(config["learning_rate"]), np.float32(config["temperature"])
    limits, size = config["history"], config["dimension"]
    items_table, users_table, user_dense, item_dense = first_weights(log, rng)
    frequency = Frequency(log, rng)
    user_bias, item_bias = np.zeros((2, size), np.float32)
    dense = [user_dense, user_bias, item_dense, item_bias]
    tables = [items_table, users_table]
    squares = [np.full_like(weights, INITIAL) for weights in dense]
    row_squares = [np.full_like(table, INITIAL) for table in tables]

    def change_rows(table, kept, rows, gradients):
        """Adagrad on the rows that were read, each once."""
        order = np.argsort(rows)
        rows = rows[order]
        starts = np.flatnonzero(np.concatenate(([True], rows[1:] != rows[:-1])))
        sums = np.add.reduceat(gradients[order], starts, axis=0)
        rows = rows[starts]
        square = kept[rows] + sums * sums
        kept[rows] = square
        table[rows] -= rate * sums / np.sqrt(square)

    def normalise_back(gradient, vectors, lengths):
        along = np.einsum("ij,ij->i", gradient, vectors)[:, None]
        return (gradient - along * vectors) / lengths

    total, started = 0.0, clocks()
    for events in log.batches(rng):
        users, weights = log.user[events], log.weight[events]
        items, positives = np.unique(log.item[events], return_inverse=True)
        history, lengths = log.history[events], log.lengths[events]
        user_rows = hidden(rng, log, users, log.unknown_user)
        item_rows = hidden(rng, log, items, log.unknown_item)
        frequency.see(items)

        met = items_table[history]
        counts = [np.clip(lengths, 1, limit).astype(np.float32)[:, None] for limit in limits]
        means = [met[:, -limit:].sum(1) / count for limit, count in zip(limits, counts)]
        x = np.concatenate(means + [users_table[user_rows]], axis=1)
        y = items_table[item_rows]
        user_out, item_out = x @ user_dense.T + user_bias, y @ item_dense.T + item_bias
        user_lengths = np.sqrt(np.einsum("ij,ij->i", user_out, user_out))[:, None]
        item_lengths = np.sqrt(np.einsum("ij,ij->i", item_out, item_out))[:, None]
        user_vectors, item_vectors = user_out / user_lengths, item_out / item_lengths
        logits = user_vectors @ item_vectors.T
        logits /= temperature
        logits -= frequency.ln_probability(items)
        row = np.arange(len(events))
        own = logits[row, positives]
        logits[log.known(users, items)] = -np.inf
        logits[row, positives] = own
        most = logits.max(1, keepdims=True)
        logits -= most
        np.exp(logits, out=logits)
        sums = logits.sum(1, keepdims=True)
        shares = weights / weights.sum()
        total += float(shares @ (np.log(sums) + most)[:, 0] - shares @ own) * len(events)

        logits /= sums
        logits[row, positives] -= 1
        logits *= (shares / temperature)[:, None]
        user_out = normalise_back(logits @ item_vectors, user_vectors, user_lengths)
        item_out = normalise_back(logits.T @ user_vectors, item_vectors, item_lengths)
        gradients = [user_out.T @ x, user_out.sum(0), item_out.T @ y, item_out.sum(0)]
        by_x, by_y = user_out @ user_dense, item_out @ item_dense
        by_met = np.zeros_like(met)
        for at, (limit, count) in enumerate(zip(limits, counts)):
            by_met[:, -limit:] += (by_x[:, at * size : (at + 1) * size] / count)[:, None]
        there = history != log.nothing
        rows = np.concatenate((history[there], item_rows))
        change_rows(items_table, row_squares[0], rows, np.concatenate((by_met[there], by_y)))
        change_rows(users_table, row_squares[1], user_rows, by_x[:, len(limits) * size :])
        for weight, kept, gradient in zip(dense, squares, gradients):
            kept += gradient * gradient
            weight -= rate * gradient / np.sqrt(kept)
    return total, clocks() - started


def learn_torch(log):
    import torch
    from torch.nn import Embedding, EmbeddingBag, Linear
    from torch.nn.functional import cross_entropy, normalize

    config = log.config
    rng = np.random.default_rng(config["seed"])
    torch.manual_seed(config["seed"])
    items_table, users_table, user_dense, item_dense = map(torch.tensor, first_weights(log, rng))
    items_table = EmbeddingBag.from_pretrained(
        items_table, freeze=False, mode="mean", sparse=True, padding_idx=log.nothing
    )
    users_table = Embedding.from_pretrained(users_table, freeze=False, sparse=True)
    user_layer, item_layer = (Linear(w.shape[1], w.shape[0]) for w in (user_dense, item_dense))
    with torch.no_grad():
        for layer, weights in ((user_layer, user_dense), (item_layer, item_dense)):
            layer.weight.copy_(weights)
            layer.bias.zero_()
    modules = [items_table, users_table, user_layer, item_layer]
    parameters = [weights for module in modules for weights in module.parameters()]
    optimiser = torch.optim.Adagrad(
        parameters, lr=config["learning_rate"], initial_accumulator_value=INITIAL, eps=0
    )
    frequency = Frequency(log, rng)
    history, item, weight = map(torch.from_numpy, (log.history, log.item, log.weight))

    total, started = 0.0, clocks()
    for events in log.batches(rng):
        at = torch.from_numpy(events)
        users = log.user[events]
        items, positives = torch.unique(item[at], return_inverse=True)
        numbers, own = items.numpy(), torch.arange(len(events))
        user_rows = torch.from_numpy(hidden(rng, log, users, log.unknown_user))
        item_rows = torch.from_numpy(hidden(rng, log, numbers, log.unknown_item))
        frequency.see(numbers)

        met = history[at]
        means = [items_table(met[:, -limit:]) for limit in config["history"]]
        x = torch.cat(means + [users_table(user_rows)], dim=1)
        user_vectors = normalize(user_layer(x))
        item_vectors = normalize(item_layer(items_table(item_rows[:, None])))
        logits = user_vectors @ item_vectors.T / config["temperature"]
        logits = logits - torch.from_numpy(frequency.ln_probability(numbers))
        known = torch.zeros(logits.shape, dtype=torch.bool)
        rows, columns = map(torch.from_numpy, log.known(users, numbers))
        known[rows, columns] = True
        known[own, positives] = False
        logits = logits.masked_fill(known, -torch.inf)
        shares = weight[at] / weight[at].sum()
        loss = shares @ cross_entropy(logits, positives, reduction="none")
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        total += loss.item() * len(events)
    return total, clocks() - started


def main():
    directory, *names = sys.argv[1:]
    peers = {"numpy": learn_numpy}
    try:
        import torch

        torch.set_num_threads(os.cpu_count())
        # Adagrad of sparse gradients makes tensors that it trusts, and says so.
        warnings.filterwarnings("ignore", message="Sparse invariant")
        peers["torch"] = learn_torch
    except ImportError as error:
        print(f"without PyTorch: {error}", file=sys.stderr)
    for name in names or ["movies", "shop"]:
        log = Log(directory, name)
        for peer, learn in peers.items():
            total, (seconds, cpu) = learn(log)
            count = len(log.user)
            found = {"examples_per_second": count / seconds, "cpu_micros": cpu * 1e6 / count}
            found["loss"] = total / count
            print(json.dumps({"peer": peer, "log": name} | found), flush=True)


main()
