// Datasets may give promises.

export const isPromise = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === 'object' && value !== null && typeof (value as PromiseLike<unknown>).then === 'function'

/** What the promises give when all have settled: nothing is under way any more. The first error is thrown. */
export async function allOf(promises: readonly unknown[]): Promise<unknown[]> {
  const results = await Promise.allSettled(promises)
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason
    return result.value
  })
}
