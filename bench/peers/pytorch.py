"""PyTorch on one thread beside the other libraries: python3 bench/peers/pytorch.py [W1|W4]

Prints medians of W1 (a step of an LSTM, state carried) and of W4 (a training step: LSTM, dense layer on the last step,
cross-entropy, Adam), sizes as in bench/workloads.js. On Debian: apt-get install python3-torch.
"""

import statistics
import sys
import time

import torch

SAMPLES = 21


def median_ms(call, sample_ms=20):
    for _ in range(3):
        call()
    started = time.perf_counter()
    call()
    once = max(time.perf_counter() - started, 1e-7)
    count = max(1, int(sample_ms / 1e3 / once))
    samples = []
    for _ in range(SAMPLES):
        started = time.perf_counter()
        for _ in range(count):
            call()
        samples.append((time.perf_counter() - started) / count * 1e3)
    return statistics.median(samples)


def stream(H):
    cell = torch.nn.LSTM(H, H)
    x = torch.rand(1, 1, H)
    state = None

    def step():
        nonlocal state
        with torch.no_grad():
            output, state = cell(x, state)
        return output

    return step


def training(H, B=32, T=50, I=64, O=10):
    cell, head = torch.nn.LSTM(I, H), torch.nn.Linear(H, O)
    parameters = [*cell.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    x, y = torch.rand(T, B, I), torch.randint(O, (B,))

    def step():
        optimizer.zero_grad()
        output, _ = cell(x)
        torch.nn.functional.cross_entropy(head(output[-1]), y).backward()
        optimizer.step()

    return step


def main():
    torch.set_num_threads(1)
    torch.manual_seed(1)
    groups = {"W1": stream, "W4": training}
    chosen = sys.argv[1:] or list(groups)
    print(f"PyTorch {torch.__version__}, one thread")
    for group in chosen:
        for H in (32, 128, 256, 512) if group == "W1" else (32, 64, 128, 256):
            print(f"{group}/lstm/{H:<5}{median_ms(groups[group](H)):12.4f} ms")


main()
