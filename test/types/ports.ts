// What programs ported from Python write, line by line. Compiled with everything else, and never run: where a type falls
// behind, the build fails.

import torch, { nn, optim, type Tensor } from '../../lib/index.js'

/** A state that may be null is replaced in a loop, by an operator, a method, a function, a layer. */
export function states(X: Tensor, H: Tensor | null): void {
  H ??= torch.zeros(1)
  for (const x of X) {
    const z = torch.matmul(x, H)
    H = z
    const m = x.matmul(H)
    H = m
    const f = nn.functional.dropout(H, 0.5)
    H = f
    const [first] = torch.split(H, 1)
    H = first
  }
}
export function layers(rnn: nn.RNN, lstm: nn.LSTM, xs: Tensor[]): void {
  let h: Tensor | null = null
  for (const x of xs) {
    const [out, next] = rnn(x, h)
    h = next
    out.sum()
  }
  let s: [Tensor, Tensor] | null = null
  for (const x of xs) {
    const [out, next] = lstm(x, s)
    s = next
    out.sum()
  }
}
class Emb extends nn.Module {
  forward(idx: Tensor, targets: Tensor | null = null, n = 3): Tensor {
    return targets === null ? idx : idx.mul(n)
  }
  generate(idx: Tensor): Tensor {
    const y = this(idx)
    return y.mul(2)
  }
}
class Wrap<T extends nn.Module> extends nn.Module {
  constructor(readonly inner: T) {
    super()
  }
  forward(x: Tensor): Tensor {
    return this.inner(x)
  }
}
export function generators(generator: torch.Generator | undefined): void {
  torch.randn(2, { generator })
  torch.rand([2], { generator })
  torch.empty(2).normal_(0, 1, { generator })
  torch.randperm(3, { generator })
}
export function rates(o: optim.SGD, p: optim.Adam): void {
  o.param_groups[0].lr *= 0.5
  for (const g of p.param_groups) g.lr *= 0.5
}
export function containers(seq: nn.Sequential, list: nn.ModuleList<nn.Linear>): void {
  const own = new nn.Sequential(new nn.Linear(1, 2), new nn.ReLU())
  own[0].weight.sum()
  const named = new nn.Sequential({ fc: new nn.Linear(1, 2), act: new nn.ReLU() })
  named.fc.weight.sum()
  const any: nn.Sequential[] = [own, named, new nn.Sequential(...[new nn.ReLU()])]
  any.at(0)?.(torch.ones(1)).sum()
  const [x]: Tensor[] = [seq[0](torch.ones(1))]
  list[0].weight.sum()
  x?.sum()
}
export function chosen(kind: 'RNN' | 'LSTM' | 'GRU'): void {
  const m = new nn[kind](1, 2, { num_layers: 2, batch_first: true })
  m.hidden_size.toFixed()
  const n = new nn[kind]({ input_size: 1, hidden_size: 2 })
  n.hidden_size.toFixed()
}
export function weights(lstm: nn.LSTM): void {
  lstm.weight_hh_l0.data.mul_(2)
  lstm.bias_ih_l1_reverse.data.mul_(2)
}
export class Descent extends optim.Optimizer {
  constructor(params: Iterable<Tensor>, lr = 1) {
    super(params, { lr })
  }
  override step(closure?: () => Tensor): Tensor | undefined {
    for (const group of this.param_groups)
      for (const p of group.params) if (p.grad !== null) p.data.add_(p.grad, { alpha: -group.lr })
    return closure?.()
  }
}
export const trained: optim.Optimizer[] = [new optim.SGD([torch.ones(1)]), new Descent([torch.ones(1)])]
export function lists(x: Tensor): void {
  const l: number[] = x.tolist()
  const m: number[][] = x.tolist()
  const [p, q] = x.split(2)
  const [r, t] = torch.split(x, [1, 2], 0)
  const [u, v] = x.chunk(2)
  for (const s of [p, q, r, t, u, v]) s.sum()
  l.length + m.length
}
export function settings(betas: number[]): optim.Adam {
  return new optim.Adam([torch.ones(1)], { betas })
}
export { Emb, Wrap }

// A module of the table of settings.
export const celu = (x: Tensor): Tensor =>
  new nn.CELU({ alpha: 2 })(x).add(new nn.Sequential(new nn.CELU(), new nn.ReLU())(x))

