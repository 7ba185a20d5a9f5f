/** An expected failure of the demo, with a message for its user. Any other error is a bug. */
export class Problem extends Error {
  override readonly name = 'Problem'
}
