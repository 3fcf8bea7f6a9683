"""Writes files in the layout of Keras 3 with h5py, and what the models give, computed here step by step from Keras' own equations:
python3 test/models/make_keras.py (numpy, h5py). Layout: keras/src/saving/saving_lib.py, H5IOStore and _save_container_state; equations:
keras/src/layers/rnn/lstm.py, gru.py, simple_rnn.py. Keras itself is not needed."""
import io, json, os, zipfile
import h5py
import numpy as np

out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "keras")
os.makedirs(out, exist_ok=True)
rng = np.random.default_rng(5)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def random(*shape):
    return rng.uniform(-0.6, 0.6, shape).astype("float32")


def lstm(x, weights, units):
    kernel, recurrent, bias = weights
    h, c, all_h = np.zeros((x.shape[0], units)), np.zeros((x.shape[0], units)), []
    for t in range(x.shape[1]):
        z = x[:, t] @ kernel + h @ recurrent + bias
        i, f, g, o = np.split(z, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        all_h.append(h)
    return np.stack(all_h, 1)


def gru(x, weights, units, reset_after):
    kernel, recurrent, bias = weights
    h, all_h = np.zeros((x.shape[0], units)), []
    for t in range(x.shape[1]):
        in_bias, re_bias = bias if reset_after else (bias, np.zeros(3 * units))
        xz, xr, xh = np.split(x[:, t] @ kernel + in_bias, 3, axis=1)
        if reset_after:
            rz, rr, rh = np.split(h @ recurrent + re_bias, 3, axis=1)
            z, r = sigmoid(xz + rz), sigmoid(xr + rr)
            hh = np.tanh(xh + r * rh)
        else:
            z = sigmoid(xz + h @ recurrent[:, :units])
            r = sigmoid(xr + h @ recurrent[:, units : 2 * units])
            hh = np.tanh(xh + (r * h) @ recurrent[:, 2 * units :])
        h = z * h + (1 - z) * hh
        all_h.append(h)
    return np.stack(all_h, 1)


def simple_rnn(x, weights, units):
    kernel, recurrent, bias = weights
    h, all_h = np.zeros((x.shape[0], units)), []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ kernel + bias + h @ recurrent)
        all_h.append(h)
    return np.stack(all_h, 1)


def cell(inputs, units, gates, bias_rows=1):
    bias = random(gates * units) if bias_rows == 1 else random(2, gates * units)
    return [random(inputs, gates * units), random(units, gates * units), bias]


def layer(class_name, name, **config):
    return {"module": "keras.layers", "class_name": class_name, "config": {"name": name, "trainable": True, "dtype": "float32", **config}, "registered_name": None, "build_config": {}}


def rnn(class_name, name, units, **config):
    extra = {} if class_name == "SimpleRNN" else {"recurrent_activation": "sigmoid"}
    common = {"units": units, "activation": "tanh", "use_bias": True, "dropout": 0.0, "recurrent_dropout": 0.0}
    state = {"return_sequences": True, "return_state": False, "go_backwards": False, "stateful": False, "unroll": False}
    return layer(class_name, name, **{**common, **state, **extra, **config})


def weights_bytes(groups, dtype=None):
    file = io.BytesIO()
    with h5py.File(file, "w") as h5:
        for path, arrays in groups.items():
            group = h5.create_group(path).create_group("vars")
            for k, array in enumerate(arrays):
                group[str(k)] = array if dtype is None else array.astype(dtype)
        h5.create_group("vars")
        h5.create_group("optimizer").create_group("vars")["0"] = np.int64(12)
    return file.getvalue()


