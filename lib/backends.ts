// Switches of how things are computed.

/** What tstorch does beside libtorch. */
export const tstorch = {
  /**
   * Whether recurrent layers on the CPU run a whole sequence as one step of autograd (true), or by libtorch's own
   * operators, a few for each time step. The numbers agree within rounding; the first is several times faster.
   */
  fused_rnn: true,
}
