"""Writes the PyTorch files that the tests read: python3 test/models/make_pytorch.py (PyTorch 1.13)."""
import collections, json, os, sys
import torch

out = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pytorch")
os.makedirs(out, exist_ok=True)
torch.manual_seed(1)


class Tagger(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = torch.nn.Embedding(11, 6)
        self.rnn = torch.nn.GRU(6, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.lstm = torch.nn.LSTM(10, 7, batch_first=True)
        self.head = torch.nn.Linear(7, 3)

    def forward(self, tokens):
        x, _ = self.rnn(self.emb(tokens))
        x, _ = self.lstm(x)
        return self.head(x)


def path(name):
    return os.path.join(out, name)


model = Tagger().eval()
tokens = torch.randint(0, 11, (2, 6))
state = model.state_dict()
torch.save(state, path("tagger.pt"))
torch.save({"epoch": 3, "loss": 0.25, "model_state_dict": state, "optimizer_state_dict": torch.optim.Adam(model.parameters()).state_dict(), "note": "kept", "best": None, "done": True}, path("checkpoint.pth"))
torch.save({k: v.half() for k, v in state.items()}, path("half.pt"))
torch.save({k: v.bfloat16() for k, v in state.items()}, path("bfloat16.pt"))
torch.save({k: v.double() for k, v in state.items()}, path("double.pt"))
torch.save(state, path("protocol4.pt"), pickle_protocol=4)
torch.save(state, path("legacy.pt"), _use_new_zipfile_serialization=False)
torch.save(model.head, path("module.pt"))
torch.jit.script(torch.nn.Linear(2, 1)).save(path("script.pt"))
base = torch.arange(24, dtype=torch.float32)
torch.save(
    collections.OrderedDict(
        transposed=base.view(4, 6).t(),
        sliced=base.view(4, 6)[1:3, 1::2],
        offset=base[5:9],
        scalar=torch.tensor(2.5),
        empty=torch.zeros(0, 3),
        parameter=torch.nn.Parameter(base[:6].view(2, 3)),
        long=torch.tensor([1, -2, 2**40]),
        int=torch.tensor([7, -8], dtype=torch.int32),
        short=torch.tensor([7, -8], dtype=torch.int16),
        byte=torch.tensor([7, 200], dtype=torch.uint8),
        char=torch.tensor([7, -100], dtype=torch.int8),
        bool=torch.tensor([True, False]),
    ),
    path("views.pt"),
)
torch.save({"expanded": torch.tensor([1.0]).expand(1000, 1000)}, path("expanded.pt"))


class Evil:
    def __reduce__(self):
        return os.system, ("echo executed",)


torch.save({"w": torch.zeros(1), "evil": Evil()}, path("evil.pt"))
with torch.no_grad():
    output = model(tokens)
json.dump({"torch": torch.__version__, "tokens": tokens.tolist(), "output": output.tolist()}, open(path("tagger.json"), "w"))
