/** A shape: a readonly array of numbers that compares with `equals` and prints as Python's. */
export class Size extends Array<number> {
  // map, slice and the like give a plain array, which need not be a shape.
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }

  static of_sizes(sizes: readonly number[]): Size {
    const size = new Size(sizes.length)
    for (let i = 0; i < sizes.length; i++) size[i] = sizes[i] as number
    return size
  }

  /** Whether `other` holds the same numbers. (`===` on arrays compares identity.) */
  equals(other: readonly number[]): boolean {
    return this.length === other.length && this.every((size, i) => size === other[i])
  }

  /** The product of all sizes. */
  numel(): number {
    return this.reduce((product, size) => product * size, 1)
  }

  override toString(): string {
    return `torch.Size([${this.join(', ')}])`
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString()
  }
}