/** Poolings give the indices too where return_indices says so, in place or by name. */
class Small extends nn.Module {
  act = new nn.ReLU()
  pool = new nn.MaxPool2d(2, 2)
  drop = new nn.Dropout2d({ p: 0.25 })
  flat = new nn.Flatten()
  forward(x: Tensor): Tensor {
    return this.flat(this.drop(this.pool(this.act(x)))).sum()
  }
}
class Segment extends nn.Module {
  pool = new nn.MaxPool2d(2, { stride: 2, return_indices: true })
  unpool = new nn.MaxUnpool2d({ kernel_size: 2, stride: 2 })
  pools = [new nn.MaxPool2d({ kernel_size: 2, return_indices: true }), new nn.MaxPool2d(2, 2, 0, 1, true)]
  adaptive = new nn.AdaptiveMaxPool2d([null, 7], { return_indices: true })
  fractional = new nn.FractionalMaxPool2d(2, { output_ratio: 0.5, return_indices: true })
  forward(x: Tensor): Tensor {
    let [y, indices] = this.pool(x)
    const size = x.size()
    const back = this.unpool(y, indices, { output_size: size })
    for (const pool of this.pools) [y, indices] = pool(y)
    const [z] = this.adaptive(y)
    ;[y, indices] = this.fractional(z)
    return this.unpool(y, indices).add(back)
  }
}
class Doubled extends nn.MaxPool2d {
  override forward(x: Tensor): Tensor {
    return super.forward(x).mul(2)
  }
}
export function pools(x: Tensor, pool: nn.MaxPool2d, indices: boolean, kind: 'Max' | 'Avg'): Tensor[] {
  const own: nn.MaxPool2d = new nn.MaxPool2d(3, { padding: 1, ceil_mode: true })
  const both: Tensor | [Tensor, Tensor] = new nn.MaxPool1d(2, { return_indices: indices })(x)
  const layers: nn.Module[] = [own, new nn.MaxPool2d(2, { return_indices: true })]
  const row = new nn.Sequential(own, new nn.AdaptiveAvgPool2d([1, null]), new nn.Flatten(1))
  const chosen = kind === 'Max' ? new nn.MaxPool2d(2) : new nn.AvgPool2d(2)
  const named = new nn[`${kind}Pool2d`](2)
  const Pool = kind === 'Max' ? nn.MaxPool2d : nn.AvgPool2d
  layers.push(chosen, named)
  return [pool(x), row(x), chosen(x), named(x), new Pool(2)(x), new Doubled(2)(x), Array.isArray(both) ? both[0] : both]
}
/** Activations by name, and modules of two inputs. */
export function activations(x: Tensor, name: 'ReLU' | 'GELU' | 'Tanh'): Tensor {
  const table = { relu: new nn.ReLU(), leaky: new nn.LeakyReLU(0.2, true), tanh: new nn.Tanh() }
  const act = table[x.dim() > 1 ? 'relu' : 'tanh']
  const Act = x.dim() > 1 ? nn.ReLU : nn.SiLU
  const made: nn.ReLU | nn.GELU | nn.Tanh = new nn[name]()
  const similar: Tensor = new nn.CosineSimilarity({ dim: 0, eps: 1e-6 })(act(x), new Act({ inplace: true })(x))
  return made(similar).add(new nn.PairwiseDistance(1)(x, x))
}
// What the pooling's type says no return_indices gives is one tensor.
// @ts-expect-error a Tensor is no pair
export const pair = (x: Tensor): [Tensor, Tensor] => new nn.MaxPool2d(2)(x)
// @ts-expect-error a misspelt setting
export const misspelt = new nn.MaxPool2d(2, { strides: 2 })
// @ts-expect-error given twice
export const twice = new nn.MaxPool2d(2, { kernel_size: 2 })
export { Segment, Small }

/** Normalisation: what a block of a network and its initialisation write. */
export class Block extends nn.Module {
  norm = new nn.BatchNorm2d(8)
  ln = new nn.LayerNorm([8, 4, 4], { bias: false })
  gn = new nn.GroupNorm(2, 8, 1e-6, false)
  forward(x: Tensor): Tensor {
    return this.gn(this.ln(this.norm(x)))
  }
}
export function calm(m: nn.Module): void {
  if (m instanceof nn.BatchNorm2d || m instanceof nn.modules.batchnorm._BatchNorm) {
    m.weight?.data.normal_(1, 0.02)
    if (m.bias !== null) nn.init.constant_(m.bias, 0)
    m.running_mean?.zero_()
  }
}

