// Histograms as numpy makes them (numpy.histogram): counts of values in bins, whose edges are given, or are as many as
// are asked for, or as many as one of numpy's rules thinks right for the data.

const least = (values: Float64Array): number => values.reduce((a, b) => Math.min(a, b))
const greatest = (values: Float64Array): number => values.reduce((a, b) => Math.max(a, b))
const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0)

function deviation(values: Float64Array): number {
  const mean = total(values) / values.length
  return Math.sqrt(total(values.map((value) => (value - mean) ** 2)) / values.length)
}

/** Between the two nearest of the sorted values. */
function percentile(sorted: Float64Array, fraction: number): number {
  const position = fraction * (sorted.length - 1)
  const below = Math.floor(position)
  const [a, b] = [sorted[below] as number, sorted[Math.min(below + 1, sorted.length - 1)] as number]
  const t = position - below
  return t >= 0.5 ? b - (b - a) * (1 - t) : a + (b - a) * t
}

type Rule = (sorted: Float64Array, range: number) => number

/** The width of a bin by numpy's rules; 0 where a rule has no answer. `sorted` has one value at least. */
const RULES: Record<string, Rule> = {
  sqrt: ({ length }, range) => range / Math.sqrt(length),
  sturges: ({ length }, range) => range / (Math.log2(length) + 1),
  rice: ({ length }, range) => range / (2 * length ** (1 / 3)),
  scott: (sorted) => ((24 * Math.sqrt(Math.PI)) / sorted.length) ** (1 / 3) * deviation(sorted),
  fd: (sorted) => 2 * (percentile(sorted, 0.75) - percentile(sorted, 0.25)) * sorted.length ** (-1 / 3),
  auto: (sorted, range) =>
    Math.min(Math.max(rule('fd')(sorted, range), rule('sqrt')(sorted, range) / 2), rule('sturges')(sorted, range)),
  doane(sorted, range) {
    const { length } = sorted
    const sigma = deviation(sorted)
    if (length <= 2 || sigma === 0) return 0
    const mean = total(sorted) / length
    const skewness = total(sorted.map((value) => ((value - mean) / sigma) ** 3)) / length
    const usual = Math.sqrt((6 * (length - 2)) / ((length + 1) * (length + 3)))
    return range / (1 + Math.log2(length) + Math.log2(1 + Math.abs(skewness) / usual))
  },
  stone(sorted, range) {
    const { length } = sorted
    if (length <= 1 || range === 0) return 0
    let best = { loss: Number.POSITIVE_INFINITY, width: 0 }
    for (let bins = 1; bins <= Math.max(100, Math.floor(Math.sqrt(length))); bins++) {
      const width = range / bins
      const squares = total(uniform(sorted, bins).counts.map((count) => (count / length) ** 2))
      const loss = (2 - (length + 1) * squares) / width
      if (loss < best.loss) best = { loss, width }
    }
    return best.width
  },
}

function rule(name: string): Rule {
  const found = Object.hasOwn(RULES, name) ? RULES[name] : undefined
  if (found === undefined) throw new RangeError(`'${name}' is not a valid estimator for \`bins\``)
  return found
}

export interface Histogram {
  /** One for each bin. */
  counts: Float64Array
  /** One more than bins, ascending. */
  limits: Float64Array
}

/** The outermost edges of the data: a bin of width one where all values are equal. */
function outerEdges(values: Float64Array): [first: number, last: number] {
  const [first, last] = [least(values), greatest(values)]
  if (!Number.isFinite(first) || !Number.isFinite(last)) {
    throw new RangeError(`autodetected range of [${first}, ${last}] is not finite`)
  }
  return first === last ? [first - 0.5, last + 0.5] : [first, last]
}

