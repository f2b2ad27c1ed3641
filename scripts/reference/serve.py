"""The network of examples/serve/model.ts as a TorchScript module, small, and its probabilities of some waves."""

import warnings

import torch
from torch import nn

from fixtures import FOLDER, write

SAMPLES, CLASSES = 64, 4


class WaveClassifier(nn.Module):
    def __init__(self, hidden_size: int):
        super().__init__()
        self.gru = nn.GRU(4, hidden_size, batch_first=True)
        self.linear = nn.Linear(hidden_size, CLASSES)

    def forward(self, x):
        _, h_n = self.gru(x.view(x.size(0), -1, 4))
        return self.linear(h_n.squeeze(0))


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    torch.manual_seed(0)
    model = WaveClassifier(8).eval()
    # Weights that tell the waves apart.
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.7)
    torch.jit.script(model).save(FOLDER / "serve.pt")
    print(f"serve.pt: {(FOLDER / 'serve.pt').stat().st_size} bytes")
    signals = [[round(x, 3) for x in row] for row in torch.randn(5, SAMPLES).tolist()]
    with torch.no_grad():
        probabilities = model(torch.tensor(signals)).softmax(1).tolist()
    write("serve.json", {"signals": signals, "probabilities": probabilities})