def save(name, model, weights, version="3.3.3"):
    with zipfile.ZipFile(os.path.join(out, name), "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version, "date_saved": "2024-05-01@10:00:00"}))
        archive.writestr("config.json", json.dumps(model))
        archive.writestr("model.weights.h5", weights)


# embedding -> bidirectional LSTM -> dropout -> GRU (reset after) -> GRU (reset before) -> SimpleRNN -> TimeDistributed(Dense) -> Dense
V, E, H = 9, 4, 3
embedding = random(V, E)
forward, backward = cell(E, H, 4), cell(E, H, 4)
after, before, simple = cell(2 * H, 5, 3, 2), cell(5, 4, 3), cell(4, 3, 1)
inner, head = [random(3, 6), random(6)], [random(6, 2), random(2)]
seed = np.array([1, 2], dtype="uint32")
groups = {
    "layers/embedding": [embedding],
    "layers/bidirectional/forward_layer/cell": forward,
    "layers/bidirectional/backward_layer/cell": backward,
    "layers/dropout/seed_generator": [seed],
    "layers/gru/cell": after,
    "layers/gru_1/cell": before,
    "layers/simple_rnn/cell": simple,
    "layers/time_distributed/layer": inner,
    "layers/dense": head,
}
layers = [
    layer("InputLayer", "input_layer", batch_shape=[None, None], sparse=False),
    layer("Embedding", "embedding_3", input_dim=V, output_dim=E, mask_zero=False),
    layer("Bidirectional", "bidirectional_2", merge_mode="concat", layer=rnn("LSTM", "forward_lstm", H), backward_layer=rnn("LSTM", "backward_lstm", H)),
    layer("Dropout", "dropout_1", rate=0.25, seed=None, noise_shape=None),
    rnn("GRU", "gru_7", 5, reset_after=True),
    rnn("GRU", "gru_8", 4, reset_after=False),
    rnn("SimpleRNN", "simple_rnn", 3),
    layer("TimeDistributed", "time_distributed", layer=layer("Dense", "dense_1", units=6, activation="relu", use_bias=True)),
    layer("Dense", "head", units=2, activation="softmax", use_bias=True),
]
layers[2]["config"]["backward_layer"]["config"]["go_backwards"] = True
tokens = rng.integers(0, V, (2, 7))
x = embedding[tokens].astype("float64")
x = np.concatenate([lstm(x, forward, H), lstm(x[:, ::-1], backward, H)[:, ::-1]], 2)
x = gru(x, after, 5, True)
x = gru(x, before, 4, False)
x = simple_rnn(x, simple, 3)
x = np.maximum(x @ inner[0] + inner[1], 0)
x = softmax(x @ head[0] + head[1])
sequential = {"module": "keras", "class_name": "Sequential", "config": {"name": "sequential", "trainable": True, "layers": layers, "build_input_shape": [None, None]}, "registered_name": None}
save("sequential.keras", sequential, weights_bytes(groups))
save("half.keras", sequential, weights_bytes({**groups, "layers/dropout/seed_generator": []}, "float16"))
with open(os.path.join(out, "sequential.weights.h5"), "wb") as file:
    file.write(weights_bytes(groups))

# a Functional chain of vectors: dense -> dense with more than eight layers, so that the group of the layers has several leaves
dense = [[random(5, 5), random(5)] for _ in range(20)]
history = "input_layer"
chain = [layer("InputLayer", "input_layer", batch_shape=[None, 5], sparse=False)]
chain[0].update(name="input_layer", inbound_nodes=[])
y = rng.uniform(-1, 1, (3, 5)).astype("float32")
z = y.astype("float64")
for k, (kernel, bias) in enumerate(dense):
    name = f"d{k}"
    one = layer("Dense", name, units=5, activation="tanh", use_bias=True)
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 5], "dtype": "float32", "keras_history": [history, 0, 0]}}
    one.update(name=name, inbound_nodes=[{"args": [tensor], "kwargs": {}}])
    chain.append(one)
    history = name
    z = np.tanh(z @ kernel + bias)
functional = {"module": "keras.src.models.functional", "class_name": "Functional", "config": {"name": "functional_1", "trainable": True, "layers": chain, "input_layers": [["input_layer", 0, 0]], "output_layers": [[history, 0, 0]]}, "registered_name": "Functional"}
save("functional.keras", functional, weights_bytes({f"layers/dense{'_%d' % k if k else ''}": d for k, d in enumerate(dense)}))

# return_sequences=False at the end of a bidirectional GRU
f, b = cell(3, 4, 3, 2), cell(3, 4, 3, 2)
v = rng.uniform(-1, 1, (2, 6, 3)).astype("float32")
last = np.concatenate([gru(v.astype("float64"), f, 4, True)[:, -1], gru(v[:, ::-1].astype("float64"), b, 4, True)[:, -1]], 1)
model = {"class_name": "Sequential", "config": {"name": "s", "layers": [layer("InputLayer", "i", batch_shape=[None, 6, 3]), layer("Bidirectional", "both", merge_mode="concat", layer=rnn("GRU", "g", 4, reset_after=True, return_sequences=False))]}}
save("last.keras", model, weights_bytes({"layers/bidirectional/forward_layer/cell": f, "layers/bidirectional/backward_layer/cell": b}))

# what other writers of HDF5 do
for name, make in {
    "latest.h5": lambda path: h5py.File(path, "w", libver="latest"),
    "chunked.h5": lambda path: h5py.File(path, "w"),
    "bigendian.h5": lambda path: h5py.File(path, "w"),
    "strings.h5": lambda path: h5py.File(path, "w"),
}.items():
    with make(os.path.join(out, name)) as h5:
        group = h5.create_group("layers/dense/vars")
        if name == "chunked.h5":
            group.create_dataset("0", data=np.zeros((8, 8), "float32"), chunks=(4, 4), compression="gzip")
        elif name == "strings.h5":
            group["0"] = "a text"
        else:
            group["0"] = np.ones((2, 2), ">f4" if name == "bigendian.h5" else "<f4")

json.dump(
    {
        "sequential": {"tokens": tokens.tolist(), "output": x.tolist()},
        "functional": {"input": y.tolist(), "output": z.tolist()},
        "last": {"input": v.tolist(), "output": last.tolist()},
    },
    open(os.path.join(out, "outputs.json"), "w"),
)