/** Convolutions, cells, embeddings: DCGAN's initialisation, MNIST's network, loops over cells. */
export class Net extends nn.Module {
  conv1
  conv2 = new nn.Conv2d(32, 64, { kernel_size: [3, 3], padding: 'same' })
  up = new nn.ConvTranspose2d(64, 1, 4, 2, 1, { bias: false })
  constructor() {
    super()
    this.conv1 = new nn.Conv2d(1, 32, 3, 1)
  }
  forward(x: Tensor): Tensor {
    x = this.conv1(x)
    x = this.conv2(x)
    return this.up(x, x.shape.slice(2))
  }
}
export function weights_init(m: nn.Module): void {
  const classname = m.constructor.name
  if (classname.includes('Conv')) nn.init.normal_((m as nn.Conv2d).weight.data, 0, 0.02)
  if (m instanceof nn.Conv2d || m instanceof nn.ConvTranspose2d) m.weight.data.normal_(0, 0.02)
  if (m instanceof nn.BatchNorm2d && m.bias !== null) m.bias.data.fill_(0)
}
export const initialised = new Net().apply(weights_init)
export class StandardConv extends nn.Conv2d {
  override forward(x: Tensor): Tensor {
    const w = this.weight.sub(this.weight.mean([1, 2, 3], true))
    return nn.functional.conv2d(x, w, this.bias, this.stride, this.padding, this.dilation, this.groups)
  }
}
export function cells(xs: Tensor, lstmcell: nn.LSTMCell, grucell: nn.GRUCell): Tensor[] {
  let [h, c]: Tensor[] = [torch.zeros(1, 2), torch.zeros(1, 2)]
  let state: [Tensor, Tensor] | null = null
  let g: Tensor | null = null
  for (const x of xs) {
    ;[h, c] = lstmcell(x, [h, c])
    state = lstmcell(x, state)
    g = grucell(x, g)
  }
  return [h, c, ...(state ?? []), ...(g === null ? [] : [g])]
}
export function cellOf(kind: 'RNNCell' | 'LSTMCell' | 'GRUCell'): nn.RNNCellBase {
  return new nn[kind](2, 3)
}
export function bags(text: Tensor, offsets: Tensor): Tensor {
  const bag = new nn.EmbeddingBag(100, 8, { sparse: true, mode: 'sum' })
  const emb = nn.Embedding.from_pretrained(torch.ones(3, 2), { freeze: false })
  return bag(text, offsets).add(bag(text, { offsets })).add(emb(text).sum(1))
}
/** Losses as ported programs call them. */
export function losses(log_probs: Tensor, targets: Tensor, lengths: Tensor): void {
  const ctc = new nn.CTCLoss({ blank: 0, zero_infinity: true })
  ctc(log_probs, targets, [5, 5], [3, 2]).backward()
  ctc(log_probs, targets, lengths, lengths).backward()
  new nn.BCEWithLogitsLoss({ pos_weight: torch.ones(2) })(log_probs, targets).backward()
  const { output, loss } = new nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10])(log_probs, targets)
  const [scores, mean] = new nn.AdaptiveLogSoftmaxWithLoss(8, 20, { cutoffs: [5, 10] })(log_probs, targets)
  for (const x of [output, loss, scores, mean]) x.sum()
  const cosine = (x: Tensor, y: Tensor) => torch.sub(1, nn.functional.cosine_similarity(x, y))
  new nn.TripletMarginWithDistanceLoss({ distance_function: cosine })(log_probs, targets, lengths).backward()
  new nn.TripletMarginWithDistanceLoss({ distance_function: new nn.PairwiseDistance(1) })(log_probs, targets, lengths)
  new nn.KLDivLoss({ reduction: 'batchmean', log_target: true })(log_probs, targets).backward()
  new nn.GaussianNLLLoss()(log_probs, targets, 0.5).backward()
  const options = new nn.LinearCrossEntropyOptions({ chunking_method: 'aspect_ratio:2' })
  new nn.LinearCrossEntropyLoss(8, 1000, { options })(log_probs, targets).backward()
  const criteria: nn.Module[] = [new nn.MSELoss(), new nn.SmoothL1Loss({ beta: 0.5 })]
  for (const criterion of criteria) criterion(log_probs, targets).backward()
}
/** Attention and transformers as ported programs write them. */
export class TransformerLM extends nn.Module {
  src_mask: Tensor | null = null
  encoder
  attention: nn.MultiheadAttention
  constructor(ninp: number, nhead: number, nhid: number, nlayers: number, dropout = 0.5) {
    super()
    const layer = new nn.TransformerEncoderLayer(ninp, nhead, nhid, dropout, { batch_first: true, activation: 'gelu' })
    this.encoder = new nn.TransformerEncoder(layer, nlayers, { norm: new nn.LayerNorm(ninp) })
    this.attention = new nn.MultiheadAttention(ninp, nhead, { batch_first: true })
  }
  forward(src: Tensor, padding?: Tensor | null): Tensor {
    this.src_mask ??= nn.Transformer.generate_square_subsequent_mask(src.size(1))
    let output = this.encoder(src, { mask: this.src_mask, src_key_padding_mask: padding })
    output = this.encoder(output, this.src_mask)
    const [out, weights] = this.attention(output, output, output)
    const [alone] = this.attention(out, src, src, { need_weights: false, attn_mask: this.src_mask, is_causal: true })
    return weights === null ? alone : alone.add(weights.sum())
  }
}
export function translated(src: Tensor, tgt: Tensor): Tensor {
  const decoder = new nn.TransformerDecoder(new nn.TransformerDecoderLayer({ d_model: 8, nhead: 2 }), 2)
  const tanh = new nn.TransformerEncoderLayer(8, 2, { activation: torch.tanh })
  const model = new nn.Transformer(8, 2, {
    num_encoder_layers: 1,
    activation: (x) => x.relu(),
    custom_decoder: decoder,
  })
  const tgt_mask = model.batch_first ? null : nn.Transformer.generate_square_subsequent_mask(tgt.size(0))
  return decoder(model(src, tgt, { tgt_mask, tgt_is_causal: true }), tanh(src), { tgt_mask })
}

