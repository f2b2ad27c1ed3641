// torch.backends.mha: whether attention in evaluation may be one operator.

let enabled = true

/** Whether MultiheadAttention and TransformerEncoder take one operator for a whole layer where nothing is trained. */
export const get_fastpath_enabled = (): boolean => enabled

export function set_fastpath_enabled(value: boolean): void {
  enabled = value
}