/** In `bins` bins of one width. */
function uniform(values: Float64Array, bins: number): Histogram {
  const [first, last] = outerEdges(values)
  const step = (last - first) / bins
  const limits = Float64Array.from({ length: bins + 1 }, (_, i) => (i === bins ? last : i * step + first))
  if (limits.some((limit, i) => i > 0 && limit <= (limits[i - 1] as number))) {
    throw new RangeError(`Too many bins for data range. Cannot create ${bins} finite-sized bins.`)
  }
  const counts = new Float64Array(bins)
  for (const value of values) {
    let bin = Math.min(Math.trunc(((value - first) / (last - first)) * bins), bins - 1)
    // Rounding may have put it beside its bin.
    if (value < (limits[bin] as number)) bin--
    if (bin < bins - 1 && value >= (limits[bin + 1] as number)) bin++
    counts[bin] = (counts[bin] as number) + 1
  }
  return { counts, limits }
}

/** How many of the sorted values are less than the limit, or equal to it where those count too. */
function below(sorted: Float64Array, limit: number, orEqual: boolean): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const value = sorted[middle] as number
    if (value < limit || (orEqual && value === limit)) low = middle + 1
    else high = middle
  }
  return low
}

function between(values: Float64Array, limits: Float64Array): Histogram {
  if (limits.some((limit, i) => i > 0 && limit < (limits[i - 1] as number))) {
    throw new RangeError('`bins` must increase monotonically, when an array')
  }
  const sorted = values.toSorted()
  const bins = limits.length - 1
  const upTo = limits.map((limit, i) => below(sorted, limit, i === bins))
  return {
    counts: Float64Array.from({ length: bins }, (_, i) => (upTo[i + 1] as number) - (upTo[i] as number)),
    limits,
  }
}

/** numpy.histogram: `bins` are edges, a number of bins, or the name of a rule. */
export function histogram(values: Float64Array, bins: string | number | Float64Array): Histogram {
  if (typeof bins === 'object') return between(values, bins)
  if (typeof bins === 'number') {
    if (bins < 1) throw new RangeError('`bins` must be positive, when an integer')
    return uniform(values, bins)
  }
  const widthOf = rule(bins)
  const [first, last] = outerEdges(values)
  const width = widthOf(values.toSorted(), greatest(values) - least(values))
  return uniform(values, width === 0 ? 1 : Math.ceil((last - first) / width))
}

// --- TensorBoard's ----------------------------------------------------------------------------------------------

/** The edges by which TensorBoard's histograms are made, each a tenth beyond the last: from -1e20 to 1e20. */
export function tensorflowBins(): Float64Array {
  const limits: number[] = []
  for (let limit = 1e-12; limit < 1e20; limit *= 1.1) limits.push(limit)
  return Float64Array.from([...limits.map((limit) => -limit).reverse(), 0, ...limits])
}

/** Takes neighbouring bins together, so that there are about `most`. */
function coarser({ counts, limits }: Histogram, most: number): Histogram {
  const each = Math.floor(counts.length / most)
  const bins = Math.ceil(counts.length / each)
  const sums = Float64Array.from({ length: bins }, (_, i) => total(counts.subarray(i * each, (i + 1) * each)))
  return {
    counts: sums,
    limits: Float64Array.from([...sums.keys()].map((i) => limits[i * each] as number).concat(limits.at(-1) as number)),
  }
}

/** The fields of the message Histogram. The bins outside all values are left out, but for an empty one before them. */
export function histogramOf(
  values: Float64Array,
  bins: string | number | Float64Array,
  maxBins: number | null,
): Record<string, unknown> {
  if (values.length === 0) throw new RangeError('The input has no element.')
  let made = histogram(values, bins === 'tensorflow' ? tensorflowBins() : bins)
  if (maxBins !== null && made.counts.length > maxBins) made = coarser(made, maxBins)
  const { counts, limits } = made
  const first = counts.findIndex((count) => count > 0)
  const end = counts.findLastIndex((count) => count > 0) + 1
  if (first === -1) throw new RangeError('no value lies in any bin')
  return {
    min: least(values),
    max: greatest(values),
    num: values.length,
    sum: total(values),
    sum_squares: total(values.map((value) => value * value)),
    bucket_limit: [...limits.subarray(first, end + 1)],
    bucket: [0, ...counts.subarray(first, end)],
  }
}