/** A loader's batches have the types that its dataset or its collate_fn gives them. */
export async function loaders(x: Tensor, y: Tensor, shuffle: boolean | undefined): Promise<void> {
  const { DataLoader, Dataset, IterableDataset, TensorDataset, StackDataset, Subset, random_split } = torch.utils.data
  const data = new TensorDataset(x, y)
  for (const [a, b] of new DataLoader(data, { batch_size: 2, shuffle })) a.add(b)
  for (const [a, b] of new DataLoader(data, 2, true)) a.add(b)
  for (const [a, b] of new DataLoader({ dataset: data, num_workers: 2, worker_init_fn: null })) a.add(b)
  for await (const [a, b] of new DataLoader(data, 4)) a.add(b)
  for (const part of random_split(data, [0.8, 0.2])) for (const [a, b] of new DataLoader(part)) a.add(b)
  for (const [a, b] of new DataLoader(new Subset<[Tensor, Tensor]>(data, [1, 2]))) a.add(b)

  class Images extends Dataset {
    readonly length = 10
    override at(index: number): { image: Float32Array; label: bigint; name: string; box: [number, number] } {
      return { image: new Float32Array(index), label: 1n, name: 'a', box: [1, 2] }
    }
  }
  for (const { image, label, name, box } of new DataLoader(new Images(), { batch_size: 3 })) {
    nn.functional.cross_entropy(image, label)
    box[0].add(box[1])
    name.map((each) => each.length)
  }
  for (const { image, label, name, box } of new DataLoader(new Images(), { batch_size: null })) {
    image.add(Number(label) + box[0] + name.length)
  }
  const collate_fn = (samples: { label: bigint }[]) => samples.map(({ label }) => label)
  for (const batch of new DataLoader(new Images(), { collate_fn })) batch.map((label) => label + 1n)
  for (const batch of new DataLoader(new Images(), { collate_fn: async (samples) => samples.length })) batch.toFixed()

  class Later extends Dataset {
    readonly length = 10
    override async at(index: number): Promise<[Tensor, string]> {
      return [x, String(index)]
    }
  }
  for await (const [a, names] of new DataLoader(new Later(), 4)) a.add(names.length)
  class Lines extends IterableDataset {
    async *[Symbol.asyncIterator]() {
      yield { line: 'a', count: 1 }
    }
  }
  for await (const { line, count } of new DataLoader(new Lines(), 4)) count.add(line.length)
  const both = new StackDataset({ image: new Images(), text: ['a', 'b'] })
  for (const { image, text } of new DataLoader(both, 2)) image.label.add(text.length)
  for (const [image, text] of new DataLoader(new StackDataset(new Images(), ['a']), 2)) image.label.add(text.length)
  for (const batch of new DataLoader([1, 2, 3], 2)) batch.add(1)
  for (const batch of new DataLoader(x, 2)) batch.add(1)

  const made: torch.utils.data.DataLoader<[Tensor, Tensor]> = new DataLoader(data)
  class Own extends DataLoader {
    override get length(): number {
      return super.length + 1
    }
  }
  for (const batch of new Own(data)) batch.add(made.length)
  // @ts-expect-error: a number is no dataset
  new DataLoader(3)
  // @ts-expect-error: there is no such option
  new DataLoader(data, { bach_size: 3 })
}
