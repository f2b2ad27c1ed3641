/** A function of TorchScript's that takes a while: some milliseconds for each turn. */
export const SLOW = `
def slow(turns: int):
    x = torch.ones([128, 128]) / 128
    for i in range(turns):
        x = torch.tanh(torch.mm(x, x) + 1)
    return x
`
